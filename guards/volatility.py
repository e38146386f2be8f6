"""The volatility level of the whole market (I:VIX): how much of our size it allows, if any.

Below 20 normal, from 20 watch, from 25 half the size and twice the edge, above 35 no quotes (docs/contracts.md,
Quoting). Unknown, refused by the vendor or older than its own limit is no quotes. A machine whose account has no right
to the index leaves this guard out by configuration; silence does not leave it out.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

import msgspec

from domain.alert_types.alert import Severity
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import ConfigurationError
from domain.events import Tick
from domain.money import INDEX_PER_POINT, IndexValue
from domain.reasons import GateStatus, Reason, VixBand
from domain.setting import key
from guards.vote import NOT_CONFIGURED, Vote, fail, unknown

PPM = 1_000_000
SYMBOL = "I:VIX"
NEVER_NS = 2**63
DUE_NS = 60 * NS_PER_S


class VixSettings(msgspec.Struct, frozen=True):
    """Levels in whole points of the index."""

    enabled: Annotated[
        bool, key("Whether I:VIX is subscribed and judged; without, it is shown as not configured.", "K05")
    ] = True
    watch_points: Annotated[int, key("The level from which the market is watched.", "K05", ge=1, le=200)] = 20
    half_points: Annotated[
        int, key("The level from which the size is halved and the edge asked for is doubled.", "K05", ge=1, le=200)
    ] = 25
    stop_points: Annotated[int, key("The level above which nothing is quoted.", "K05", ge=1, le=200)] = 35
    value_age_limit_ms: Annotated[
        int, key("The age beyond which the level counts as unknown.", "K05", ge=1_000, le=600_000)
    ] = 60_000

    def __post_init__(self) -> None:
        """Raises ConfigurationError for levels out of order."""
        if not self.watch_points <= self.half_points <= self.stop_points:
            message = (
                f"watch_points {self.watch_points}, half_points {self.half_points}, stop_points {self.stop_points}:"
                " each must reach at least the one before it"
            )
            raise ConfigurationError(message)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is subscribed to besides the indices of the series."""
        return (SYMBOL,) if self.enabled else ()


FACTORS: Final = {
    VixBand.LEFT_OUT: PPM,
    VixBand.UNKNOWN: 0,
    VixBand.NORMAL: PPM,
    VixBand.WATCH: PPM,
    VixBand.HALF: PPM // 2,
    VixBand.STOP: 0,
}


SEVERITY: Final[dict[VixBand, Severity]] = {
    VixBand.UNKNOWN: Severity.WARNING,
    VixBand.NORMAL: Severity.INFO,
    VixBand.WATCH: Severity.INFO,
    VixBand.HALF: Severity.WARNING,
    VixBand.STOP: Severity.ERROR,
}


class VixLevel(NamedTuple):
    """The level at one instant: its newest value with its age, None when never seen; why, where it is not known."""

    band: VixBand
    factor_ppm: int
    value: IndexValue | None
    feed: str
    age_ns: int | None
    limit_ns: int
    why: str


