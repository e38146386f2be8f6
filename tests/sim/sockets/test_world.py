"""The level with sockets: one story for a seed, quoting over real bytes, deaths and signals as they are."""

from __future__ import annotations

import datetime as dt
import errno
import gc
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from domain.clock import NS_PER_MS, NS_PER_S
from journal.snapshot_io import write_snapshot
from sim.campaign import faults as menu
from sim.campaign.faults import Fault, WindowSpan
from sim.campaign.ports.process import Process
from sim.campaign.unit import Outcome, Unit
from sim.sockets import faults as wires
from sim.sockets.disk import MemoryDisk
from sim.sockets.servers import EXCHANGE_PORT
from sim.sockets.world import SocketWorld
from sim.virtual.loop import VirtualLoop
from sim.virtual.timeline import Timeline

ROOT = Path(__file__).resolve().parents[3]
DAY = dt.date(2026, 12, 1)
HASH = re.compile(r"^trace hash: ([0-9a-f]{64})$", re.MULTILINE)
SPANS = [WindowSpan(n * 100 * NS_PER_S, (n * 100 + 80) * NS_PER_S, (n * 100 + 99) * NS_PER_S) for n in range(1, 5)]


def live(*faults: tuple[str, float, float, dict[str, object]], windows: int = 1, window_s: int = 30) -> Outcome:
    """A small world with these faults: kind, seconds after the start, how long, parameters."""
    unit = Unit(5, 0, DAY, "none", window_s, windows, replay=True, faults=(), level="sockets")
    world = SocketWorld(unit)
    for kind, at_s, for_s, params in faults:
        at_ns = world.start_ns + int(at_s * NS_PER_S)
        world.faults.append(Fault(kind, wires.ALL[kind].where, at_ns, for_s, dict(params)))
    return world.run()


