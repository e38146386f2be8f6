"""A feed that talks without saying anything new.

Two signs. The stamp stands still: the same event stamp in three messages running is a source that repeats itself. The
value stands still: unchanged for 30 s in market hours while the other index has moved meanwhile. The first is seen
by ticks, the second also by timer. A new stamp, or a new value, lifts its own sign.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.clock import NS_PER_MS, Now
from domain.events import Tick
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown


@dataclass(frozen=True, slots=True)
class StuckSettings:
    """`peer_moves` is how often the other index must have changed for its movement to count."""

    messages: int = 3
    value_limit_ms: int = 30_000
    peer_moves: int = 2


class StuckGuard:
    """One per index; give it the active feed's ticks of this index and of the other one."""

    __slots__ = ("_changed_ns", "_peer_moves", "_peer_value", "_same_stamp", "_settings", "_stamp", "_value", "symbol")

    def __init__(self, symbol: str, settings: StuckSettings | None = None) -> None:
        """Know nothing: closed."""
        self.symbol = symbol
        self._settings = settings or StuckSettings()
        self._stamp = 0
        self._same_stamp = 0
        self._value = 0
        self._changed_ns = 0
        self._peer_value: dict[str, int] = {}
        self._peer_moves = 0

    def observe(self, tick: Tick, now: Now) -> None:
        """Count one message, accepted by the freshness sentry or not."""
        if tick.symbol != self.symbol:
            if self._peer_value.get(tick.symbol, tick.value) != tick.value:
                self._peer_moves += 1
            self._peer_value[tick.symbol] = tick.value
            return
        self._same_stamp = self._same_stamp + 1 if tick.event_ns == self._stamp else 1
        self._stamp = tick.event_ns
        if tick.value != self._value:
            self._value = tick.value
            self._changed_ns = now.mono_ns
            self._peer_moves = 0

    def vote(self, now: Now, *, market_open: bool) -> Vote:
        """Closed while either sign shows."""
        if self._value == 0:
            return unknown(Reason.FEED_STUCK, f"{self.symbol}: no value has been seen yet")
        if self._same_stamp >= self._settings.messages:
            return fail(Reason.FEED_STUCK, f"{self.symbol}: the stamp stood still for {self._same_stamp} messages")
        age_ns, limit_ns = now.mono_ns - self._changed_ns, self._settings.value_limit_ms * NS_PER_MS
        if market_open and age_ns >= limit_ns and self._peer_moves >= self._settings.peer_moves:
            detail = f"{self.symbol}: the value stood still while the other index moved"
            return fail(Reason.FEED_STUCK, detail, age_ns=age_ns, limit_ns=limit_ns)
        return Vote(PASS.status, age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When an unchanged value becomes a sign."""
        if self._value == 0:
            return None
        stuck_ns = self._changed_ns + self._settings.value_limit_ms * NS_PER_MS
        return stuck_ns if stuck_ns > now.mono_ns else None
