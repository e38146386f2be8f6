# long: the catalogue of all records; splitting it would hide that it is closed
"""What each typed record says: one struct per type, made at the place in a step where it becomes true.

A record is itself one of a step's actions, so it stands in its step, in order, and nowhere else. mypy knows its keys
and their kinds; what mypy cannot know, the bounds of a figure, is looked at when the record is made: one that is out of
them is a bug of ours and ends the run before a byte of its step is written. docs/events.md is made from this file.

`RECORD_VERSION` and `RECORD_MINOR` stand in the head of each segment. The version is raised when a key of a type
changes its meaning or goes: what older versions wrote is read by `journal/earlier.py`, and a journal of a newer version
is refused by name. A new type or key raises the minor version: a build before it keeps such a record and skips it.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from domain.events import JobOutcome, JobRoad
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, IndexValue, Price
from domain.reasons import RiskDecision
from domain.window import Phase

RECORD_VERSION: Final = 2
RECORD_MINOR: Final = 0

# Names of bounds, by which `_LIMITS` finds the fields that have them.
OrderPrice = Price
FillPrice = Price
OrderCount = Count
Milliseconds = float
Named = str

_LIMITS: Final[dict[str, tuple[float, float]]] = {
    "OrderPrice": (1, PRICE_PER_DOLLAR - 1),
    "FillPrice": (0, PRICE_PER_DOLLAR),
    "OrderCount": (1, float("inf")),
    "Milliseconds": (0, float("inf")),
}


class InvalidRecordError(ValueError):
    """A record that is not what its type says: a bug of ours. The text names type, key and fault, never a value."""


def type_named(class_name: str) -> str:
    """The record type of a class name: without `Entry`, in lower case with underscores."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.removesuffix("Entry")).lower()


class Entry(msgspec.Struct, frozen=True, tag=type_named, tag_field="kind"):
    """Base of all records. The class name without `Entry`, in lower case with underscores, is the record's type."""

    def __post_init__(self) -> None:
        """Raises InvalidRecordError for a figure out of its bounds."""
        for name, low, high in _BOUNDS.get(type(self), ()):
            value = getattr(self, name)
            if value is not None and value is not UNSET and not low <= value <= high:
                raise InvalidRecordError(f"a record {type_of(type(self))} that is none: {name} is out of its bounds")
        for name in _NAMED.get(type(self), ()):
            if getattr(self, name) == "":
                raise InvalidRecordError(f"a record {type_of(type(self))} that is none: {name} is empty")


# --- orders --------------------------------------------------------------------------------------------------------


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
    """Risk refused an order before it was sent; told once for each that differs. `window`: its target."""

    series: Named
    window: int
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: OrderPrice
    count: OrderCount
    reason: Named


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


# --- fills and what differs from the exchange ------------------------------------------------------------------------


class OrderFilledEntry(Entry, frozen=True):
    """One execution of an order of ours, each trade id once. `window`: its target."""

    trade_id: TradeId
    client_order_id: ClientOrderId
    order_id: OrderId
    series: str
    window: int
    ticker: Ticker
    side: Side
    fill_price: FillPrice
    fill_count: OrderCount
    fee: Cash
    liquidity_side: Literal["maker", "taker"]


class ForeignFillEntry(OrderFilledEntry, frozen=True):
    """One execution on the account that is not ours: nothing is booked until an operator adopts it."""


class FillAdoptedEntry(OrderFilledEntry, frozen=True):
    """An operator had a foreign fill booked. `by` and `cause`: who, and why."""

    by: str
    cause: str


class AdoptionEntry(Entry, frozen=True):
    """An operator had the exchange's truth taken. `drift`: which difference it was; `what`: ticker, order or balance.

    A position tells series, window, and the contracts of both sides; an orphan tells `detail`; a balance `amount`.
    """

    drift: Named
    what: str
    by: str
    cause: str
    series: str | UnsetType = UNSET
    window: int | UnsetType = UNSET
    exchange: Count | UnsetType = UNSET
    own: Count | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    amount: Cash | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One of the three shapes, whole."""
        Entry.__post_init__(self)
        position = (self.series, self.window, self.exchange, self.own)
        if _some(*position) + _some(self.detail) + _some(self.amount) != 1 or not _whole(*position):
            raise InvalidRecordError("an adoption tells one of: series, window, exchange and own; detail; amount")


class ReconciledEntry(Entry, frozen=True):
    """An operator's question whether books agree was answered. `unknown`: what could not be read, empty for nothing."""

    by: str
    ok: bool
    unknown: str
    differences: tuple[str, ...]


