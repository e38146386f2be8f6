from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import (
    Count,
    MoneyError,
    Price,
    parse_cash,
    parse_count,
    parse_fixed,
    parse_price,
    print_cash,
    print_count,
    print_fixed,
    print_price,
)


@pytest.mark.parametrize(
    ("text", "price"),
    [("0.4200", 4_200), ("0.42", 4_200), ("1", 10_000), ("0", 0), ("0.420000", 4_200), ("-0.5", -5_000)],
)
def test_prices_are_read_exactly(text: str, price: int) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".5",
        "5.",
        "+1",
        " 1",
        "1 ",
        "1e3",
        "0x10",
        "1,5",
        "--1",
        "nan",
        "inf",
        "1.2.3",
        "\u0661",
        "1_0",
        "1\n",
        "-",
    ],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_price(text)


@pytest.mark.parametrize(
    ("read", "text"), [(parse_price, "0.42001"), (parse_count, "5.001"), (parse_cash, "0.0000001")]
)
def test_what_is_finer_than_the_unit_is_refused_and_never_rounded(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(MoneyError, match="finer"):
        read(text)


def test_printed_as_the_exchange_writes_them() -> None:
    assert print_price(Price(4_200)) == "0.4200"
    assert print_count(Count(500)) == "5.00"
    assert print_cash(parse_cash("0.0175")) == "0.017500"
    assert print_fixed(-5, 2) == "-0.05"


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
def test_what_is_printed_is_read_back_the_same_also_by_others(amount: int, decimals: int) -> None:
    text = print_fixed(amount, decimals)
    if decimals:
        assert parse_fixed(text, decimals) == amount
    assert Decimal(text.rstrip(".")) == Decimal(amount).scaleb(-decimals)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_money_error(text: str) -> None:
    try:
        parse_fixed(text, 4)
    except MoneyError:
        return
    assert Decimal(text).scaleb(4) == parse_fixed(text, 4)
