"""The volatility level of the whole market (I:VIX): how much of our size it allows, if any.

Below 20 normal, from 20 watch, from 25 half size, above 35 no quotes (runbook K05). Unknown or old is no quotes. A
machine without entitlement to the index leaves this guard out by configuration; silence does not leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.clock import NS_PER_MS, Now
from domain.events import Tick
from domain.money import INDEX_PER_POINT
from domain.reasons import Reason
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class VolatilityLevelSettings:
    """Levels in whole points of the index."""

    enabled: bool = False
    symbol: str = "I:VIX"
    watch_points: int = 20
    half_points: int = 25
    stop_points: int = 35
    age_limit_ms: int = 60_000


class VolatilityLevel:
    """One for the process."""

    __slots__ = ("_last", "_settings")

    def __init__(self, settings: VolatilityLevelSettings | None = None) -> None:
        """Know nothing: closed, unless left out."""
        self._settings = settings or VolatilityLevelSettings()
        self._last: Tick | None = None

    def observe(self, tick: Tick) -> None:
        """Take a newer value of the level."""
        if tick.symbol != self._settings.symbol or tick.value <= 0:
            return
        if self._last is None or tick.event_ns > self._last.event_ns:
            self._last = tick

    def factor_ppm(self, now: Now) -> int:
        """The share of our size that the level allows, in millionths; 0 for none."""
        if not self._settings.enabled:
            return PPM
        if not self.vote(now).open:
            return 0
        assert self._last is not None, "a passing level has been seen"
        return PPM // 2 if self._last.value >= self._settings.half_points * INDEX_PER_POINT else PPM

    def vote(self, now: Now) -> Vote:
        """Closed above the stop level, and while the level is not known."""
        settings, last = self._settings, self._last
        if not settings.enabled:
            return NOT_CONFIGURED
        if last is None:
            return unknown(Reason.VOLATILITY_UNKNOWN, f"{settings.symbol}: no value has been seen yet")
        age_ns, limit_ns = now.mono_ns - last.received_mono_ns, settings.age_limit_ms * NS_PER_MS
        if age_ns > limit_ns:
            return unknown(Reason.VOLATILITY_UNKNOWN, f"{settings.symbol}: the last value is too old")
        if last.value > settings.stop_points * INDEX_PER_POINT:
            detail = f"{settings.symbol} is over {settings.stop_points}"
            return fail(Reason.RISK_LIMIT, detail, age_ns=age_ns, limit_ns=limit_ns)
        watch = last.value >= settings.watch_points * INDEX_PER_POINT
        return Vote(PASS.status, detail="watch" if watch else "", age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When the last value grows too old."""
        if not self._settings.enabled or self._last is None:
            return None
        too_old_ns = self._last.received_mono_ns + self._settings.age_limit_ms * NS_PER_MS + 1
        return too_old_ns if too_old_ns > now.mono_ns else None
