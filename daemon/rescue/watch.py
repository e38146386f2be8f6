"""When the outside watcher acts: the daemon's progress has stopped, and nobody has flattened the account since.

Progress is the journal growing, because every step is recorded in it: a heartbeat thread cannot fake that, and a
wedged, stopped or dead daemon cannot keep it up. A daemon that ended in order said so, and is left alone. The watcher
acts once for each stop: it acts again only after it saw progress in between, so that it never fights a daemon that has
come back.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S, Now

# A request that is older than a cancel-all's tail when the watcher first looks was meant for somebody before it.
YOUNG_NS = 65 * NS_PER_S


class Sight(NamedTuple):
    """One look: how far the journal has got (name and bytes), and whether the last run said that it ended in order.

    `asked_utc_ns`: when the daemon last asked for a cancel-all by our key, 0 for never.
    """

    segment: str
    size: int
    ended: bool
    asked_utc_ns: int = 0


class WatcherAction(enum.StrEnum):
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
        self._asked_utc_ns: int | None = None
        self._answered_utc_ns = 0

    def look(self, sight: Sight, now: Now) -> WatcherAction:
        """Take one look. A journal that is not there yet is no daemon that could have stopped.

        What the daemon asks for is done at once, whether it makes progress or not.
        """
        if self._asked_utc_ns is None and now.utc_ns - sight.asked_utc_ns > YOUNG_NS:
            self._answered_utc_ns = sight.asked_utc_ns
        self._asked_utc_ns = sight.asked_utc_ns
        action = self._progress(sight, now)
        return WatcherAction.FLATTEN if self.asked else action

    @property
    def asked(self) -> bool:
        """Whether the daemon has asked for a cancel-all that was not done yet."""
        return (self._asked_utc_ns or 0) > self._answered_utc_ns

    def _progress(self, sight: Sight, now: Now) -> WatcherAction:
        place = (sight.segment, sight.size)
        if place != self._seen:
            first = self._seen is None
            self._seen, self._moved_ns = place, now.mono_ns
            self.progress_ns = None if first else now.mono_ns
            # What stood there when we started proves no life: only growth after that does.
            self._acted = self._acted and first
            return WatcherAction.NOTHING
        if not sight.segment or sight.ended or self._acted or self._moved_ns is None:
            return WatcherAction.NOTHING
        return WatcherAction.FLATTEN if now.mono_ns - self._moved_ns >= self.limit_ns else WatcherAction.NOTHING

    def stood_still_ns(self, now: Now) -> int:
        """How long the journal has stood still."""
        return 0 if self._moved_ns is None else now.mono_ns - self._moved_ns

    def flattened(self) -> None:
        """The account was seen flat: wait for progress, or another request, before acting again."""
        if self.asked:
            self._answered_utc_ns = self._asked_utc_ns or 0
        else:
            self._acted = True
