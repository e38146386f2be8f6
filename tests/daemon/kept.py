"""A story of the stand, kept on disk as the daemon keeps it: configuration, journal, snapshot."""

from __future__ import annotations

from pathlib import Path

import msgspec

from daemon.engine.memory import remember
from daemon.settings.build_id_io import build_id
from daemon.settings.files_io import keep_config
from daemon.settings.tree import Settings, config_hash
from domain.clock import NS_PER_MS, NS_PER_S
from journal.snapshot_io import write_snapshot
from journal.writer_io import JournalLimits, JournalWriter
from tests.daemon.stand import Stand, short_settings
from tests.daemon.timepiece import Timepiece

FEES_FILE = Path(__file__).resolve().parents[2] / "configs" / "fees.json"


def settings_in(folder: Path) -> Settings:
    """The stand's settings with this state directory."""
    return short_settings(state_dir=folder, fees_file=FEES_FILE)


def keep(stand: Stand, folder: Path, *, snapshot_at: int | None = None) -> Settings:
    """Write the stand's whole story down; a snapshot is written as of that many steps."""
    settings = settings_in(folder)
    digest = config_hash(settings)
    folder.mkdir(parents=True, exist_ok=True)
    keep_config(settings, digest)
    clock = Timepiece(stand.story[0].now.mono_ns, stand.story[0].now.utc_ns)
    limits = JournalLimits(ballast_bytes=0)
    log = JournalWriter(folder, "run", "paper", digest, clock, threaded=False, limits=limits)
    encode = msgspec.json.Encoder().encode
    for number, step in enumerate(stand.story, start=1):
        body = b'{"event":%b,"now":%b,"actions":%b}' % (encode(step.event), encode(step.now), encode(step.actions))
        clock.mono_ns, clock.utc_ns = step.now.mono_ns, step.now.utc_ns
        seq = log.append("step", body)
        if number == snapshot_at:
            write_snapshot(folder, stand.memories[number], seq, step.now.utc_ns)
    log.close()
    return settings


class RememberingStand(Stand):
    """A stand that also keeps what the engine remembers after chosen steps."""

    def remember_here(self) -> int:
        """Keep the memory as of now; the number of steps so far."""
        self.memories[len(self.story)] = remember(self.engine.state)
        return len(self.story)


def a_short_story(folder: Path) -> tuple[RememberingStand, int]:
    """Quoting, one fill, a snapshot, and then orders placed that no snapshot knows."""
    stand = RememberingStand(begin=False, state_dir=folder, fees_file=FEES_FILE)
    stand.config_hash, stand.build_id = config_hash(settings_in(folder)), build_id()
    stand.begin()
    stand.quote_both()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run(300 * NS_PER_MS)
    number = stand.remember_here()
    for series in stand.moves:
        stand.moves[series] = 8_000_000
    stand.run(4 * NS_PER_S)
    return stand, number
