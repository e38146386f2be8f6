"""What risk has decided by itself, as it is told: a record, which is an alert as well (`ops/alerts/raised.py`)."""

from __future__ import annotations

from msgspec import UNSET

from domain.records import RiskDecisionEntry
from guards.risk import Judgement


def told(judgement: Judgement) -> RiskDecisionEntry:
    """One record."""
    limit, series = judgement.limit, judgement.series or UNSET
    return RiskDecisionEntry(judgement.decision, approved=False, reason=judgement.why, series=series, limit=limit)
