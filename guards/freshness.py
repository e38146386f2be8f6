# long: one sentry: its limits, what it is told and what it answers share its latches
"""Whether the index value under our quotes is young enough, per series, by timer as well as by tick.

Three limits: under `arm` before the window, up to `soft` inside it, up to `strict` in the final minute. Age is time
since the newest *valid* value arrived; a value that is old, repeated, from the future or from behind a loop stall
refreshes nothing. Never seen is stale.

A stale instant in STRICT is a trip: it latches for that window (unless strict_resume), and the second in a session
freezes the session until an operator resumes. When the feed's own cadence cannot meet the strict limit, STRICT is a
planned stand-down instead: decided once, on entering it, and announced, not counted.

Order of calls in one step: `advance` first (it notices a trip before a late value can hide it), then `observe`, then
`verdict`, which changes nothing.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec

from domain.clock import NS_PER_MS, Now
from domain.errors import ConfigurationError
from domain.events import Tick
from domain.reasons import Reason
from domain.setting import key
from domain.window import Phase
from guards.cadence import Cadence, StampLag
from guards.index_freshness import IndexFreshness
from guards.vote import PASS, Vote, fail, unknown

FINAL = frozenset({Phase.STRICT, Phase.FLATTENING, Phase.FROZEN})


class FreshnessSettings(msgspec.Struct, frozen=True):
    """How old an index value may be. `basis`: plain age, or lateness beyond the measured cadence."""

    basis: Annotated[
        Literal["age", "lateness"],
        key("What the limits measure: plain age, or the age beyond the feed's own median cadence.", "H04 H14"),
    ] = "age"
    arm_limit_ms: Annotated[
        int, key("How old the index may be when live trading is armed or a window opens.", "H04 A02", ge=100, le=60_000)
    ] = 2000
    soft_limit_ms: Annotated[
        int, key("How old the index may be while a window is quoted.", "H04 H14", ge=100, le=60_000)
    ] = 1500
    strict_limit_ms: Annotated[
        int, key("How old the index may be in the final minute; beyond it the window is over.", "H14", ge=50, le=60_000)
    ] = 700
    strict_resume: bool = False
    trips_max: int = 2
    lag_limit_ms: int = 1000
    future_limit_ms: int = 250
    agree_limit_ms: int = 250
    offset_max_ms: int = 1000
    cadence_samples_min: int = 10
    cadence_samples_max: int = 240
    cadence_gap_max_ms: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.strict_limit_ms <= self.soft_limit_ms <= self.arm_limit_ms:
            raise ConfigurationError(
                "limits must obey 0 < strict_limit_ms <= soft_limit_ms <= arm_limit_ms; found"
                f" {self.strict_limit_ms}, {self.soft_limit_ms}, {self.arm_limit_ms}"
            )


class Admission(enum.StrEnum):
    """What became of a value: accepted, or why it refreshed nothing."""

    ACCEPTED = "accepted"
    OTHER_SYMBOL = "other_symbol"
    NOT_POSITIVE = "not_positive"
    NOT_NEWER = "not_newer"
    FUTURE = "future"
    LATE = "late"
    AFTER_STALL = "after_stall"


class Trip(msgspec.Struct, frozen=True):
    """The strict limit was broken in the final minute of one window: the `count`-th time in this session."""

    series: str
    session: str
    target_ns: int
    count: int
    session_frozen: bool
    age_ns: int | None
    limit_ns: int
    basis: str
    feed: str


class FreshnessSentry:
    """The sentry of one series. Give it the ticks of the active feed only."""

    __slots__ = (
        "_agree_ns",
        "_allowance_ns",
        "_arm_ns",
        "_cadence",
        "_final_ns",
        "_frozen",
        "_future_ns",
        "_lag_ns",
        "_lags",
        "_last",
        "_latched_target_ns",
        "_planned_target_ns",
        "_refused",
        "_session",
        "_soft_ns",
        "_strict_target_ns",
        "_target_ns",
        "_tripping",
        "_trips",
        "_trusted",
        "_use_lateness",
        "series",
        "settings",
        "symbol",
    )

    def __init__(self, series: str, symbol: str, settings: FreshnessSettings) -> None:
        """Know nothing yet: the first verdict is closed."""
        self.series = series
        self.symbol = symbol
        self.settings = settings
        self._arm_ns = settings.arm_limit_ms * NS_PER_MS - 1  # "under": the limit itself no longer passes
        self._soft_ns = settings.soft_limit_ms * NS_PER_MS
        self._final_ns = settings.strict_limit_ms * NS_PER_MS
        self._lag_ns = settings.lag_limit_ms * NS_PER_MS
        self._future_ns = settings.future_limit_ms * NS_PER_MS
        self._agree_ns = settings.agree_limit_ms * NS_PER_MS
        self._use_lateness = settings.basis == "lateness"
        self._allowance_ns = 0
        self._cadence = Cadence(
            samples_min=settings.cadence_samples_min,
            samples_max=settings.cadence_samples_max,
            gap_max_ns=settings.cadence_gap_max_ms * NS_PER_MS,
        )
        self._lags: dict[str, StampLag] = {}
        self._last: Tick | None = None
        self._trusted = True
        self._refused = ""
        self._session = ""
        self._trips = 0
        self._frozen = False
        self._target_ns: int | None = None
        self._strict_target_ns: int | None = None
        self._planned_target_ns: int | None = None
        self._latched_target_ns: int | None = None
        self._tripping = False

    # --- what it is told -----------------------------------------------------------------------------------------

    def advance(self, now: Now, phase: Phase, target_ns: int | None, session: str) -> Trip | None:
        """Move to this instant before anything else is observed in the step. Returns a trip when one happens now.

        A loop stall closes the verdict but is no trip: only an age over the limit is.

        `target_ns` names the window (None outside any), `session` the trading day as ISO text.
        """
        if session != self._session:
            self._session = session
            self._trips = 0
            self._frozen = False
        self._target_ns = target_ns
        if phase is not Phase.STRICT or target_ns is None:
            self._tripping = False
            return None
        if self._strict_target_ns != target_ns:
            self._strict_target_ns = target_ns
            if self.cadence_too_slow:
                self._planned_target_ns = target_ns
        if target_ns in (self._planned_target_ns, self._latched_target_ns):
            return None
        if self._fresh(now, phase):
            self._tripping = False
            return None
        return None if self._tripping else self._trip(now, target_ns)

    def _trip(self, now: Now, target_ns: int) -> Trip:
        self._tripping = True
        self._trips += 1
        self._frozen = self._frozen or self._trips >= self.settings.trips_max
        if not self.settings.strict_resume:
            self._latched_target_ns = target_ns
        last = self._last
        return Trip(
            series=self.series,
            session=self._session,
            target_ns=target_ns,
            count=self._trips,
            session_frozen=self._frozen,
            age_ns=None if last is None else now.mono_ns - last.received_mono_ns,
            limit_ns=self._final_ns,
            basis=self._basis(),
            feed="" if last is None else last.feed,
        )

    def observe(self, tick: Tick, now: Now) -> Admission:
        """Judge one value of the active feed; only an accepted one makes the series younger."""
        if tick.symbol != self.symbol:
            return Admission.OTHER_SYMBOL
        if tick.value <= 0:
            return Admission.NOT_POSITIVE
        last = self._last
        if last is not None and tick.event_ns <= last.event_ns:
            return Admission.NOT_NEWER
        lag = self._lags.get(tick.feed)
        if lag is None:
            lag = self._lags[tick.feed] = StampLag(self.settings.offset_max_ms * NS_PER_MS)
        lag_ns = now.utc_ns - tick.event_ns
        lag.add(lag_ns)
        if tick.received_mono_ns > now.mono_ns or lag_ns < -self._future_ns:
            return Admission.FUTURE
        strayed_ns = abs(lag_ns - lag.offset_ns)
        if strayed_ns > self._lag_ns:
            grown_ms = (lag_ns - lag.offset_ns) // NS_PER_MS
            self._refused = f"values come, but {grown_ms} ms later than they used to: they are not believed"
            return Admission.LATE
        if not self._trusted and strayed_ns > self._agree_ns:
            return Admission.AFTER_STALL
        if last is not None and last.feed == tick.feed and self._trusted:
            self._cadence.add(tick.received_mono_ns - last.received_mono_ns)
            if self._use_lateness:
                self._allowance_ns = self._cadence.median_ns or 0
        self._trusted = True
        self._last = tick
        self._refused = ""
        return Admission.ACCEPTED

    def stalled(self) -> None:
        """The event loop did not run for a while: believe no arrival stamp until a value's own stamp agrees."""
        self._trusted = False

    def clock_stepped(self) -> None:
        """The wall clock was set: what was learned about the feeds' stamps no longer holds."""
        self._lags.clear()

    def resume(self) -> None:
        """An operator lifts the frozen session; the trips are still counted, so the next one freezes it again."""
        self._frozen = False

    # --- what it answers -----------------------------------------------------------------------------------------

    def verdict(self, now: Now, phase: Phase) -> IndexFreshness:
        """Judge this instant in this phase. Never improves by waiting alone."""
        last = self._last
        age_ns = None if last is None else now.mono_ns - last.received_mono_ns
        median_ns = self._cadence.median_ns
        final, here = phase in FINAL, self._target_ns
        planned = final and here is not None and self._planned_target_ns == here
        # A planned stand-down quotes nothing, so the strict limit is not in force: the index is judged as for arming.
        judged = Phase.PREFLIGHT if planned else phase
        reason = self._reason(now, phase)
        return IndexFreshness(
            series=self.series,
            symbol=self.symbol,
            feed="" if last is None else last.feed,
            received_utc_ns=None if last is None else last.received_utc_ns,
            age_ns=age_ns,
            age_ms=None if age_ns is None else age_ns / NS_PER_MS,
            lateness_ms=None if age_ns is None or median_ns is None else max(age_ns - median_ns, 0) / NS_PER_MS,
            limit_ms=self.limit_ms(judged),
            arm_limit_ms=self.settings.arm_limit_ms,
            basis=self._basis(),
            cadence_ms=self.cadence_median_ms,
            offset_ms=self.offset_ns / NS_PER_MS,
            fresh=self._trusted and self._fresh(now, judged),
            ok=reason is None,
            reason=reason,
            planned_stand_down=planned,
            latched=final and here is not None and self._latched_target_ns == here,
            session_frozen=self._frozen,
        )

    def _reason(self, now: Now, phase: Phase) -> Reason | None:
        """Why this instant does not pass, or None."""
        last, here = self._last, self._target_ns
        final = phase in FINAL
        if self._frozen or (final and here is not None and self._latched_target_ns == here):
            return Reason.FINAL_MINUTE_STALE
        if final and here is not None and self._planned_target_ns == here:
            return Reason.STRICT_STAND_DOWN
        if last is None:
            return Reason.FRESHNESS_MISSING
        if not self._trusted:
            return Reason.LOOP_STALL
        if not self._fresh(now, phase) or self.offset_ns > self._limit_ns(phase):
            return Reason.FINAL_MINUTE_STALE if final else Reason.WS_STALE
        return None

    @property
    def offset_ns(self) -> int:
        """By how much the stamps of the feed in use lie behind our clock, as learned; 0 until then."""
        lag = None if self._last is None else self._lags.get(self._last.feed)
        return 0 if lag is None else lag.learned_ns

    def vote(self, now: Now, phase: Phase) -> Vote:
        """The same as a vote of the gate."""
        last = self._last
        if last is not None and self._reason(now, phase) is None:
            return Vote(PASS.status, None, "", now.mono_ns - last.received_mono_ns, self._limit_ns(phase))
        verdict = self.verdict(now, phase)
        assert verdict.reason is not None, "a verdict without a value passes nothing"
        if verdict.reason is Reason.FRESHNESS_MISSING:
            return unknown(verdict.reason, f"{self.symbol}: no valid value has been seen yet")
        return fail(verdict.reason, self._why(verdict), age_ns=verdict.age_ns, limit_ns=self._limit_ns(phase))

    def next_deadline(self, now: Now, phase: Phase) -> int | None:
        """The monotonic instant at which the verdict turns with no event to say so, always later than now."""
        last = self._last
        if last is None or not self._fresh(now, phase):
            return None
        return self._good_until(last, phase) + 1

    def limit_ms(self, phase: Phase) -> float:
        """The limit in force in a phase."""
        if phase in FINAL:
            return float(self.settings.strict_limit_ms)
        return float(self.settings.soft_limit_ms if phase is Phase.QUOTING else self.settings.arm_limit_ms)

    @property
    def trips(self) -> int:
        """How often the strict limit was broken in this session."""
        return self._trips

    @property
    def session_frozen(self) -> bool:
        """Whether this series stays flat until an operator resumes."""
        return self._frozen

    @property
    def last(self) -> Tick | None:
        """The newest valid value, however old."""
        return self._last

    @property
    def cadence_median_ms(self) -> float | None:
        """The usual gap between values, or None while unknown."""
        median_ns = self._cadence.median_ns
        return None if median_ns is None else median_ns / NS_PER_MS

    @property
    def cadence_p99_ms(self) -> float | None:
        """The gap that one in a hundred exceeds, or None while unknown."""
        p99_ns = self._cadence.p99_ns
        return None if p99_ns is None else p99_ns / NS_PER_MS

    @property
    def cadence_too_slow(self) -> bool:
        """Whether the next STRICT would be a planned stand-down; an unknown cadence plans nothing."""
        p99_ns = self._cadence.p99_ns
        return not self._use_lateness and p99_ns is not None and p99_ns > self._final_ns

    # --- what survives a restart ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Trips and latches as plain JSON values; ages do not survive, so a restart begins stale."""
        return {
            "session": self._session,
            "trips": self._trips,
            "frozen": self._frozen,
            "strict_target_ns": self._strict_target_ns,
            "planned_target_ns": self._planned_target_ns,
            "latched_target_ns": self._latched_target_ns,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` said before the restart."""
        self._session = str(state["session"])
        self._trips = int(state["trips"])
        self._frozen = bool(state["frozen"])
        self._strict_target_ns = state["strict_target_ns"]
        self._planned_target_ns = state["planned_target_ns"]
        self._latched_target_ns = state["latched_target_ns"]

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def _fresh(self, now: Now, phase: Phase) -> bool:
        last = self._last
        return last is not None and now.mono_ns <= self._good_until(last, phase)

    def _good_until(self, last: Tick, phase: Phase) -> int:
        """The last monotonic nanosecond at which the limit of this phase still passes."""
        return last.received_mono_ns + self._allowance_ns + self._limit_ns(phase)

    def _limit_ns(self, phase: Phase) -> int:
        if phase in FINAL:
            return self._final_ns
        return self._soft_ns if phase is Phase.QUOTING else self._arm_ns

    def _basis(self) -> str:
        return "lateness" if self._use_lateness and self._cadence.median_ns is not None else "age"

    def _why(self, verdict: IndexFreshness) -> str:
        if verdict.session_frozen:
            return f"{self.symbol}: {self._trips} trips in session {self._session}; frozen until resumed"
        if verdict.latched:
            return f"{self.symbol}: tripped in this window's final minute; flat until its target"
        if verdict.planned_stand_down:
            p99 = self.cadence_p99_ms
            slow = "unknown since the restart" if p99 is None else f"{p99:.0f} ms"
            return f"{self.symbol}: planned stand-down, cadence p99 {slow}, limit {self.settings.strict_limit_ms} ms"
        if not self._trusted:
            return f"{self.symbol}: after a loop stall, no value yet whose stamp agrees with the wall clock"
        told = f"{self.symbol}: {verdict.basis} over {verdict.limit_ms:.0f} ms"
        if verdict.offset_ms > verdict.limit_ms:
            return f"{self.symbol}: the feed's stamps lie {verdict.offset_ms:.0f} ms behind our clock"
        return f"{told}; {self._refused}" if self._refused else told
