"""The exchange's answers to what was asked of it, and that there was none."""

from __future__ import annotations

import msgspec

from domain.clock import Now
from domain.event_types.event import Event
from domain.event_types.stream import Fill, OrderState
from domain.ids import GroupId, RequestId, Ticker
from domain.market import Market
from domain.money import Cash, Count, Price


class OddRow(msgspec.Struct, frozen=True):
    """One row of a listing that cannot be read: its name in the listing (empty where it has none), and why."""

    name: str
    why: str


class OrdersRead(Event, frozen=True):
    """A listing of our orders. `asked` is when the request left; `as_of_ms` the exchange's own validity stamp or 0.

    `odd`: rows of the listing that cannot be read.
    """

    request_id: RequestId
    asked: Now
    as_of_ms: int
    resting_only: bool
    orders: tuple[OrderState, ...]
    odd: tuple[OddRow, ...] = ()


class FillsRead(Event, frozen=True):
    """Our fills since `since_ms`."""

    request_id: RequestId
    asked: Now
    since_ms: int
    fills: tuple[Fill, ...]
    odd: tuple[OddRow, ...] = ()


class PositionState(msgspec.Struct, frozen=True, array_like=True):
    """Net YES contracts of one market: positive long, negative short."""

    ticker: Ticker
    count: Count


class PositionsRead(Event, frozen=True):
    """Our unsettled positions."""

    request_id: RequestId
    asked: Now
    positions: tuple[PositionState, ...]
    odd: tuple[OddRow, ...] = ()


class BalanceRead(Event, frozen=True):
    """Cash on one exchange shard."""

    request_id: RequestId
    asked: Now
    exchange_index: int
    balance: Cash


class GroupState(msgspec.Struct, frozen=True, array_like=True):
    """One order group in a listing; `triggered` when new orders into it would be refused."""

    group_id: GroupId
    triggered: bool
    exchange_index: int


class GroupsRead(Event, frozen=True):
    """All our order groups. `odd`: rows of the listing that cannot be read."""

    request_id: RequestId
    asked: Now
    groups: tuple[GroupState, ...]
    odd: tuple[OddRow, ...] = ()


class MarketsRead(Event, frozen=True):
    """The ladder of one series whose markets close at `target_ns`; empty when the exchange lists none.

    `odd`: rows of the listing that cannot be read, each a rung that nobody quotes.
    """

    request_id: RequestId
    asked: Now
    series: str
    target_ns: int
    markets: tuple[Market, ...]
    odd: tuple[OddRow, ...] = ()


class FeesRead(Event, frozen=True):
    """Fee terms in force for one series. `multiplier_ppm` is the exchange's fee multiplier in millionths.

    `agreed` is whether the fee file agrees; `problem` names what does not.
    """

    request_id: RequestId
    asked: Now
    series: str
    fee_type: str
    multiplier_ppm: int
    problem: str


class LimitsRead(Event, frozen=True):
    """The account's write bucket and what each operation costs, in tokens."""

    request_id: RequestId
    asked: Now
    tier: str
    write_refill_per_s: int
    write_capacity: int
    read_refill_per_s: int
    read_capacity: int
    place_cost: int
    cancel_cost: int
    group_cost: int


class ExchangeStatusRead(Event, frozen=True):
    """Whether the exchange is up and trading, and (from its Date stamps) how far our wall clock is from its own."""

    request_id: RequestId
    asked: Now
    exchange_active: bool
    trading_active: bool


class OpenHours(msgspec.Struct, frozen=True, array_like=True):
    """When the exchange trades on one weekday (Monday 0): New York minutes of that day, 1440 for its end."""

    weekday: int
    open_minute: int
    close_minute: int


class WeeklyHours(msgspec.Struct, frozen=True, array_like=True):
    """The hours of every week between two instants, Unix nanoseconds; outside them there is no trading."""

    start_ns: int
    end_ns: int
    hours: tuple[OpenHours, ...]


class Standstill(msgspec.Struct, frozen=True, array_like=True):
    """A time in which the exchange does not trade, Unix nanoseconds."""

    start_ns: int
    end_ns: int


class ExchangeScheduleRead(Event, frozen=True):
    """The exchange's own schedule: its weekly hours, and the maintenance that it has announced."""

    request_id: RequestId
    asked: Now
    weeks: tuple[WeeklyHours, ...]
    maintenance: tuple[Standstill, ...]


class SettlementState(msgspec.Struct, frozen=True):
    """How one market we held ended: revenue and fees in cash.

    `value`: what one YES contract paid; `yes`, `no`: the contracts that were paid for. None where it is not told.
    """

    ticker: Ticker
    result: str
    revenue: Cash
    fee: Cash
    value: Price | None = None
    yes: Count | None = None
    no: Count | None = None


class SettlementsRead(Event, frozen=True):
    """Settlements of one event, or of all where none is named. `unread`: rows that tell nothing that can be booked."""

    request_id: RequestId
    asked: Now
    event_ticker: str
    settlements: tuple[SettlementState, ...]
    unread: tuple[OddRow, ...] = ()


class ReadFailed(Event, frozen=True):
    """A read ended without an answer that can be used: nothing is known, which is not the same as nothing is there."""

    request_id: RequestId
    what: str
    http_status: int
    reason: str


class ClockSample(Event, frozen=True):
    """Exchange clock minus ours, measured on one answer; the truth lies within +- `uncertainty_ns`."""

    offset_ns: int
    uncertainty_ns: int
