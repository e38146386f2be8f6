"""Volatility: unknown until enough was seen, right on a known walk, and hard to fool."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from domain.clock import NS_PER_S
from domain.events import Bar, History
from domain.money import IndexValue
from pricing.volatility import VolatilityEstimate, VolatilitySettings
from tests.pricing.made import raw

START_NS = 1_772_809_000 * NS_PER_S


def walk(sigma_ppm: float, seconds: int, step_ms: int, seed: int = 1) -> list[tuple[int, int]]:
    """A random walk of known deviation: (value, stamp)."""
    rng = random.Random(seed)
    log, out = math.log(6700.0), []
    for n in range(seconds * 1000 // step_ms):
        out.append((raw(math.exp(log)), START_NS + n * step_ms * 1_000_000))
        log += rng.gauss(0.0, sigma_ppm / 1e6 * math.sqrt(step_ms / 1000))
    return out


def fed(ticks: list[tuple[int, int]]) -> VolatilityEstimate:
    estimate = VolatilityEstimate()
    for value, stamp in ticks:
        estimate.observe(value, stamp)
    return estimate


def test_unknown_when_it_knows_nothing_and_until_a_minute_was_seen() -> None:
    assert VolatilityEstimate().sigma_ppm is None
    assert fed(walk(62.0, 59, 1000)).sigma_ppm is None
    assert fed(walk(62.0, 64, 1000)).sigma_ppm is not None


@pytest.mark.parametrize("step_ms", [100, 250, 1000, 3000])
@pytest.mark.parametrize("sigma_ppm", [40.0, 62.0, 150.0])
def test_a_known_walk_at_any_cadence(sigma_ppm: float, step_ms: int) -> None:
    found = fed(walk(sigma_ppm, 3600, step_ms)).sigma_ppm
    assert found == pytest.approx(sigma_ppm, rel=0.15)


def test_it_follows_the_day() -> None:
    calm, wild = walk(40.0, 3600, 1000), walk(160.0, 3600, 1000, seed=2)
    estimate = fed(calm)
    for value, stamp in wild:
        estimate.observe(value, stamp + 3600 * NS_PER_S)
    assert estimate.sigma_ppm == pytest.approx(160.0, rel=0.15)


@pytest.mark.parametrize("bar_s", [1, 60])
def test_past_bars_make_it_known_before_the_first_tick(bar_s: int) -> None:
    points = walk(62.0, 7200, bar_s * 1000)
    bars = [
        Bar(stamp // 1_000_000, IndexValue(value), IndexValue(after))
        for (value, stamp), (after, _) in itertools.pairwise(points)
    ]
    estimate = VolatilityEstimate()
    estimate.seed(History("I:SPX", bar_s * 1000, tuple(bars)))
    assert estimate.sigma_ppm == pytest.approx(62.0, rel=0.35 if bar_s == 60 else 0.15)


def test_an_empty_history_teaches_nothing() -> None:
    estimate = VolatilityEstimate()
    estimate.seed(History("I:SPX", 1000, ()))
    assert estimate.sigma_ppm is None


def test_a_gap_is_not_a_move() -> None:
    estimate = fed(walk(62.0, 600, 1000))
    before = estimate.sigma_ppm
    estimate.observe(raw(6000), START_NS + 700 * NS_PER_S)  # 100 s later and 10 % lower
    assert estimate.sigma_ppm == before


def test_one_wild_value_does_not_blow_it_up() -> None:
    estimate = fed(walk(62.0, 3600, 1000))
    value, stamp = raw(6700), START_NS + 3602 * NS_PER_S
    estimate.observe(value * 2, stamp)
    assert estimate.sigma_ppm is not None
    assert estimate.sigma_ppm < 62.0 * 1.3


def test_floor_and_cap() -> None:
    settings = VolatilitySettings()
    flat = fed([(raw(6700), START_NS + n * NS_PER_S) for n in range(300)])
    assert flat.sigma_ppm == settings.floor_ppm
    assert fed(walk(5000.0, 300, 1000)).sigma_ppm == settings.cap_ppm


def test_stamps_that_go_back_start_over_without_counting() -> None:
    estimate = fed(walk(62.0, 600, 1000))
    before = estimate.sigma_ppm
    estimate.observe(raw(5000), START_NS)
    assert estimate.sigma_ppm == before
