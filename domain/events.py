"""Everything that enters the engine. One event, one step.

An event is a fact with the stamps of its arrival; it never says what to do. Requests are answered by exactly one
outcome, found by `request_id`, whose verdict is one of four: accepted, refused (the exchange said no, and we know it
did nothing), unknown (it may have happened), unsent (not one byte left us). The journal stores these structures as
JSON, and replay reads them back, so a field is renamed only together with the record version.

The types stand in `domain/event_types/`, a room for each source. This catalogue is closed, and other packages import
from it.
"""

from __future__ import annotations

from domain.event_types.closing import CloseOutOrder, CloseOutTold
from domain.event_types.event import Event
from domain.event_types.index import Bar, FeedState, FeedStatus, History, Tick
from domain.event_types.reads import (
    BalanceRead,
    ClockSample,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupsRead,
    GroupState,
    LimitsRead,
    MarketsRead,
    OddRow,
    OpenHours,
    OrdersRead,
    PositionsRead,
    PositionState,
    ReadFailed,
    SettlementsRead,
    SettlementState,
    Standstill,
    WeeklyHours,
)
from domain.event_types.shell import (
    CancelAllMarker,
    Command,
    ControlProven,
    IncidentWritten,
    JobOutcome,
    JobRoad,
    JobRun,
    JournalFault,
    KillSwitch,
    LoopStall,
    Operator,
    PreflightRun,
    RestrictedRead,
    Started,
    Stop,
    Wake,
)
from domain.event_types.stream import (
    BooksStale,
    BookTop,
    Fill,
    Filled,
    GroupUpdated,
    MarketChanged,
    OrderState,
    OrderUpdated,
    StreamStatus,
)
from domain.event_types.writes import (
    CancelAllOutcome,
    CancelOutcome,
    GroupOp,
    GroupOutcome,
    Outcome,
    PlaceOutcome,
    Verdict,
)

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
    | ExchangeScheduleRead
    | SettlementsRead
    | ReadFailed
    | ClockSample
    | Started
    | Operator
    | KillSwitch
    | CancelAllMarker
    | CloseOutTold
    | ControlProven
    | LoopStall
    | JournalFault
    | JobRun
    | RestrictedRead
    | PreflightRun
    | IncidentWritten
    | Wake
    | Stop
)
