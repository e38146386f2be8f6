"""One market's book: a snapshot, then signed changes of levels; its top three levels on each side come out.

Everything is on the YES leg: the subscription asks for `use_yes_price`, so the "no" side's prices are those at which
YES is offered, and no price is ever subtracted from a dollar here (docs/exchange.md 11.4).

A change adds a signed count to one level, and a level at zero is gone. A change that would leave less than nothing, or
a price outside the market, cannot follow from the snapshot we hold: the book is not the exchange's any more, and is
worth nothing until the next snapshot. Only changes within the top three levels are worth telling.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.ids import Ticker
from domain.market import Level, Side, Top
from domain.money import PRICE_PER_DOLLAR, Count, Price

DEPTH: Final = 3


class _Half:
    """One side. `best` is its top, best first."""

    __slots__ = ("_levels", "_rising", "best")

    def __init__(self, levels: Iterable[tuple[Price, Count]], *, rising: bool) -> None:
        self._levels = dict(levels)
        self._rising = rising
        self.best: tuple[Level, ...] = ()
        self._rank()

    def _rank(self) -> None:
        # The outermost level a side can have is number 99 on a cent grid, so sorting the lot is cheap enough.
        prices = sorted(self._levels, reverse=not self._rising)[:DEPTH]
        self.best = tuple(Level(price, self._levels[price]) for price in prices)

    def change(self, price: Price, count: Count) -> bool | None:
        """Add to a level: whether the top changed, or None when that is impossible."""
        left = self._levels.get(price, 0) + count
        if left < 0:
            return None
        if left:
            self._levels[price] = Count(left)
        else:
            self._levels.pop(price, None)
        if len(self.best) == DEPTH:
            last = self.best[-1].price
            if price > last if self._rising else price < last:
                return False
        before = self.best
        self._rank()
        return self.best != before


class Book:
    """One market's book, believed from its snapshot until a change that cannot be."""

    __slots__ = ("_asks", "_bids", "ticker")

    def __init__(
        self, ticker: Ticker, bids: Iterable[tuple[Price, Count]], asks: Iterable[tuple[Price, Count]]
    ) -> None:
        """Begin from a snapshot's levels, in any order. Levels must be distinct, positive and inside the market."""
        self.ticker = ticker
        self._bids = _Half(bids, rising=False)
        self._asks = _Half(asks, rising=True)

    def change(self, side: Side, price: Price, count: Count) -> bool | None:
        """Add a signed count to one level: whether the top changed, or None when the book cannot be right."""
        if not is_level(price):
            return None
        return (self._bids if side is Side.BID else self._asks).change(price, count)

    @property
    def crossed(self) -> bool:
        """Whether the best bid meets the best ask: no resting book does, so part of the picture is missing."""
        bids, asks = self._bids.best, self._asks.best
        return bool(bids and asks) and bids[0].price >= asks[0].price

    def top(self, received_mono_ns: int, exchange_ms: int) -> Top:
        """The best three levels of each side; `exchange_ms` is 0 where the exchange gave no stamp (snapshots)."""
        return Top(self.ticker, self._bids.best, self._asks.best, received_mono_ns, exchange_ms)


def is_level(price: Price) -> bool:
    """Whether an order can rest at this price."""
    return 0 < price < PRICE_PER_DOLLAR
