"""What the exchange does to its listing, and what files do to a start: each strikes, and none breaks a promise."""

from __future__ import annotations

from typing import Any

import pytest

from domain.clock import NS_PER_S
from sim.campaign.command import options, unreached
from sim.campaign.faults import KINDS, Fault
from sim.campaign.world import Outcome, Unit, World
from sim.planted.run import DAY


def lived(kind: str, *, window: int = 0, after_s: float = 15, for_s: float = 6, **params: Any) -> Outcome:  # noqa: ANN401 - words of a menu
    """Two short windows with one fault."""
    world = World(Unit(5, 0, DAY, "all", 60, 2, faults=()))
    span = world.windows[window]
    at_ns = span.opens_ns + int(after_s * NS_PER_S)
    lasts_s = (span.target_ns - at_ns) / NS_PER_S if KINDS[kind].to_the_end else for_s
    world.faults.append(Fault(kind, KINDS[kind].where, at_ns, lasts_s, {"fault": kind, **params}))
    return world.run()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("close_early", {}),
        ("strike_grid", {}),
        ("price_grid", {"step": "0.001"}),
        ("config_refused", {"key": "unknown"}),
        ("config_refused", {"key": "value"}),
        ("journal_flip", {"place": 0.45}),
    ],
)
def test_it_strikes_and_nothing_is_broken(kind: str, params: dict[str, Any]) -> None:
    found = lived(kind, **params)
    assert found.breaches == []
    assert found.faults[kind] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("window", [0, 1])
def test_a_window_listed_late_is_quoted_once_it_is_listed(window: int) -> None:
    found, soon = (lived("late_listing", window=window, after_s=5, for_s=for_s) for for_s in (20, 1))
    assert (found.breaches, soon.breaches) == ([], [])
    assert found.faults["late_listing"] == soon.faults["late_listing"] == 1
    assert 0 < found.orders < soon.orders


@pytest.mark.slow
def test_a_start_on_bad_files_is_refused_and_the_next_one_is_not() -> None:
    assert lived("config_refused", key="value").counts["lives"] == 1
    assert lived("journal_flip", place=0.45).counts["lives"] == 1


def test_a_run_that_never_reached_a_kind_of_fault_fails() -> None:
    """The rule on a whole run: a kind that is planned again and again and has nothing to strike."""
    far_ns = 10**9 * NS_PER_S
    world = World(Unit(5, 0, DAY, "all", 60, 1, faults=()))
    start_ns = world.start_ns
    world.faults += [
        Fault("late_listing", KINDS["late_listing"].where, start_ns + far_ns, 1, {"fault": "late_listing"})
    ] * 5
    chosen = options().parse_args(["--faults", "all", "--window-s", "60", "--windows", "1"])
    assert unreached(chosen, [world.run()]) == ["late_listing"]
