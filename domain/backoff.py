"""How long to wait before the next attempt: one schedule for sockets, connections, cancels, triggers and alerts.

A schedule knows no time and keeps no count. Who tries counts the failures in a row, forgets them when something worked,
and adds the wait to an instant that is its own. The first few failures may be met quickly; from then on each wait is
twice the one before, up to the longest. With a generator a wait is drawn evenly between a half and the whole of it, so
that many clients do not return in step.
"""

from __future__ import annotations

import random

import msgspec

from domain.clock import NS_PER_MS


class Backoff(msgspec.Struct, frozen=True):
    """The waits after one, two, three failures in a row. 0 < first_ms <= most_ms."""

    first_ms: int
    most_ms: int
    quick_tries: int = 0
    quick_ms: int = 0

    def __post_init__(self) -> None:
        assert 0 < self.first_ms <= self.most_ms, "back-off bounds"
        assert 0 <= self.quick_ms <= self.first_ms, "a quick try is no slower than the first"

    @property
    def steps(self) -> int:
        """After how many failures in a row the longest wait is reached."""
        doublings = (-(-self.most_ms // self.first_ms) - 1).bit_length()
        return self.quick_tries + doublings + 1

    def wait_ns(self, failures: int, rng: random.Random | None = None) -> int:
        """How long to wait after so many failures in a row, in nanoseconds; none counts as one."""
        failures = max(failures, 1)
        if failures <= self.quick_tries:
            whole_ms = self.quick_ms
        elif failures >= self.steps:
            whole_ms = self.most_ms
        else:
            whole_ms = self.first_ms << failures - self.quick_tries - 1
        if rng is None:
            return whole_ms * NS_PER_MS
        return round(rng.uniform(whole_ms / 2, whole_ms) * NS_PER_MS)
