"""How fresh the index of one series is at one instant: the one value that gates, screens, files and metrics read.

A series looks at its own symbol alone: another index that ticks on the same socket makes it no younger.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.reasons import Reason


class IndexFreshness(msgspec.Struct, frozen=True):
    """One series at one instant.

    `received_utc_ns`, `feed`: when, and on which feed, the newest valid value of `symbol` arrived; None and empty when
    never seen. `age_ns` is exact, by the monotonic clock. `age_ms` and `lateness_ms` are both reported; `basis` says
    which is judged. `lateness_ms` is None until the cadence is known, and until then the age is judged, which is
    stricter. `fresh`: within `limit_ms`, the limit in force; arming asks for less than `arm_limit_ms`. `ok` is the
    guard's vote: fresh, and nothing latched. `offset_ms`: by how much the feed's stamps lie behind our clock, as
    learned; at most a second of it is forgiven, and beyond the limit in force it blocks by itself.
    """

    series: str
    symbol: str
    feed: str
    received_utc_ns: int | None
    age_ns: int | None
    age_ms: float | None
    lateness_ms: float | None
    limit_ms: float
    arm_limit_ms: float
    basis: str
    cadence_ms: float | None
    offset_ms: float
    fresh: bool
    ok: bool
    reason: Reason | None
    planned_stand_down: bool
    latched: bool
    session_frozen: bool

    @property
    def verdict(self) -> str:
        """PASS, or the reason why not."""
        return "PASS" if self.reason is None else self.reason.value


def worst(facts: Iterable[IndexFreshness]) -> IndexFreshness | None:
    """The series whose index is oldest; one never seen is older than any. None without a series."""
    return max(facts, key=lambda one: (one.age_ns is None, one.age_ns or 0), default=None)
