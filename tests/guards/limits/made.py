"""Books and ladders for the limits: one account that can be filled by hand, one outlook that is told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import msgspec

from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from guards.exposure import MarketExposure
from guards.limits.outcomes import EventKey
from guards.risk import Judgement
from pricing.outcomes import Outcomes

DOLLAR = 1_000_000
DAY = "2026-11-23"
NUMBERS = itertools.count()


class Order(msgspec.Struct):
    """One order."""

    ticker: Ticker = Ticker("A")
    side: Side = Side.BID
    price: Price = Price(5000)
    remaining: Count = Count(100)
    series: str = "INXU"
    target_ns: int = 10**19
    client_order_id: ClientOrderId = msgspec.field(default_factory=lambda: ClientOrderId(f"o{next(NUMBERS)}"))


class Holding(msgspec.Struct):
    """What one market holds."""

    position: Count = Count(0)
    cash: Cash = Cash(0)
    fees: Cash = Cash(0)
    result: str = ""
    series: str = "INXU"
    target_ns: int = 10**19


class Untold(msgspec.Struct):
    """What was told of an order and is not in the ledger."""

    ticker: Ticker = Ticker("A")
    side: Side = Side.BID
    price: Price = Price(5000)
    unbooked: Count = Count(0)
    doubted: Count = Count(0)
    series: str = "INXU"
    target_ns: int = 10**19


class Book(msgspec.Struct):
    """Orders that may be live."""

    live: dict[ClientOrderId, Order] = {}


class Ledger(msgspec.Struct):
    """Positions."""

    markets: dict[Ticker, Holding] = {}
    realised: Cash = Cash(0)


class Account(msgspec.Struct):
    """The account's books."""

    balance: Cash | None = Cash(10_000 * DOLLAR)
    book: Book = msgspec.field(default_factory=Book)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    untold: dict[ClientOrderId, Untold] = {}
    spent: Cash = Cash(0)

    @property
    def equity(self) -> Cash | None:
        """All of it is cash."""
        return self.balance

    def send(self, *orders: Order) -> None:
        """These may be live."""
        self.book.live.update({order.client_order_id: order for order in orders})

    def hold(self, ticker: str, contracts: int, price: int, *, series: str = "INXU") -> None:
        """Contracts bought (sold, below zero) at a price."""
        count = contracts * 100
        self.ledger.markets[Ticker(ticker)] = Holding(Count(count), Cash(-count * price), series=series)


class Told:
    """An outlook that says what it was told."""

    def __init__(self, known: Mapping[EventKey, Outcomes] | None = None) -> None:
        self.known = known or {}

    def outcomes(self, _markets: Mapping[Ticker, MarketExposure]) -> Mapping[EventKey, Outcomes]:
        """What it was told."""
        return self.known


UNPRICED = Told()


def only(found: list[Judgement]) -> Judgement:
    """The one thing that was decided."""
    assert len(found) == 1, f"one decision, not {found}"
    return found[0]
