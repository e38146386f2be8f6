"""How long to wait before the next attempt to connect.

Doubling from `first_ms` to `most_ms`, each wait drawn evenly between a half and the whole of it, so that many clients
do not return in step. The count starts anew only when a connection has proven itself (10 s of values; docs/feed.md
10, rule 2): an authentication that succeeds and is evicted at once must not reset it, or it becomes a hot loop.
"""

from __future__ import annotations

import random
from typing import Final

from domain.clock import NS_PER_MS

DOUBLINGS_MAX: Final = 20


class Backoff:
    """The waits of one socket. Two of them with equally seeded generators wait equally long."""

    __slots__ = ("_failures", "_first_ms", "_most_ms", "_rng")

    def __init__(self, rng: random.Random, first_ms: int = 250, most_ms: int = 30_000) -> None:
        """Begin without failures; 0 < first_ms <= most_ms."""
        assert 0 < first_ms <= most_ms, "back-off bounds"
        self._rng: Final = rng
        self._first_ms: Final = first_ms
        self._most_ms: Final = most_ms
        self._failures = 0

    @property
    def failures(self) -> int:
        """Attempts that ended since the last proven connection."""
        return self._failures

    def next_wait_ns(self) -> int:
        """Count a failure and return how long to wait, in nanoseconds."""
        whole_ms = min(self._first_ms << min(self._failures, DOUBLINGS_MAX), self._most_ms)
        self._failures += 1
        return round(self._rng.uniform(whole_ms / 2, whole_ms) * NS_PER_MS)

    def proven(self) -> None:
        """A connection worked long enough: forget the failures."""
        self._failures = 0
