"""The volatility level: bounds of runbook K05, and no quotes while it is unknown."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError
from domain.reasons import GateStatus, Reason, VixBand
from guards.volatility import SYMBOL, VixSettings, VolatilityLevel
from tests.guards.made import at, tick


def level(points: float) -> VolatilityLevel:
    guard = VolatilityLevel(VixSettings())
    guard.observe(tick(0, points, symbol=SYMBOL))
    guard.advance(at(0))
    return guard


def test_volatility_level_closed_when_it_knows_nothing() -> None:
    guard = VolatilityLevel(VixSettings())
    vote = guard.vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.VIX_UNKNOWN)
    assert guard.factor_ppm == 0


@pytest.mark.step("K05")
def test_only_the_configuration_leaves_it_out() -> None:
    guard = VolatilityLevel(VixSettings(enabled=False))
    assert guard.vote(at(0)).status is GateStatus.NOT_CONFIGURED
    assert guard.factor_ppm == 1_000_000
    assert guard.next_deadline(at(0)) is None
    assert (VixSettings(enabled=False).symbols, VixSettings().symbols) == ((), (SYMBOL,))


@pytest.mark.step("K05")
@pytest.mark.parametrize(
    ("points", "status", "factor_ppm", "detail"),
    [
        (12.0, GateStatus.PASS, 1_000_000, "I:VIX 12: normal"),
        (19.99, GateStatus.PASS, 1_000_000, "I:VIX 19.99: normal"),
        (20.0, GateStatus.PASS, 1_000_000, "I:VIX 20: watch"),
        (24.99, GateStatus.PASS, 1_000_000, "I:VIX 24.99: watch"),
        (25.0, GateStatus.PASS, 500_000, "I:VIX 25: half"),
        (35.0, GateStatus.PASS, 500_000, "I:VIX 35: half"),
        (35.01, GateStatus.FAIL, 0, "I:VIX 35.01 is over 35"),
    ],
)
def test_levels(points: float, status: GateStatus, factor_ppm: int, detail: str) -> None:
    guard = level(points)
    vote = guard.vote(at(1))
    assert (vote.status, guard.factor_ppm, vote.detail) == (status, factor_ppm, detail)


@pytest.mark.step("K05")
def test_an_old_level_is_unknown_by_timer() -> None:
    guard = level(15)
    deadline = guard.next_deadline(at(0))
    assert deadline == at(60_000).mono_ns + 1
    assert not guard.advance(at(60_000))
    assert guard.vote(at(60_000)).status is GateStatus.PASS
    assert guard.advance(at(60_000.000001))
    vote = guard.vote(at(60_000.000001))
    assert (vote.status, vote.detail) == (GateStatus.UNKNOWN, "I:VIX: the last value is older than 60 s")
    assert guard.factor_ppm == 0
    assert guard.next_deadline(at(60_001)) is None


def test_a_value_of_another_index_or_an_older_one_says_nothing() -> None:
    guard = level(15)
    guard.observe(tick(10, 50.0))
    guard.observe(tick(-10, 50.0, symbol=SYMBOL))
    guard.advance(at(20))
    assert guard.band is VixBand.NORMAL


def test_its_absence_is_told_a_minute_after_the_session_began_and_waits_until_then() -> None:
    guard = VolatilityLevel(VixSettings())
    assert not guard.expected(at(0))
    guard.session(at(0), market_open=True)
    assert guard.next_deadline(at(0)) == at(60_000).mono_ns
    assert not guard.expected(at(59_999))
    assert guard.expected(at(60_000))
    assert guard.advance(at(60_000))
    assert guard.next_deadline(at(60_000)) is None
    guard.session(at(65_000), market_open=True)
    guard.observe(tick(66_000, 15.0, symbol=SYMBOL))
    assert guard.expected(at(66_000)), "what has come once is due from then on"
    guard.session(at(70_000), market_open=False)
    assert not guard.expected(at(80_000))


def test_what_the_vendor_refuses_is_named_until_a_value_comes() -> None:
    guard = VolatilityLevel(VixSettings())
    guard.refused("massive")
    assert guard.shown(at(0)).why == "no value has been seen yet; not authorized on massive"
    guard.observe(tick(0, 15.0, symbol=SYMBOL, feed="massive"))
    assert guard.next_deadline(at(-1)) is not None
    guard.advance(at(0))
    assert guard.shown(at(0)).why == ""


def test_levels_out_of_order_are_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="half_points 36, stop_points 35"):
        VixSettings(half_points=36)
