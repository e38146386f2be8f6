"""What one market may cost us in the worst case, by position, cash paid, and every order that may be live.

On the YES leg: a bid of q at p that fills pays p*q and is worth q if YES; an ask of q at p receives p*q and owes q if
YES. So if the market settles NO the worst is our cash so far less all bids at their price; if YES, that cash plus the
position's worth less, for each ask, what it owes beyond its price. The loss is the worse of the two. Integers
throughout: Price x Count = Cash.

What is read from elsewhere is named here by shape, so that the guards need not know who keeps the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, Price


class _PlacedShape(Protocol):
    """Where an order of ours was placed, and for what."""

    @property
    def series(self) -> str:
        """The series it belongs to."""
        ...

    @property
    def target_ns(self) -> int:
        """Its window's target."""
        ...

    @property
    def ticker(self) -> Ticker:
        """Its market."""
        ...

    @property
    def side(self) -> Side:
        """Bid or ask of the YES leg."""
        ...

    @property
    def price(self) -> Price:
        """Its limit."""
        ...


class OrderShape(_PlacedShape, Protocol):
    """An order that may be live, or is about to be sent. `remaining` in 1/100 contract."""

    @property
    def client_order_id(self) -> ClientOrderId:
        """The name it was sent under."""
        ...

    @property
    def remaining(self) -> Count:
        """What may still fill."""
        ...


class UntoldShape(_PlacedShape, Protocol):
    """An order, live or gone, of which the exchange has told more than the ledger holds, or whose end nobody told."""

    @property
    def unbooked(self) -> Count:
        """What was told as filled and is not in the ledger."""
        ...

    @property
    def doubted(self) -> Count:
        """What may have been filled: it has gone, and nobody said how."""
        ...


class HoldingShape(Protocol):
    """What one market holds; `result` is empty until it is settled."""

    @property
    def series(self) -> str:
        """The series it belongs to."""
        ...

    @property
    def target_ns(self) -> int:
        """Its window's target."""
        ...

    @property
    def position(self) -> Count:
        """Net YES contracts."""
        ...

    @property
    def cash(self) -> Cash:
        """Asks less bids, before fees."""
        ...

    @property
    def fees(self) -> Cash:
        """What the exchange charged."""
        ...

    @property
    def result(self) -> str:
        """Empty until settled."""
        ...


class MarketExposure:
    """One market. Counts in 1/100 contract, cash in 1e-6 dollar; `net` is positive for YES."""

    __slots__ = ("ask_cost", "ask_count", "bid_cost", "bid_count", "cash", "net", "series", "target_ns")

    def __init__(self, series: str, target_ns: int, net: int = 0, cash: int = 0) -> None:
        """A market with this position and this cash paid in (asks, less bids and fees); nothing resting yet."""
        self.series = series
        self.target_ns = target_ns
        self.net = net
        self.cash = cash
        self.bid_count = 0
        self.bid_cost = 0
        self.ask_count = 0
        self.ask_cost = 0

    def rest(self, side: Side, price: int, count: int) -> None:
        """An order may be live."""
        if side is Side.BID:
            self.bid_count += count
            self.bid_cost += price * count
        else:
            self.ask_count += count
            self.ask_cost += (PRICE_PER_DOLLAR - price) * count

    def take(self, side: Side, price: int, count: int) -> None:
        """An order was filled at its price, though its fill is not in the ledger yet."""
        sign = 1 if side is Side.BID else -1
        self.net += sign * count
        self.cash -= sign * price * count

    @property
    def in_use(self) -> bool:
        """Whether something is held, or may be by an order: one that was bought and sold again is not."""
        return bool(self.net or self.bid_count or self.ask_count)

    @property
    def worst_loss(self) -> int:
        """The most this market can lose when it settles, in cash; 0 when it cannot lose."""
        return max(0, self.loss_if_no, self.loss_if_yes)

    @property
    def loss_if_no(self) -> int:
        """What it loses if it settles NO, with every bid filled and no ask; below zero where it gains."""
        return self.bid_cost - self.cash

    @property
    def loss_if_yes(self) -> int:
        """What it loses if it settles YES, with every ask filled and no bid; below zero where it gains."""
        return self.ask_cost - self.cash - self.net * PRICE_PER_DOLLAR

    def reach(self, side: Side) -> int:
        """Net position in the direction of a side if everything on that side fills."""
        return self.net + self.bid_count if side is Side.BID else self.ask_count - self.net


def stake(order: OrderShape) -> int:
    """What one order could take out of the cash: that is also the most that it can lose by itself."""
    return (order.price if order.side is Side.BID else PRICE_PER_DOLLAR - order.price) * order.remaining


def cash_bound(orders: Iterable[OrderShape]) -> int:
    """What orders that may be live could take out of the cash, each at its own price."""
    return sum(stake(order) for order in orders)


def exposures(
    holdings: Mapping[Ticker, HoldingShape],
    orders: Mapping[ClientOrderId, OrderShape],
    untold: Mapping[ClientOrderId, UntoldShape],
) -> dict[Ticker, MarketExposure]:
    """Every unsettled market in which something is held, may be live, or was told as filled in whatever way."""
    markets = {
        ticker: MarketExposure(held.series, held.target_ns, held.position, held.cash - held.fees)
        for ticker, held in holdings.items()
        if not held.result
    }
    for order in orders.values():
        market = markets.get(order.ticker)
        if market is None:
            market = markets[order.ticker] = MarketExposure(order.series, order.target_ns)
        market.rest(order.side, order.price, order.remaining)
    for told in untold.values():
        held = holdings.get(told.ticker)
        if held is not None and held.result:
            continue
        market = markets.get(told.ticker)
        if market is None:
            market = markets[told.ticker] = MarketExposure(told.series, told.target_ns)
        market.take(told.side, told.price, told.unbooked)
        market.rest(told.side, told.price, told.doubted)
    return markets
