"""Campaigns: the same seed is the same story in every process, fixed seeds break nothing, one fresh seed each run."""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain.clock import NS_PER_S
from sim.campaign import command as campaign
from sim.campaign import faults as menu
from sim.campaign.checks.record import NAMES
from sim.campaign.command import main, options, unit_of
from sim.campaign.days import AWKWARD, day_of
from sim.campaign.faults import KINDS, Fault, WindowSpan, schedule
from sim.campaign.world import Outcome, Unit, World
from sim.virtual.timeline import MONO_START_NS, MachineClock, Timeline

ROOT = Path(__file__).resolve().parents[3]
DAY = dt.date(2026, 12, 1)
HASH = re.compile(r"^trace hash: ([0-9a-f]{64})$", re.MULTILINE)


def simulate(*arguments: str, hash_seed: str = "0") -> tuple[int, str]:
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONHASHSEED=hash_seed)
    done = subprocess.run(
        [sys.executable, "-m", "sim", "simulate", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_seed_is_one_story_whatever_the_process_and_however_many_at_a_time() -> None:
    short = ("--days", "2", "--seed", "11", "--window-s", "30", "--windows", "1")
    first, again = simulate(*short, "--jobs", "1"), simulate(*short, "--jobs", "2", hash_seed="4242")
    assert HASH.findall(first[1]) == HASH.findall(again[1]) != []
    assert (first[0], again[0]) == (0, 0), first[1]


@pytest.mark.step("H11")
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fixed_seeds_break_nothing(seed: int) -> None:
    code, text = simulate("--days", "2", "--seed", str(seed), "--window-s", "60", "--windows", "3")
    assert code == 0, text


@pytest.mark.slow
def test_a_stranger_just_after_a_pause_of_the_exchange_gets_few_orders() -> None:
    """His cancels are explained by the pause: what bounds the places is that none of them is kept."""
    code, text = simulate("--days", "1", "--seed", "500016", "--window-s", "60", "--windows", "3", "--no-shrink")
    assert code == 0, text


@pytest.mark.slow
def test_a_fresh_seed_breaks_nothing() -> None:
    seed = secrets.randbelow(1_000_000)
    code, text = simulate("--days", "2", "--seed", str(seed), "--window-s", "60", "--windows", "3")
    assert code == 0, f"seed {seed}\n{text}"


def test_another_seed_is_another_story() -> None:
    worlds = [World(Unit(seed, 0, DAY, "none", 30, 1)) for seed in (1, 2)]
    assert worlds[0].hash.digest() != worlds[1].hash.digest()
    values = {w.paths.value("I:SPX", w.start_ns) for w in worlds}
    assert len(values) == 2


def test_replay_of_a_unit_is_equal() -> None:
    found = World(Unit(3, 0, DAY, "none", 30, 1, replay=True)).run()
    assert found.breaches == []
    assert found.counts["steps replayed"] > 0.9 * found.steps


def outcome(**changes: Any) -> Outcome:  # noqa: ANN401 - any field of it
    empty = Outcome(0, "2026-12-01", True, 2, "", 0, 0, 0, 0.0, 0.0, {}, {}, {}, [], [], [])
    return msgspec.structs.replace(empty, **changes)


def test_a_failure_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eleven faults the two that together break a promise are left."""
    faults = tuple(Fault("kill", menu.BOX, n * NS_PER_S, 0, {"back_ms": n}) for n in range(11))
    guilty = [faults[2], faults[9]]

    def live(unit: Unit) -> Outcome:
        broken = all(fault in (unit.faults or ()) for fault in guilty)
        return outcome(breaches=[("positions differ", 0, "")] if broken else [], story=["told"])

    monkeypatch.setattr(campaign, "live", live)
    found, best = campaign.shrink(Unit(1, 0, DAY, "all", 30, 2, faults=faults), "positions differ")
    assert found == guilty
    assert best.breaches
    assert best.story == ["told"]


# --- what is drawn --------------------------------------------------------------------------------------------------


SPANS = [WindowSpan(n * 100 * NS_PER_S, (n * 100 + 80) * NS_PER_S, (n * 100 + 99) * NS_PER_S) for n in range(1, 7)]


def test_every_kind_of_fault_is_dealt_within_a_few_units() -> None:
    dealt = [f.kind for unit in range(5) for f in schedule("1", "all", SPANS, unit * 15)]
    assert set(dealt) == set(KINDS)
    assert len(KINDS) >= 25


def test_the_last_window_stays_calm() -> None:
    for unit in range(20):
        assert all(fault.at_ns < SPANS[-1].preflight_ns for fault in schedule("9", "all", SPANS, unit * 15))


def test_some_means_the_mild_kinds_and_none_means_none() -> None:
    assert {f.kind for f in schedule("1", "some", SPANS, 0)} <= {name for name, kind in KINDS.items() if kind.mild}
    assert schedule("1", "none", SPANS, 0) == []


def test_a_kind_that_was_planned_often_and_never_struck_fails_the_run() -> None:
    chosen = options().parse_args(["--faults", "all", "--window-s", "30", "--windows", "1"])
    found = outcome(planned={"kill": 5, "sigterm": 1}, faults={"sigterm": 0})
    assert campaign.unreached(chosen, [found]) == ["kill"]


def test_such_a_run_says_so_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "live", lambda _unit: outcome(planned={"kill": 5}))
    assert main(["--days", "1", "--jobs", "1"]) == 1
    assert re.search(r"never reached +kill$", capsys.readouterr().out, re.MULTILINE)


def test_a_long_run_that_never_reached_a_rare_branch_fails() -> None:
    chosen = options().parse_args(["--faults", "all"])
    often = dict.fromkeys(KINDS, 5)
    reached = dict.fromkeys(campaign.BRANCHES, 1)
    assert campaign.unreached(chosen, [outcome(planned=often, faults=often, counts=reached)]) == []
    for branch in campaign.BRANCHES:
        found = outcome(planned=often, faults=often, counts=reached | {branch: 0})
        assert campaign.unreached(chosen, [found]) == [branch]
    short = outcome(planned={"kill": 5}, faults={"kill": 5})
    assert campaign.unreached(chosen, [short]) == [], "a short run need not have seen everything"


def test_days_hold_both_clock_changes_holidays_early_closes_and_thursdays() -> None:
    days = {day_of(1, index) for index in range(6 * len(AWKWARD))}
    assert set(AWKWARD) <= days
    eastern = ZoneInfo("America/New_York")
    changes = [d for d in days if dt.datetime(d.year, d.month, d.day, tzinfo=eastern).utcoffset()
               != dt.datetime(d.year, d.month, d.day, 12, tzinfo=eastern).utcoffset()]  # fmt: skip
    assert len(changes) == 2
    assert any(d.weekday() == 3 for d in days)


def test_a_half_day_has_three_windows_and_a_holiday_none() -> None:
    assert len(World(Unit(1, 0, dt.date(2026, 11, 27), "none")).windows) == 3
    assert World(Unit(1, 0, dt.date(2026, 11, 26), "none")).windows == ()


def test_units_alternate_between_one_account_and_two() -> None:
    chosen = options().parse_args([])
    assert {unit_of(chosen, n).feeds for n in range(2)} == {"standby", "hot"}


def test_there_are_twenty_checks_and_more() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 20


@pytest.mark.parametrize("words", [["--days", "0"], ["--window-s", "5"], ["--faults", "many"]])
def test_bad_options_are_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


# --- time -----------------------------------------------------------------------------------------------------------


def test_what_is_due_together_happens_in_the_order_it_was_asked_for() -> None:
    time = Timeline(1_000)
    seen: list[str] = []
    for name in "abc":
        time.at(2_000, seen.append, name)
    time.at(1_500, seen.append, "first")
    time.at(10, seen.append, "late is now")
    while time.next_ns is not None:
        time.take()
    assert seen == ["late is now", "first", "a", "b", "c"]
    assert time.now_ns == 2_000


def test_the_monotonic_clock_runs_true_while_the_wall_is_stepped_and_drifts() -> None:
    time = Timeline(1_000_000 * NS_PER_S)
    clock = MachineClock(time)
    clock.step(3 * NS_PER_S)
    clock.drift(1_000)
    time.now_ns += 1_000 * NS_PER_S
    assert clock.now().mono_ns == MONO_START_NS + 1_000 * NS_PER_S
    assert clock.off_ns == 4 * NS_PER_S
    assert clock.true_ns(clock.now().mono_ns) == time.now_ns
    clock.set_right()
    assert clock.now().utc_ns == time.now_ns


def test_chance_comes_from_the_seed_alone() -> None:
    assert Random("1|0|box").random() == Random("1|0|box").random()
