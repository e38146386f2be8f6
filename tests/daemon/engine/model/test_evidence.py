"""What settled windows say of the model, by hand and by brute force."""

from __future__ import annotations

from random import Random

import pytest

from daemon.engine.model.evidence import INSTANTS_S, abs_z_ppm, loss_chance, outcome_of, outcomes
from daemon.engine.settling.window_result import Mark, Result, Stake
from domain.ids import Ticker
from domain.market import Market, StrikeType
from domain.money import Cash, IndexValue
from guards.model.breakers import PPB, WindowOutcome
from pricing.fair import settles_yes

KEY = ("INXU", 1)


def market(name: str, strike: int, kind: StrikeType = StrikeType.GREATER_OR_EQUAL, cap: int | None = None) -> Market:
    floor = None if kind is StrikeType.LESS else IndexValue(strike)
    top = IndexValue(strike) if kind is StrikeType.LESS else None if cap is None else IndexValue(cap)
    return Market(Ticker(name), "e", "INXU", kind, floor, top, 0, 1, (), 0, "active")


LADDER = {
    Ticker("A"): market("A", 6_690_000_000),
    Ticker("B"): market("B", 6_710_000_000),
    Ticker("C"): market("C", 6_700_000_000, StrikeType.LESS),
    Ticker("D"): market("D", 6_695_000_000, StrikeType.BETWEEN, 6_705_000_000),
}
SEEN = (6_700_000_000, 60.0, 600 * 10**9)


def test_z_of_each_interval_whose_ends_were_seen() -> None:
    value = 6_700_000_000
    marks = [Mark(left, IndexValue(value), 50.0) for left in INSTANTS_S]
    assert abs_z_ppm(marks) == (0,) * 5
    moved = value + round(value * 50 / 1e6 * 60**0.5)
    marks[-1] = Mark(0, IndexValue(moved), 50.0)
    assert abs_z_ppm(marks)[-1] == 1_000_000
    del marks[2]
    assert len(abs_z_ppm(marks)) == 3
    assert abs_z_ppm(()) == ()


def test_outcomes_against_brute_force_over_every_kind_of_rung() -> None:
    rng = Random(3)
    for _ in range(200):
        stakes = [
            Stake(Ticker(rng.choice("ABCD")), rng.choice((-200, -100, 100)), rng.randrange(100, 9_900), 5_000)
            for _ in range(rng.randrange(1, 6))
        ]
        found = outcomes(stakes, LADDER, SEEN)
        assert sum(chance for chance, _ in found) == pytest.approx(1.0)
        paid = {
            sum(s.count * ((10_000 if settles_yes(LADDER[s.ticker], value) else 0) - s.price) for s in stakes)
            for value in range(6_685_000_000, 6_716_000_000, 1_000_000)
        }
        assert {cash for _, cash in found} == paid


def test_the_chance_of_a_loss_is_the_likelier_of_both_ways_to_join() -> None:
    up, down = [(0.5, -1), (0.5, 2)], [(0.5, 2), (0.5, -1)]
    assert loss_chance([up]) == 0.5
    assert loss_chance([up, up]) == 0.5
    assert loss_chance([up, down]) == 0.25
    assert loss_chance([[(1.0, 1)], [(0.3, -2), (0.7, 0)]]) == pytest.approx(0.3)


def whole(**changes: object) -> Result:
    made = Result("INXU", "", 1, fills=1, settled=True, pnl=Cash(600_000), seen=SEEN)
    made.stakes = (Stake(Ticker("A"), 100, 4_000, 4_500),)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_window_adds_up_what_was_expected_and_what_came() -> None:
    outcome = outcome_of([whole()], {KEY: LADDER})
    assert outcome is not None
    assert (outcome.expected, outcome.realised) == (50_000, 600_000)
    assert 0 < outcome.loss_ppb < PPB
    both = outcome_of([whole(), Result("NASDAQ100U", "", 1, settled=True)], {KEY: LADDER})
    assert both == WindowOutcome(50_000, 600_000, outcome.loss_ppb)


@pytest.mark.parametrize(
    "changes",
    [{"whole": False}, {"settled": False}, {"stakes": ()}, {"seen": None}, {"pnl": None}, {"series": "NASDAQ100U"}],
)
def test_a_window_of_which_a_part_is_not_known_is_no_evidence(changes: dict[str, object]) -> None:
    assert outcome_of([whole(**changes)], {KEY: LADDER}) is None


def test_a_window_without_a_fill_is_no_evidence() -> None:
    assert outcome_of([Result("INXU", "", 1, settled=True)], {KEY: LADDER}) is None
