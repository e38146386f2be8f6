"""Breakers: signs in our own settled windows that the model is no longer to be believed (runbook K20).

Five. `forecast_error`: the mean of abs(z) over the last events, each interval's move over the deviation forecast for
it, lies outside its bounds (a right model gives 0.80; below one, volatility is asked too high, above, too low).
`result_drift`: realised less expected P&L by window lies below zero by more than three of its own deviations.
`loss_run`: so many windows lost in a row that the model gave it next to no chance. `confidence_collapse`: every rung
near the money has had one price, or one at the edge of its range, for a minute of quoting. `estimate_stuck`: the
volatility was the same to the last bit at the end of three sessions.

One that trips stays tripped, with its numbers, until an operator resumes; resuming forgets the evidence of that one,
so that the same old results cannot trip it again. A breaker that raises counts as tripped. Pure; money is in cash.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

import msgspec

from domain.money import CASH_PER_DOLLAR
from domain.reasons import Reason
from domain.setting import key
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail

PPM: Final = 1_000_000
PPB: Final = 1_000_000_000
NS_PER_S: Final = 1_000_000_000


class Breaker(enum.StrEnum):
    """Which of the five."""

    FORECAST_ERROR = "forecast_error"
    RESULT_DRIFT = "result_drift"
    LOSS_RUN = "loss_run"
    CONFIDENCE_COLLAPSE = "confidence_collapse"
    ESTIMATE_STUCK = "estimate_stuck"


class BreakerSettings(msgspec.Struct, frozen=True):
    """Bounds and samples; the fixed ones follow from the rates in docs/breakers.md."""

    enabled: Annotated[
        bool,
        key("Whether our own settled windows can close the gate; without, that is shown as not configured.", "K20"),
    ] = True
    z_low_ppm: Annotated[
        int, key("Mean abs z below which the forecast counts as wrong, in millionths.", "K20", ge=0, le=790_000)
    ] = 620_000
    z_high_ppm: Annotated[
        int, key("Mean abs z above which the forecast counts as wrong, in millionths.", "K20", ge=810_000, le=2_000_000)
    ] = 1_000_000
    drift_deviations: Annotated[
        int, key("Deviations below zero at which realised less expected P&L by window trips.", "K20", ge=2, le=9)
    ] = 3
    loss_run_ppm: Annotated[
        int,
        key("Chance under the model below which a run of losing windows trips, in millionths.", "K20", ge=1, le=1_000),
    ] = 10
    events: int = 60
    events_warned: int = 240
    warn_low_ppm: int = 700_000
    warn_high_ppm: int = 900_000
    windows_min: int = 30
    windows_kept: int = 60
    collapse_s: int = 60
    session_ends: int = 3


class WindowOutcome(msgspec.Struct, frozen=True, array_like=True):
    """One settled window, both series together: what was expected of our fills, what came, the chance of a loss."""

    expected: int
    realised: int
    loss_ppb: int


class BreakerRecord(msgspec.Struct, frozen=True):
    """What a restart remembers."""

    tripped: dict[Breaker, str] = {}
    warned: bool = False
    events: tuple[tuple[int, ...], ...] = ()
    windows: tuple[WindowOutcome, ...] = ()
    run: tuple[WindowOutcome, ...] = ()
    ends: dict[str, tuple[float, ...]] = {}


class BreakerReading(NamedTuple):
    """One breaker as screens show it: what it measures now against its bound, and why it has tripped, if it has."""

    breaker: Breaker
    reading: str
    bound: str
    tripped: str


class Breakers:
    """One for the process."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        """Nothing settled yet: nothing speaks against the model."""
        self.settings = settings or BreakerSettings()
        self.tripped: dict[Breaker, str] = {}
        self.warned = False
        self._events: deque[tuple[int, ...]] = deque(maxlen=self.settings.events_warned)
        self._windows: deque[WindowOutcome] = deque(maxlen=self.settings.windows_kept)
        self._run: list[WindowOutcome] = []
        self._ends: dict[str, tuple[float, ...]] = {}
        self._flat_since_ns: dict[str, int] = {}
        self._rungs: dict[str, tuple[tuple[str, int], ...]] = {}

    # --- what it is told -----------------------------------------------------------------------------------------

    def event(self, abs_z_ppm: tuple[int, ...]) -> list[Breaker]:
        """One series' window has settled: abs(z) of its intervals, in millionths. Returns what trips now."""
        if abs_z_ppm:
            self._events.append(abs_z_ppm)
        return self._judge()

    def window(self, outcome: WindowOutcome) -> list[Breaker]:
        """A window in which we traded has settled in every series. Returns what trips now."""
        self._windows.append(outcome)
        self._run = [*self._run, outcome] if outcome.realised < 0 else []
        return self._judge()

    def session_ended(self, series: str, sigma_ppm: float) -> list[Breaker]:
        """The volatility estimate at the end of a session. Returns what trips now."""
        self._ends[series] = (*self._ends.get(series, ()), sigma_ppm)[-self.settings.session_ends :]
        return self._judge()

    def rungs(
        self, series: str, near: tuple[tuple[str, int], ...], now_ns: int, *, at_edge: bool = False
    ) -> list[Breaker]:
        """The prices of the rungs near the money while we quote; `at_edge`: all are at floor or cap.

        None of them (outside quoting, or no rung is near) is no evidence. Returns what trips now.
        """
        if not near:
            self._flat_since_ns.pop(series, None)
        elif not at_edge and near != self._rungs.get(series):
            self._flat_since_ns[series] = now_ns
        else:
            self._flat_since_ns.setdefault(series, now_ns)
        self._rungs[series] = near
        for name, since_ns in self._flat_since_ns.items():
            if now_ns - since_ns >= self.settings.collapse_s * NS_PER_S:
                return self._judge((Breaker.CONFIDENCE_COLLAPSE, lambda name=name: self._collapsed(name)))  # type: ignore[misc]
        return []

    def resume(self) -> None:
        """An operator lifts what has tripped; the evidence that tripped it is forgotten."""
        forget: dict[Breaker, Callable[[], None]] = {
            Breaker.FORECAST_ERROR: self._events.clear,
            Breaker.RESULT_DRIFT: self._windows.clear,
            Breaker.LOSS_RUN: self._run.clear,
            Breaker.CONFIDENCE_COLLAPSE: self._flat_since_ns.clear,
            Breaker.ESTIMATE_STUCK: self._ends.clear,
        }
        for breaker in self.tripped:
            forget[breaker]()
        self.tripped.clear()

    # --- the five ------------------------------------------------------------------------------------------------

    def mean_abs_z(self, count: int) -> float | None:
        """The mean of abs(z) over the last `count` events; None before there are so many."""
        values = [each for event in list(self._events)[-count:] for each in event]
        return sum(values) / len(values) / PPM if len(self._events) >= count else None

    def forecast_error(self) -> str:
        """Volatility is asked too low or too high."""
        settings, mean = self.settings, self.mean_abs_z(self.settings.events)
        if mean is None or settings.z_low_ppm <= mean * PPM <= settings.z_high_ppm:
            return ""
        way = "low" if mean * PPM > settings.z_high_ppm else "high"
        return f"mean abs z {mean:.3f} over {settings.events} events: volatility is asked too {way}"

    def drift_t(self) -> float | None:
        """Realised less expected by window, over its deviation; None before there are enough windows."""
        count = len(self._windows)
        if count < self.settings.windows_min:
            return None
        gaps = [each.realised - each.expected for each in self._windows]
        mean = sum(gaps) / count
        variance = sum((gap - mean) ** 2 for gap in gaps) / (count - 1)
        if variance == 0.0:
            return 0.0 if mean >= 0.0 else -math.inf
        return mean / math.sqrt(variance / count)

    def result_drift(self) -> str:
        """Our fills end worse than the model said."""
        t = self.drift_t()
        if t is None or t >= -self.settings.drift_deviations:
            return ""
        gap = sum(each.realised - each.expected for each in self._windows)
        return (
            f"realised less expected {gap / CASH_PER_DOLLAR:+.2f} dollars, t {t:.2f} over {len(self._windows)} windows"
        )

    def run_chance(self) -> float:
        """The chance that the model gave the windows lost in a row, each when its last contract was filled."""
        return math.prod(each.loss_ppb / PPB for each in self._run)

    def loss_run(self) -> str:
        """A run of losing windows that the model holds for all but impossible."""
        chance = self.run_chance()
        if not self._run or chance * PPM >= self.settings.loss_run_ppm:
            return ""
        return f"{len(self._run)} losing windows in a row, to which the model gave a chance of {chance:.1e}"

    def estimate_stuck(self) -> str:
        """The volatility no longer moves."""
        for series, ends in self._ends.items():
            if len(ends) >= self.settings.session_ends and len(set(ends)) == 1:
                return f"{series}: volatility {ends[0]!r} ppm at {len(ends)} session ends"
        return ""

    def _collapsed(self, series: str) -> str:
        rungs = self._rungs[series]
        return (
            f"{series}: all {len(rungs)} rungs near the money unchanged or at the edge for {self.settings.collapse_s} s"
        )

    def _judge(self, more: tuple[Breaker, Callable[[], str]] | None = None) -> list[Breaker]:
        if not self.settings.enabled:
            return []
        looks: list[tuple[Breaker, Callable[[], str]]] = [
            (Breaker.FORECAST_ERROR, self.forecast_error),
            (Breaker.RESULT_DRIFT, self.result_drift),
            (Breaker.LOSS_RUN, self.loss_run),
            (Breaker.ESTIMATE_STUCK, self.estimate_stuck),
        ]
        found = []
        for breaker, look in looks if more is None else (more,):
            said = "" if breaker in self.tripped else _said(breaker, look)
            if said:
                self.tripped[breaker] = said
                found.append(breaker)
        return found

    # --- what it answers -----------------------------------------------------------------------------------------

    def warning(self) -> str:
        """Why the model is to be watched, though nothing has tripped: mean abs z over four days of events."""
        settings, mean = self.settings, self.mean_abs_z(self.settings.events_warned)
        if not settings.enabled or mean is None or settings.warn_low_ppm <= mean * PPM <= settings.warn_high_ppm:
            return ""
        return f"mean abs z {mean:.3f} over {settings.events_warned} events, a right model gives 0.80"

    def vote(self) -> Vote:
        """Closed while anything is tripped."""
        if not self.settings.enabled:
            return NOT_CONFIGURED
        if not self.tripped:
            return PASS
        return fail(Reason.BREAKER_TRIPPED, "; ".join(f"{each}: {why}" for each, why in self.tripped.items()))

    def readings(self) -> tuple[BreakerReading, ...]:
        """Each breaker with what it measures."""
        settings, events, windows = self.settings, len(self._events), len(self._windows)
        mean, t = self.mean_abs_z(settings.events), self.drift_t()
        z_bound = f"{settings.z_low_ppm / PPM:g} to {settings.z_high_ppm / PPM:g}"
        told = {
            Breaker.FORECAST_ERROR: (
                f"{events} of {settings.events} events" if mean is None else f"mean abs z {mean:.3f}",
                z_bound,
            ),
            Breaker.RESULT_DRIFT: (
                f"{windows} of {settings.windows_min} windows" if t is None else f"t {t:.2f}",
                f"t {-settings.drift_deviations}",
            ),
            Breaker.LOSS_RUN: (
                f"{len(self._run)} lost in a row, chance {self.run_chance():.2g}",
                f"chance {settings.loss_run_ppm / PPM:.0e}",
            ),
            Breaker.CONFIDENCE_COLLAPSE: (
                "prices of the rungs near the money",
                f"the same for {settings.collapse_s} s",
            ),
            Breaker.ESTIMATE_STUCK: (
                f"{max((len(ends) for ends in self._ends.values()), default=0)} session ends seen",
                f"{settings.session_ends} the same to the last bit",
            ),
        }
        return tuple(BreakerReading(each, *told[each], self.tripped.get(each, "")) for each in Breaker)

    # --- what survives a restart ---------------------------------------------------------------------------------

    def record(self) -> BreakerRecord:
        """Evidence and trips."""
        events, windows = tuple(self._events), tuple(self._windows)
        return BreakerRecord(dict(self.tripped), self.warned, events, windows, tuple(self._run), dict(self._ends))

    def restore(self, record: BreakerRecord) -> None:
        """Take over what the run before knew."""
        self.tripped, self.warned = dict(record.tripped), record.warned
        self._events.extend(record.events)
        self._windows.extend(record.windows)
        self._run, self._ends = list(record.run), dict(record.ends)


def _said(breaker: Breaker, look: Callable[[], str]) -> str:
    """What a breaker says; one that cannot compute its answer has tripped (contract: raises = tripped)."""
    try:
        return look()
    except (ArithmeticError, ValueError, LookupError, TypeError) as error:
        return f"{breaker} could not be judged: {error!r}"
