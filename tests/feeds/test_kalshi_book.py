from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import Ticker
from domain.market import Level, Side
from domain.money import Count, Price
from feeds.kalshi_book import Book

T = Ticker("KXINXU-26NOV23H1200-T6844.9999")


def book(bids: dict[int, int], asks: dict[int, int]) -> Book:
    def levels(side: dict[int, int]) -> list[tuple[Price, Count]]:
        return [(Price(price), Count(count)) for price, count in side.items()]

    return Book(T, levels(bids), levels(asks))


def change(under_test: Book, side: Side, price: int, count: int) -> bool | None:
    return under_test.change(side, Price(price), Count(count))


def prices(levels: tuple[Level, ...]) -> list[tuple[int, int]]:
    return [(level.price, level.count) for level in levels]


def test_top_is_three_levels_best_first() -> None:
    top = book({100: 1, 400: 2, 200: 3, 300: 4}, {900: 1, 600: 2, 800: 3, 700: 4}).top(5, 6)
    assert prices(top.bids) == [(400, 2), (300, 4), (200, 3)]
    assert prices(top.asks) == [(600, 2), (700, 4), (800, 3)]
    assert (top.ticker, top.received_mono_ns, top.exchange_ms) == (T, 5, 6)


def test_an_empty_side_is_no_quote() -> None:
    top = book({}, {}).top(0, 0)
    assert (top.bids, top.asks) == ((), ())


def test_only_changes_within_the_top_are_news() -> None:
    deep = book({400: 2, 300: 4, 200: 3, 100: 1}, {})
    assert change(deep, Side.BID, 100, 5) is False
    assert change(deep, Side.BID, 200, 5) is True
    assert change(deep, Side.BID, 400, -2) is True
    assert prices(deep.top(0, 0).bids) == [(300, 4), (200, 8), (100, 6)]


def test_less_than_nothing_and_prices_outside_the_market_are_impossible() -> None:
    assert change(book({400: 2}, {}), Side.BID, 400, -3) is None
    assert change(book({400: 2}, {}), Side.ASK, 400, -2) is None
    assert change(book({}, {}), Side.BID, 0, 1) is None
    assert change(book({}, {}), Side.BID, 10_000, 1) is None


def test_crossed() -> None:
    under_test = book({400: 1}, {500: 1})
    seen = [under_test.crossed]
    change(under_test, Side.BID, 500, 1)
    seen.append(under_test.crossed)
    change(under_test, Side.ASK, 500, -1)
    seen.append(under_test.crossed)
    assert seen == [False, True, False]


CHANGES = st.lists(st.tuples(st.sampled_from(Side), st.integers(-1, 12), st.integers(-3, 3)), max_size=60)


@given(CHANGES)
def test_it_agrees_with_a_book_kept_the_slow_way(changes: list[tuple[Side, int, int]]) -> None:
    under_test = book({}, {})
    slow: dict[Side, dict[int, int]] = {Side.BID: {}, Side.ASK: {}}
    for side, price, count in changes:
        before = under_test.top(0, 0)
        answer = change(under_test, side, price, count)
        left = slow[side].get(price, 0) + count
        if price <= 0 or left < 0:
            assert answer is None
            continue
        slow[side][price] = left
        bids = sorted(((p, c) for p, c in slow[Side.BID].items() if c), reverse=True)[:3]
        asks = sorted((p, c) for p, c in slow[Side.ASK].items() if c)[:3]
        after = under_test.top(0, 0)
        assert (prices(after.bids), prices(after.asks)) == (bids, asks)
        assert answer == (before != after)
