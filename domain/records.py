"""What each typed record says: one struct per type, made at the place in a step where it becomes true.

A record is itself one of a step's actions, so it stands in its step, in order, and nowhere else. mypy knows its keys
and their kinds; what mypy cannot know, the bounds of a figure, is looked at when the record is made: one that is out of
them is a bug of ours and ends the run before a byte of its step is written. docs/events.md is made from them.

`RECORD_VERSION` stands in the head of each segment, beside the minor version (`RECORD_MINOR` in domain/actions.py). It
is raised when a key of a type changes its meaning or goes: what older versions wrote is read by `journal/earlier.py`,
and a journal of a newer version is refused by name. A new action that changes which orders may be live raises it too.

The types stand in `domain/record_types/`, a room for each subject. This catalogue is closed, and other packages import
from it.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from domain.door import plain
from domain.record_types.closing import CloseOutEntry, CloseOutOrderEntry
from domain.record_types.entry import Entry, InvalidRecordError, type_named
from domain.record_types.fills import (
    AdoptionEntry,
    FillAdoptedEntry,
    ForeignFillEntry,
    OrderFilledEntry,
    ReconciledEntry,
    SettlementEntry,
    StraySettlementEntry,
)
from domain.record_types.incidents import BreachEntry, IncidentFigure, IncidentFiledEntry, IncidentOpenedEntry
from domain.record_types.operators import JobRunEntry, NoteEntry, OperatorActionEntry, PreflightEntry
from domain.record_types.orders import (
    OrderAckedEntry,
    OrderCancelledEntry,
    OrderCreatedEntry,
    OrderFailedEntry,
    OrderRefusedEntry,
)
from domain.record_types.risk import (
    GuardTripEntry,
    KillSwitchEntry,
    MarketVetoedEntry,
    RestrictedListEntry,
    RiskDecisionEntry,
    RungsUnquotedEntry,
    StrictStandDownEntry,
    UnquotedRung,
    VolatilityLevelEntry,
)
from domain.record_types.states import (
    CancelAllDoneEntry,
    CancelAllMarkerEntry,
    ConfigEntry,
    DrillEntry,
    ExchangeScheduleEntry,
    FeedSwitchEntry,
    FeePathEntry,
    LimitsEntry,
    SchedulerWindow,
    TimeToFlatEntry,
    WindowPhaseEntry,
    WindowResultEntry,
    WsFreshnessEntry,
)

RECORD_VERSION: Final = 2

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
    | BreachEntry
    | IncidentOpenedEntry
    | IncidentFiledEntry
    | StrictStandDownEntry
    | ExchangeScheduleEntry
    | VolatilityLevelEntry
    | RestrictedListEntry
    | MarketVetoedEntry
    | RungsUnquotedEntry
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
    | CloseOutEntry
    | CloseOutOrderEntry
    | OperatorActionEntry
    | NoteEntry
    | JobRunEntry
    | PreflightEntry
)
ENTRIES: Final[tuple[type[AnyEntry], ...]] = get_args(AnyEntry)


def type_of(entry: type[Entry]) -> str:
    """The record type of a struct."""
    return type_named(entry.__name__)


def payload_of(entry: Entry) -> dict[str, Any]:
    """What a record says as plain JSON, without its type, for who prints it; what is not told is left out."""
    said = plain(entry)
    del said["kind"]
    return said
