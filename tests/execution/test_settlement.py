"""What a settlement paid, for every result that the exchange may tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ProtocolError
from domain.events import SettlementState
from domain.ids import Ticker
from domain.money import Cash, Count, Price
from execution.settlement import Payment, payment

T = Ticker("KXINXU-X-T1")
CENT = 10_000


def said(result: str, revenue: int, value: int | None = None, counts: tuple[int, int] | None = None) -> SettlementState:
    yes, no = (None, None) if counts is None else (Count(counts[0]), Count(counts[1]))
    worth = None if value is None else Price(value)
    return SettlementState(T, result, Cash(revenue), Cash(0), value=worth, yes=yes, no=no)


@pytest.mark.parametrize(
    ("row", "position", "worth", "payoff"),
    [
        (said("yes", 300 * CENT, 10_000, (300, 0)), 300, 10_000, 3_000_000),
        (said("no", 0, 0, (300, 0)), 300, 0, 0),
        (said("no", 300 * CENT, 0, (0, 300)), -300, 0, 0),
        (said("yes", 0, 10_000, (0, 300)), -300, 10_000, -3_000_000),
        (said("scalar", 50 * CENT, 5_000, (100, 0)), 100, 5_000, 500_000),
        (said("scalar", 50 * CENT, None, None), 100, 5_000, 500_000),
        (said("scalar", 70 * CENT, 3_000, (0, 100)), -100, 3_000, -300_000),
        (said("scalar", 151 * CENT + 5_000, 5_000, (300, 0)), 300, 5_000, 1_515_000),
        (said("void", 42 * CENT, None, (100, 0)), 100, 4_200, 420_000),
        (said("a_new_word", 42 * CENT, None, None), 100, 4_200, 420_000),
        (said("scalar", 0, 5_000, (0, 0)), 0, 5_000, 0),
    ],
)
def test_what_the_exchange_paid_is_what_counts(row: SettlementState, position: int, worth: int, payoff: int) -> None:
    assert payment(row, Count(position)) == Payment(Price(worth), Cash(payoff))


def test_contracts_that_we_have_not_been_told_of_yet_are_not_paid_to_us() -> None:
    row = said("scalar", 150 * CENT, 5_000, (300, 0))
    assert payment(row, Count(100)) == Payment(Price(5_000), Cash(500_000))


def test_a_yes_that_was_amended_to_a_part_counts_as_it_was_paid() -> None:
    assert payment(said("yes", 40 * CENT, 10_000, (100, 0)), Count(100)) == Payment(Price(4_000), Cash(400_000))


@pytest.mark.parametrize(
    "row",
    [
        said("scalar", 250 * CENT, None, (100, 0)),
        said("scalar", -CENT, None, (100, 0)),
        said("yes", 250 * CENT, 10_000, (100, 0)),
        said("scalar", 50 * CENT, 12_000, None),
    ],
)
def test_what_no_contract_can_be_worth_is_not_booked(row: SettlementState) -> None:
    with pytest.raises(ProtocolError, match="no contract is worth that"):
        payment(row, Count(100))


@given(position=st.integers(-2_000, 2_000), cents=st.integers(0, 100), told=st.booleans())
def test_any_value_is_booked_as_it_was_paid(position: int, cents: int, told: bool) -> None:  # noqa: FBT001 - drawn
    each = cents if position > 0 else 100 - cents
    revenue = abs(position) * each * CENT // 100
    counts = (max(0, position), max(0, -position)) if told else None
    row = said("scalar", revenue, cents * 100, counts)
    assert payment(row, Count(position)).payoff == revenue - max(0, -position) * 10_000
