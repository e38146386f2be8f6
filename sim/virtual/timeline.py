"""Virtual time: one list of what is to come, and the clocks that read it.

The timeline is the world's own time, Unix nanoseconds that never step. The daemon's machine reads it through a clock of
its own, which a fault can set or let drift; the exchange reads it with a skew. Two things due at one instant happen in
the order in which they were asked for, so a run is a function of its seed alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from domain.clock import Now

MONO_START_NS = 1_000_000_000_000
PPM = 1_000_000


class Timeline:
    """What is to come, by instant."""

    __slots__ = ("_heap", "_serial", "now_ns")

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0

    def at(self, when_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called at an instant; one that has passed is now."""
        self._serial += 1
        when_ns = max(when_ns, self.now_ns)
        heapq.heappush(self._heap, (when_ns, self._serial, act, args))

    def after(self, delay_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called so much later."""
        self._serial += 1
        heapq.heappush(self._heap, (self.now_ns + max(delay_ns, 0), self._serial, act, args))

    @property
    def next_ns(self) -> int | None:
        """When the next thing happens; None when nothing will."""
        return self._heap[0][0] if self._heap else None

    def take(self) -> None:
        """Move on to the next thing and do it."""
        self.now_ns, _, act, args = heapq.heappop(self._heap)
        act(*args)


class MachineClock:
    """The two clocks of the daemon's machine: `mono_ns` runs true, the wall clock can be stepped and can drift."""

    __slots__ = ("_drift_ppm", "_read", "_read_ns", "_since_ns", "_start_ns", "_time", "_wall_ns")

    def __init__(self, timeline: Timeline) -> None:
        self._time = timeline
        self._start_ns = timeline.now_ns
        self._wall_ns = 0
        self._drift_ppm = 0
        self._since_ns = timeline.now_ns
        # The clocks are read several times within one instant: the answer is kept until time or a fault moves them.
        self._read_ns = -1
        self._read = Now(0, 0)

    def now(self) -> Now:
        """Read both clocks."""
        true_ns = self._time.now_ns
        if true_ns != self._read_ns:
            self._read_ns = true_ns
            self._read = Now(true_ns - self._start_ns + MONO_START_NS, true_ns + self._off_ns(true_ns))
        return self._read

    def _off_ns(self, true_ns: int) -> int:
        return self._wall_ns + (true_ns - self._since_ns) * self._drift_ppm // PPM if self._drift_ppm else self._wall_ns

    @property
    def off_ns(self) -> int:
        """How far the wall clock is from the truth."""
        return self._off_ns(self._time.now_ns)

    def step(self, by_ns: int) -> None:
        """Set the wall clock by so much."""
        self._wall_ns += by_ns
        self._read_ns = -1

    def set_right(self) -> None:
        """Set the wall clock to the truth and end the drift."""
        self._wall_ns = self._drift_ppm = 0
        self._read_ns = -1

    def drift(self, ppm: int) -> None:
        """Have the wall clock gain (or lose) so many millionths from now on."""
        self._wall_ns = self._off_ns(self._time.now_ns)
        self._since_ns, self._drift_ppm = self._time.now_ns, ppm
        self._read_ns = -1

    def true_ns(self, mono_ns: int) -> int:
        """The world's instant at which the monotonic clock reads this."""
        return mono_ns - MONO_START_NS + self._start_ns
