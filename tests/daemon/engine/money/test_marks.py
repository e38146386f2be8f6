"""What an open market is worth now: fair value, the book's middle, the print, and nothing where nothing is known."""

from __future__ import annotations

from typing import Any

from daemon.engine.money.marks import books_age_ns
from domain.clock import NS_PER_S, Now
from domain.ids import Ticker
from domain.money import PRICE_PER_DOLLAR
from domain.window import Phase
from tests.daemon.stand import Stand

S = NS_PER_S


def held(stand: Stand, series: str = "INXU") -> Ticker:
    """Fill one resting order of a series; its market."""
    stand.quote_both()
    order = stand.exchange.resting(series)[0]
    stand.tell(*stand.exchange.execute(order.order_id))
    stand.run(S)
    return Ticker(order.ticker)


def marks(stand: Stand) -> dict[Ticker, Any]:
    return dict(stand.engine.state.marks.now(stand.now()))


def test_a_trusted_index_marks_at_fair_value() -> None:
    stand = Stand()
    ticker = held(stand)
    desk = stand.engine.state.desks["INXU"]
    assert marks(stand)[ticker] == dict(zip(desk.markets, desk.fairs, strict=False))[ticker]


def test_a_late_index_marks_at_the_middle_of_the_others_book_and_without_that_at_nothing() -> None:
    stand = Stand()
    ticker = held(stand)
    stand.feeding = {"massive": set(), "polygon": set()}
    stand.run(4 * S)
    desk = stand.engine.state.desks["INXU"]
    assert not desk.freshness(stand.now()).fresh
    top = desk.tops[ticker]
    bid, ask = top.bids[0].price, top.asks[0].price
    assert bid < marks(stand)[ticker] < ask
    desk.books_fresh.discard(ticker)
    assert ticker not in marks(stand)


def test_past_the_target_the_print_decides() -> None:
    stand = Stand()
    ticker = held(stand)
    state = stand.engine.state
    account = state.held.ledger.markets[ticker]
    result = state.results.by_window["INXU", account.target_ns]
    market = state.desks["INXU"].markets[ticker]
    assert market.floor_strike is not None
    late = Now(stand.mono_ns, account.target_ns)
    for off, mark in ((5_000_000, PRICE_PER_DOLLAR), (-5_000_000, 0), (5_000, None)):
        result.print_value = type(market.floor_strike)(market.floor_strike + off)
        assert state.marks.now(late).get(ticker) == mark
    result.print_value = None
    assert ticker not in state.marks.now(late)


def test_books_are_old_only_in_an_open_window_and_once_they_were_read() -> None:
    stand = Stand()
    stand.quote_both()
    books, now = stand.engine.state.books, stand.now()
    later = Now(now.mono_ns + 200 * S, now.utc_ns + 200 * S)
    assert books_age_ns([Phase.QUOTING], books, later) >= 200 * S
    assert books_age_ns([Phase.CLOSED, Phase.FROZEN], books, later) == 0
    assert books_age_ns([Phase.QUOTING], Stand(begin=False).engine.state.books, later) == 0
