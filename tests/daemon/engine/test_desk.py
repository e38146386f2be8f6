from __future__ import annotations

import functools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.desk import Desk
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import BookTop, MarketsRead
from domain.ids import RequestId, Ticker
from domain.market import Level, Side, StrikeType, Top
from domain.money import Count, Price
from domain.reasons import RungReason
from domain.window import Phase
from tests.daemon.scenes import drawn
from tests.daemon.stand import Stand

S = NS_PER_S


def quoting() -> tuple[Stand, Desk]:
    stand = Stand()
    stand.quote_both()
    return stand, stand.engine.state.desks["INXU"]


@functools.cache
def shared() -> tuple[Stand, Desk]:
    """One stand for all examples of one property."""
    return quoting()


def listed(stand: Stand, desk: Desk, **changes: object) -> None:
    target_ns = stand.target_ns
    ladder = tuple(msgspec.structs.replace(m, **changes) for m in stand.exchange.ladder("INXU", target_ns))
    desk.listed(MarketsRead(RequestId(0), stand.now(), "INXU", target_ns, ladder))


def test_fair_values_fall_along_the_ladder_and_the_centre_is_within_a_rung_of_the_money() -> None:
    _, desk = quoting()
    assert desk.fairs == sorted(desk.fairs, reverse=True)
    nearest = min(range(len(desk.fairs)), key=lambda n: abs(desk.fairs[n] - 5_000))
    assert abs(desk.center() - nearest) <= 1


@given(points=st.integers(-60, 60))
def test_the_centre_follows_the_index_and_never_leaves_the_ladder(points: int) -> None:
    stand, desk = shared()
    stand.moves["INXU"] = points * 1_000_000
    stand.run(300 * NS_PER_MS)
    assert 0 <= desk.center() < len(desk.markets)
    crossing = [n for n, fair in enumerate(desk.fairs) if fair <= 5_000]
    assert desk.center() == (crossing[0] if crossing else len(desk.fairs) - 1)


def test_a_ladder_of_another_window_is_not_ours() -> None:
    stand, desk = quoting()
    other = stand.exchange.ladder("INXU", stand.target_ns + 120 * S)
    desk.listed(MarketsRead(RequestId(0), stand.now(), "INXU", stand.target_ns + 120 * S, other))
    assert desk.markets_target_ns == stand.target_ns


def test_rungs_that_cannot_be_priced_or_are_not_open_are_left_out() -> None:
    stand, desk = quoting()
    listed(stand, desk, strike_type=StrikeType.OTHER)
    assert desk.markets == {}
    assert desk.want([], {}, stand.now()) == {}
    listed(stand, desk, status="closed")
    assert desk.markets == {}
    listed(stand, desk, status="initialized")
    assert len(desk.markets) == 11


def test_an_empty_listing_leaves_nothing_to_quote() -> None:
    stand, desk = quoting()
    desk.listed(MarketsRead(RequestId(0), stand.now(), "INXU", stand.target_ns, ()))
    assert (desk.markets, desk.ladder) == ({}, None)
    assert not desk.markets_vote(stand.now()).open


def test_at_most_two_markets_one_order_a_side_one_contract_each() -> None:
    stand, desk = quoting()
    want = desk.want([], {}, stand.now())
    assert len({ticker for ticker, _ in want}) <= 2
    assert {quote.size for quote in want.values()} == {100}
    for quote in want.values():
        assert abs(quote.price - quote.fair) >= 500, "five cents of edge after fees, at least"


def test_a_full_market_is_quoted_on_the_side_that_empties_it_only() -> None:
    stand, desk = quoting()
    tickers = {ticker for ticker, _ in desk.want([], {}, stand.now())}
    for sign, side in ((1, "ask"), (-1, "bid")):
        held = dict.fromkeys(tickers, Count(sign * 500))
        assert {s.value for _, s in desk.want([], held, stand.now())} == {side}


def test_a_full_window_is_quoted_on_the_side_that_empties_it_only() -> None:
    stand, desk = quoting()
    far = [ticker for ticker in desk.markets if ticker not in {t for t, _ in desk.want([], {}, stand.now())}]
    held = dict.fromkeys(far[:5], Count(400))
    assert {s.value for _, s in desk.want([], held, stand.now())} == {"ask"}


def test_where_no_further_market_may_be_entered_the_rungs_in_use_are_quoted() -> None:
    stand, desk = quoting()
    chosen = {ticker for ticker, _ in desk.want([], {}, stand.now())}
    assert chosen
    for used in chosen:
        assert {ticker for ticker, _ in desk.want([], {}, stand.now(), {used})} == {used}
    assert desk.want([], {}, stand.now(), set()) == {}


def test_without_a_current_book_a_rung_is_not_quoted() -> None:
    stand, desk = quoting()
    desk.books_stale(tuple(ticker for ticker, _ in desk.want([], {}, stand.now())))
    assert not {t for t, _ in desk.want([], {}, stand.now())} - desk.books_fresh
    desk.books_stale(())
    assert desk.want([], {}, stand.now()) == {}


def test_a_book_moves_quotes_only_by_what_others_show_in_a_rung_quoted_but_the_first_of_a_rung_always() -> None:
    stand, desk = quoting()
    live = stand.engine.state.held.converger.live_of("INXU")

    def told(ticker: Ticker, bid: int) -> bool:
        desk.want(live, {}, stand.now())
        desk.moved = False
        level = Level(Price(bid), Count(100_000))
        assert desk.top(BookTop(Top(ticker, (level,), (), stand.mono_ns, 0)), live)
        return desk.moved

    for ticker in desk.markets:
        fresh = ticker in desk.books_fresh
        before = desk.want(live, {}, stand.now())
        quoted = ticker in desk.looked_at
        assert told(ticker, 100) is (quoted or not fresh)
        assert not told(ticker, 100), "the same again"
        if fresh and not quoted:
            assert told(ticker, 200) is False
            assert desk.want(live, {}, stand.now()) == before, "a book that matters was passed over"
    own = live[0]
    ours = Level(own.price, own.remaining)
    desk.top(BookTop(Top(own.ticker, (), (), stand.mono_ns, 0)), live)
    desk.want(live, {}, stand.now())
    desk.moved = False
    bids, asks = ((ours,), ()) if own.side is Side.BID else ((), (ours,))
    desk.top(BookTop(Top(own.ticker, bids, asks, stand.mono_ns, 0)), live)
    assert not desk.moved, "our own order in the book is no news"
    assert not desk.top(BookTop(Top(Ticker("KXELSE-1"), (), (), stand.mono_ns, 0)), live)


def test_a_phase_is_told_once_and_a_flattening_never_opens_again() -> None:
    stand, desk = quoting()
    now = stand.now()
    assert desk.advance(now, 0) is None
    freeze_ns = stand.target_ns - 2 * S
    stand.wait(freeze_ns - 5 * S - stand.utc_ns)
    assert desk.advance(stand.now(), 6 * S) is Phase.FLATTENING
    assert desk.advance(stand.now(), 1 * S) is None
    assert desk.phase is Phase.FLATTENING
    stand.wait(5 * S)
    assert desk.advance(stand.now(), 1 * S) is Phase.FROZEN


@pytest.mark.step("K19")
def test_a_rung_below_the_least_score_is_not_quoted_and_the_page_says_so() -> None:
    stand = Stand(selection={"minimum_score": 99})
    stand.run(30 * NS_PER_S)
    assert stand.exchange.resting() == []
    said = {why for rung in drawn(stand).ladder for why in (rung.why_bid, rung.why_ask)}
    assert RungReason.SCORE_TOO_LOW in said
    Stand().quote_both()
