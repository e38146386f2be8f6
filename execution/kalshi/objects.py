"""The objects of the exchange's reads, as far as we use them, and how they become ours.

Unknown extra keys are ignored, a missing or mistyped one is refused: the exchange adds fields often, and a field that
we rely on and that has gone must not read as zero. Cash is in dollars as text, except `revenue` of settlements, which
is in whole cents (docs/exchange.md 0).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from domain.clock import NS_PER_MS
from domain.door import Name, StampMs, Whole
from domain.events import Fill, GroupState, OrderState, PositionState, SettlementState
from domain.exchange_text import FillText, OrderText
from domain.ids import GroupId, Ticker
from domain.money import CASH_MAX, CASH_PER_CENT, Cash, Price, parse_cash, parse_count
from domain.stamps import parse_rfc3339
from execution.kalshi.discovery import WireMarket

MS_PER_S = 1_000
Cursor = Annotated[str, msgspec.Meta(max_length=4_096)]
Cents = Annotated[int, msgspec.Meta(ge=-CASH_MAX // CASH_PER_CENT, le=CASH_MAX // CASH_PER_CENT)]
PRICE_PER_CENT = 100


class Page(msgspec.Struct):
    """What every list with a cursor has; the last page's cursor is empty."""

    cursor: Cursor | None = None


class WireOrder(OrderText, kw_only=True):
    """An order (docs/exchange.md 3.9)."""

    exchange_index: Whole | None = None
    expiration_time: Name | None = None

    def state(self) -> OrderState:
        """As ours. Raises ValueError."""
        expiration_ms = parse_rfc3339(self.expiration_time) // NS_PER_MS if self.expiration_time else 0
        return self.as_ours(self.exchange_index or 0, expiration_ms)


class KalshiFill(FillText, kw_only=True):
    """A fill (docs/exchange.md 5). REST does not tell the client order id, and the time in one of two fields."""

    ticker: Name
    created_time: Name | None = None
    ts: StampMs | None = None

    def state(self) -> Fill:
        """As ours. Raises ValueError."""
        if self.created_time:
            at_ms = parse_rfc3339(self.created_time) // NS_PER_MS
        elif self.ts is not None:
            at_ms = self.ts * MS_PER_S
        else:
            raise ValueError(f"fill {self.trade_id} tells no time")
        return self.as_ours(self.ticker, "", at_ms)


class WirePosition(msgspec.Struct):
    """A market position (docs/exchange.md 5); positive is YES."""

    ticker: Name
    position_fp: Name

    def state(self) -> PositionState:
        """As ours. Raises ValueError."""
        return PositionState(Ticker(self.ticker), parse_count(self.position_fp))


class WireGroup(msgspec.Struct):
    """An order group (docs/exchange.md 4). The name misleads: a fresh group has false, so true means triggered."""

    id: Name
    is_auto_cancel_enabled: bool
    exchange_index: Whole | None = None

    def state(self) -> GroupState:
        """As ours."""
        return GroupState(GroupId(self.id), self.is_auto_cancel_enabled, self.exchange_index or 0)


class WireSettlement(msgspec.Struct):
    """How one market we held ended (docs/exchange.md 5)."""

    ticker: Name
    market_result: Name
    revenue: Cents
    fee_cost: Name
    value: Cents | None = None
    yes_count_fp: Name | None = None
    no_count_fp: Name | None = None

    def state(self) -> SettlementState:
        """As ours. Raises ValueError."""
        yes, no = self.yes_count_fp, self.no_count_fp
        return SettlementState(
            Ticker(self.ticker),
            self.market_result,
            Cash(self.revenue * CASH_PER_CENT),
            parse_cash(self.fee_cost),
            value=None if self.value is None else Price(self.value * PRICE_PER_CENT),
            yes=None if yes is None else parse_count(yes),
            no=None if no is None else parse_count(no),
        )


class OrdersPage(Page, kw_only=True):
    """GET /portfolio/orders."""

    orders: list[WireOrder]


