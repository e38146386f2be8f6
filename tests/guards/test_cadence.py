"""Cadence and stamp lag: percentiles of what was seen, and a floor that only falls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guards.cadence import Cadence, StampLag, percentile


def cadence(samples_min: int = 3, samples_max: int = 100) -> Cadence:
    return Cadence(samples_min=samples_min, samples_max=samples_max, gap_max_ns=10_000)


def test_unknown_until_enough_gaps() -> None:
    seen = cadence()
    for gap in (5, 6):
        seen.add(gap)
        assert (seen.median_ns, seen.p99_ns) == (None, None)
    seen.add(7)
    assert (seen.median_ns, seen.p99_ns) == (6, 7)


def test_outages_and_nonsense_are_no_gaps() -> None:
    seen = cadence()
    for gap in (5, 6, 7, 0, -3, 10_001):
        seen.add(gap)
    assert (seen.median_ns, seen.p99_ns) == (6, 7)


def test_one_in_a_hundred_may_be_longer() -> None:
    seen = cadence()
    for _ in range(99):
        seen.add(1000)
    seen.add(9000)
    assert seen.p99_ns == 1000
    seen.add(9000)  # two of the last hundred
    assert seen.p99_ns == 9000


@given(gaps=st.lists(st.integers(1, 10_000), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_last_gaps(gaps: list[int]) -> None:
    seen = cadence(samples_min=1, samples_max=50)
    for gap in gaps:
        seen.add(gap)
    kept = sorted(gaps[-50:])
    assert seen.median_ns == kept[len(kept) // 2]
    assert seen.p99_ns == kept[-(-len(kept) * 99 // 100) - 1]


def test_an_offset_is_learned_from_five_and_never_raised() -> None:
    lag = StampLag(2000)
    for value in (500, 510, 490, 500):
        lag.add(value)
    assert lag.offset_ns == 0
    lag.add(505)
    assert lag.offset_ns == 500
    for _ in range(100):
        lag.add(900)
    assert lag.offset_ns == 500
    for _ in range(5):
        lag.add(100)
    assert lag.offset_ns == 100


def test_one_odd_lag_teaches_nothing() -> None:
    lag = StampLag(2000)
    for value in (500, 500, -1500, 500, 500):
        lag.add(value)
    assert lag.offset_ns == 500


def test_of_too_large_an_offset_no_more_than_the_cap_is_forgiven() -> None:
    lag = StampLag(2000)
    for _ in range(10):
        lag.add(2001)
    assert (lag.offset_ns, lag.learned_ns) == (2000, 2001)


@pytest.mark.parametrize(
    ("count", "percent", "found"),
    [(1, 99, 1), (1, 0, 1), (2, 50, 1), (2, 51, 2), (100, 99, 99), (101, 99, 100), (100, 100, 100), (200, 99, 198)],
)
def test_a_percentile_is_the_nearest_rank(count: int, percent: int, found: int) -> None:
    assert percentile(range(1, count + 1), percent) == found