class SettlementEntry(Entry, frozen=True):
    """The exchange settled a market that we traded. `own_verdict`: how our own print of the index settles it.

    `worth`: what one YES contract came to; `odd`: what was paid beyond that, where a value is not whole. A market that
    is told again was amended: the newest line counts.
    """

    series: Named
    label: str
    target_ns: int
    ticker: Ticker
    result: str
    index_value: IndexValue | None
    expiration_value: str
    own_verdict: Literal["yes", "no", "UNKNOWN"]
    revenue: Cash
    fee: Cash
    position: Count
    pnl: Cash
    worth: FillPrice | UnsetType = UNSET
    odd: Cash | UnsetType = UNSET


class StraySettlementEntry(SettlementEntry, frozen=True):
    """The same for a market that was held in no window of ours."""


# --- risk decisions ------------------------------------------------------------------------------------------------


class RiskDecisionEntry(Entry, frozen=True):
    """A series' gate turned, or, without a series, the day's loss reached a level. `reason`: codes, or a sentence."""

    decision: RiskDecision
    approved: bool
    reason: str
    series: Named | UnsetType = UNSET


class GuardTripEntry(Entry, frozen=True):
    """A guard closed. `reason` says which; the other keys are its evidence.

    A stale final minute tells series, age_ms, limit_ms, window, count, session_frozen and feeds (Unix ns of each feed's
    newest value); feeds that disagree tell symbol and values; a lost order group tells series and group_id.
    """

    reason: Named
    series: Named | UnsetType = UNSET
    age_ms: float | UnsetType | None = UNSET
    limit_ms: Milliseconds | UnsetType = UNSET
    window: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    session_frozen: bool | UnsetType = UNSET
    feeds: dict[str, int] | UnsetType = UNSET
    symbol: Named | UnsetType = UNSET
    values: dict[str, IndexValue] | UnsetType = UNSET
    group_id: GroupId | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One of the three shapes, whole."""
        Entry.__post_init__(self)
        stale = (self.age_ms, self.limit_ms, self.window, self.count, self.session_frozen, self.feeds)
        apart = (self.symbol, self.values)
        one = _some(*stale) + _some(*apart) + _some(self.group_id) == 1
        if not one or not _whole(*stale) or not _whole(*apart) or _some(self.series) == _some(*apart):
            raise InvalidRecordError("a guard trip tells the evidence of one guard, whole")


class KillSwitchEntry(Entry, frozen=True):
    """The kill latch closed. `source`: what closed it."""

    source: str
    reason: str


class StrictStandDownEntry(Entry, frozen=True):
    """A series stands down in its final minute as planned: its index comes too seldom for the limit."""

    series: Named
    cadence_p99_ms: Milliseconds | None
    limit_ms: Milliseconds


# --- states --------------------------------------------------------------------------------------------------------


class SchedulerWindow(msgspec.Struct, frozen=True):
    """A window as the schedule shows it; instants in New York's time."""

    label: str
    target_type: str
    series: tuple[str, ...]
    start_et: str
    target_et: str
    freeze_et: str
    freshness_strict_et: str
    flatten_at_et: str


class WindowPhaseEntry(Entry, frozen=True):
    """A series entered another phase of its window."""

    series: Named
    label: str
    phase: Phase
    target_ns: int
    scheduler_window: SchedulerWindow


class LimitsEntry(Entry, frozen=True):
    """The limits in force in a window, as this run was configured when it met it. `basis`: what the ages are."""

    series: Named
    target_ns: int
    basis: Literal["age", "lateness"]
    arm_limit_ms: int
    soft_limit_ms: int
    strict_limit_ms: int
    stale_threshold_ms: int
    divergence_bps: int
    minimum_ev_cents: int
    contracts_per_order: int
    per_order_dollars: int
    per_day_dollars: int
    markets_max: int
    per_market_contracts: int
    per_window_contracts: int


class WindowResultEntry(Entry, frozen=True):
    """A window is over. `print`: our print of the index, rounded to a cent; `pnl` is null until all is settled."""

    series: Named
    label: str
    target_ns: int
    print: IndexValue | None
    expiration_value: str
    quotes: int
    fills: int
    trips: int
    pnl: Cash | None
    settled: bool


class WsFreshnessEntry(Entry, frozen=True):
    """How young the index was in a window: gaps between its values, and the cadence that was learned."""

    series: Named
    target_ns: int
    basis: str
    age_p50_ms: Milliseconds | None
    age_p99_ms: Milliseconds | None
    cadence_p50_ms: Milliseconds | None
    cadence_p99_ms: Milliseconds | None
    ticks: int


class FeedSwitchEntry(Entry, frozen=True):
    """Another feed is trusted from here on. `age_ms`: of the newest value of the feed that was left."""

    from_feed: str
    to_feed: str
    why: str
    age_ms: float | None