class FillsPage(Page, kw_only=True):
    """GET /portfolio/fills."""

    fills: list[KalshiFill]


class PositionsPage(Page, kw_only=True):
    """GET /portfolio/positions."""

    market_positions: list[WirePosition]


class RawOrdersPage(Page, kw_only=True):
    """The same, for when a row of it is odd."""

    orders: list[msgspec.Raw]


class RawFillsPage(Page, kw_only=True):
    """The same, for when a row of it is odd."""

    fills: list[msgspec.Raw]


class RawPositionsPage(Page, kw_only=True):
    """The same, for when a row of it is odd."""

    market_positions: list[msgspec.Raw]


class SettlementsPage(Page, kw_only=True):
    """GET /portfolio/settlements."""

    settlements: list[msgspec.Raw]


class MarketsPage(Page, kw_only=True):
    """GET /markets."""

    markets: list[WireMarket]


class RawMarketsPage(Page, kw_only=True):
    """The same, for when a row of it is odd."""

    markets: list[msgspec.Raw]


class KalshiGroups(msgspec.Struct):
    """GET /portfolio/order_groups: one page; the key may be left out when there are none."""

    order_groups: list[msgspec.Raw] | None = None


class ShardBalance(msgspec.Struct):
    """Cash on one shard, in dollars."""

    exchange_index: Whole
    balance: Name


class Balance(msgspec.Struct):
    """GET /portfolio/balance."""

    balance_dollars: Name
    balance_breakdown: list[ShardBalance] | None = None


class Bucket(msgspec.Struct):
    """One token bucket (docs/exchange.md 8)."""

    refill_rate: Whole
    bucket_capacity: Whole


class KalshiLimits(msgspec.Struct):
    """GET /account/limits."""

    usage_tier: Name
    read: Bucket
    write: Bucket


class EndpointCost(msgspec.Struct):
    """What one operation costs when it is not the default."""

    method: Name
    path: Name
    cost: Whole


class Costs(msgspec.Struct):
    """GET /account/endpoint_costs."""

    default_cost: Whole
    endpoint_costs: list[EndpointCost]


class ShardStatus(msgspec.Struct):
    """Whether one shard is up and trading."""

    exchange_index: Whole
    exchange_active: bool
    trading_active: bool


class SeriesTerms(msgspec.Struct):
    """Fee terms of a series; the multiplier as its own text."""

    ticker: Name
    fee_type: Name
    fee_multiplier: msgspec.Raw


class SeriesAnswer(msgspec.Struct):
    """GET /series/{ticker}."""

    series: SeriesTerms


class SeriesFeeChange(msgspec.Struct):
    """One planned change of a series' terms."""

    series_ticker: Name
    fee_type: Name
    fee_multiplier: msgspec.Raw
    scheduled_ts: Name


class SeriesFeeChanges(msgspec.Struct):
    """GET /series/fee_changes."""

    series_fee_change_arr: list[SeriesFeeChange]


class EventTerms(msgspec.Struct):
    """What an event overrides; null where it does not."""

    event_ticker: Name
    fee_type_override: Name | None = None
    fee_multiplier_override: msgspec.Raw = msgspec.Raw(b"null")


class EventAnswer(msgspec.Struct):
    """GET /events/{ticker}."""

    event: EventTerms


class EventFeeChange(msgspec.Struct):
    """One planned override of an event's terms, or its end (null)."""

    event_ticker: Name
    scheduled_ts: Name
    fee_type_override: Name | None = None
    fee_multiplier_override: msgspec.Raw = msgspec.Raw(b"null")


class EventFeeChanges(Page, kw_only=True):
    """GET /events/fee_changes."""

    event_fee_changes: list[EventFeeChange]


class KalshiStatus(msgspec.Struct):
    """GET /exchange/status; the top level speaks of shard 0."""

    exchange_active: bool
    trading_active: bool
    exchange_index_statuses: list[ShardStatus] | None = None
