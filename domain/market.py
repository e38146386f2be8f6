"""The exchange's ladder: series, rungs, price grids and the top of each book, always on the YES leg."""

from __future__ import annotations

import enum

import msgspec

from domain.ids import OrderId, Ticker
from domain.money import INDEX_DECIMALS, PRICE_PER_DOLLAR, Count, IndexValue, MoneyError, Price, parse_fixed


class Series(msgspec.Struct, frozen=True):
    """One ladder: our name, the exchange's series ticker, and the index that settles it."""

    name: str
    exchange_series: str
    symbol: str


INXU = Series("INXU", "KXINXU", "I:SPX")
NASDAQ100U = Series("NASDAQ100U", "KXNASDAQ100U", "I:NDX")
SERIES = {series.name: series for series in (INXU, NASDAQ100U)}


class Side(enum.StrEnum):
    """The side of the YES leg: a bid buys YES, an ask sells YES (that is, buys NO)."""

    BID = "bid"
    ASK = "ask"


class StrikeType(enum.StrEnum):
    """How a market settles against its strikes (docs/exchange.md 9.2); only these three are quoted."""

    GREATER = "greater"
    GREATER_OR_EQUAL = "greater_or_equal"
    BETWEEN = "between"
    LESS = "less"
    LESS_OR_EQUAL = "less_or_equal"
    OTHER = "other"


class PriceRange(msgspec.Struct, frozen=True):
    """One stretch of a market's price grid: prices start, start+step ... up to end."""

    start: Price
    end: Price
    step: Price


class Market(msgspec.Struct, frozen=True):
    """One rung, as the exchange lists it. Strikes in 1e-6 points; times in Unix nanoseconds."""

    ticker: Ticker
    event_ticker: str
    series: str
    strike_type: StrikeType
    floor_strike: IndexValue | None
    cap_strike: IndexValue | None
    open_ns: int
    close_ns: int
    price_ranges: tuple[PriceRange, ...]
    exchange_index: int
    status: str
    result: str = ""
    expiration_value: str = ""

    def step_at(self, price: Price) -> Price | None:
        """The tick size at a price, or None where the grid has no such stretch."""
        for stretch in self.price_ranges:
            if stretch.start <= price <= stretch.end:
                return stretch.step
        return None

    def at_or_below(self, price: int) -> Price | None:
        """The highest price that the exchange would accept, not above `price`; None where there is none."""
        best = 0
        below_dollar = price if price < PRICE_PER_DOLLAR else PRICE_PER_DOLLAR - 1
        for stretch in self.price_ranges:
            start, end = stretch.start, stretch.end
            inside = min(end, below_dollar)
            if inside >= start:
                found = inside - (inside - start) % stretch.step
                best = found if found > best else best  # noqa: FURB136 - min and max cost a call; two rungs a tick
        return Price(best) if best > 0 else None

    def at_or_above(self, price: int) -> Price | None:
        """The lowest price that the exchange would accept, not below `price`; None where there is none."""
        best = PRICE_PER_DOLLAR
        above_zero = price if price > 0 else 1
        for stretch in self.price_ranges:
            start = stretch.start
            inside = max(start, above_zero)
            found = inside + (start - inside) % stretch.step
            if found <= stretch.end and found < best:
                best = found
        return Price(best) if best < PRICE_PER_DOLLAR else None

    def on_grid(self, price: Price) -> bool:
        """Whether the exchange would accept this price (0 and 1 dollar are never valid)."""
        return any(
            stretch.start <= price <= stretch.end and (price - stretch.start) % stretch.step == 0
            for stretch in self.price_ranges
        )


class Level(msgspec.Struct, frozen=True, array_like=True):
    """A price and how many contracts rest there."""

    price: Price
    count: Count


class Top(msgspec.Struct, frozen=True):
    """The best few levels of one book, best first, YES leg on both sides; our own orders are still in it."""

    ticker: Ticker
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    received_mono_ns: int
    exchange_ms: int


class OrderRef(msgspec.Struct, frozen=True, array_like=True):
    """What the exchange needs to find one order: an order id alone cannot be routed (docs/exchange.md 3.6)."""

    order_id: OrderId
    ticker: Ticker
    exchange_index: int


def strike_named(ticker: Ticker) -> IndexValue | None:
    """The strike that a ticker ends in, `...-T6679.9999` or `...-B6680`, in 1e-6 points; None where it names none.

    For screens alone, when the market itself is no longer listed: quoting goes by what the exchange lists.
    """
    word = ticker.rpartition("-")[2]
    try:
        return IndexValue(parse_fixed(word[1:], INDEX_DECIMALS)) if word[:1] in {"T", "B"} else None
    except MoneyError:
        return None
