"""The account's connection limit.

One key has `limit` authenticated sockets over all hosts; counting starts at auth, and the handshake of one too many is
not refused: some socket is then told `max_connections` and closed with 1008. Which one varies between observers
(docs/feed.md 2), so it is a setting.
"""

from __future__ import annotations

import enum
import random
from typing import Final


class Evict(enum.StrEnum):
    """Who goes when the limit is exceeded."""

    OLDEST = "oldest"
    NEWEST = "newest"
    RANDOM = "random"


class Quota:
    """Counts authenticated connections, by number, for one account."""

    __slots__ = ("_evict", "_limit", "_open", "_rng")

    def __init__(self, limit: int, evict: Evict, rng: random.Random) -> None:
        """Allow `limit` (>= 1) connections at a time."""
        self._limit: Final = limit
        self._evict: Final = evict
        self._rng: Final = rng
        self._open: list[int] = []

    @property
    def held(self) -> tuple[int, ...]:
        """Connections that count now, oldest first."""
        return tuple(self._open)

    def admit(self, connection: int) -> tuple[int, ...]:
        """Count a connection that has just authenticated; return those that must go, maybe itself."""
        self._open.append(connection)
        victims = []
        while len(self._open) > self._limit:
            victims.append(self._open.pop(self._index()))
        return tuple(victims)

    def release(self, connection: int) -> None:
        """Forget a connection that ended (no error when it was evicted or never counted)."""
        if connection in self._open:
            self._open.remove(connection)

    def _index(self) -> int:
        if self._evict is Evict.OLDEST:
            return 0
        if self._evict is Evict.NEWEST:
            return len(self._open) - 1
        return self._rng.randrange(len(self._open))
