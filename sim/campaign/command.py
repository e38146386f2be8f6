"""`ladderd simulate`: thousands of trading days of the unchanged daemon, under virtual time, with faults from a seed.

Each unit is one day (or, with `--window-s`, as many short windows) in a world of its own, made from (seed, number)
alone, so units run side by side and the trace hash does not depend on how many at a time. Exit 0 only without a single
breach and, for runs long enough, with every kind of fault reached. A failure prints the command that repeats it, the
shortest list of faults that still breaks the same promise, and the last things that happened.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_MS, NS_PER_S
from sim.campaign import faults as menu
from sim.campaign.checks.record import NAMES
from sim.campaign.days import day_of
from sim.campaign.faults import Fault
from sim.campaign.profile import cpu_s, profiled
from sim.campaign.world import Outcome, Unit, World

HOUR_S = 3600
SCALED_FROM_S = 120
PLANNED_MIN = 5
SHORT_WINDOWS = 12
# What a run with every kind of fault five times over must have seen the daemon do.
BRANCHES = (
    "groups triggered",
    "flattenings",
    "feed_switch",
    "kill_switch",
    "trip polygon_ws_final_minute_stale",
    "trip feed_divergence",
    "alert private_stream_down",
    "alert feed_down",
    "alert journal_fault",
    "loop stalls",
    "lives",
    "phase strict",
    "ready",
    "fills",
    "calm windows",
)
SHRINK_RUNS_MAX = 40
REPLAY_EVERY = 7
STORY_LINES = 14


class Options(argparse.ArgumentParser):
    """One clear line for a bad option."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line; exit 2."""
        self.exit(2, f"ladderd simulate: {message}; see ladderd simulate --help\n")


def options() -> Options:
    """Every option with its default."""
    parse = Options(prog="ladderd simulate", description="Trading days under virtual time, with faults from a seed.")
    parse.add_argument("--days", type=int, default=5, help="how many days (units)")
    parse.add_argument("--seed", type=int, default=1, help="of everything")
    parse.add_argument("--faults", choices=["none", "some", "all"], default="all", help="what goes wrong")
    parse.add_argument(
        "--level", choices=["ports", "sockets"], default="ports", help="the ports cut, or real bytes over TCP in memory"
    )
    parse.add_argument("--window-s", type=int, default=HOUR_S, help="3600: real days; less: windows of that length")
    parse.add_argument("--windows", type=int, default=SHORT_WINDOWS, help="short windows in a unit")
    parse.add_argument("--jobs", type=int, default=0, help="units at a time (default: as many as there are cores)")
    parse.add_argument("--report", type=Path, help="write all figures there, as JSON")
    parse.add_argument("--first", type=int, default=0, help="number of the first unit")
    parse.add_argument("--profile", action="store_true", help="the first unit only: what cost what")
    parse.add_argument("--no-shrink", action="store_true", help="after a breach do not look for fewer faults")
    return parse


def unit_of(chosen: argparse.Namespace, index: int) -> Unit:
    """One unit of a campaign."""
    return Unit(
        seed=chosen.seed,
        number=index,
        day=day_of(chosen.seed, index),
        mode=chosen.faults,
        window_s=chosen.window_s,
        windows=6 if chosen.window_s == HOUR_S else chosen.windows,
        feeds="hot" if index % 2 else "standby",
        replay=index % REPLAY_EVERY == 0,
        level=chosen.level,
        scaled=SCALED_FROM_S <= chosen.window_s < HOUR_S,
    )


def live(unit: Unit) -> Outcome:
    """Live through one unit."""
    return world_of(unit).run()


def world_of(unit: Unit) -> World:
    """The world of a unit, at its level."""
    if unit.level == "sockets":
        from sim.sockets.world import SocketWorld  # noqa: PLC0415 - the application and its servers, only where wanted

        return SocketWorld(unit)
    return World(unit)


def outcomes(units: list[Unit], jobs: int) -> Iterator[Outcome]:
    """All of them, in order."""
    # With sockets, what was killed stays in memory for as long as its process lives: then each unit has one to itself.
    once = 1 if units[0].level == "sockets" else None
    if len(units) == 1 or (jobs <= 1 and once is None):
        yield from map(live, units)
        return
    with multiprocessing.get_context("fork").Pool(max(1, jobs), maxtasksperchild=once) as pool:
        yield from pool.imap(live, units)


def main(argv: list[str]) -> int:
    """Run a campaign; 0 when nothing was broken."""
    parse = options()
    chosen = parse.parse_args(argv)
    if chosen.days < 1 or chosen.window_s < 30 or chosen.windows < 1:  # noqa: PLR2004 - shorter ones have no phases
        parse.error("--days and --windows must be at least 1, --window-s at least 30")
    if chosen.profile:
        return _tell_profile(unit_of(chosen, chosen.first))
    units = [unit_of(chosen, chosen.first + n) for n in range(chosen.days)]
    jobs = chosen.jobs or os.cpu_count() or 1
    clock = SystemClock()
    begun_ns, begun_cpu_s = clock.now().mono_ns, cpu_s()
    done = list(outcomes(units, jobs))
    took_s, took_cpu_s = (clock.now().mono_ns - begun_ns) / NS_PER_S, cpu_s() - begun_cpu_s
    missing = unreached(chosen, done)
    _tell(chosen, done, (took_s, took_cpu_s), missing)
    if chosen.report:
        chosen.report.write_bytes(msgspec.json.format(msgspec.json.encode(done)))
    broken = [outcome for outcome in done if outcome.breaches]
    for outcome in broken[:3]:
        _tell_breach(chosen, outcome)
    return 1 if broken or missing else 0


