"""Honesty: scores in integers, the clamp's table, and no reward for too little evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.honesty import PPM, SettledQuote, clamp, judge, payload, shrink

QUOTES = st.lists(st.builds(SettledQuote, st.integers(0, PPM), st.booleans()), max_size=300)


@pytest.mark.parametrize(
    ("settled", "brier_ppm", "ece_ppm", "expected"),
    [
        (100, 80_000, 20_000, 1_000_000),
        (100, 80_001, 20_000, 750_000),
        (100, 80_000, 20_001, 750_000),
        (100, 120_000, 50_000, 750_000),
        (100, 120_001, 50_000, 500_000),
        (100, 120_000, 50_001, 500_000),
        (99, 80_000, 20_000, 750_000),
        (99, 120_001, 20_000, 500_000),
        (1, 0, 0, 750_000),
    ],
)
def test_the_clamp(settled: int, brier_ppm: int, ece_ppm: int, expected: int) -> None:
    assert clamp(settled, brier_ppm, ece_ppm) == expected


def test_no_evidence_earns_nothing_above_three_quarters() -> None:
    found = judge([])
    assert (found.settled, found.brier_ppm, found.ece_ppm, found.enough) == (0, None, None, False)
    assert found.clamp_ppm == 750_000


def test_scores_of_a_case_done_by_hand() -> None:
    quotes = [SettledQuote(200_000, False), SettledQuote(200_000, True), SettledQuote(900_000, True)]
    found = judge(quotes)
    assert found.brier_ppm == 230_000  # (0.04 + 0.64 + 0.01) / 3
    assert found.ece_ppm == 233_334  # (|0.4 - 1| + |0.9 - 1|) / 3, rounded against us
    assert [(row.count, row.forecast_ppm, row.frequency_ppm) for row in found.bins] == [
        (2, 200_000, 500_000),
        (1, 900_000, 1_000_000),
    ]
    assert found.clamp_ppm == 500_000


def test_the_smallest_error_is_still_one() -> None:
    assert judge([SettledQuote(1, False)] * 3).brier_ppm == 1


def test_a_perfect_forecaster_with_enough_evidence() -> None:
    quotes = [SettledQuote(PPM, True)] * 60 + [SettledQuote(0, False)] * 60
    found = judge(quotes)
    assert (found.brier_ppm, found.ece_ppm, found.clamp_ppm, found.enough) == (0, 0, PPM, True)


@given(quotes=QUOTES)
def test_scores_are_shares_and_their_order_does_not_matter(quotes: list[SettledQuote]) -> None:
    found = judge(quotes)
    assert judge(reversed(quotes)) == found
    assert found.clamp_ppm in {500_000, 750_000, PPM}
    if quotes:
        assert found.brier_ppm is not None
        assert found.ece_ppm is not None
        assert 0 <= found.ece_ppm <= PPM
        assert 0 <= found.brier_ppm <= PPM
        assert sum(row.count for row in found.bins) == len(quotes)


def test_the_shrink_is_the_least_of_the_three() -> None:
    assert shrink(PPM, 750_000, 900_000) == 750_000
    assert shrink(600_000, 750_000) == 600_000
    assert shrink(PPM, PPM, 500_000) == 500_000


def test_the_file_has_decimals_and_names_its_evidence() -> None:
    told = payload(judge([SettledQuote(200_000, False)] * 4), 7)
    assert told["window_days"] == 7
    assert (told["settled"], told["enough_evidence"], told["clamp"]) == (4, False, 0.5)
    assert (told["brier"], told["ece"]) == (0.04, 0.2)
    assert told["reliability"] == [{"low": 0.2, "high": 0.3, "count": 4, "forecast": 0.2, "frequency": 0.0}]


def test_a_forecast_that_is_no_probability_is_an_error_of_ours() -> None:
    with pytest.raises(AssertionError):
        judge([SettledQuote(PPM + 1, True)])
