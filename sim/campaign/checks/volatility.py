"""I:VIX, by the values that the daemon was told: none too old, none above the level at which nothing is quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.money import INDEX_PER_POINT
from guards.volatility import SYMBOL

if TYPE_CHECKING:
    from domain.actions import Place
    from domain.events import Tick
    from sim.campaign.checks.record import CheckRecord

COUNT_ONE = 100


class VolatilityChecks:
    """The level of one life of the daemon."""

    def __init__(self, checks: CheckRecord) -> None:
        self._checks = checks
        self._last: Tick | None = None

    def forget(self) -> None:
        """A new life has seen nothing."""
        self._last = None

    def told(self, tick: Tick) -> None:
        """A value that is newer than the one before."""
        if self._last is None or tick.event_ns > self._last.event_ns:
            self._last = tick

    def placing(self, place: Place, now: Now) -> None:
        """The engine places: whether the level allows it, and how much."""
        settings, last = self._checks.settings, self._last
        if not settings.vix.enabled:
            return
        if last is None or now.mono_ns - last.received_mono_ns > settings.vix.value_age_limit_ms * NS_PER_MS:
            age = "never seen" if last is None else f"{(now.mono_ns - last.received_mono_ns) / NS_PER_S:.1f} s old"
            self._breach(place, age)
            return
        points = last.value / INDEX_PER_POINT
        share = 0 if points > settings.vix.stop_points else 1 if points < settings.vix.half_points else 0.5
        self._checks.counts["places at half size"] += share == 0.5  # noqa: PLR2004 - half the size
        if place.count > share * settings.quoting.contracts_per_order * COUNT_ONE:
            self._breach(place, f"at {points:g}, for {place.count / COUNT_ONE:g} contracts")

    def _breach(self, place: Place, told: str) -> None:
        self._checks.breach("place against the volatility level", f"{place.client_order_id}: {SYMBOL} {told}")
