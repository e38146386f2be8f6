"""Breakers: signs in our own results that the model or the market is no longer what it was (runbook K20).

Five, each a function of what was settled or estimated lately: the hit rate has left [0.05, 0.95]; one market makes
over 0.80 of the losses; the probabilities we quote have collapsed to one value; the volatility estimate no longer
moves; five losses in a row. The first to trip stays tripped, with its numbers, until an operator resumes; resuming
forgets the evidence, so that the same old results cannot trip it again. A breaker that raises counts as tripped.

Nothing is known until the state of the last run was restored, or a first start was declared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.clock import Now
from domain.reasons import Reason
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Bounds of runbook K20. Shares and probabilities in millionths; the variance in millionths of one squared."""

    enabled: bool = True
    sample: int = 50
    hit_rate_min_ppm: int = 50_000
    hit_rate_max_ppm: int = 950_000
    concentration_max_ppm: int = 800_000
    concentration_losses_min: int = 5
    confidence_variance_min_ppm: int = 10_000
    losses_in_a_row: int = 5


class Breakers:
    """One for the process."""

    __slots__ = ("_known", "_outcomes", "_regimes", "_results", "_settings", "_tripped")

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or BreakerSettings()
        self._known = False
        self._tripped = ""
        sample = self._settings.sample
        self._outcomes: deque[tuple[int, bool]] = deque(maxlen=sample)
        self._results: deque[tuple[str, int]] = deque(maxlen=sample)
        self._regimes: deque[int] = deque(maxlen=sample)

    # --- what it is told -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A first start: there is no earlier state to restore."""
        self._known = True

    def settled(self, probability_ppm: int, won: bool) -> str:  # noqa: FBT001 - a fact, as it came
        """One filled quote settled: the probability at which we thought it would win. Returns what tripped now."""
        self._outcomes.append((probability_ppm, won))
        return self._judge()

    def closed(self, market: str, pnl: int) -> str:
        """One market's result in cash is final. Returns what tripped now."""
        self._results.append((market, pnl))
        return self._judge()

    def regime(self, sigma_ppm: int) -> str:
        """The volatility estimate at the end of a window. Returns what tripped now."""
        self._regimes.append(sigma_ppm)
        return self._judge()

    def resume(self) -> None:
        """An operator lifts the breaker; the evidence that tripped it is forgotten."""
        self._tripped = ""
        self._outcomes.clear()
        self._results.clear()
        self._regimes.clear()

    # --- the five ------------------------------------------------------------------------------------------------

    def calibration_drift(self) -> str:
        """The hit rate of a full sample has left its bounds."""
        if len(self._outcomes) < self._settings.sample:
            return ""
        rate_ppm = sum(won for _, won in self._outcomes) * PPM // len(self._outcomes)
        if self._settings.hit_rate_min_ppm <= rate_ppm <= self._settings.hit_rate_max_ppm:
            return ""
        return f"calibration drift: hit rate {rate_ppm / PPM:.2f} over {len(self._outcomes)} settled quotes"

    def loss_concentration(self) -> str:
        """One market makes most of the losses."""
        losses: dict[str, int] = {}
        for market, pnl in self._results:
            if pnl < 0:
                losses[market] = losses.get(market, 0) - pnl
        if sum(pnl < 0 for _, pnl in self._results) < self._settings.concentration_losses_min:
            return ""
        total = sum(losses.values())
        market, worst = max(losses.items(), key=lambda item: item[1])
        if worst * PPM <= self._settings.concentration_max_ppm * total:
            return ""
        return f"loss concentration: {market} makes {worst * 100 / total:.0f} % of the losses"

    def confidence_collapse(self) -> str:
        """The probabilities of a full sample hardly differ."""
        count = len(self._outcomes)
        if count < self._settings.sample:
            return ""
        total = sum(probability for probability, _ in self._outcomes)
        squares = sum(probability * probability for probability, _ in self._outcomes)
        # Variance * count^2, in integers: count * sum(p^2) - (sum p)^2, of probabilities in millionths.
        scaled = count * squares - total * total
        if scaled >= self._settings.confidence_variance_min_ppm * PPM * count * count:
            return ""
        return f"confidence collapse: variance {scaled / (count * count * PPM * PPM):.4f} over {count} quotes"

    def regime_stuck(self) -> str:
        """The volatility estimate was the same at the end of a full sample of windows."""
        if len(self._regimes) < self._settings.sample or len(set(self._regimes)) > 1:
            return ""
        return f"regime stuck: volatility {self._regimes[0]} ppm for {len(self._regimes)} windows"

    def losing_streak(self) -> str:
        """The last results were all losses."""
        count = self._settings.losses_in_a_row
        last = list(self._results)[-count:]
        if len(last) < count or any(pnl >= 0 for _, pnl in last):
            return ""
        return f"losing streak: {count} losses in a row"

    def _judge(self) -> str:
        if self._tripped or not self._settings.enabled:
            return ""
        self._tripped = first_tripped(
            (
                self.calibration_drift,
                self.loss_concentration,
                self.confidence_collapse,
                self.regime_stuck,
                self.losing_streak,
            )
        )
        return self._tripped

    # --- what it answers -----------------------------------------------------------------------------------------

    @property
    def tripped(self) -> str:
        """What tripped, with its numbers, or nothing."""
        return self._tripped

    def vote(self, now: Now) -> Vote:  # noqa: ARG002 - the contract of every guard
        """Closed while tripped, and before the last run's state is known."""
        if not self._settings.enabled:
            return NOT_CONFIGURED
        if self._tripped:
            return fail(Reason.QUALITY_GATE, self._tripped)
        return PASS if self._known else unknown(Reason.QUALITY_GATE, "breakers: the last run's state was not read yet")

    def next_deadline(self, now: Now) -> int | None:  # noqa: ARG002 - the contract of every guard
        """Never: time alone changes nothing here."""
        return None

    # --- what survives a restart ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Evidence and trip as plain JSON values."""
        return {
            "tripped": self._tripped,
            "outcomes": [[probability, won] for probability, won in self._outcomes],
            "results": [[market, pnl] for market, pnl in self._results],
            "regimes": list(self._regimes),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` said before the restart."""
        sample = self._settings.sample
        self._tripped = str(state["tripped"])
        self._outcomes = deque(((int(p), bool(won)) for p, won in state["outcomes"]), maxlen=sample)
        self._results = deque(((str(market), int(pnl)) for market, pnl in state["results"]), maxlen=sample)
        self._regimes = deque((int(sigma) for sigma in state["regimes"]), maxlen=sample)
        self._known = True


def first_tripped(breakers: tuple[Callable[[], str], ...]) -> str:
    """What the first tripped breaker says; one that cannot compute its answer has tripped."""
    for breaker in breakers:
        try:
            said = breaker()
        except (ArithmeticError, ValueError, LookupError, TypeError) as error:
            said = f"{breaker.__name__} failed: {error!r}"
        if said:
            return said
    return ""
