"""Calibration: scores by horizon, out of sample, and drift against what was approved."""

from __future__ import annotations

import math
import random

import pytest

from domain.clock import NS_PER_S
from pricing.calibration import HORIZONS_S, Sample, drift_ppm, drift_shrink, horizon_of, out_of_sample
from tests.pricing.made import raw


def samples(true_ppm: float, said_ppm: float, count: int = 4000) -> list[Sample]:
    """Rungs near the money at all horizons, of a walk with one deviation and a model that says another."""
    rng = random.Random(7)
    made = []
    for n in range(count):
        left_s = HORIZONS_S[n % len(HORIZONS_S)]
        deviation = 6700 * true_ppm / 1e6 * math.sqrt(left_s)
        bound = 6700 + rng.uniform(-1.5, 1.5) * deviation
        made.append(Sample(left_s * NS_PER_S, raw(6700), said_ppm, raw(bound), rng.gauss(6700, deviation) >= bound))
    return made


@pytest.mark.parametrize(
    ("left_s", "horizon"), [(0, 10), (10, 10), (10.001, 30), (60, 60), (899, 900), (900, 900), (901, None)]
)
def test_horizons(left_s: float, horizon: int | None) -> None:
    assert horizon_of(round(left_s * NS_PER_S)) == horizon


def test_a_true_model_is_calibrated_at_every_horizon() -> None:
    scores = out_of_sample(samples(62.0, 62.0))
    assert [score.horizon_s for score in scores] == list(HORIZONS_S)
    for score in scores:
        assert score.score.ece_ppm is not None
        assert score.score.ece_ppm < 90_000  # 570 samples in ten bins: noise alone is some 50,000


def test_a_model_that_went_wrong_drifts_and_is_shrunk() -> None:
    approved = out_of_sample(samples(62.0, 62.0))
    wrong = out_of_sample(samples(62.0, 15.0))
    rise = drift_ppm(approved, wrong)
    assert rise is not None
    assert rise > 30_000
    assert drift_shrink(rise) == 500_000
    assert drift_shrink(drift_ppm(approved, approved)) == 1_000_000


def test_no_shared_horizon_is_unknown_and_unknown_is_shrunk() -> None:
    assert drift_ppm((), out_of_sample(samples(62.0, 62.0, 10))) is None
    assert drift_shrink(None) == 500_000


def test_no_samples_give_no_scores() -> None:
    assert out_of_sample([]) == ()
    assert out_of_sample([Sample(901 * NS_PER_S, raw(6700), 62.0, raw(6700), won=True)]) == ()
