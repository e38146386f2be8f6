"""The volatility level: bounds of runbook K05, and no quotes while it is unknown."""

from __future__ import annotations

import pytest

from domain.reasons import GateStatus, Reason
from guards.volatility import VolatilityLevel, VolatilityLevelSettings
from tests.guards.made import at, tick

ON = VolatilityLevelSettings(enabled=True)


def level(points: float) -> VolatilityLevel:
    guard = VolatilityLevel(ON)
    guard.observe(tick(0, points, symbol="I:VIX"))
    return guard


def test_volatility_level_closed_when_it_knows_nothing() -> None:
    guard = VolatilityLevel(ON)
    vote = guard.vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.VOLATILITY_UNKNOWN)
    assert guard.factor_ppm(at(0)) == 0


def test_left_out_by_configuration_it_does_not_vote_and_does_not_shrink() -> None:
    guard = VolatilityLevel()
    assert guard.vote(at(0)).status is GateStatus.NOT_CONFIGURED
    assert guard.factor_ppm(at(0)) == 1_000_000
    assert guard.next_deadline(at(0)) is None


@pytest.mark.parametrize(
    ("points", "status", "factor_ppm", "detail"),
    [
        (12.0, GateStatus.PASS, 1_000_000, ""),
        (19.99, GateStatus.PASS, 1_000_000, ""),
        (20.0, GateStatus.PASS, 1_000_000, "watch"),
        (24.99, GateStatus.PASS, 1_000_000, "watch"),
        (25.0, GateStatus.PASS, 500_000, "watch"),
        (35.0, GateStatus.PASS, 500_000, "watch"),
        (35.01, GateStatus.FAIL, 0, "I:VIX is over 35"),
    ],
)
def test_levels(points: float, status: GateStatus, factor_ppm: int, detail: str) -> None:
    guard = level(points)
    vote = guard.vote(at(1))
    assert (vote.status, guard.factor_ppm(at(1)), vote.detail) == (status, factor_ppm, detail)


def test_an_old_level_is_unknown_by_timer() -> None:
    guard = level(15)
    deadline = guard.next_deadline(at(0))
    assert deadline == at(60_000).mono_ns + 1
    assert guard.vote(at(60_000)).status is GateStatus.PASS
    assert guard.vote(at(60_000.000001)).status is GateStatus.UNKNOWN
    assert guard.factor_ppm(at(60_000.000001)) == 0
    assert guard.next_deadline(at(60_001)) is None


def test_only_newer_positive_values_of_the_level_count() -> None:
    guard = level(15)
    for value in (
        tick(10, 50, symbol="I:SPX"),
        tick(10, 0, symbol="I:VIX"),
        tick(10, 50, symbol="I:VIX", stamp_ms=0),
    ):
        guard.observe(value)
    assert guard.vote(at(11)).status is GateStatus.PASS
    guard.observe(tick(20, 50, symbol="I:VIX"))
    assert guard.vote(at(21)).status is GateStatus.FAIL
