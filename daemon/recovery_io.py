"""Startup is recovery: the last snapshot, the journal's tail behind it, and a new run on top of both.

The snapshot gives the engine's memory as of one record; the steps recorded after it are stepped through a scratch
engine whose actions go nowhere, and what that engine then remembers is where the new run begins. Without a snapshot
the whole last run is stepped. Without a journal there is nothing to remember: a first start.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import structlog

from daemon.build import Papers, build_engine
from daemon.memory import remember, restore
from daemon.settings import Settings, config_hash
from domain.clock import NS_PER_S, Clock
from domain.events import Started
from journal.reader_io import read_steps
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot

log = structlog.get_logger("ladderd")
TAIL_STEPS_MAX = 200_000


class Recovered(NamedTuple):
    """Where a run begins."""

    run_id: str
    epoch: int
    build_id: str
    config_hash: str
    memory: str
    tail_steps: int


def recover(settings: Settings, papers: Papers, clock: Clock) -> Recovered:
    """Work out what the run before knew. Raises JournalDamaged when the journal cannot be believed."""
    now = clock.now()
    state_dir = settings.state_dir
    snapshot = None
    try:
        snapshot = read_snapshot(state_dir)
    except SnapshotDamaged as problem:
        log.warning("snapshot not believed", problem=str(problem))
    engine = build_engine(settings, papers)
    tail, known = 0, snapshot is not None
    if snapshot is not None:
        restore(engine, snapshot.payload.decode(), now)
    epoch = engine.account.numbers.epoch
    for step in read_steps(state_dir, snapshot.seq if snapshot is not None else 0):
        if isinstance(step.event, Started):
            # An older run ended before the one we want: its memory is inside this event.
            engine, known = build_engine(settings, papers), True
        engine.step(step.event, step.now)
        epoch = max(epoch, engine.account.numbers.epoch)
        tail += 1
    memory = remember(engine).decode() if known or tail else ""
    fresh = max(now.utc_ns // NS_PER_S, epoch + 1)
    run_id = f"run-{fresh}"
    return Recovered(run_id, fresh, build_id(), config_hash(settings), memory, tail)


def build_id() -> str:
    """What code this is: SHA-256 over the sources of every package of ours that decides, first 12 digits."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in ("domain", "feeds", "guards", "pricing", "execution", "daemon"):
        for path in sorted((root / package).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
