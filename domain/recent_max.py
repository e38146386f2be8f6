"""The largest value of late: at least of the last span of time, at most of the last two. Two numbers, no samples."""

from __future__ import annotations


class RecentMax:
    """Values that are not negative, told with the monotonic instant at which they were seen."""

    __slots__ = ("_before", "_present", "_since_ns", "_span_ns")

    def __init__(self, span_ns: int) -> None:
        assert span_ns > 0, "a span of time"
        self._span_ns = span_ns
        self._since_ns = 0
        self._present = self._before = 0

    def take(self, value: int, now_ns: int) -> None:
        """See one value."""
        if now_ns - self._since_ns >= self._span_ns:
            self._turn(now_ns)
        self._present = max(self._present, value)

    def value(self, now_ns: int) -> int:
        """The largest of late; 0 when nothing was seen."""
        if now_ns - self._since_ns >= self._span_ns:
            self._turn(now_ns)
        return max(self._present, self._before)

    def _turn(self, now_ns: int) -> None:
        """Begin a new span; the one before counts on, unless it lies further back."""
        self._before = self._present if now_ns - self._since_ns < 2 * self._span_ns else 0
        self._present, self._since_ns = 0, now_ns
