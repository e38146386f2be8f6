"""Fees against the two real fills, and the rounding that never loses a step for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.exchange.book import fees


def taker(price: int, count: int, multiplier: str = "1") -> int:
    return fees.trade_fee("quadratic", multiplier, is_taker=True, price=price, count=count)


def test_the_two_recorded_fills() -> None:
    assert (taker(5200, 100), taker(9900, 100)) == (17_472, 693)
    assert fees.charged(17_472, 520_000, 0)[0] == 17_500
    assert fees.charged(693, 990_000, 0)[0] == 700


def test_makers_pay_by_fee_type() -> None:
    paid = [
        fees.trade_fee(kind, "1", is_taker=False, price=5000, count=100)
        for kind in ("quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees")
    ]
    assert paid == [0, 4375, 8750]


def test_a_half_multiplier_is_exact() -> None:
    assert taker(5000, 1000, "0.5") * 2 == taker(5000, 1000)


@given(st.lists(st.tuples(st.integers(500, 9500), st.integers(100, 5000)), min_size=1, max_size=30))
def test_rounding_never_costs_an_order_a_whole_step_in_all(matches: list[tuple[int, int]]) -> None:
    carry, exact, paid = 0, 0, 0
    for price, count in matches:
        fee = taker(price, count)
        charge, carry = fees.charged(fee, price * count, carry)
        assert charge >= 0
        assert (charge + price * count) % fees.STEP == 0
        exact, paid = exact + fee, paid + charge
    assert 0 <= paid - exact < fees.STEP


@given(st.lists(st.tuples(st.integers(1, 9999), st.integers(1, 5)), min_size=1, max_size=30))
def test_the_tiniest_fills_never_pay_the_customer(matches: list[tuple[int, int]]) -> None:
    carry, exact, paid = 0, 0, 0
    for price, count in matches:
        fee = taker(price, count)
        charge, carry = fees.charged(fee, price * count, carry)
        assert charge >= 0
        exact, paid = exact + fee, paid + charge
    assert paid - exact == carry
