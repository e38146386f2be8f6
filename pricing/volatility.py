"""How much the index moves: its deviation per root second, in millionths of itself, without drift.

An exponentially weighted mean of squared log returns per second, over buckets of at least `bucket_ms` so that the
printing step of the index and the lag of its slow members do not pass for calm. The weight of a bucket is its length,
so the estimate does not care how often the feed ticks. At start the vendor's past bars fill it; from then on today's
ticks take over within a few half-lives. No shape of the day is assumed: the recent minutes are the shape.

Unknown (None) until it has seen `known_after_ms` of market; a gap ends a bucket uncounted; one wild value counts as
a move of `wild_deviations` at most, because too large a volatility misprices as surely as too small a one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import History

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class VolatilitySettings:
    """`floor_ppm` and `cap_ppm` bound the answer, per root second; half-life and spans in milliseconds."""

    half_life_ms: int = 600_000
    bucket_ms: int = 2_000
    gap_max_ms: int = 30_000
    known_after_ms: int = 60_000
    floor_ppm: float = 15.0
    cap_ppm: float = 1_000.0
    wild_deviations: float = 6.0


class VolatilityEstimate:
    """The estimate for one index. Values in 1e-6 points, stamps in Unix nanoseconds of the values' own clock."""

    __slots__ = ("_anchor_ns", "_anchor_value", "_seen_ns", "_settings", "_variance", "_weight")

    def __init__(self, settings: VolatilitySettings | None = None) -> None:
        """Know nothing."""
        self._settings = settings or VolatilitySettings()
        self._variance = 0.0  # weighted sum of squared returns per second
        self._weight = 0.0
        self._seen_ns = 0
        self._anchor_value = 0
        self._anchor_ns = 0

    def seed(self, history: History) -> None:
        """Learn from past bars, oldest first, within bars and from each to the next one. Call before the first tick."""
        for bar in history.bars:
            start_ns = bar.start_ms * NS_PER_MS
            gap_max_ns = max(self._settings.gap_max_ms, history.bar_ms) * NS_PER_MS
            self._move(bar.open, start_ns, gap_max_ns)
            self._move(bar.close, start_ns + history.bar_ms * NS_PER_MS, gap_max_ns)
        self._anchor_ns = 0

    def observe(self, value: int, event_ns: int) -> None:
        """Learn from one valid value of the feed."""
        self._move(value, event_ns, self._settings.gap_max_ms * NS_PER_MS)

    @property
    def sigma_ppm(self) -> float | None:
        """Deviation per root second in millionths, floored and capped; None while too little was seen."""
        settings = self._settings
        if self._seen_ns < settings.known_after_ms * NS_PER_MS:
            return None
        sigma = math.sqrt(self._variance / self._weight) * PPM
        return min(max(sigma, settings.floor_ppm), settings.cap_ppm)

    def _move(self, value: int, stamp_ns: int, gap_max_ns: int) -> None:
        assert value > 0, "an index value is positive"
        span_ns = stamp_ns - self._anchor_ns
        if self._anchor_ns == 0 or span_ns < 0 or span_ns > gap_max_ns:
            self._anchor_value, self._anchor_ns = value, stamp_ns
            return
        if span_ns < self._settings.bucket_ms * NS_PER_MS:
            return
        self._count(math.log(value / self._anchor_value), span_ns)
        self._anchor_value, self._anchor_ns = value, stamp_ns

    def _count(self, move: float, span_ns: int) -> None:
        span_s = span_ns / NS_PER_S
        rate = move * move / span_s
        if self._seen_ns >= self._settings.known_after_ms * NS_PER_MS:
            usual = max(self._variance / self._weight, (self._settings.floor_ppm / PPM) ** 2)
            rate = min(rate, usual * self._settings.wild_deviations**2)
        keep = math.exp2(-span_s * 1000 / self._settings.half_life_ms)
        self._variance = self._variance * keep + rate * (1.0 - keep)
        self._weight = self._weight * keep + (1.0 - keep)
        self._seen_ns += span_ns
