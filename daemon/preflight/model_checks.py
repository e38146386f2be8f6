"""The model's health: pure verdicts over what settled, what was decided, and what the models say of known cases.

A forecast is the fair value of the first order of ours in a market, fixed when it was sent; its outcome is how the
exchange settled that market. Only markets that we traded are told, so this is evidence against the model sooner than
for it. Too few forecasts are UNKNOWN, never good. Over-fitted: the later third of the forecasts scores worse than the
earlier ones by more than the drift that is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from domain.clock import NS_PER_S
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from domain.ids import Ticker
from domain.money import PRICE_PER_DOLLAR
from domain.record_types.fills import SettlementEntry
from domain.record_types.orders import OrderCreatedEntry
from execution.drill import DRILL
from journal.facts import RecordedFact
from pricing.calibration import DRIFT_LIMIT_PPM
from pricing.fair import probability_above
from pricing.fees import FeeFile
from pricing.honesty import CLAMP_PARTIAL_PPM, EVIDENCE_MIN, PARTIAL, PPM, SettledQuote, judge
from pricing.volatility import VolatilityEstimate

MODEL: Final = "model"
LATER_SHARE: Final = 3
LEVEL: Final = 5_000_000_000
QUIET_PPM: Final = 10.0
HOUR_NS: Final = 3_600 * NS_PER_S
MOVES: Final = 600


class Forecasts:
    """Forecasts and outcomes, folded from the journal's records in their order."""

    def __init__(self) -> None:
        self._fair: dict[Ticker, int] = {}
        self._won: dict[Ticker, bool] = {}

    def take(self, fact: RecordedFact) -> None:
        """One record; others than orders and settlements say nothing here. The newest settlement of a market counts."""
        entry = fact.entry
        if isinstance(entry, OrderCreatedEntry) and entry.type != DRILL:
            self._fair.setdefault(entry.ticker, entry.fair)
        elif isinstance(entry, SettlementEntry) and entry.result in {"yes", "no"}:
            self._won[entry.ticker] = entry.result == "yes"

    def settled(self) -> list[SettledQuote]:
        """Those whose outcome is known, in the order in which they were made."""
        ppm = PPM // PRICE_PER_DOLLAR
        return [SettledQuote(fair * ppm, self._won[each]) for each, fair in self._fair.items() if each in self._won]


def calibration(quotes: list[SettledQuote]) -> Finding:
    """Brier score and calibration error within the bounds of the clamp of 0.75."""
    name, found = "calibration", judge(quotes)
    if not found.enough or found.brier_ppm is None or found.ece_ppm is None:
        return Finding(name, UNKNOWN, f"{found.settled} settled forecasts in the journal, {EVIDENCE_MIN} are needed")
    said = (
        f"{found.settled} settled forecasts: Brier {found.brier_ppm / PPM:.4f} of at most {PARTIAL[1] / PPM:.2f},"
        f" calibration error {found.ece_ppm / PPM:.4f} of at most {PARTIAL[0] / PPM:.2f}"
    )
    return Finding(name, PASS if found.clamp_ppm >= CLAMP_PARTIAL_PPM else FAIL, said)


def out_of_sample_gap(quotes: list[SettledQuote]) -> Finding:
    """The later third scores as the earlier forecasts did, within the drift that is allowed."""
    name, cut = "out_of_sample_gap", len(quotes) - len(quotes) // LATER_SHARE
    if len(quotes) < EVIDENCE_MIN:
        return Finding(name, UNKNOWN, f"{len(quotes)} settled forecasts in the journal, {EVIDENCE_MIN} are needed")
    before, after = judge(quotes[:cut]).brier_ppm, judge(quotes[cut:]).brier_ppm
    assert before is not None, "there are some"
    assert after is not None, "there are some"
    said = f"Brier {before / PPM:.4f} over the first {cut}, {after / PPM:.4f} over the last {len(quotes) - cut}"
    worse = f"{said}: {(after - before) / PPM:+.4f}, at most {DRIFT_LIMIT_PPM / PPM:.4f} is allowed"
    return Finding(name, PASS if after - before <= DRIFT_LIMIT_PPM else FAIL, worse)


def decision_memory(lines: Iterable[tuple[str, str | None]]) -> Finding:
    """Every kept line is a decision, each proposal's only one. `lines`: where it stands, and whose it is or None."""
    name, seen = "decision_memory", set()
    for where, proposal in lines:
        if proposal is None:
            return Finding(name, FAIL, f"{where}: no decision; keep the file aside, and say so in a note")
        if proposal in seen:
            return Finding(name, FAIL, f"{where}: {proposal} was decided before")
        seen.add(proposal)
    if not seen:
        return Finding(name, UNKNOWN, "no decision was kept here yet")
    return Finding(name, PASS, f"{len(seen)} decisions, each readable and its proposal's only one")


def models(fees: FeeFile | None, series: Iterable[str]) -> Finding:
    """Every model is there and says of known cases what it must: chances, volatility, fees."""
    wrong = [f"{name} answers otherwise than it must" for name, right in KNOWN.items() if not right()]
    wrong += [f"no fees of {name}" for name in series if fees is None or fees.of(name) is None]
    if wrong:
        return Finding("models", FAIL, "; ".join(wrong))
    return Finding("models", PASS, f"{', '.join(KNOWN)} and the fees of every series are loaded and answer")


def _fair_value() -> bool:
    """An even chance at the money, nearly none ten deviations away, and certainty when no time is left."""
    chances = [probability_above(bound, LEVEL, QUIET_PPM, HOUR_NS) for bound in (LEVEL, 2 * LEVEL)]
    return chances == [0.5, 0.0] and probability_above(LEVEL, LEVEL, QUIET_PPM, 0) == 1.0


def _volatility() -> bool:
    """Moves of one in ten thousand every four seconds are 50 millionths a root second; no value has no deviation."""
    estimate, silent = VolatilityEstimate(), VolatilityEstimate()
    for move in range(1, MOVES):
        estimate.observe(LEVEL + move % 2 * LEVEL // 10_000, move * 4 * NS_PER_S)
    return silent.sigma_ppm is None and estimate.sigma_ppm is not None and 45 < estimate.sigma_ppm < 55  # noqa: PLR2004


KNOWN: Final[dict[str, Callable[[], bool]]] = {"fair value": _fair_value, "volatility": _volatility}
