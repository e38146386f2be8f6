"""Records of the life of an order."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from domain.ids import ClientOrderId, OrderId, Ticker
from domain.market import Side
from domain.reasons import RiskLimit
from domain.record_types.entry import Entry, Milliseconds, Named, OrderCount, OrderPrice


class OrderCreatedEntry(Entry, frozen=True):
    """An order was proposed and passed risk; it is sent once this is on disk. `fair`: our price of the rung then."""

    client_order_id: ClientOrderId
    series: Named
    ticker: Ticker
    side: Side
    order_type: Literal["limit"]
    price: OrderPrice
    count: OrderCount
    is_live: bool
    fair: int
    window: int
    type: Literal["quote", "drill"] | UnsetType = UNSET


class OrderRefusedEntry(Entry, frozen=True):
    """Risk refused an order before it was sent; told once for each that differs. `window`: its target.

    `limit`: the limit that it would have passed.
    """

    series: Named
    window: int
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: OrderPrice
    count: OrderCount
    reason: Named
    limit: RiskLimit | UnsetType = UNSET


class OrderAckedEntry(Entry, frozen=True):
    """The exchange took an order. `rtt_ms`: from writing the request to its answer; null where no write was timed."""

    client_order_id: ClientOrderId
    order_id: OrderId
    rtt_ms: Milliseconds | None


class OrderFailedEntry(Entry, frozen=True):
    """An order was refused, never left, or its fate is not known yet."""

    client_order_id: ClientOrderId
    error_message: str
    failure_stage: Literal["exchange", "before_sending", "unknown"]


class OrderCancelledEntry(Entry, frozen=True):
    """An order is gone. `cancel_source`: `id` by our request, else what the exchange said of it."""

    client_order_id: ClientOrderId
    order_id: OrderId
    cancel_source: Named
    rtt_ms: Milliseconds | None
