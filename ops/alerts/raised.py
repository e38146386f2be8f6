"""Which alerts a step raises: those that left it as such, and those that one of its records tells.

What a record tells is not told twice, so the record itself is the alert's text. Two alerts of one kind about the same
are the same alert, said once: a feed switch is about both its feeds, so that the way back is another alert.
`docs/runbooks/alerts.md` has a section for each kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain.alert_types.alert import Alert, Severity, kind_of
from domain.alert_types.catalogue import ALERTS
from domain.door import plain
from domain.events import Command
from domain.ids import is_close_out
from domain.reasons import Reason, RiskLimit
from domain.records import (
    CloseOutEntry,
    DrillEntry,
    Entry,
    FeedSwitchEntry,
    FeePathEntry,
    ForeignFillEntry,
    GuardTripEntry,
    IncidentFiledEntry,
    KillSwitchEntry,
    OperatorActionEntry,
    OrderFilledEntry,
    OrderRefusedEntry,
    RestrictedListEntry,
    RiskDecisionEntry,
    SettlementEntry,
    StraySettlementEntry,
    StrictStandDownEntry,
)

STRAINS: Final = frozenset({RiskLimit.STRESS, RiskLimit.VALUE_AT_RISK})
OWN_ALERT: Final = STRAINS | {RiskLimit.DAY_LOSS, RiskLimit.EVENT_LOSS}
YES_NO: Final = frozenset({"yes", "no"})


class Raised(msgspec.Struct, frozen=True):
    """One alert: its kind, how grave it is, what makes it the same as another, and what tells it."""

    kind: str
    severity: Severity
    about: tuple[str, ...]
    told: Alert | Entry

    @property
    def subject(self) -> str:
        """What makes two alerts the same, as text: the kind, and what it is about."""
        about = [getattr(self.told, name) for name in self.about]
        return f"{self.kind} {msgspec.json.encode(about, order='sorted').decode()}"

    @property
    def payload(self) -> dict[str, Any]:
        """What it tells as plain JSON, for receivers; what the record leaves out is left out."""
        said = plain(self.told)
        said.pop("severity", None)
        del said["kind"]
        return said


class RecordedKind(msgspec.Struct, frozen=True):
    """One kind of alert that records tell. `severity` gives None for a record that is no such alert."""

    entries: tuple[type[Entry], ...]
    about: tuple[str, ...]
    severity: Callable[[Any], Severity | None]


def _when(severity: Severity, test: Callable[[Any], bool]) -> Callable[[Any], Severity | None]:
    return lambda entry: severity if test(entry) else None


def _stale(trip: GuardTripEntry) -> Severity | None:
    if trip.reason != Reason.FINAL_MINUTE_STALE:
        return None
    return Severity.CRITICAL if trip.session_frozen is True else Severity.WARNING


def _fees(path: FeePathEntry) -> Severity | None:
    if path.problem:
        return Severity.ERROR
    return Severity.WARNING if path.warning else None


def _disputed(row: SettlementEntry) -> bool:
    """Whether the exchange settled a market otherwise than our own print says, where ours is known."""
    own, said = row.own_verdict, row.result
    return own in YES_NO and said in YES_NO and own != said


def _limited(*limits: RiskLimit) -> Callable[[Any], bool]:
    """Whether risk decided by itself, for one of these limits."""
    return lambda judged: not judged.approved and judged.limit in limits


def _closed_out(end: CloseOutEntry) -> Severity | None:
    if end.outcome is UNSET:
        return None
    return Severity.ERROR if end.left else Severity.INFO


def _took(fill: OrderFilledEntry) -> bool:
    """Whether an order took that must not: a close-all's are meant to."""
    return fill.liquidity_side == "taker" and not is_close_out(fill.client_order_id)


def _refused(command: Command) -> Callable[[Any], Severity | None]:
    return _when(Severity.WARNING, lambda asked: asked.command == command and asked.refused not in (UNSET, ()))


def _restricted(read: RestrictedListEntry) -> Severity | None:
    if read.problem:
        return Severity.ERROR
    return Severity.WARNING if read.names or read.tactics else None


def _tripped(reason: Reason) -> Callable[[Any], bool]:
    return lambda trip: trip.reason == reason


