"""Orders across a restart: as the snapshot holds them, and how the next run takes them over."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.ids import ClientOrderId, GroupId, OrderId, Ticker
from domain.market import Side
from domain.money import Count, Price
from execution.orders import Order, OrderBook, OrderStatus


class OrderRecord(msgspec.Struct, frozen=True):
    """An order as the snapshot holds it."""

    client_order_id: ClientOrderId
    order_id: OrderId
    series: str
    ticker: Ticker
    side: Side
    price: Price
    count: Count
    remaining: Count
    filled: Count
    group_id: GroupId
    exchange_index: int
    expiration_s: int
    target_ns: int
    state: OrderStatus
    booked: Count | None = None
    doubted: Count = Count(0)


def record(live: Iterable[Order], untold: Iterable[Order]) -> tuple[OrderRecord, ...]:
    """The live orders as plain values, for the snapshot, and those gone whose fills are not all in the ledger."""
    return tuple(
        OrderRecord(
            o.client_order_id, o.order_id, o.series, o.ticker, o.side, o.price, o.count, o.remaining, o.filled,
            o.group_id, o.exchange_index, o.expiration_s, o.target_ns, o.state, o.booked, o.doubted,
        )
        for o in (*live, *(o for o in untold if o.state is OrderStatus.GONE))
    )  # fmt: skip


def restore(book: OrderBook, records: Iterable[OrderRecord], now_ns: int, acked_ns: int | None = None) -> list[Order]:
    """Enter the orders of the run before. Whatever was in flight then is unknown now, and none is wanted.

    Returns those of which more was told as filled than was booked, or whose end nobody told.
    `acked_ns`: no later than this was the last of those acknowledged that the exchange has named (default: now).
    A list that lacks one of them and was asked a SETTLE later proves it gone; not so a place that was in flight.
    """
    untold: list[Order] = []
    for record in records:
        order = Order(
            client_order_id=record.client_order_id,
            series=record.series,
            ticker=record.ticker,
            side=record.side,
            price=record.price,
            count=record.count,
            group_id=record.group_id,
            exchange_index=record.exchange_index,
            expiration_s=record.expiration_s,
            target_ns=record.target_ns,
            now_ns=now_ns,
        )
        order.remaining = record.remaining
        order.filled = record.filled
        order.booked = record.filled if record.booked is None else record.booked
        order.doubted, order.told_ns = record.doubted, now_ns
        if order.unbooked or order.doubted:
            untold.append(order)
        order.in_flight = False
        order.unwanted = True
        order.cancels = 1  # the run before may have asked
        order.state = OrderStatus.PLACING if record.state is OrderStatus.PLACING else OrderStatus.OPEN
        if order.state is OrderStatus.OPEN and acked_ns is not None:
            order.alive_ns = min(now_ns, acked_ns)
        if record.state is OrderStatus.GONE:
            book.add_gone(order)
        else:
            book.add(order)
        book.name(order, record.order_id)
    return untold
