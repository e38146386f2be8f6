from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, NS_PER_S
from domain.ids import Ticker
from domain.market import Side, Top
from domain.money import Count, Price
from execution.orders import Fact, OrderBook
from execution.quoter import (
    Candidate,
    QuoteSettings,
    Want,
    ask_price,
    best_other,
    bid_price,
    desired,
    others_of,
    select,
    settle_on,
)
from tests.execution.made import TAPERED, TICKER, market, opened, order, top

S = QuoteSettings()
OLD_NS = 10 * NS_PER_S


def rung(book: Top, *, bid: int = 4_500, ask: int = 5_500, sizes: tuple[int, int] = (100, 100)) -> Candidate:
    others = others_of(book, ())
    return Candidate(market(), Price(5_000), Price(bid), Price(ask), others, Count(sizes[0]), Count(sizes[1]))


def prices(want: Want) -> dict[Side, int]:
    return {side: quote.price for (_, side), quote in want.items()}


def test_one_tick_better_than_the_best_of_the_others_and_no_further() -> None:
    want = desired([rung(top([(3_000, 500)], [(7_000, 500)]))], {}, {}, S, OLD_NS)
    assert prices(want) == {Side.BID: 3_100, Side.ASK: 6_900}


def test_never_beyond_the_limit_less_the_dead_band() -> None:
    want = desired([rung(top([(4_900, 500)], [(5_100, 500)]))], {}, {}, S, OLD_NS)
    assert prices(want) == {Side.BID: 4_400, Side.ASK: 5_600}


def test_with_an_empty_book_at_the_limits() -> None:
    assert prices(desired([rung(top([], []))], {}, {}, S, OLD_NS)) == {Side.BID: 4_400, Side.ASK: 5_600}


@given(
    bids=st.lists(st.integers(1, 98), max_size=3, unique=True),
    width=st.integers(1, 20),
    limits=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
    fine=st.booleans(),
)
def test_no_quote_ever_crosses_the_others_or_its_limit_or_leaves_the_grid(
    bids: list[int], width: int, limits: tuple[int, int], *, fine: bool
) -> None:  # fmt: skip
    best = max(bids, default=0)
    asks = [best + width] if best + width < 100 else []
    book = top([(b * 100, 500) for b in sorted(bids, reverse=True)], [(a * 100, 500) for a in asks])
    grid = market(grid=TAPERED) if fine else market()
    candidate = rung(book, bid=min(limits), ask=max(limits))._replace(market=grid)
    for (_, side), quote in desired([candidate], {}, {}, S, OLD_NS).items():
        assert grid.on_grid(quote.price)
        assert 0 < quote.price < 10_000
        if side is Side.BID:
            assert quote.price <= min(limits)
            assert not asks or quote.price < asks[0] * 100
        else:
            assert quote.price >= max(limits)
            assert not bids or quote.price > best * 100


def test_our_own_size_is_taken_out_before_we_price_against_the_book() -> None:
    book = OrderBook()
    own = opened(book, price=4_000)
    levels = top([(4_000, 100), (3_000, 500)], [])
    assert best_other(levels.bids, [own], Side.BID) == 3_000
    assert best_other(levels.bids, [], Side.BID) == 4_000
    assert best_other(levels.bids, [order(price=4_000)], Side.BID) == 4_000, "still PLACING: not in the book yet"
    assert best_other(top([(4_000, 101)], []).bids, [own], Side.BID) == 4_000


def test_a_size_of_zero_and_a_cooling_side_are_closed() -> None:
    book = top([(3_000, 500)], [(7_000, 500)])
    assert prices(desired([rung(book, sizes=(0, 100))], {}, {}, S, OLD_NS)) == {Side.ASK: 6_900}
    cooling = {(TICKER, Side.ASK): OLD_NS + 1}
    assert prices(desired([rung(book)], {}, cooling, S, OLD_NS)) == {Side.BID: 3_100}
    assert len(desired([rung(book)], {}, cooling, S, OLD_NS + 1)) == 2


@pytest.mark.parametrize(
    ("resting", "age_ms", "price", "kept"),
    [
        (4_200, 5_000, 4_300, True),   # inside the dead band
        (4_200, 5_000, 4_301, False),  # beyond it
        (4_200, 999, 4_500, True),     # too young to move
        (4_200, 1_000, 4_500, False),
        (4_600, 10, 4_400, False),     # worse than its limit: goes at once, however young
        (4_500, 10, 4_400, True),      # at its limit
    ],
)  # fmt: skip
def test_hysteresis(resting: int, age_ms: int, price: int, *, kept: bool) -> None:
    own = opened(OrderBook(), price=resting)
    got = settle_on(own, Price(price), Price(4_500), S, age_ms * NS_PER_MS)
    assert got == (resting if kept else price)


def test_an_order_that_is_unwanted_or_being_cancelled_holds_no_price() -> None:
    own = opened(OrderBook(), price=4_200)
    own.unwanted = True
    assert settle_on(own, Price(4_250), Price(4_500), S, OLD_NS) == 4_250
    book = OrderBook()
    going = opened(book, price=4_200)
    book.apply(going, Fact.CANCEL_SENT, 0)
    want = desired([rung(top([], []), bid=4_400)], {TICKER: [going]}, {}, S, OLD_NS)
    assert want[TICKER, Side.BID].price == 4_300


def test_selection_is_nearest_the_money_sticky_and_inside_its_bounds() -> None:
    fairs = [(Price(p), Ticker(f"T{p}")) for p in (500, 3_000, 4_000, 5_500, 6_800, 9_500)]
    assert select(fairs, {}, S) == ["T5500", "T4000"]
    assert select(fairs, {Ticker("T6800"): []}, S) == ["T5500", "T4000"]
    near = [(Price(p), Ticker(f"T{p}")) for p in (4_000, 5_900, 6_100)]
    assert select(near, {}, S) == ["T5900", "T4000"]
    assert select(near, {Ticker("T6100"): []}, S) == ["T6100", "T5900"]
    assert select([(Price(799), Ticker("a")), (Price(9_201), Ticker("b"))], {}, S) == []


def test_prices_that_leave_the_dollar_are_no_prices() -> None:
    empty = top([], [])
    assert bid_price(rung(empty, bid=99)) is None
    assert bid_price(rung(empty, bid=0)) is None
    assert ask_price(rung(empty, ask=9_901)) is None
    assert bid_price(rung(top([], [(100, 100)]))) is None
    assert ask_price(rung(top([(9_900, 100)], []))) is None


def test_the_quote_names_what_it_was_decided_on() -> None:
    (quote,) = desired([rung(top([], []), ask=10_000, sizes=(100, 0))], {}, {}, S, OLD_NS).values()
    assert (quote.fair, quote.size, quote.side) == (5_000, 100, Side.BID)
