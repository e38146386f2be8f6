"""What waits to be sent to one client, in order, each thing not before its time.

This is the vendor's server-side buffer: every channel of a connection is one ordered stream, so one late frame makes
all behind it late, and a reader that is too slow fills it (docs/feed.md 3.2).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from sim.index_feed.session import Out

MAX_FRAMES: Final = 4_096


class Entry(NamedTuple):
    """Something to send and the monotonic instant before which it must wait."""

    due_ns: int
    out: Out


class Outbox:
    """A queue for one writer; never blocks the side that fills it."""

    __slots__ = ("_entries", "_limit", "_wake")

    def __init__(self, limit: int = MAX_FRAMES) -> None:
        """Hold at most `limit` entries."""
        self._entries: deque[Entry] = deque()
        self._limit: Final = limit
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, out: Out, due_ns: int) -> bool:
        """Add an entry; False when the buffer is full (and the entry is not in it)."""
        if len(self._entries) >= self._limit:
            return False
        self._entries.append(Entry(due_ns, out))
        self._wake.set()
        return True

    def replace(self, outs: tuple[Out, ...]) -> None:
        """Throw away what waits and send these at once."""
        self._entries.clear()
        self._entries.extend(Entry(0, out) for out in outs)
        self._wake.set()

    async def get(self) -> Entry:
        """Take the oldest entry, waiting for one."""
        while not self._entries:
            self._wake.clear()
            await self._wake.wait()
        return self._entries.popleft()
