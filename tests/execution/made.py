"""Markets, orders, tops and answers for the tests of this folder."""

from __future__ import annotations

from domain.actions import Cleared
from domain.clock import Now
from domain.events import OrderState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker
from domain.market import Level, Market, PriceRange, Side, StrikeType, Top
from domain.money import Count, IndexValue, Price
from execution.orders import Fact, Order, OrderBook
from execution.quoter import Quote
from guards.gate import evaluate
from guards.vote import PASS

CENTS = (PriceRange(Price(0), Price(10_000), Price(100)),)
TAPERED = (
    PriceRange(Price(0), Price(1_000), Price(10)),
    PriceRange(Price(1_000), Price(9_000), Price(100)),
    PriceRange(Price(9_000), Price(10_000), Price(10)),
)
TICKER = Ticker("KXINXU-X-T1")


def at(mono_ns: int) -> Now:
    return Now(mono_ns, 10**18 + mono_ns)


def market(ticker: str = TICKER, grid: tuple[PriceRange, ...] = CENTS) -> Market:
    strike = IndexValue(6_700_000_000)
    return Market(
        Ticker(ticker), "event", "INXU", StrikeType.GREATER_OR_EQUAL, strike, None, 0, 1, grid, 0, "active"
    )  # fmt: skip


def top(bids: list[tuple[int, int]], asks: list[tuple[int, int]], ticker: str = TICKER) -> Top:
    return Top(
        Ticker(ticker),
        tuple(Level(Price(p), Count(n)) for p, n in bids),
        tuple(Level(Price(p), Count(n)) for p, n in asks),
        0,
        0,
    )


def order(
    name: str = "ladderd-1-1",
    *,
    side: Side = Side.BID,
    price: int = 4_200,
    ticker: str = TICKER,
    group: str = "g",
    series: str = "INXU",
    now_ns: int = 0,
) -> Order:
    return Order(
        client_order_id=ClientOrderId(name),
        series=series,
        ticker=Ticker(ticker),
        side=side,
        price=Price(price),
        count=Count(100),
        group_id=GroupId(group),
        exchange_index=0,
        expiration_s=0,
        target_ns=1,
        now_ns=now_ns,
    )


def opened(book: OrderBook, name: str = "ladderd-1-1", **changes: str | int | Side) -> Order:
    """An order that the exchange has accepted as `o-<name>`."""
    made = order(name, **changes)  # type: ignore[arg-type]
    book.add(made)
    book.name(made, OrderId(f"o-{name}"))
    book.apply(made, Fact.ACCEPTED, 0)
    return made


def said(
    name: str, status: str = "resting", *, order_id: str = "", ticker: str = TICKER, filled: int = 0
) -> OrderState:
    return OrderState(
        OrderId(order_id or f"o-{name}"), ClientOrderId(name), Ticker(ticker), Side.BID, Price(4_200), status,
        Count(100), Count(filled), Count(100 - filled if status == "resting" else 0), GroupId("g"), 0,
    )  # fmt: skip


def quote(side: Side = Side.BID, price: int = 4_200, ticker: str = TICKER) -> Quote:
    return Quote(market(ticker), side, Price(price), Count(100), Price(5_000))


def cleared(series: str = "INXU", now_ns: int = 0) -> Cleared:
    """Permission, from its only maker."""
    given = evaluate(series, [("test", PASS)], 1 << 60, at(now_ns))
    assert isinstance(given, Cleared)
    return given
