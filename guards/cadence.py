"""How a series learns its feed's habits: the usual gap between values, and the usual lag of their stamps.

Cadence: the public index feed sends about one value a second, so an age limit below that cannot hold; the median and
the 99th percentile of the recent gaps tell. Lag: what `t` on a value means is not documented (docs/feed.md 5), so wall
clock minus stamp is an unknown constant plus transit. The constant is learned as the least median of five
lags, and never raised: a delay that grows, as a slow reader's does, must not be learned away.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import TypeVar

LAG_SAMPLES = 5


Value = TypeVar("Value")


def percentile(ordered: Sequence[Value], percent: int) -> Value:
    """The smallest of ascending values that at least so many percent of them do not exceed; there must be one."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


class Cadence:
    """The recent gaps between values, in nanoseconds, kept in order so that percentiles cost nothing."""

    __slots__ = ("_gap_max_ns", "_gaps", "_ordered", "_samples_min")

    def __init__(self, *, samples_min: int, samples_max: int, gap_max_ns: int) -> None:
        """Know nothing until `samples_min` gaps; remember `samples_max`; a gap over `gap_max_ns` is an outage."""
        assert 0 < samples_min <= samples_max, "bounds of cadence samples"
        self._samples_min = samples_min
        self._gap_max_ns = gap_max_ns
        self._gaps: deque[int] = deque(maxlen=samples_max)
        self._ordered: list[int] = []

    def add(self, gap_ns: int) -> None:
        """Count one gap between two values of the same feed."""
        if not 0 < gap_ns <= self._gap_max_ns:
            return
        if len(self._gaps) == self._gaps.maxlen:
            del self._ordered[bisect_left(self._ordered, self._gaps[0])]
        self._gaps.append(gap_ns)
        insort(self._ordered, gap_ns)

    @property
    def median_ns(self) -> int | None:
        """The middle gap, or None while too few were seen."""
        count = len(self._ordered)
        return self._ordered[count // 2] if count >= self._samples_min else None

    @property
    def p99_ns(self) -> int | None:
        """The gap that one in a hundred exceeds (nearest rank), or None while too few were seen."""
        count = len(self._ordered)
        return percentile(self._ordered, 99) if count >= self._samples_min else None


class StampLag:
    """The constant part of wall clock minus event stamp for one feed, in nanoseconds; zero until learned."""

    __slots__ = ("_floor_ns", "_lags", "_offset_max_ns")

    def __init__(self, offset_max_ns: int) -> None:
        """No more than `offset_max_ns` is taken off a lag: what is beyond is delay, whatever its cause."""
        self._offset_max_ns = offset_max_ns
        self._lags: deque[int] = deque(maxlen=LAG_SAMPLES)
        self._floor_ns: int | None = None

    @property
    def offset_ns(self) -> int:
        """What to subtract from a lag before judging it."""
        return max(-self._offset_max_ns, min(self.learned_ns, self._offset_max_ns))

    @property
    def learned_ns(self) -> int:
        """The whole constant, as it was learned; 0 until then."""
        return self._floor_ns or 0

    def add(self, lag_ns: int) -> None:
        """Count the lag of one new value, believed or not."""
        self._lags.append(lag_ns)
        if len(self._lags) == LAG_SAMPLES:
            middle_ns = sorted(self._lags)[LAG_SAMPLES // 2]
            if self._floor_ns is None or middle_ns < self._floor_ns:
                self._floor_ns = middle_ns
