"""Sizing: one lot in pilot, and never more than any rule allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import Side
from domain.money import Count, Price
from pricing.sizing import SizingSettings, order_count, worst_loss

PILOT = SizingSettings()
GROWN = SizingSettings(pilot=False, lot_contracts=10)


@pytest.mark.parametrize(
    ("settings", "factor_ppm", "room", "expected"),
    [
        (PILOT, 1_000_000, 2000, 100),
        (PILOT, 500_000, 2000, 100),
        (PILOT, 499_999, 2000, 0),
        (PILOT, 1_000_000, 99, 0),
        (PILOT, 1_000_000, -100, 0),
        (GROWN, 1_000_000, 2000, 1000),
        (GROWN, 750_000, 2000, 700),
        (GROWN, 2_000_000, 2000, 1000),
        (GROWN, -5, 2000, 0),
        (GROWN, 1_000_000, 350, 300),
    ],
)
def test_whole_contracts_within_room(settings: SizingSettings, factor_ppm: int, room: int, expected: int) -> None:
    assert order_count(settings, Side.BID, Price(5000), factor_ppm, Count(room)) == expected


@given(side=st.sampled_from(list(Side)), price=st.integers(1, 9999), lot=st.integers(1, 10_000))
def test_never_over_the_cash_of_an_order(side: Side, price: int, lot: int) -> None:
    settings = SizingSettings(pilot=False, lot_contracts=lot)
    count = order_count(settings, side, Price(price), 1_000_000, Count(10_000_000))
    assert count % 100 == 0
    assert worst_loss(side, Price(price), count) <= settings.order_cash_max


def test_the_worst_loss_is_the_price_of_the_leg_that_is_bought() -> None:
    assert worst_loss(Side.BID, Price(4000), Count(100)) == 400_000
    assert worst_loss(Side.ASK, Price(4000), Count(100)) == 600_000
