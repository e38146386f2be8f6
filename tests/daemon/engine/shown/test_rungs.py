from __future__ import annotations

import pytest

from daemon.engine.desk import Desk
from daemon.engine.shown.rungs import why_not_quoted
from domain.ids import Ticker
from domain.market import Side
from domain.money import Count
from domain.reasons import RungReason
from tests.daemon.scenes import drawn, quoting
from tests.daemon.stand import Stand


def stage() -> tuple[Stand, Desk, Ticker]:
    """A stand that quotes, its first desk, and a rung that is quoted."""
    stand = quoting()
    desk = stand.engine.state.desks["INXU"]
    return stand, desk, next(iter(desk.looked_at))


def why(desk: Desk, ticker: Ticker, side: Side = Side.BID, *, may_quote: bool = True) -> str:
    fair = dict(zip(desk.markets, desk.fairs, strict=True)).get(ticker) if desk.fairs else None
    return why_not_quoted(desk, ticker, side, fair, (), may_quote=may_quote)


def test_each_side_of_each_rung_is_quoted_or_says_why() -> None:
    rungs = drawn(quoting()).ladder
    assert rungs
    for rung in rungs:
        assert (rung.our_bid is None) == bool(rung.why_bid)
        assert (rung.our_ask is None) == bool(rung.why_ask)
    assert {rung.why_bid for rung in rungs} == {"", RungReason.FAR_FROM_MONEY}


def test_the_gate_comes_before_everything() -> None:
    _, desk, ticker = stage()
    assert why(desk, ticker, may_quote=False) == RungReason.GATE_CLOSED


def test_a_full_market_and_a_full_window_are_told_apart() -> None:
    stand, desk, ticker = stage()
    others = [t for t in desk.markets if t != ticker]
    desk.want([], {ticker: Count(500)}, stand.now())
    assert why(desk, ticker) == RungReason.MARKET_LIMIT
    desk.want([], dict.fromkeys(others[:5], Count(400)), stand.now())
    assert why(desk, ticker) == RungReason.WINDOW_LIMIT


def test_a_refused_side_cools() -> None:
    stand, desk, ticker = stage()
    desk.cooling[ticker, Side.BID] = stand.mono_ns + 1
    desk.want([], {}, stand.now())
    assert why(desk, ticker) == RungReason.COOLING
    assert why(desk, ticker, Side.ASK) not in {RungReason.COOLING, ""}


def test_without_a_book_and_without_a_price() -> None:
    stand, desk, ticker = stage()
    desk.books_stale((ticker,))
    desk.want([], {}, stand.now())
    assert why(desk, ticker) == RungReason.NO_BOOK
    desk.basis = desk._fairs = None  # noqa: SLF001 - as when the volatility is not known
    assert why(desk, ticker) == RungReason.NOT_PRICED


def test_where_risk_confines_us_and_where_others_are_nearer() -> None:
    stand, desk, ticker = stage()
    desk.want([], {}, stand.now(), set())
    assert why(desk, ticker) == RungReason.MARKETS_LIMIT
    desk.want([], {}, stand.now())
    desk.looked_at.pop(ticker)
    assert why(desk, ticker) == RungReason.OTHERS_NEARER


@pytest.mark.parametrize("waits", [True, False])
def test_what_is_wanted_and_not_sent(waits: bool) -> None:  # noqa: FBT001 - two cases
    stand, desk, ticker = stage()
    desk.want([], {}, stand.now())
    desk.waiting_for_group = waits
    assert why(desk, ticker) == (RungReason.WAITS_TO_SEND if waits else RungReason.TOO_LATE)


def test_what_risk_refuses_is_said() -> None:
    stand = Stand(risk={"stress_limit_ppm": 1})
    stand.run(30 * 1_000_000_000)
    rungs = drawn(stand).ladder
    said = {why for rung in rungs for why in (rung.why_bid, rung.why_ask)}
    assert RungReason.RISK_REFUSED in said, said
