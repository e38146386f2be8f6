"""Everything that leaves the engine: requests to the exchange, what the process does, alerts, and records.

`Cleared` is permission as a value. Only guards/gate.py makes one (the tidy test looks), a `Place` cannot be made
without one, and the venue refuses to write after the instant it names.
"""

from __future__ import annotations

import enum
from typing import Final, get_args

import msgspec

from domain.alert_types.catalogue import AnyAlert
from domain.ids import ClientOrderId, GroupId, RequestId, Ticker
from domain.market import OrderRef, Side
from domain.money import Count, Price
from domain.records import AnyEntry


class Action(msgspec.Struct, frozen=True, tag=str.lower, tag_field="kind"):
    """Base of all actions; the class name in lower case is its tag in the journal."""


class Cleared(msgspec.Struct, frozen=True):
    """Leave to place orders in one series until `not_after_mono_ns`; void from that instant on."""

    series: str
    not_after_mono_ns: int


# --- to the exchange: cancels, which never wait --------------------------------------------------------------------


class CancelOrders(Action, frozen=True):
    """Cancel these orders by id: one DELETE for one, a batch for several."""

    request_id: RequestId
    orders: tuple[OrderRef, ...]
    reason: str


class TriggerGroup(Action, frozen=True):
    """Kill an order group for good: all its orders, and those still travelling into it."""

    request_id: RequestId
    group_id: GroupId
    exchange_index: int
    reason: str


class CancelAll(Action, frozen=True):
    """Account-wide cancel-all. The exchange may go on killing new orders for a minute afterwards."""

    request_id: RequestId
    reason: str


# --- to the exchange: places, which wait for their record to be durable --------------------------------------------


class Place(Action, frozen=True):
    """Rest one post-only limit order. There is no field that could make it take."""

    request_id: RequestId
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: Price
    count: Count
    group_id: GroupId
    exchange_index: int
    expiration_s: int
    cleared: Cleared


class CreateGroup(Action, frozen=True):
    """Make an order group for one series and window."""

    request_id: RequestId
    series: str
    target_ns: int
    contracts_limit: int
    exchange_index: int


class DeleteGroup(Action, frozen=True):
    """Remove a group whose window is over."""

    request_id: RequestId
    group_id: GroupId
    exchange_index: int


# --- to the exchange: reads ----------------------------------------------------------------------------------------


class Read(enum.StrEnum):
    """What can be asked of the exchange."""

    RESTING = "resting"
    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS = "positions"
    BALANCE = "balance"
    GROUPS = "groups"
    MARKETS = "markets"
    FEES = "fees"
    LIMITS = "limits"
    STATUS = "status"
    SCHEDULE = "schedule"
    SETTLEMENTS = "settlements"


class Ask(Action, frozen=True):
    """One read. `series` and `target_ns` for markets and fees; `since_ms` for orders and fills; `ticker` an event."""

    request_id: RequestId
    what: Read
    series: str = ""
    target_ns: int = 0
    since_ms: int = 0
    ticker: str = ""
    exchange_index: int = 0


# --- to the shell --------------------------------------------------------------------------------------------------


class SubscribeBooks(Action, frozen=True):
    """The set of books wanted from now on, whole; the shell adds and removes.

    `anew`: those of them that something has proven stale, and that are asked for again whole.
    """

    tickers: tuple[Ticker, ...]
    anew: tuple[Ticker, ...] = ()


class FeedControl(Action, frozen=True):
    """Open or close one feed's socket (standby failover: never two sockets on one account)."""

    feed: str
    open: bool


class MarkCancelAll(Action, frozen=True):
    """Write the durable marker that blocks places in every process for the tail of a cancel-all."""

    asked_utc_ns: int
    reason: str


class AskWatcher(Action, frozen=True):
    """Leave a request for the outside watcher, which has a key of its own, to cancel everything."""

    asked_utc_ns: int
    reason: str


class RunPreflight(Action, frozen=True):
    """Look at everything that must hold before orders may go out, in a process of its own; `PreflightRun` answers."""

    number: int
    cause: str


class Report(Action, frozen=True):
    """A series' window is settled: write its report."""

    label: str
    target_ns: int
    series: str


class FileIncident(Action, frozen=True):
    """An open incident is to be written down: the account is empty, or was given long enough to be.

    `flat_ns`: from the breach until nothing could be live any more; None while something may be.
    """

    ident: str
    flat_ns: int | None


class Answer(Action, frozen=True):
    """Tell an operator who asked by a request file what became of it.

    Empty `text` is consent, with what `note` adds; else it says why not, one reason a line.
    """

    ident: str
    text: str
    note: str = ""


class Exit(Action, frozen=True):
    """End the process with this code, after flushing."""

    code: int
    reason: str


AnyAction = (
    CancelOrders
    | TriggerGroup
    | CancelAll
    | Place
    | CreateGroup
    | DeleteGroup
    | Ask
    | SubscribeBooks
    | FeedControl
    | MarkCancelAll
    | AskWatcher
    | RunPreflight
    | Report
    | FileIncident
    | Answer
    | Exit
    | AnyAlert
    | AnyEntry
)

RECORD_MINOR: Final = sum(1 + len(kind.__struct_fields__) for kind in get_args(AnyAction))
"""The minor version of what this build writes: how many types and keys it knows, so that each new one raises it.

A build before it keeps what it does not know and passes over it.
"""

CANCELS = (CancelOrders, TriggerGroup, CancelAll)
PLACES = (Place, CreateGroup, DeleteGroup)
REQUESTS = (*CANCELS, *PLACES, Ask)
