"""After the event loop stood still, arrival stamps lie: frames that waited in the socket look new.

A stall over `limit_ms` closes every series for `quiet_ms` at least, and each series until a value arrived whose own
stamp agrees with the wall clock (the freshness sentry judges that; the engine tells us with `agreed`). Before the first
agreeing value of a run nothing is known either.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.clock import NS_PER_MS, Now
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown


@dataclass(frozen=True, slots=True)
class StallSettings:
    """A lag up to `limit_ms` is forgiven."""

    limit_ms: int = 100
    quiet_ms: int = 1000


class StallGuard:
    """One for the process; votes per series."""

    __slots__ = ("_lag_ns", "_quiet_until_ns", "_settings", "_waiting", "stalls")

    def __init__(self, series: tuple[str, ...], settings: StallSettings | None = None) -> None:
        """Wait for the first agreeing value of each series."""
        self._settings = settings or StallSettings()
        self._waiting = set(series)
        self._lag_ns = 0
        self._quiet_until_ns = 0
        self.stalls = 0

    def observe(self, lag_ns: int, series: tuple[str, ...], now: Now) -> bool:
        """The loop stood still for this long. Returns whether that closes the gate; then call `stalled` on sentries."""
        if lag_ns <= self._settings.limit_ms * NS_PER_MS:
            return False
        self.stalls += 1
        self._lag_ns = lag_ns
        self._quiet_until_ns = now.mono_ns + self._settings.quiet_ms * NS_PER_MS
        self._waiting.update(series)
        return True

    def agreed(self, series: str) -> None:
        """A value of this series was accepted: its own stamp agrees with the wall clock."""
        self._waiting.discard(series)

    def vote(self, series: str, now: Now) -> Vote:
        """Closed while quiet, and until this series' values can be believed again."""
        if now.mono_ns < self._quiet_until_ns:
            return fail(Reason.LOOP_STALL, f"the event loop stood still for {self._lag_ns // NS_PER_MS} ms")
        if series in self._waiting:
            if self.stalls == 0:
                return unknown(Reason.LOOP_STALL, f"{series}: no value yet whose stamp agrees with the wall clock")
            return fail(Reason.LOOP_STALL, f"{series}: no value since the stall agrees with the wall clock")
        return PASS

    def next_deadline(self, now: Now) -> int | None:
        """When the quiet time ends."""
        return self._quiet_until_ns if self._quiet_until_ns > now.mono_ns else None