def totals(done: list[Outcome]) -> Counter[str]:
    """How often each kind of fault struck."""
    struck: Counter[str] = Counter()
    for outcome in done:
        struck.update(outcome.faults)
    return struck


def unreached(chosen: argparse.Namespace, done: list[Outcome]) -> list[str]:
    """Kinds of fault and rare branches that a run of this length should have reached, and did not."""
    planned: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for outcome in done:
        planned.update(outcome.planned)
        counts.update(outcome.counts)
    if chosen.faults == "none":
        return []
    struck = totals(done)
    # A kind may miss now and then (nothing to strike): after five plans of it that is no excuse.
    missing = sorted(kind for kind, count in planned.items() if count >= PLANNED_MIN and not struck[kind])
    if chosen.faults == "all" and sum(planned.values()) >= PLANNED_MIN * len(menu.KINDS):
        missing += [branch for branch in BRANCHES if not counts[branch]]
    return missing


def trace_of(done: list[Outcome]) -> str:
    """One hash over all units, in order."""
    digest = hashlib.sha256()
    for outcome in done:
        digest.update(outcome.trace.encode())
    return digest.hexdigest()


def _tell_profile(unit: Unit) -> int:
    shares, took_s, outcome = profiled(lambda: live(unit._replace(replay=False)))
    sys.stdout.write(f"CPU {took_s:.1f} s, {outcome.windows} windows, {outcome.steps} steps, {outcome.orders} orders\n")
    for part, share, step_us in shares:
        sys.stdout.write(f"    {part:<28}{share:6.1%}  {step_us:6.1f} us a step\n")
    return 0


def _tell(chosen: argparse.Namespace, done: list[Outcome], took: tuple[float, float], missing: list[str]) -> None:
    trading = sum(outcome.trading for outcome in done)
    windows = sum(outcome.windows for outcome in done)
    struck = totals(done)
    counts: Counter[str] = Counter()
    for outcome in done:
        counts.update(outcome.counts)
    say = sys.stdout.write
    say(f"days              {len(done)} ({trading} with windows), seed {chosen.seed}, faults {chosen.faults}\n")
    say(f"windows           {windows} of {chosen.window_s} s\n")
    say(f"orders            {sum(o.orders for o in done)}\n")
    say(f"fills             {sum(o.fills for o in done)}\n")
    say(f"steps             {counts['steps']} ({counts['steps replayed']} replayed and compared)\n")
    say(f"faults injected   {sum(struck.values())} of {len(struck)} kinds\n")
    for kind, count in sorted(struck.items()):
        say(f"    {kind:<24}{count}\n")
    say(f"lives             {counts['lives'] + len(done)} processes, {counts['loop stalls']} loop stalls\n")
    say(
        f"resumptions       {counts['resumptions looked at']} looked at; {counts['calm windows']} calm windows quoted\n"
    )
    say(f"slowest to flat   {max((o.slowest_flat_ms for o in done), default=0):.0f} ms\n")
    say(f"slowest to stop   {max((o.slowest_stop_ms for o in done), default=0):.0f} ms\n")
    say(f"checks            {len(NAMES)}, breaches {sum(len(o.breaches) for o in done)}\n")
    if missing:
        say(f"never reached     {', '.join(missing)}\n")
    for what, took_s in zip(("minute", "CPU minute"), took, strict=True):
        say(f"{f'days per {what}':<20}{trading * 60 / took_s:.1f} ({windows * 60 / took_s:.0f} freezes)\n")
    say(f"trace hash: {trace_of(done)}\n")
    sys.stdout.flush()


# --- a failure, made small ------------------------------------------------------------------------------------------


def shrink(unit: Unit, name: str) -> tuple[list[Fault], Outcome]:
    """The shortest list of faults found that still breaks the same promise, and what happens with it."""
    faults = world_of(unit).faults
    best = live(unit._replace(faults=tuple(faults)))
    size, runs = max(1, len(faults) // 2), 0
    while size and runs < SHRINK_RUNS_MAX:
        place = 0
        while place < len(faults) and runs < SHRINK_RUNS_MAX:
            fewer = faults[:place] + faults[place + size :]
            runs += 1
            found = live(unit._replace(faults=tuple(fewer), replay=unit.replay and name == "replay differs"))
            if any(breach[0] == name for breach in found.breaches):
                faults, best = fewer, found
            else:
                place += size
        size //= 2
    return faults, best


def _tell_breach(chosen: argparse.Namespace, outcome: Outcome) -> None:
    unit = unit_of(chosen, outcome.index)
    name, at_ns, detail = outcome.breaches[0]
    say = sys.stdout.write
    say(f"\nBROKEN: {name}: {detail}\n")
    for other, _, what in outcome.breaches[1:]:
        say(f"    and: {other}: {what}\n")
    say(
        f"    again: ladderd simulate --days 1 --first {outcome.index} --seed {chosen.seed} --faults {chosen.faults}"
        f" --level {chosen.level} --window-s {chosen.window_s} --windows {chosen.windows}\n"
    )
    say(f"    unit {outcome.index}, {outcome.day}, feeds {unit.feeds}\n")
    story, plan = outcome.story, outcome.plan
    if not chosen.no_shrink:
        _, best = shrink(unit, name)
        story, plan = best.story, best.plan
        say("    the shortest list of faults found that still breaks it:\n")
    else:
        say("    faults:\n")
    for line in plan:
        say(f"    {line}\n")
    say("    the last that happened:\n")
    at = next((n for n, line in enumerate(story) if f"BREACH {name}" in line), len(story))
    for line in story[max(0, at - STORY_LINES) : at + 1]:
        say(f"    {line}\n")
    del at_ns
    sys.stdout.flush()


__all__ = ["NS_PER_MS", "json", "main", "menu"]
