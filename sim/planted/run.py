"""Running a plan of faults in a small world, with a defect or without."""

from __future__ import annotations

import datetime as dt
import functools
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from domain.clock import NS_PER_S
from sim.campaign.command import world_of
from sim.campaign.faults import Fault
from sim.campaign.world import Unit, World

DAY = dt.date(2026, 12, 1)


class Strike(NamedTuple):
    """One fault of a plan: kind, which window, seconds after that window opened, how long, parameters."""

    kind: str
    window: int
    after_s: float
    for_s: float = 0.0
    params: tuple[tuple[str, Any], ...] = ()


class Plan(NamedTuple):
    """A small world: how many windows of what length, which feeds, which tier, and what goes wrong."""

    strikes: tuple[Strike, ...] = ()
    windows: int = 2
    window_s: int = 60
    feeds: str = "standby"
    tier: str = "advanced"
    replay: bool = False
    seed: int = 5
    level: str = "ports"
    limits: tuple[tuple[str, int], ...] = ()
    quoting: tuple[tuple[str, int], ...] = ()
    balance_dollars: int = 10_000


class Defect(NamedTuple):
    """One planted bug: `plant` makes the patches as (object, attribute or key, value)."""

    name: str
    what: str
    plan: Plan
    checks: tuple[str, ...]
    plant: Callable[[], list[tuple[Any, Any, Any]]]


@contextmanager
def planted(patches: list[tuple[Any, Any, Any]]) -> Iterator[None]:
    """The defect is there inside, and gone after."""
    with ExitStack() as stack:
        for owner, name, value in patches:
            if isinstance(owner, dict):
                before = owner[name]
                owner[name] = value
                stack.callback(owner.__setitem__, name, before)
            else:
                before = owner.__dict__[name] if name in vars(owner) else getattr(owner, name)
                setattr(owner, name, value)
                stack.callback(setattr, owner, name, before)
        yield


class Catch(NamedTuple):
    """A check that noticed something, and in which window of the plan (counted from 1)."""

    name: str
    window: int


def world_of_plan(plan: Plan) -> World:
    """The world of a plan, with its faults."""
    unit = Unit(
        plan.seed, 0, DAY, "all", plan.window_s, plan.windows, plan.feeds, plan.replay, (), plan.tier, level=plan.level,
        limits=plan.limits, quoting=plan.quoting, balance_dollars=plan.balance_dollars,
    )  # fmt: skip
    world = world_of(unit)
    for strike in plan.strikes:
        at_ns = world.windows[strike.window].opens_ns + int(strike.after_s * NS_PER_S)
        kind = world.kinds[strike.kind]
        lasts_s = (world.windows[strike.window].target_ns - at_ns) / NS_PER_S if kind.to_the_end else strike.for_s
        world.faults.append(Fault(strike.kind, kind.where, at_ns, lasts_s, _words(strike.params)))
    return world


def breaches(plan: Plan) -> tuple[Catch, ...]:
    """Live through a plan; what was broken, and when."""
    world = world_of_plan(plan)
    over = [window.target_ns for window in world.windows]
    return tuple(Catch(name, min(bisect_left(over, at_ns) + 1, len(over))) for name, at_ns, _ in world.run().breaches)


def _words(params: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Parameters in the words of the menus, which want lists where a plan has tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in params}


@functools.cache
def clean(plan: Plan) -> tuple[Catch, ...]:
    """What a plan breaks without any defect: nothing, or the plan is worthless."""
    return breaches(plan)


def caught_by(defect: Defect) -> tuple[Catch, ...]:
    """The checks that notice a defect under its plan."""
    with planted(defect.plant()):
        return breaches(defect.plan)