class VolatilityLevel:
    """One for the process. `turns_ns`: the monotonic instant from which `advance` has something to find out.

    `told`: the band that people last heard of.
    """

    __slots__ = ("_due_ns", "_last", "_refused", "_settings", "band", "told", "turns_ns")

    def __init__(self, settings: VixSettings) -> None:
        """Know nothing: closed, unless left out."""
        self._settings = settings
        self._last: Tick | None = None
        self._refused: set[str] = set()
        self.band = VixBand.UNKNOWN if settings.enabled else VixBand.LEFT_OUT
        self.told = VixBand.NORMAL
        self.turns_ns = NEVER_NS
        self._due_ns = NEVER_NS

    def session(self, now: Now, *, market_open: bool) -> None:
        """A session begins or ends: its values are due within a minute, and their absence is told after that."""
        self._due_ns = now.mono_ns + DUE_NS if market_open else NEVER_NS
        if self.band is VixBand.UNKNOWN:
            self.turns_ns = self._due_ns

    def expected(self, now: Now) -> bool:
        """Whether a value is due: the session is a minute old (09:31 in New York), or has brought one already."""
        return now.mono_ns >= self._due_ns

    def observe(self, tick: Tick) -> None:
        """Take a newer value of the level, of any feed."""
        if tick.symbol != SYMBOL or tick.value <= 0 or self.band is VixBand.LEFT_OUT:
            return
        self._refused.discard(tick.feed)
        if self._last is None or tick.event_ns > self._last.event_ns:
            self._last = tick
            self.turns_ns = tick.received_mono_ns
            if self._due_ns != NEVER_NS:
                self._due_ns = min(self._due_ns, tick.received_mono_ns)

    def refused(self, feed: str) -> None:
        """The vendor does not grant the level on this feed; said beside an unknown level, until a value comes."""
        self._refused.add(feed)

    def advance(self, now: Now) -> bool:
        """Find out what the level amounts to now; whether that has changed, or is still not known when it should be."""
        last, limit_ns = self._last, self._settings.value_age_limit_ms * NS_PER_MS
        if last is None or now.mono_ns - last.received_mono_ns > limit_ns:
            missed = self.turns_ns <= now.mono_ns
            band, self.turns_ns = VixBand.UNKNOWN, NEVER_NS
            changed = band is not self.band or missed
        else:
            band, self.turns_ns = self._band(last.value), last.received_mono_ns + limit_ns + 1
            changed = band is not self.band
        self.band = band
        return changed

    def _band(self, value: IndexValue) -> VixBand:
        settings = self._settings
        if value > settings.stop_points * INDEX_PER_POINT:
            return VixBand.STOP
        if value >= settings.half_points * INDEX_PER_POINT:
            return VixBand.HALF
        return VixBand.WATCH if value >= settings.watch_points * INDEX_PER_POINT else VixBand.NORMAL

    @property
    def factor_ppm(self) -> int:
        """The share of our size that the level allows, in millionths; 0 for none."""
        return FACTORS[self.band]

    def shown(self, now: Now) -> VixLevel:
        """The level as screens, records and the vote below show it."""
        last, limit_ns = self._last, self._settings.value_age_limit_ms * NS_PER_MS
        age_ns = None if last is None else now.mono_ns - last.received_mono_ns
        why = ""
        if self.band is VixBand.UNKNOWN:
            old = f"the last value is older than {limit_ns / NS_PER_S:g} s"
            why = "no value has been seen yet" if last is None else old
            if self._refused:
                why += f"; not authorized on {', '.join(sorted(self._refused))}"
        value, feed = (None, "") if last is None else (last.value, last.feed)
        return VixLevel(self.band, self.factor_ppm, value, feed, age_ns, limit_ns, why)

    def vote(self, now: Now) -> Vote:
        """Closed above the stop level, and while the level is not known."""
        if self.band is VixBand.LEFT_OUT:
            return NOT_CONFIGURED
        shown = self.shown(now)
        if shown.value is None or shown.band is VixBand.UNKNOWN:
            return unknown(Reason.VIX_UNKNOWN, f"{SYMBOL}: {shown.why}")
        points = shown.value / INDEX_PER_POINT
        if shown.band is VixBand.STOP:
            detail = f"{SYMBOL} {points:g} is over {self._settings.stop_points}"
            return fail(Reason.VIX_TOO_HIGH, detail, age_ns=shown.age_ns, limit_ns=shown.limit_ns)
        detail = f"{SYMBOL} {points:g}: {shown.band}"
        return Vote(GateStatus.PASS, None, detail, shown.age_ns, shown.limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When the last value grows too old, or the first one is missed."""
        return self.turns_ns if now.mono_ns < self.turns_ns < NEVER_NS else None
