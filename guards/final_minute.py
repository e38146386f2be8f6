"""The final minute's freshness guard in the words of reports and monitors."""

from __future__ import annotations

from typing import Any

from domain.clock import Now
from domain.window import Phase
from guards.freshness import FINAL, FreshnessSentry


def final_minute_guard(sentry: FreshnessSentry, now: Now, phase: Phase) -> dict[str, Any]:
    """The `ws_final_minute_guard` of reports and monitors."""
    verdict = sentry.verdict(now, phase)
    return {
        "strict": phase in FINAL,
        "limit_ms": verdict.limit_ms,
        "age_ms": verdict.age_ms,
        "verdict": verdict.verdict,
        "series": sentry.series,
    }
