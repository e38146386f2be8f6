"""What risk has decided by itself, as it is told: the record, and the alert that wakes somebody."""

from __future__ import annotations

from msgspec import UNSET

from domain.actions import Alert, AnyAction
from domain.reasons import RiskLimit
from domain.records import RiskDecisionEntry, payload_of
from guards.risk import Judgement

STRAINS = frozenset({RiskLimit.STRESS, RiskLimit.VALUE_AT_RISK})


def told(judgement: Judgement) -> list[AnyAction]:
    """One record, and one alert with the record as its payload."""
    limit, series = judgement.limit, judgement.series or UNSET
    judged = RiskDecisionEntry(judgement.decision, approved=False, reason=judgement.why, series=series, limit=limit)
    return [judged, _alert(limit, judged)]


def _alert(limit: RiskLimit, judged: RiskDecisionEntry) -> Alert:
    if limit is RiskLimit.DAY_LOSS:
        return Alert("daily_loss", "critical", payload_of(judged))
    if limit is RiskLimit.EVENT_LOSS:
        return Alert("risk_stop_loss", "critical", payload_of(judged))
    if limit in STRAINS:
        return Alert("risk_stress_breach", "critical", payload_of(judged))
    return Alert("risk_alert", "critical", payload_of(judged))
