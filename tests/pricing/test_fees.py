"""Fees: the formula's cases, the file, and whether the exchange agrees."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from domain.market import SERIES
from domain.money import Count, Price
from pricing.fees import FeePath, agreement, fee_path, order_fee, parse_fees

PATH = "configs/fees.json"
TEXT = (Path(__file__).parents[2] / PATH).read_text("utf-8")
FEES = parse_fees(TEXT, PATH)


@pytest.mark.parametrize(
    ("contracts", "price", "cents"), [(100, 5000, 88), (37, 4200, 32), (10, 5000, 9), (1, 100, 1), (0, 5000, 0)]
)
def test_cases_of_the_formula(contracts: int, price: int, cents: int) -> None:
    assert order_fee(35_000, Price(price), Count(contracts * 100)) == cents * 10_000


def test_a_maker_pays_nothing() -> None:
    assert order_fee(0, Price(5000), Count(10_000)) == 0


@given(ppm=st.integers(0, 1_000_000), price=st.integers(0, 10_000), count=st.integers(0, 1_000_000))
def test_the_formula_in_fractions(ppm: int, price: int, count: int) -> None:
    p = Fraction(price, 10_000)
    exact = Fraction(ppm, 1_000_000) * Fraction(count, 100) * p * (1 - p)
    assert order_fee(ppm, Price(price), Count(count)) == ceil(exact * 100) * 10_000


def test_the_committed_file_has_both_series_and_agrees_with_a_plain_quadratic_series() -> None:
    for name, series in SERIES.items():
        terms = FEES.of(name)
        assert terms is not None
        assert (terms.exchange_series, terms.maker_ppm) == (series.exchange_series, 0)
        agreed = agreement(FEES, name, "quadratic", 1_000_000)
        assert (agreed.problem, agreed.warning, agreed.may_quote, agreed.may_take) == ("", "", True, True)
    assert fee_path(FEES, "INXU") == FeePath(PATH, "0.000000", "0.070000", "2026-08-02")


@pytest.mark.step("H12")
@pytest.mark.parametrize(
    "fee_type", ["quadratic_with_maker_fees", "quadratic_with_combo_maker_fees", "flat", "new", ""]
)
def test_any_other_fee_type_blocks_quoting(fee_type: str) -> None:
    agreed = agreement(FEES, "INXU", fee_type, 1_000_000)
    assert (agreed.may_quote, agreed.may_take) == (False, False)
    assert "INXU" in agreed.problem


def test_another_taker_multiplier_warns_and_blocks_only_taking() -> None:
    agreed = agreement(FEES, "INXU", "quadratic", 500_000)
    assert (agreed.may_quote, agreed.may_take) == (True, False)
    assert "0.070000" in agreed.warning
    assert "0.035000" in agreed.warning


@pytest.mark.step("H12")
def test_without_file_or_series_nothing_is_quoted() -> None:
    assert not agreement(None, "INXU", "quadratic", 1_000_000).may_quote
    missing = agreement(FEES, "KXBTC", "quadratic", 1_000_000)
    assert not missing.may_quote
    assert "KXBTC" in missing.problem
    assert fee_path(None, "INXU").maker is None
    assert fee_path(FEES, "KXBTC").maker is None


def test_a_maker_fee_in_the_file_disagrees_with_a_type_that_has_none() -> None:
    fees = parse_fees(TEXT.replace('"maker": "0"', '"maker": "0.0175"'), PATH)
    assert "INXU.maker is 0.017500" in agreement(fees, "INXU", "quadratic", 1_000_000).problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        TEXT.replace('"version": 1', '"version": 2'),
        TEXT.replace('"0.07"', '"-0.07"'),
        TEXT.replace('"0.07"', '"1.01"'),
        TEXT.replace('"0.07"', '"0.00000007"'),
        TEXT.replace('"0.07"', '"seven"'),
        TEXT.replace('"0.07"', "0.07"),
        TEXT.replace('"maker"', '"makers"'),
    ],
)
def test_an_unreadable_file_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match=PATH) as caught:
        parse_fees(text, PATH)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused_too() -> None:
    with pytest.raises(ConfigurationError, match=PATH):
        parse_fees(b'{"version": "\xff"}', PATH)
