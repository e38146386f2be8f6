"""The restricted list in the engine: what it names is cancelled where it rests, refused by name, and recorded."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_S
from domain.events import RestrictedRead
from domain.reasons import Reason
from tests.daemon.stand import Stand


def quoting() -> Stand:
    stand = Stand()
    stand.run(20 * NS_PER_S)
    assert stand.live("INXU"), "the stand should quote"
    return stand


def tickers(stand: Stand, series: str = "INXU") -> set[str]:
    return {str(o.ticker) for o in stand.engine.state.held.book.live.values() if o.series == series}


@pytest.mark.step("G06")
@pytest.mark.parametrize("spelling", ["ticker", "event", "series", "exchange series"])
def test_what_is_named_is_pulled_at_once_and_not_quoted_again(spelling: str) -> None:
    stand = quoting()
    ticker = min(tickers(stand))
    market = next(m for t, m in stand.engine.state.desks["INXU"].markets.items() if t == ticker)
    names = {"ticker": ticker, "event": market.event_ticker, "series": "INXU", "exchange series": "KXINXU"}
    stand.step(RestrictedRead((names[spelling].upper(),)))
    stand.run(NS_PER_S)
    assert ticker not in tickers(stand)
    stand.run(10 * NS_PER_S)
    assert ticker not in tickers(stand)
    desk = stand.engine.state.desks["INXU"]
    assert len(desk.vetoed) == (1 if spelling == "ticker" else len(desk.markets))
    assert tickers(stand, "NASDAQ100U"), "the other series is not restricted"
    assert ticker in {said["ticker"] for said in stand.records("market_vetoed")}
    stand.step(RestrictedRead())
    stand.run(10 * NS_PER_S)
    assert tickers(stand)


@pytest.mark.step("G06")
def test_a_list_that_cannot_be_read_stops_everything() -> None:
    stand = quoting()
    stand.step(RestrictedRead(problem="configs/restricted.toml:3: broken"))
    assert stand.engine.state.closed["INXU"] == (Reason.RESTRICTIONS_UNKNOWN,)
    stand.run(5 * NS_PER_S)
    assert not stand.live()
    assert stand.records("restricted_list")[-1]["problem"] == "configs/restricted.toml:3: broken"