class FeePathEntry(Entry, frozen=True):
    """Which fees a series is quoted with: our file's, and what the exchange says. `problem` blocks, `warning` does not.

    `multiplier_ppm`: the exchange's multiplier of the fee, in millionths.
    """

    series: Named
    maker: str | None
    maker_coefficient: str | None
    taker_coefficient: str | None
    effective: str | None
    fee_type: str
    multiplier_ppm: int
    problem: str
    warning: str


class TimeToFlatEntry(Entry, frozen=True):
    """The exchange's list was proven empty. `series`: or the whole account; `orders`: how many might have been live."""

    series: Named
    trigger: str
    ms: Milliseconds
    orders: int


class DrillEntry(Entry, frozen=True):
    """The session's drill of a control: what it waits for, that it was missed, or proven with its time to flat."""

    control: Named
    result: Literal["waits", "missed", "proven"]
    why: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    client_order_id: ClientOrderId | UnsetType = UNSET
    ticker: Ticker | UnsetType = UNSET
    ms: Milliseconds | UnsetType = UNSET


class CancelAllDoneEntry(Entry, frozen=True):
    """A request for a cancel-all ended flat, so long after it was made."""

    reason: str
    ms: Milliseconds


class CancelAllMarkerEntry(Entry, frozen=True):
    """Some process left the mark of an account-wide cancel-all: its tail is obeyed."""

    by: str
    reason: str


class ConfigEntry(Entry, frozen=True):
    """A run began: hash of its configuration, build, and mode."""

    hash: str
    build_id: str
    mode: str


# --- operators -----------------------------------------------------------------------------------------------------


class OperatorActionEntry(Entry, frozen=True):
    """An operator or a signal asked for something. `road`: how it came. What lifts a stop tells the gates against it.

    `refused`: why it was not done; `lifted`: what it lifts; `later`: what is judged only later. `by` is a claim;
    `owner` is the account that the request's file belongs to.
    """

    command: Named
    by: str
    cause: str
    road: str
    owner: Named | UnsetType = UNSET
    refused: tuple[str, ...] | UnsetType = UNSET
    lifted: tuple[str, ...] | UnsetType = UNSET
    later: tuple[str, ...] | UnsetType = UNSET


class NoteEntry(Entry, frozen=True):
    """A note of an operator."""

    text: str
    by: str


class JobRunEntry(Entry, frozen=True):
    """A run of one of the day's jobs ended, by its schedule or asked for once. `cause`: why it is not done."""

    job: str
    road: JobRoad
    by: str
    outcome: JobOutcome
    duration_ms: Milliseconds
    cause: str


def _some(*values: object) -> bool:
    return any(value is not UNSET for value in values)


def _whole(*values: object) -> bool:
    return len({value is UNSET for value in values}) == 1


def type_of(entry: type[Entry]) -> str:
    """The record type of a struct."""
    return type_named(entry.__name__)


def payload_of(entry: Entry) -> dict[str, Any]:
    """What a record says as plain JSON, without its type, for who prints it; what is not told is left out."""
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(entry))
    del said["kind"]
    return said


AnyEntry = (
    OrderCreatedEntry
    | OrderRefusedEntry
    | OrderAckedEntry
    | OrderFailedEntry
    | OrderCancelledEntry
    | OrderFilledEntry
    | ForeignFillEntry
    | FillAdoptedEntry
    | AdoptionEntry
    | ReconciledEntry
    | SettlementEntry
    | StraySettlementEntry
    | RiskDecisionEntry
    | GuardTripEntry
    | KillSwitchEntry
    | StrictStandDownEntry
    | WindowPhaseEntry
    | WindowResultEntry
    | WsFreshnessEntry
    | LimitsEntry
    | FeedSwitchEntry
    | FeePathEntry
    | TimeToFlatEntry
    | DrillEntry
    | CancelAllDoneEntry
    | CancelAllMarkerEntry
    | ConfigEntry
    | OperatorActionEntry
    | NoteEntry
    | JobRunEntry
)
ENTRIES: Final[tuple[type[AnyEntry], ...]] = get_args(AnyEntry)


def _fields_as_written(entry: type[Entry]) -> dict[str, str]:
    """The fields with their types as they stand in this file, those of the bases first."""
    found: dict[str, str] = {}
    for base in reversed(entry.__mro__):
        found |= inspect.get_annotations(base)
    return found


_BOUNDS: Final[dict[type[Entry], tuple[tuple[str, float, float], ...]]] = {
    entry: tuple(
        (name, *_LIMITS[part])
        for name, written in _fields_as_written(entry).items()
        for part in written.split(" | ")
        if part in _LIMITS
    )
    for entry in ENTRIES
}
_NAMED: Final[dict[type[Entry], tuple[str, ...]]] = {
    entry: tuple(name for name, written in _fields_as_written(entry).items() if "Named" in written.split(" | "))
    for entry in ENTRIES
}
