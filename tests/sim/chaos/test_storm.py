"""The kill storm's own judgement: what was booked, what was reset, which per cent was how slow."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.engine.memory import remember
from domain.clock import NS_PER_S
from journal.snapshot_io import write_snapshot
from journal.writer_io import JournalLimits, JournalWriter
from sim.chaos.scene import Figures
from sim.chaos.stage import Stage
from sim.chaos.storm import Booked, StormScene, rank
from tests.daemon.stand import Stand
from tests.daemon.timepiece import Timepiece


def test_ranks() -> None:
    seen = [float(n) for n in range(200, 0, -1)]
    assert (rank(seen, 50), rank(seen, 99), rank([3.0], 99), rank([1.0, 2.0], 50)) == (100.0, 198.0, 3.0, 1.0)


def test_booked_fills_are_read_as_the_journal_grows_also_over_a_renamed_segment(tmp_path: Path) -> None:
    def writer() -> JournalWriter:
        return JournalWriter(
            tmp_path, "run", "paper", "c", Timepiece(), threaded=False, limits=JournalLimits(ballast_bytes=0)
        )

    booked, log = Booked(tmp_path), writer()
    told = {"kind": "order_filled", "ticker": "A", "fill_count": 100}
    payload = {"actions": [{"kind": "ask"}, told]}
    log.append("step", payload)
    assert booked.read() == {"A": 100}
    log.append("step", {"actions": [told | {"ticker": "B"}, told | {"ticker": "B", "fill_count": 150}]})
    assert booked.read() == {"A": 100, "B": 250}
    log.abandon()
    scene(tmp_path).age_segment()
    log = writer()
    log.append("step", payload)
    log.abandon()
    assert len(list((tmp_path / "journal").glob("*.jsonl"))) == 2, "the old day's segment is not gone on with"
    assert booked.read() == {"A": 200, "B": 250}


def scene(state_dir: Path) -> StormScene:
    stage = Stage(state_dir, state_dir, state_dir, 1)
    stage.started_utc_ns = 1
    return StormScene(stage, Figures(), lambda _: None)


RESETS: dict[str, tuple[tuple[str, ...], Any]] = {
    "paused": (("paused",), ""),
    "tail_until_utc_ns fell": (("tail_until_utc_ns",), 5),
    "counter CYCLES fell": (("counts", "CYCLES"), 1),
    "kill latch": (("kill", "latched"), False),
    "risk equity": (("risk", "equity"), 7),
    "trips were forgotten": (("sentries", "INXU", "trips"), 0),
    "write tokens came back": (("budget", "tokens_milli"), 10**9),
}


@pytest.mark.parametrize("reset", [*RESETS, ""])
def test_what_a_restart_reset_is_a_breach(tmp_path: Path, reset: str) -> None:
    memory = msgspec.json.decode(remember(Stand().engine.state))
    memory |= {"paused": "by ada", "tail_until_utc_ns": 10, "counts": {"CYCLES": 2}}
    memory["kill"]["latched"] = True
    memory["sentries"]["INXU"]["trips"] = 1
    memory["budget"] = {"utc_ns": 0, "refill_per_s": 10, "tokens_milli": 5_000}
    after = deepcopy(memory)
    after["budget"] = {"utc_ns": 2 * NS_PER_S, "refill_per_s": 10, "tokens_milli": 25_000}
    if reset:
        (*path, last), value = RESETS[reset]
        branch = after
        for key in path:
            branch = branch[key]
        assert branch[last] != value
        branch[last] = value
    play = scene(tmp_path)
    play.before = memory
    write_snapshot(tmp_path, msgspec.json.encode(after), 1, 2)
    play.compare()
    breaches = [str(breach["what"]) for breach in play.figures.breaches]
    assert [reset in what for what in breaches] == ([True] if reset else [])
