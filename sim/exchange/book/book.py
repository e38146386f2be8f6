"""Price-time priority on the YES leg of one market.

A bid at p buys YES; an ask at p sells YES, which is the same as buying NO at 1 - p. Orders of one level wait in the
order of arrival (a dict keeps it, and forgets in constant time). The book knows nothing of accounts, cash or rules: it
keeps orders, level totals and the two best prices, and is never left crossed by those who use it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class Resting(Protocol):
    """What a book knows of the state of an order."""

    @property
    def price(self) -> int:
        """Its price on the YES leg."""
        ...

    @property
    def remaining(self) -> int:
        """What has not traded yet."""
        ...


class Queued(Protocol):
    """What a book knows of an order."""

    @property
    def id(self) -> str:
        """The exchange's id."""
        ...

    @property
    def side(self) -> str:
        """`bid` or `ask`."""
        ...

    @property
    def state(self) -> Resting:
        """Its price and what is left of it."""
        ...


Q = TypeVar("Q", bound=Queued)


class Level(Generic[Q]):
    """One price: its orders in time order and their total remaining count."""

    __slots__ = ("orders", "total")

    def __init__(self) -> None:
        self.orders: dict[str, Q] = {}
        self.total = 0


class Side(Generic[Q]):
    """One side of a book; `prices` ascend."""

    __slots__ = ("levels", "prices")

    def __init__(self) -> None:
        self.levels: dict[int, Level[Q]] = {}
        self.prices: list[int] = []

    def add(self, price: int, order: Q, count: int) -> None:
        """Queue an order at the back of its level."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            insort(self.prices, price)
        level.orders[order.id] = order
        level.total += count

    def remove(self, price: int, order: Q, count: int) -> None:
        """Take an order off, with the count that it still had."""
        level = self.levels[price]
        del level.orders[order.id]
        self._less(price, level, count)

    def shrink(self, price: int, count: int) -> None:
        """An order of this level lost `count` and keeps its place."""
        self._less(price, self.levels[price], count)

    def _less(self, price: int, level: Level[Q], count: int) -> None:
        level.total -= count
        assert level.total >= 0, "a level cannot hold less than nothing"
        if not level.orders:
            assert level.total == 0, "an empty level holds nothing"
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]

    def ladder(self) -> list[tuple[int, int]]:
        """(price, total) in ascending price order."""
        return [(price, self.levels[price].total) for price in self.prices]


class Book(Generic[Q]):
    """Both sides of one market."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids: Side[Q] = Side()
        self.asks: Side[Q] = Side()

    def side(self, name: str) -> Side[Q]:
        """`bid` or `ask` -> that side."""
        return self.bids if name == "bid" else self.asks

    def best_bid(self) -> int | None:
        """The highest bid, or None."""
        return self.bids.prices[-1] if self.bids.prices else None

    def best_ask(self) -> int | None:
        """The lowest ask, or None."""
        return self.asks.prices[0] if self.asks.prices else None

    def crosses(self, side: str, price: int) -> bool:
        """Whether an order of that side and price would match at once."""
        if side == "bid":
            best = self.best_ask()
            return best is not None and price >= best
        best = self.best_bid()
        return best is not None and price <= best

    def front(self, side: str, price: int) -> Q | None:
        """The resting order that an incoming `side` order at `price` meets first, or None."""
        if not self.crosses(side, price):
            return None
        levels, best = (self.asks, self.asks.prices[0]) if side == "bid" else (self.bids, self.bids.prices[-1])
        return next(iter(levels.levels[best].orders.values()))

    def facing(self, side: str, price: int) -> Iterator[Q]:
        """Resting orders that an incoming order would meet, in the order of meeting."""
        if side == "bid":
            for level in self.asks.prices:
                if level > price:
                    return
                yield from self.asks.levels[level].orders.values()
        else:
            for level in reversed(self.bids.prices):
                if level < price:
                    return
                yield from self.bids.levels[level].orders.values()

    def ahead_of(self, order: Q) -> int:
        """Count that must trade before this order does: better prices, and earlier orders at its own."""
        side, price = self.side(order.side), order.state.price
        better = [p for p in side.prices if (p > price if order.side == "bid" else p < price)]
        total = sum(side.levels[p].total for p in better)
        for other in side.levels[price].orders.values():
            if other is order:
                break
            total += other.state.remaining
        return total
