"""The exchange's clock, from the stamps on its answers: an interval for (its clock - ours), narrowed answer by answer.

Theory. An answer made at some instant between our two stamps carries the exchange's time, truncated to its unit. So the
offset lies between stamp - answered and stamp + unit - sent. Every answer gives such an interval, and the truth is in
all of them: they are intersected, after the old one has been widened by what two clocks can drift apart meanwhile. One
that does not meet the rest is odd, and outvoted: an old answer out of some cache, say. When our own clock was stepped
meanwhile it stands at once; else three that meet each other, and not the rest, say that theirs was.

Matching-engine stamps have milliseconds, and come only with orders. The Date of any answer has whole seconds, +-500 ms
at first; but asked just when the exchange's second should turn, each one halves the interval. `probe_at` says when that
is. Servers may print a Date that is a little old, so its bounds are taken with some slack.
"""

from __future__ import annotations

from typing import Final

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import ClockSample

DRIFT_PPM: Final = 200
DATE_SLACK_NS: Final = 50 * NS_PER_MS
STAMP_SLACK_NS: Final = 5 * NS_PER_MS
GOAL_NS: Final = 160 * NS_PER_MS
TELL_AFTER_NS: Final = 10 * NS_PER_S
PROBE_GAP_NS: Final = 50 * NS_PER_MS
PPM: Final = 1_000_000
STEP_NS: Final = 250 * NS_PER_MS
VOTES: Final = 3


class ExchangeClock:
    """Tell it the stamps; it gives a sample when there is something worth knowing."""

    __slots__ = (
        "_at_ns",
        "_difference_ns",
        "_high_ns",
        "_known",
        "_low_ns",
        "_odd",
        "_odd_votes",
        "_told_ns",
        "_told_width_ns",
        "_took_ns",
    )

    def __init__(self) -> None:
        self._known = False
        self._low_ns = 0
        self._high_ns = 0
        self._at_ns = 0
        self._took_ns = 0
        self._difference_ns = 0
        # What answers that do not meet the rest agree on: low, high, when; and how many did.
        self._odd = (0, 0, 0)
        self._odd_votes = 0
        self._told_ns = 0
        self._told_width_ns = 0

    def date(self, date_s: int, sent: Now, answered: Now) -> ClockSample | None:
        """Take the Date field (Unix seconds) of an answer; 0 is none."""
        if not date_s:
            return None
        return self._observe(date_s * NS_PER_S, NS_PER_S, DATE_SLACK_NS, sent, answered)

    def stamp(self, stamp_ms: int, sent: Now, answered: Now) -> ClockSample | None:
        """Take a `ts_ms` of the matching engine."""
        return self._observe(stamp_ms * NS_PER_MS, NS_PER_MS, STAMP_SLACK_NS, sent, answered)

    def _observe(self, stamp_ns: int, unit_ns: int, slack_ns: int, sent: Now, answered: Now) -> ClockSample | None:
        # The way there and back is measured on the monotonic clock: the wall clock may be stepped meanwhile.
        took_ns = self._took_ns = max(answered.mono_ns - sent.mono_ns, 0)
        low_ns = stamp_ns - slack_ns - (sent.utc_ns + took_ns)
        high_ns = stamp_ns + unit_ns + slack_ns - sent.utc_ns
        stepped = False
        if self._known:
            drift_ns = max(answered.mono_ns - self._at_ns, 0) * DRIFT_PPM // PPM
            old_low_ns, old_high_ns = self._low_ns - drift_ns, self._high_ns + drift_ns
            stepped = max(low_ns, old_low_ns) > min(high_ns, old_high_ns)
            if not stepped:
                low_ns, high_ns = max(low_ns, old_low_ns), min(high_ns, old_high_ns)
                self._odd_votes = 0
            elif not self._own_step(answered) and not self._votes(low_ns, high_ns, answered):
                return None
        self._odd_votes, self._difference_ns = 0, answered.utc_ns - answered.mono_ns
        first, self._known = not self._known, True
        self._low_ns, self._high_ns, self._at_ns = low_ns, high_ns, answered.mono_ns
        width_ns = high_ns - low_ns
        narrower = width_ns < self._told_width_ns * 9 // 10
        if not (first or stepped or narrower or answered.mono_ns - self._told_ns >= TELL_AFTER_NS):
            return None
        self._told_ns, self._told_width_ns = answered.mono_ns, width_ns
        return ClockSample((low_ns + high_ns) // 2, (width_ns + 1) // 2)

    def _own_step(self, now: Now) -> bool:
        """Whether our own wall clock was set since the last answer that counted."""
        return abs(now.utc_ns - now.mono_ns - self._difference_ns) > STEP_NS

    def _votes(self, low_ns: int, high_ns: int, answered: Now) -> bool:
        """Count one more answer that does not meet the rest; whether enough of them meet each other."""
        odd_low_ns, odd_high_ns, at_ns = self._odd
        drift_ns = max(answered.mono_ns - at_ns, 0) * DRIFT_PPM // PPM
        both = max(low_ns, odd_low_ns - drift_ns), min(high_ns, odd_high_ns + drift_ns)
        meets = self._odd_votes > 0 and both[0] <= both[1]
        self._odd_votes = self._odd_votes + 1 if meets else 1
        self._odd = (*(both if meets else (low_ns, high_ns)), answered.mono_ns)
        return self._odd_votes >= VOTES

    def probe_at(self, now: Now) -> int | None:
        """When (monotonic ns) to ask for a Date that would tell most; None when enough is known.

        That is when the exchange's second turns, if the offset is what it seems: the answer then tells on which side
        of the middle the truth is. With nothing known yet it is at once.
        """
        if not self._known or self._odd_votes:
            return now.mono_ns
        drift_ns = max(now.mono_ns - self._at_ns, 0) * DRIFT_PPM // PPM
        # Halving ends where the slack and the way there and back fill the interval; beyond that asking is no use.
        enough_ns = max(GOAL_NS, DATE_SLACK_NS + self._took_ns * 3 // 2)
        if self._high_ns - self._low_ns + 2 * drift_ns <= 2 * enough_ns:
            return None
        theirs_ns = now.utc_ns + (self._low_ns + self._high_ns) // 2
        left_ns = NS_PER_S - theirs_ns % NS_PER_S
        return now.mono_ns + (left_ns if left_ns >= PROBE_GAP_NS else left_ns + NS_PER_S)
