"""The objects of the exchange's reads, as far as we use them, and how they become ours.

Unknown extra keys are ignored, a missing or mistyped one is refused: the exchange adds fields often, and a field that
we rely on and that has gone must not read as zero. Cash is in dollars as text, except `revenue` of settlements, which
is in whole cents (docs/exchange.md 0).
"""

from __future__ import annotations

import msgspec

from domain.clock import NS_PER_MS
from domain.events import Fill, GroupState, OrderState, PositionState, SettlementState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import CASH_PER_CENT, Cash, parse_cash, parse_count, parse_price
from domain.stamps import parse_rfc3339
from execution.kalshi.discovery import WireMarket

MS_PER_S = 1_000


class Page(msgspec.Struct):
    """What every list with a cursor has; the last page's cursor is empty."""

    cursor: str | None = None


class WireOrder(msgspec.Struct):
    """An order (docs/exchange.md 3.9)."""

    order_id: str
    client_order_id: str
    ticker: str
    book_side: str
    status: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    order_group_id: str | None = None
    exchange_index: int | None = None
    expiration_time: str | None = None

    def state(self) -> OrderState:
        """As ours. Raises ValueError."""
        return OrderState(
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(self.client_order_id),
            ticker=Ticker(self.ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            status=self.status,
            initial=parse_count(self.initial_count_fp),
            filled=parse_count(self.fill_count_fp),
            remaining=parse_count(self.remaining_count_fp),
            group_id=GroupId(self.order_group_id or ""),
            exchange_index=self.exchange_index or 0,
            expiration_ms=parse_rfc3339(self.expiration_time) // NS_PER_MS if self.expiration_time else 0,
        )


class WireFill(msgspec.Struct):
    """A fill (docs/exchange.md 5). REST does not tell the client order id, and the time in one of two fields."""

    trade_id: str
    order_id: str
    ticker: str
    book_side: str
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    is_taker: bool
    created_time: str | None = None
    ts: int | None = None

    def fill(self) -> Fill:
        """As ours. Raises ValueError."""
        if self.created_time:
            at_ms = parse_rfc3339(self.created_time) // NS_PER_MS
        elif self.ts is not None:
            at_ms = self.ts * MS_PER_S
        else:
            raise ValueError(f"fill {self.trade_id} tells no time")
        return Fill(
            trade_id=TradeId(self.trade_id),
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(""),
            ticker=Ticker(self.ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            count=parse_count(self.count_fp),
            fee=parse_cash(self.fee_cost),
            is_taker=self.is_taker,
            exchange_ms=at_ms,
        )


class WirePosition(msgspec.Struct):
    """A market position (docs/exchange.md 5); positive is YES."""

    ticker: str
    position_fp: str

    def state(self) -> PositionState:
        """As ours. Raises ValueError."""
        return PositionState(Ticker(self.ticker), parse_count(self.position_fp))


class WireGroup(msgspec.Struct):
    """An order group (docs/exchange.md 4). The name misleads: a fresh group has false, so true means triggered."""

    id: str
    is_auto_cancel_enabled: bool
    exchange_index: int | None = None

    def state(self) -> GroupState:
        """As ours."""
        return GroupState(GroupId(self.id), self.is_auto_cancel_enabled, self.exchange_index or 0)


class WireSettlement(msgspec.Struct):
    """How one market we held ended (docs/exchange.md 5)."""

    ticker: str
    market_result: str
    revenue: int
    fee_cost: str

    def state(self) -> SettlementState:
        """As ours. Raises ValueError."""
        return SettlementState(
            Ticker(self.ticker), self.market_result, Cash(self.revenue * CASH_PER_CENT), parse_cash(self.fee_cost)
        )


class OrdersPage(Page, kw_only=True):
    """GET /portfolio/orders."""

    orders: list[WireOrder]


class FillsPage(Page, kw_only=True):
    """GET /portfolio/fills."""

    fills: list[WireFill]


class PositionsPage(Page, kw_only=True):
    """GET /portfolio/positions."""

    market_positions: list[WirePosition]


class SettlementsPage(Page, kw_only=True):
    """GET /portfolio/settlements."""

    settlements: list[WireSettlement]


class MarketsPage(Page, kw_only=True):
    """GET /markets."""

    markets: list[WireMarket]


class Groups(msgspec.Struct):
    """GET /portfolio/order_groups: one page; the key may be left out when there are none."""

    order_groups: list[WireGroup] | None = None


class ShardBalance(msgspec.Struct):
    """Cash on one shard, in dollars."""

    exchange_index: int
    balance: str


class Balance(msgspec.Struct):
    """GET /portfolio/balance."""

    balance_dollars: str
    balance_breakdown: list[ShardBalance] | None = None


class Bucket(msgspec.Struct):
    """One token bucket (docs/exchange.md 8)."""

    refill_rate: int
    bucket_capacity: int


class Limits(msgspec.Struct):
    """GET /account/limits."""

    usage_tier: str
    read: Bucket
    write: Bucket


class EndpointCost(msgspec.Struct):
    """What one operation costs when it is not the default."""

    method: str
    path: str
    cost: int


class Costs(msgspec.Struct):
    """GET /account/endpoint_costs."""

    default_cost: int
    endpoint_costs: list[EndpointCost]


class ShardStatus(msgspec.Struct):
    """Whether one shard is up and trading."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool


class SeriesTerms(msgspec.Struct):
    """Fee terms of a series; the multiplier as its own text."""

    ticker: str
    fee_type: str
    fee_multiplier: msgspec.Raw


class SeriesAnswer(msgspec.Struct):
    """GET /series/{ticker}."""

    series: SeriesTerms


class SeriesFeeChange(msgspec.Struct):
    """One planned change of a series' terms."""

    series_ticker: str
    fee_type: str
    fee_multiplier: msgspec.Raw
    scheduled_ts: str


class SeriesFeeChanges(msgspec.Struct):
    """GET /series/fee_changes."""

    series_fee_change_arr: list[SeriesFeeChange]


class EventTerms(msgspec.Struct):
    """What an event overrides; null where it does not."""

    event_ticker: str
    fee_type_override: str | None = None
    fee_multiplier_override: msgspec.Raw = msgspec.Raw(b"null")


class EventAnswer(msgspec.Struct):
    """GET /events/{ticker}."""

    event: EventTerms


class EventFeeChange(msgspec.Struct):
    """One planned override of an event's terms, or its end (null)."""

    event_ticker: str
    scheduled_ts: str
    fee_type_override: str | None = None
    fee_multiplier_override: msgspec.Raw = msgspec.Raw(b"null")


class EventFeeChanges(Page, kw_only=True):
    """GET /events/fee_changes."""

    event_fee_changes: list[EventFeeChange]


class Status(msgspec.Struct):
    """GET /exchange/status; the top level speaks of shard 0."""

    exchange_active: bool
    trading_active: bool
    exchange_index_statuses: list[ShardStatus] | None = None
