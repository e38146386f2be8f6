"""Two feeds of one index must tell the same story.

Compared on a tick, and only while both values are young, so that a feed that is merely slow is the failover's business
and not ours. Beyond the limit three times running stands the series down; three times running inside it lifts that
again. No comparison changes nothing: a divergence is not cured by one feed falling silent.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from domain.clock import NS_PER_MS, Now
from domain.events import Tick
from domain.money import IndexValue
from domain.reasons import Reason
from domain.setting import key
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown

BPS = 10_000


class DivergenceSettings(msgspec.Struct, frozen=True):
    """How far two live feeds may differ, `running` times in a row."""

    divergence_bps: Annotated[
        int, key("How far the two feeds may differ, three times running, before quoting stands down.", "H17", ge=1,
                 le=100)
    ] = 5  # fmt: skip
    age_limit_ms: int = 1200
    running: int = 3


class DivergenceGuard:
    """One per index; give it the ticks of every feed."""

    __slots__ = ("_age_limit_ns", "_apart", "_diverged", "_enabled", "_last", "_settings", "_together", "symbol")

    def __init__(self, symbol: str, settings: DivergenceSettings | None = None, *, enabled: bool = True) -> None:
        """Know nothing: closed. `enabled` only where two feeds are live at once (hot failover)."""
        self.symbol = symbol
        self._enabled = enabled
        self._settings = settings or DivergenceSettings()
        self._age_limit_ns = self._settings.age_limit_ms * NS_PER_MS
        self._last: dict[str, Tick] = {}
        self._apart = 0
        self._together = 0
        self._diverged = False

    @property
    def diverged(self) -> bool:
        """Whether the feeds contradict each other."""
        return self._diverged

    def observe(self, tick: Tick, now: Now) -> bool:
        """Compare a new value with the other feeds' young ones. Returns whether the verdict turned."""
        if tick.symbol != self.symbol or tick.value <= 0:
            return False
        value = tick.value
        self._last[tick.feed] = tick
        young_ns = now.mono_ns - self._age_limit_ns
        if tick.received_mono_ns <= young_ns:
            return False
        compared = apart = False
        for other in self._last.values():
            if other is tick or other.received_mono_ns <= young_ns:
                continue
            compared = True
            apart = apart or abs(value - other.value) * BPS > self._settings.divergence_bps * min(value, other.value)
        if not compared:
            return False
        if apart:
            self._apart, self._together = self._apart + 1, 0
        else:
            self._apart, self._together = 0, self._together + 1
        before = self._diverged
        if self._apart >= self._settings.running:
            self._diverged = True
        elif self._together >= self._settings.running:
            self._diverged = False
        return self._diverged is not before

    def comparison(self) -> dict[str, IndexValue]:
        """The newest value of each feed, for the alert's evidence."""
        return {feed: tick.value for feed, tick in self._last.items()}

    def vote(self, now: Now) -> Vote:  # noqa: ARG002 - the contract of every guard
        """Closed while diverged; one live feed has nothing to contradict it."""
        if not self._enabled:
            return NOT_CONFIGURED
        if not self._last:
            return unknown(Reason.FEED_DIVERGENCE, f"{self.symbol}: no feed has shown a value yet")
        if self._diverged:
            limit_bps = self._settings.divergence_bps
            return fail(Reason.FEED_DIVERGENCE, f"{self.symbol}: feeds differ by over {limit_bps} bps")
        return PASS

    def next_deadline(self, now: Now) -> int | None:  # noqa: ARG002 - the contract of every guard
        """Never: only a tick changes the verdict."""
        return None
