"""Strings of the exchange as integers and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.exchange.book import fixed


@pytest.mark.parametrize(
    ("text", "price"), [("0.42", 4200), ("0.4200", 4200), ("0.005", 50), ("1", 10_000), ("0.0001", 1)]
)
def test_prices_are_read_exactly(text: str, price: int) -> None:
    assert fixed.parse_price(text) == price


@pytest.mark.parametrize("text", ["", "0.42001", "-0.42", ".42", "0.", "4e-1", " 0.42", "0,42", "NaN", "\u0660.\u0664"])
def test_what_is_no_plain_price_is_none(text: str) -> None:
    assert fixed.parse_price(text) is None


@pytest.mark.parametrize("text", ["", "1.234", "-1", "1e2", "ten"])
def test_what_is_no_plain_count_is_none(text: str) -> None:
    assert fixed.parse_count(text) is None


@given(st.integers(0, 10**9))
def test_prices_and_counts_survive_the_round_trip(number: int) -> None:
    assert fixed.parse_price(fixed.show_price(number)) == number
    assert fixed.parse_count(fixed.show_count(number)) == number


@pytest.mark.parametrize(("text", "cash"), [("-12.34", -12_340_000), ("0.000001", 1), ("250", 250_000_000)])
def test_cash_is_read_exactly(text: str, cash: int) -> None:
    assert fixed.parse_cash(text) == cash


@pytest.mark.parametrize("text", ["", "--1", "1.0000001", "1e2", "None"])
def test_what_is_no_plain_cash_is_none(text: str) -> None:
    assert fixed.parse_cash(text) is None


def test_cash_is_printed_as_recorded() -> None:
    assert fixed.show_cash(17_500) == "0.017500"
    assert fixed.show_cash(-250) == "-0.000250"
    assert fixed.show_dollars(98_018_600) == "98.0186"
    assert fixed.show_dollars(1) == "0.000001"
    assert fixed.show_count(-350) == "-3.50"
    assert fixed.cents(98_018_600) == 9801


def test_times_lose_trailing_zeros_as_recorded() -> None:
    second = 1_781_160_000 * fixed.NS
    assert fixed.rfc3339(second + 338_653_000) == "2026-06-11T06:40:00.338653Z"
    assert fixed.rfc3339(second + 285_630_000) == "2026-06-11T06:40:00.28563Z"
    assert fixed.rfc3339(second) == "2026-06-11T06:40:00Z"
    assert fixed.rfc3339_ms(second + 285_630_000) == "2026-06-11T06:40:00Z"
