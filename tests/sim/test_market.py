"""The simulated index: pure in (seed, symbol, time), seekable, and as lively as it says."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import INDEX_PER_POINT as MICRO
from sim.market import CENT, DAY_NS, TRADING_S_PER_YEAR, IndexPath

S = 1_000_000_000
NOON = 1_795_233_262 * S
KNOWN_SPX = 6_803_220_000
KNOWN_NDX = 24_869_764_274
instants = st.integers(min_value=0, max_value=2**61)


@given(st.lists(instants, min_size=1, max_size=20), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_a_value_does_not_depend_on_what_was_asked_before(asked: list[int], seed: int) -> None:
    walked = IndexPath(seed, "I:SPX")
    values = [walked.value_at(at) for at in asked]
    assert values == [IndexPath(seed, "I:SPX").value_at(at) for at in asked]
    assert [walked.value_at(at) for at in reversed(asked)] == values[::-1]


@given(instants, st.lists(st.integers(-3 * 10**9, 3 * 10**9), max_size=40))
@settings(max_examples=50, deadline=None)
def test_near_steps_agree_with_a_fresh_seek(at: int, steps: list[int]) -> None:
    walked = IndexPath(5, "I:NDX")
    for step in steps:
        at = max(at + step, 0)
        assert walked.value_at(at) == IndexPath(5, "I:NDX").value_at(at)


def test_known_values_stay_the_same_across_releases() -> None:
    assert IndexPath(1, "I:SPX").value_at(NOON) == KNOWN_SPX
    assert IndexPath(1, "I:NDX").value_at(NOON) == KNOWN_NDX


def test_seed_and_symbol_choose_the_path() -> None:
    values = {IndexPath(seed, symbol, 0.15, 1000.0).value_at(NOON) for seed in (1, 2) for symbol in ("I:A", "I:B")}
    assert len(values) == 4


def test_spx_is_published_in_cents_and_ndx_unrounded() -> None:
    spx, ndx = IndexPath(3, "I:SPX"), IndexPath(3, "I:NDX")
    assert all(spx.value_at(NOON + n * S) % CENT == 0 for n in range(200))
    assert any(ndx.value_at(NOON + n * S) % CENT for n in range(10))


@pytest.mark.parametrize(("symbol", "level"), [("I:SPX", 6_700), ("I:NDX", 25_000)])
def test_the_level_stays_near_its_start_for_years(symbol: str, level: int) -> None:
    path = IndexPath(11, symbol)
    for day in range(0, 3_000, 37):
        assert path.value_at(NOON + day * DAY_NS) / (level * MICRO) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("volatility", [0.15, 1.5])
@pytest.mark.parametrize("step_ms", [330, 1_000, 60_000])
def test_realised_volatility_is_the_one_asked_for(volatility: float, step_ms: int) -> None:
    path = IndexPath(2, "I:NDX", volatility)
    logs = [math.log(path.value_at(NOON + n * step_ms * 1_000_000)) for n in range(400)]
    realised = sum((b - a) ** 2 for a, b in itertools.pairwise(logs)) / 399
    expected = volatility**2 * step_ms / 1000 / TRADING_S_PER_YEAR
    assert realised / expected == pytest.approx(1, abs=0.3)


def test_no_jump_at_midnight() -> None:
    path = IndexPath(4, "I:NDX")
    midnight = 20_000 * DAY_NS
    before, after = path.value_at(midnight - 1), path.value_at(midnight)
    assert abs(before - after) < 10 * MICRO


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="must be a positive number of points"):
        IndexPath(1, "I:SPX", start=0.0)
    with pytest.raises(ValueError, match="must be a number >= 0"):
        IndexPath(1, "I:SPX", volatility=-1.0)
    with pytest.raises(ValueError, match="before 1970"):
        IndexPath(1, "I:SPX").value_at(-1)
