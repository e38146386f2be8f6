"""What the exchange's websocket pushes: books, fills, orders, groups, the life of a market."""

from __future__ import annotations

import msgspec

from domain.event_types.event import Event
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side, Top
from domain.money import Cash, Count, Price


class BookTop(Event, frozen=True):
    """The top of one book changed. The only event that may be overwritten by a newer one before it is seen."""

    top: Top


class BooksStale(Event, frozen=True):
    """Books may no longer be believed (gap, disconnect, terminal error). Empty `tickers` = all."""

    tickers: tuple[Ticker, ...]
    reason: str


class StreamStatus(Event, frozen=True):
    """The exchange's websocket (books and private messages) came up, acknowledged and ready, or went down."""

    up: bool
    reason: str


class Fill(msgspec.Struct, frozen=True):
    """One execution of ours. Counted once, by `trade_id`. `client_order_id` is empty where REST does not tell it."""

    trade_id: TradeId
    order_id: OrderId
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: Price
    count: Count
    fee: Cash
    is_taker: bool
    exchange_ms: int


class Filled(Event, frozen=True):
    """The private stream reported a fill. `sent_ms`: the message's own stamp, 0 where it has none."""

    fill: Fill
    sent_ms: int = 0


class OrderState(msgspec.Struct, frozen=True):
    """One order as the exchange describes it. `status`: resting, canceled, executed, unknown."""

    order_id: OrderId
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: Price
    status: str
    initial: Count
    filled: Count
    remaining: Count
    group_id: GroupId
    exchange_index: int
    last_update_reason: str = ""
    expiration_ms: int = 0


class OrderUpdated(Event, frozen=True):
    """The private stream reported an order's new state. `sent_ms`: the message's own stamp, 0 where it has none."""

    order: OrderState
    sent_ms: int = 0


class GroupUpdated(Event, frozen=True):
    """The private stream reported a group event: created, triggered, reset, deleted, limit_updated."""

    group_id: GroupId
    what: str


class MarketChanged(Event, frozen=True):
    """A market's life changed: activated, deactivated, close_date_updated, determined, settled, price grid."""

    ticker: Ticker
    what: str
    result: str = ""