def simulate(*arguments: str, hash_seed: str) -> tuple[int, str]:
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONHASHSEED=hash_seed)
    command = [sys.executable, "-m", "sim", "simulate", "--level", "sockets", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.slow
def test_a_seed_is_one_story_in_every_process() -> None:
    short = ("--days", "1", "--seed", "11", "--window-s", "30", "--windows", "2")
    first, again = simulate(*short, "--jobs", "1", hash_seed="0"), simulate(*short, "--jobs", "2", hash_seed="4242")
    assert HASH.findall(first[1]) == HASH.findall(again[1]) != []
    assert (first[0], again[0]) == (0, 0), first[1]


def test_a_quiet_window_is_quoted_over_real_bytes_and_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECUTION_HALTED", "1")  # is said to this process, not to the daemon in its world
    found = live()
    assert found.breaches == []
    assert found.orders > 10
    assert found.counts["ready"] > 0
    assert found.counts["freezes"] == 2
    assert found.counts["steps replayed"] == found.steps
    assert found.counts["records verified"] >= found.steps, "every step is a record; its facts stand inside it"


@pytest.mark.slow
def test_a_killed_daemon_begins_again_from_its_own_files() -> None:
    found = live(("kill", 40, 0, {"back_ms": 700}), windows=3)
    assert found.breaches == []
    assert found.counts["lives"] == 1
    assert found.counts["calm windows"] == 2
    assert found.counts["steps replayed"] > 0


def test_a_daemon_that_cannot_start_is_a_finding() -> None:
    world = SocketWorld(Unit(5, 0, DAY, "none", 30, 1, faults=(), level="sockets"))
    (world.root / "state" / "journal").write_text("a file in the folder's place", encoding="utf-8")
    found = world.run()
    assert found.breaches[0][0] == "engine crashed"
    assert "cannot start: " in found.breaches[0][2]


def test_a_disk_without_room_for_a_new_file_ends_the_daemon_flat_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    world = SocketWorld(Unit(5, 0, DAY, "none", 30, 2, faults=(), level="sockets"))
    ends: list[str] = []

    def write(*given: object, **more: object) -> None:
        if world.box.lives == 1 and world.timeline.now_ns > world.start_ns + 40 * NS_PER_S:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_snapshot(*given, **more)  # type: ignore[arg-type] # as it was called

    def ended(process: Process, why: str) -> None:
        ends.append(why)
        SocketWorld.ended(world, process, why)

    monkeypatch.setattr("daemon.runtime.snapshots_io.write_snapshot", write)
    monkeypatch.setattr(world, "ended", ended)
    found = world.run()
    assert ends == ["exit 1: journal_fault"]
    assert found.breaches == []
    assert found.counts["lives"] == 1, "begun again where there is room"


@pytest.mark.slow
def test_signals_and_operators_files_reach_the_daemon() -> None:
    found = live(
        ("sigusr1", 35, 3, {}), ("sigterm", 75, 0, {}), ("operator_pause", 45, 2, {}), windows=4
    )  # fmt: skip
    assert found.breaches == []
    assert found.counts["requests cancel_all"] >= 1
    assert found.counts["lives"] == 1
    assert 0 < found.slowest_stop_ms < 21_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wire_reset", "wire_half_open", "wire_slow_reader", "early_timers"])
def test_the_wire_goes_ill_and_nothing_rests_at_the_freeze(kind: str) -> None:
    params = wires.KINDS[kind].draw(Random(1)) | {"port": EXCHANGE_PORT, "share": 1.0}
    for_s = 0.0 if kind in {"wire_reset", "wire_half_open"} else 6.0
    found = live((kind, 12, for_s, params))
    assert found.breaches == []
    assert found.faults[kind] >= 1


@pytest.mark.slow
def test_a_loop_that_stood_still_says_so() -> None:
    found = live(("loop_stall", 14, 0, {"ms": 1_500}))
    assert found.breaches == []
    assert found.counts["loop stalls"] >= 1


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_every_kind_of_the_wire_is_dealt_and_the_last_window_stays_calm() -> None:
    dealt = [fault for unit in range(4) for fault in wires.schedule("1", "all", SPANS, unit * 9)]
    assert {fault.kind for fault in dealt} >= set(wires.KINDS)
    assert {fault.kind for fault in dealt} <= set(wires.ALL)
    assert all(fault.at_ns < SPANS[-1].preflight_ns for fault in dealt)
    assert wires.schedule("1", "none", SPANS, 0) == []


def test_some_means_the_mild_kinds() -> None:
    found = wires.schedule("1", "some", SPANS, 0)
    assert found
    assert all(wires.ALL[fault.kind].mild for fault in found)


def test_every_kind_of_the_wire_has_its_deed_and_its_time_to_recover() -> None:
    known = set(wires.STRIKES) | set(wires.CHANGES) | {"early_timers"} | set(wires.PLANNED)
    assert set(wires.ALL) >= set(wires.KINDS) | set(wires.PLANNED)
    assert set(wires.KINDS) | set(wires.PLANNED) == known == set(wires.RECOVERS_S)
    assert not set(wires.KINDS) & set(menu.KINDS)


def test_a_full_disk_takes_nothing(tmp_path: Path) -> None:
    disk = MemoryDisk()
    file = disk.append_to(tmp_path / "file")
    assert disk.write(file, b"one") == 3
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        disk.write(file, b"two")
    disk.close(file)


def test_the_clock_of_a_world_is_the_loops() -> None:
    timeline = Timeline(1_790_000_000 * NS_PER_S)
    loop = VirtualLoop(timeline, Random(1))
    loop.run_until_complete(loop.passing(0.25))
    assert timeline.now_ns == 1_790_000_000 * NS_PER_S + 250 * NS_PER_MS
    loop.close()


def test_a_world_that_is_never_run_leaves_no_files() -> None:
    world = SocketWorld(Unit(5, 0, DAY, "none", 30, 1, faults=(), level="sockets"))
    root = world.root
    assert root.is_dir()
    world.loop.close()
    del world
    gc.collect()
    assert not root.exists()
