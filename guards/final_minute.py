"""The final minute's freshness guard in the words of reports and monitors."""

from __future__ import annotations

import msgspec

from domain.window import Phase
from guards.freshness import FINAL
from guards.index_freshness import IndexFreshness


class FinalMinuteGuard(msgspec.Struct, frozen=True):
    """The `ws_final_minute_guard` of one series: whether the strict limit is in force, and what it says."""

    strict: bool
    limit_ms: float
    age_ms: float | None
    verdict: str
    series: str


def final_minute_guard(facts: IndexFreshness, phase: Phase) -> FinalMinuteGuard:
    """The guard of one series in a phase."""
    return FinalMinuteGuard(phase in FINAL, facts.limit_ms, facts.age_ms, facts.verdict, facts.series)
