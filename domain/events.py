# long: the catalogue of all events; splitting it would hide that it is closed
"""Everything that enters the engine. One event, one step.

An event is a fact with the stamps of its arrival; it never says what to do. Requests are answered by exactly one
outcome, found by `request_id`, whose verdict is one of four: accepted, refused (the exchange said no, and we know it
did nothing), unknown (it may have happened), unsent (not one byte left us). The journal stores these structures as
JSON, and replay reads them back, so a field is renamed only together with the record version.
"""

from __future__ import annotations

import enum

import msgspec

from domain.clock import Now
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker, TradeId
from domain.market import Market, Side, Top
from domain.money import Cash, Count, IndexValue, Price


class Event(msgspec.Struct, frozen=True, tag=str.lower, tag_field="kind"):
    """Base of all events; the class name in lower case is its tag in the journal."""


class Verdict(enum.StrEnum):
    """How a request ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


# --- index feeds -------------------------------------------------------------------------------------------------


class Tick(Event, frozen=True):
    """One index value. `raw` is the number as the vendor wrote it; `event_ns` the vendor's stamp."""

    feed: str
    symbol: str
    value: IndexValue
    raw: str
    event_ns: int
    received_mono_ns: int
    received_utc_ns: int


class FeedState(enum.StrEnum):
    """Where a feed's session stands."""

    DOWN = "down"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHED = "authed"
    SUBSCRIBED = "subscribed"
    LIVE = "live"
    COOLING = "cooling"
    FATAL = "fatal"


class FeedStatus(Event, frozen=True):
    """A feed's session changed state."""

    feed: str
    state: FeedState
    reason: str


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """One aggregate bar of the vendor's history: start (Unix ms), open and close."""

    start_ms: int
    open: IndexValue
    close: IndexValue


class History(Event, frozen=True):
    """Past bars of one index, oldest first, to seed the volatility estimate at start. Empty when none could be had."""

    symbol: str
    bar_ms: int
    bars: tuple[Bar, ...]


# --- exchange, pushed --------------------------------------------------------------------------------------------


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


# --- exchange, answers to writes ---------------------------------------------------------------------------------


class Outcome(Event, frozen=True):
    """Common part of every answer to a write: which request, how it ended, and how long it took."""

    request_id: RequestId
    verdict: Verdict
    http_status: int = 0
    code: str = ""
    detail: str = ""
    sent_mono_ns: int = 0


class PlaceOutcome(Outcome, frozen=True, kw_only=True):
    """One place ended."""

    client_order_id: ClientOrderId
    order_id: OrderId = OrderId("")
    filled: Count = Count(0)
    remaining: Count = Count(0)


class CancelOutcome(Outcome, frozen=True, kw_only=True):
    """One order's cancel ended; a batch gives one of these per order. A 404 is `unknown`, never `refused`.

    `reduced_by`: how much was still resting and was cancelled; None where the exchange does not say.
    """

    order_id: OrderId
    reduced_by: Count | None = None


class GroupOp(enum.StrEnum):
    """What was asked of an order group."""

    CREATE = "create"
    TRIGGER = "trigger"
    DELETE = "delete"


class GroupOutcome(Outcome, frozen=True, kw_only=True):
    """A group request ended; `group_id` is new for an accepted create."""

    op: GroupOp
    group_id: GroupId = GroupId("")
    as_of_ms: int = 0


class CancelAllOutcome(Outcome, frozen=True, kw_only=True):
    """An account-wide cancel-all ended."""


# --- exchange, answers to reads ----------------------------------------------------------------------------------


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
    """All our order groups."""

    request_id: RequestId
    asked: Now
    groups: tuple[GroupState, ...]


class MarketsRead(Event, frozen=True):
    """The ladder of one series whose markets close at `target_ns`; empty when the exchange lists none."""

    request_id: RequestId
    asked: Now
    series: str
    target_ns: int
    markets: tuple[Market, ...]


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


# --- the shell and the operator ----------------------------------------------------------------------------------


class Started(Event, frozen=True):
    """The first event of every run. `recovered` is the snapshot's payload as JSON text, or empty on a first start."""

    run_id: str
    boot_epoch: int
    mode: str
    config_hash: str
    build_id: str
    recovered: str


class Command(enum.StrEnum):
    """What an operator can ask."""

    CANCEL_ALL = "cancel_all"
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    ARM = "arm"
    NOTE = "note"
    SNAPSHOT = "snapshot"
    RECONCILE = "reconcile"
    ADOPT = "adopt"
    RUN_ONCE = "run_once"


class Operator(Event, frozen=True):
    """An operator's order, with who gave it, why, and by which road (a Reason text such as operator_cli).

    `by` is what he says of himself; `owner` is the account that the request's file belongs to, where there is a file.
    """

    command: Command
    by: str
    cause: str
    road: str
    ident: str
    owner: str = ""


class KillSwitch(Event, frozen=True):
    """What the kill switch's watcher saw: the file, EXECUTION_HALTED. Unreadable counts as active."""

    active: bool
    source: str
    reason: str


class CancelAllMarker(Event, frozen=True):
    """A durable marker says that some process asked for an account-wide cancel-all at `asked_utc_ns`."""

    asked_utc_ns: int
    by: str
    reason: str


class ControlProven(Event, frozen=True):
    """Another program proved one of our controls on the real account at `utc_ns` (`ladderd preflight --orders`)."""

    control: str
    utc_ns: int


class LoopStall(Event, frozen=True):
    """The event loop did not run for this long; frames received meanwhile look fresher than they are."""

    lag_ns: int


class JournalFault(Event, frozen=True):
    """The journal cannot write. Quotes are pulled first; nothing may be placed any more in this run."""

    reason: str


class JobOutcome(enum.StrEnum):
    """How a run of a job ended; `refused`: it was not begun."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class JobRoad(enum.StrEnum):
    """What began a run of a job: its hour, or an operator."""

    SCHEDULE = "schedule"
    ONCE = "once"


class JobRun(Event, frozen=True):
    """A run of one of the day's jobs is over. `cause`: why it is not done; `ident`: the request to answer, or empty."""

    job: str
    road: JobRoad
    by: str
    outcome: JobOutcome
    duration_ms: int
    cause: str
    ident: str


class Wake(Event, frozen=True):
    """A deadline of the engine's own has come."""


class Stop(Event, frozen=True):
    """The process was asked to end (SIGTERM, SIGINT): flatten, confirm, flush, go."""

    reason: str


AnyEvent = (
    Tick
    | FeedStatus
    | History
    | BookTop
    | BooksStale
    | StreamStatus
    | Filled
    | OrderUpdated
    | GroupUpdated
    | MarketChanged
    | PlaceOutcome
    | CancelOutcome
    | GroupOutcome
    | CancelAllOutcome
    | OrdersRead
    | FillsRead
    | PositionsRead
    | BalanceRead
    | GroupsRead
    | MarketsRead
    | FeesRead
    | LimitsRead
    | ExchangeStatusRead
    | SettlementsRead
    | ReadFailed
    | ClockSample
    | Started
    | Operator
    | KillSwitch
    | CancelAllMarker
    | ControlProven
    | LoopStall
    | JournalFault
    | JobRun
    | Wake
    | Stop
)
