"""The final minute's guard as reports show it."""

from __future__ import annotations

from domain.window import Phase
from guards.final_minute import FinalMinuteGuard, final_minute_guard
from tests.guards.made import at
from tests.guards.test_freshness import DAY, TARGET, fed


def test_the_final_minute_guard_has_the_reports_shape() -> None:
    guard = fed(1000)
    guard.advance(at(1100), Phase.STRICT, TARGET, DAY)
    assert final_minute_guard(guard.verdict(at(1100), Phase.STRICT), Phase.STRICT) == FinalMinuteGuard(
        strict=True, limit_ms=700, age_ms=100.0, verdict="PASS", series="INXU"
    )
