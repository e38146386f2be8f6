"""How good the model is out of sample, by horizon: shapes and scores, for the calibration job.

A sample is one rung at one instant: what the model said then, using only what was known then, and how the rung
settled. Scores are grouped by the time that was left. Drift is the change of the mean error against the scores that
were approved; past its limit it shrinks the edge and blocks promotion. Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.clock import NS_PER_S
from pricing.fair import probability_above
from pricing.honesty import PPM, Honesty, SettledQuote, judge

HORIZONS_S: Final = (900, 600, 300, 120, 60, 30, 10)
DRIFT_LIMIT_PPM: Final = 30_000
AGE_LIMIT_DAYS: Final = 14


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One rung at one instant. `bound` is the least raw value that wins (pricing.fair), values in 1e-6 points."""

    left_ns: int
    value: int
    sigma_ppm: float
    bound: int
    won: bool


class HorizonScore(msgspec.Struct, frozen=True):
    """Scores of all samples with at most `horizon_s` left and more than the next shorter horizon."""

    horizon_s: int
    score: Honesty


def horizon_of(left_ns: int) -> int | None:
    """The horizon in seconds that a time left belongs to; None when it is longer than all of them."""
    fitting = [horizon for horizon in HORIZONS_S if left_ns <= horizon * NS_PER_S]
    return min(fitting, default=None)


def out_of_sample(samples: Iterable[Sample]) -> tuple[HorizonScore, ...]:
    """Score the model on samples it has not seen, by horizon, longest first; horizons without samples are left out."""
    grouped: dict[int, list[SettledQuote]] = {}
    for sample in samples:
        horizon = horizon_of(sample.left_ns)
        if horizon is not None:
            said = probability_above(sample.bound, sample.value, sample.sigma_ppm, sample.left_ns)
            grouped.setdefault(horizon, []).append(SettledQuote(round(said * PPM), sample.won))
    return tuple(HorizonScore(horizon, judge(grouped[horizon])) for horizon in HORIZONS_S if horizon in grouped)


def drift_ppm(approved: Iterable[HorizonScore], present: Iterable[HorizonScore]) -> int | None:
    """The largest rise of the Brier score over its approved value at any shared horizon; None without one."""
    before = {score.horizon_s: score.score.brier_ppm for score in approved}
    rises = []
    for score in present:
        then, today = before.get(score.horizon_s), score.score.brier_ppm
        if then is not None and today is not None:
            rises.append(today - then)
    return max(rises, default=None)


def drift_shrink(rise_ppm: int | None, limit_ppm: int = DRIFT_LIMIT_PPM) -> int:
    """The share of the edge that a drift allows: all of it within the limit, half beyond, half when unknown."""
    return PPM if rise_ppm is not None and rise_ppm <= limit_ppm else PPM // 2