RECORDED: Final[dict[str, RecordedKind]] = {
    "arm_refused": RecordedKind((OperatorActionEntry,), ("by", "refused"), _refused(Command.ARM)),
    "close_all": RecordedKind(
        (CloseOutEntry,), ("ident",), _when(Severity.WARNING, lambda begun: begun.outcome is UNSET)
    ),
    "close_all_ended": RecordedKind((CloseOutEntry,), ("ident",), _closed_out),
    "daily_loss": RecordedKind(
        (RiskDecisionEntry,), ("decision",), _when(Severity.CRITICAL, _limited(RiskLimit.DAY_LOSS))
    ),
    "drill_missed": RecordedKind(
        (DrillEntry,), ("control", "session"), _when(Severity.WARNING, lambda drill: drill.result == "missed")
    ),
    "feed_divergence": RecordedKind(
        (GuardTripEntry,), ("symbol",), _when(Severity.ERROR, _tripped(Reason.FEED_DIVERGENCE))
    ),
    "feed_switch": RecordedKind((FeedSwitchEntry,), ("from_feed", "to_feed"), lambda _: Severity.WARNING),
    "fees_disagree": RecordedKind((FeePathEntry,), ("series", "problem", "warning"), _fees),
    "final_minute_stale": RecordedKind((GuardTripEntry,), ("series", "window", "count"), _stale),
    "foreign_fill": RecordedKind((ForeignFillEntry,), ("trade_id",), lambda _: Severity.CRITICAL),
    "incident_filed": RecordedKind((IncidentFiledEntry,), ("ident",), lambda _: Severity.ERROR),
    "kill_switch": RecordedKind((KillSwitchEntry,), ("source", "reason"), lambda _: Severity.CRITICAL),
    "order_group_lost": RecordedKind(
        (GuardTripEntry,), ("group_id",), _when(Severity.WARNING, _tripped(Reason.ORDER_GROUP_LOST))
    ),
    "resume_refused": RecordedKind((OperatorActionEntry,), ("by", "refused"), _refused(Command.RESUME)),
    "risk_alert": RecordedKind(
        (RiskDecisionEntry,), ("limit",), _when(Severity.CRITICAL, _limited(*set(RiskLimit) - OWN_ALERT))
    ),
    "risk_reject": RecordedKind((OrderRefusedEntry,), ("series", "limit"), lambda _: Severity.WARNING),
    "risk_stop_loss": RecordedKind(
        (RiskDecisionEntry,), ("reason",), _when(Severity.CRITICAL, _limited(RiskLimit.EVENT_LOSS))
    ),
    "risk_stress_breach": RecordedKind((RiskDecisionEntry,), ("limit",), _when(Severity.CRITICAL, _limited(*STRAINS))),
    "settlement_disagrees": RecordedKind(
        (SettlementEntry, StraySettlementEntry), ("ticker",), _when(Severity.CRITICAL, _disputed)
    ),
    "restricted_list": RecordedKind((RestrictedListEntry,), ("names", "tactics", "problem"), _restricted),
    "strict_stand_down": RecordedKind((StrictStandDownEntry,), ("series",), lambda _: Severity.INFO),
    "taker_fill": RecordedKind((OrderFilledEntry,), ("trade_id",), _when(Severity.CRITICAL, _took)),
}
ALERT_KINDS: Final = (*(kind_of(alert) for alert in ALERTS), *RECORDED)
_OF_ENTRY: Final[dict[type, tuple[tuple[str, RecordedKind], ...]]] = {
    entry: tuple((kind, how) for kind, how in RECORDED.items() if entry in how.entries)
    for how in RECORDED.values()
    for entry in how.entries
}


def raised_by(action: msgspec.Struct) -> Raised | None:
    """The alert that something that left a step is, or tells; None for what is none."""
    if isinstance(action, Alert):
        return of_alert(action)
    for kind, how in _OF_ENTRY.get(type(action), ()):
        severity = how.severity(action)
        if severity is not None:
            assert isinstance(action, Entry), "the table has records alone"
            return Raised(kind, severity, how.about, action)
    return None


def of_alert(alert: Alert) -> Raised:
    """An alert that stands for itself."""
    return Raised(kind_of(type(alert)), alert.severity, alert.ABOUT, alert)
