"""When the outside watcher acts: the daemon's progress has stopped, and nobody has flattened the account since.

Progress is the journal growing, because every step is recorded in it: a heartbeat thread cannot fake that, and a
wedged, stopped or dead daemon cannot keep it up. A daemon that ended in order said so, and is left alone. The watcher
acts once for each stop: it acts again only after it saw progress in between, so that it never fights a daemon that has
come back.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from domain.clock import NS_PER_MS, Now


class Sight(NamedTuple):
    """One look: how far the journal has got (name and bytes), and whether the last run said that it ended in order."""

    segment: str
    size: int
    ended: bool


class Duty(enum.StrEnum):
    """What to do after a look."""

    NOTHING = "nothing"
    FLATTEN = "flatten"


class Watcher:
    """Looks, remembers, decides. `limit_ms` is how long the journal may stand still.

    `progress_ns`: when the journal was last seen to grow, of the monotonic clock; None for never.
    """

    def __init__(self, limit_ms: int = 5_000) -> None:
        self.limit_ns = limit_ms * NS_PER_MS
        self._seen: tuple[str, int] | None = None
        self._moved_ns: int | None = None
        self.progress_ns: int | None = None
        self._acted = False

    def look(self, sight: Sight, now: Now) -> Duty:
        """Take one look. A journal that is not there yet is no daemon that could have stopped."""
        place = (sight.segment, sight.size)
        if place != self._seen:
            first = self._seen is None
            self._seen, self._moved_ns = place, now.mono_ns
            self.progress_ns = None if first else now.mono_ns
            # What stood there when we started proves no life: only growth after that does.
            self._acted = self._acted and first
            return Duty.NOTHING
        if not sight.segment or sight.ended or self._acted or self._moved_ns is None:
            return Duty.NOTHING
        return Duty.FLATTEN if now.mono_ns - self._moved_ns >= self.limit_ns else Duty.NOTHING

    def stood_still_ns(self, now: Now) -> int:
        """How long the journal has stood still."""
        return 0 if self._moved_ns is None else now.mono_ns - self._moved_ns

    def flattened(self) -> None:
        """The account was seen flat: wait for progress before acting again."""
        self._acted = True
