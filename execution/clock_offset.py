"""How far the exchange's clock is from ours, from stamps that are each too coarse to say.

An answer's Date header is truncated to a second (RFC 9110), so it only bounds the offset: the stamp was made between
our two readings, so exchange minus ours lies in (date - answered, date + 1 s - sent). Bounds from answers at different
moments of the second overlap in less and less: a handful suffices for some 50 ms. A millisecond stamp of the matching
engine bounds it at once to half a round trip. Bounds widen with age, because clocks drift apart; a bound that does not
meet the others means that a clock was set, and counts alone.
"""

from __future__ import annotations

from domain.clock import NS_PER_S
from domain.events import ClockSample

DRIFT_PPM = 100
TELL_EVERY_NS = 5 * NS_PER_S
BETTER_BY_NS = 5_000_000


class ClockOffset:
    """The running intersection; `bound` returns a sample when there is something new to tell."""

    __slots__ = ("_at_ns", "_high_ns", "_low_ns", "_told_ns", "_told_width_ns")

    def __init__(self) -> None:
        """Know nothing."""
        self._low_ns = 0
        self._high_ns = 0
        self._at_ns: int | None = None
        self._told_ns = 0
        self._told_width_ns = 0

    def by_second(self, date_s: int, sent_utc_ns: int, answered_utc_ns: int, mono_ns: int) -> ClockSample | None:
        """An answer stamped to the second. Unix seconds; our own stamps around it; now, monotonic."""
        return self.bound(date_s * NS_PER_S - answered_utc_ns, (date_s + 1) * NS_PER_S - sent_utc_ns, mono_ns)

    def by_sample(self, sample: ClockSample, mono_ns: int) -> ClockSample | None:
        """A stamp of the matching engine with its own doubt."""
        low_ns = sample.offset_ns - sample.uncertainty_ns
        return self.bound(low_ns, sample.offset_ns + sample.uncertainty_ns, mono_ns)

    def bound(self, low_ns: int, high_ns: int, mono_ns: int) -> ClockSample | None:
        """Take one bound on the offset; a sample when it got better or was not told for a while."""
        assert low_ns <= high_ns, "a bound is a span"
        stepped = False
        if self._at_ns is not None:
            widened_ns = max(0, mono_ns - self._at_ns) * DRIFT_PPM // 1_000_000
            held_low_ns, held_high_ns = self._low_ns - widened_ns, self._high_ns + widened_ns
            if low_ns <= held_high_ns and held_low_ns <= high_ns:
                low_ns, high_ns = max(low_ns, held_low_ns), min(high_ns, held_high_ns)
            else:
                stepped = True
        self._low_ns, self._high_ns, self._at_ns = low_ns, high_ns, mono_ns
        width_ns = high_ns - low_ns
        better = not self._told_width_ns or width_ns < self._told_width_ns - BETTER_BY_NS
        if not (better or stepped or mono_ns - self._told_ns >= TELL_EVERY_NS):
            return None
        self._told_ns, self._told_width_ns = mono_ns, width_ns
        return ClockSample((low_ns + high_ns) // 2, (width_ns + 1) // 2)
