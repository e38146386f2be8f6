"""The outcomes of what is priced now, and of nothing else."""

from __future__ import annotations

from domain.ids import Ticker
from guards.exposure import MarketExposure
from tests.daemon.stand import Stand


def test_only_markets_of_a_window_that_is_priced_have_outcomes() -> None:
    stand = Stand()
    stand.quote_both()
    state = stand.engine.state
    desk = state.desks["INXU"]
    target_ns, ticker = desk.markets_target_ns, next(iter(desk.markets))
    asked = {
        ticker: MarketExposure("INXU", target_ns),
        Ticker("elsewhere"): MarketExposure("INXU", target_ns),
        Ticker("before"): MarketExposure("NASDAQ100U", target_ns - 1),
    }
    found = state.outlook.outcomes(asked)
    assert set(found) == {("INXU", target_ns)}
    assert set(found["INXU", target_ns].pays) == {ticker}
    desk.basis = None
    assert state.outlook.outcomes(asked) == {}


def test_past_its_target_nothing_is_an_outcome_any_more() -> None:
    stand = Stand()
    stand.quote_both()
    desk = stand.engine.state.desks["INXU"]
    assert desk.basis is not None
    value, sigma, _ = desk.basis
    desk.basis = value, sigma, 0
    asked = {next(iter(desk.markets)): MarketExposure("INXU", desk.markets_target_ns)}
    assert stand.engine.state.outlook.outcomes(asked) == {}
