from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.market import INXU, NASDAQ100U, SERIES
from domain.money import Price
from tests.execution.made import CENTS, TAPERED, market


def test_the_two_series() -> None:
    assert {name: (s.exchange_series, s.symbol) for name, s in SERIES.items()} == {
        "INXU": ("KXINXU", "I:SPX"), "NASDAQ100U": ("KXNASDAQ100U", "I:NDX"),
    }  # fmt: skip
    assert (INXU.name, NASDAQ100U.name) == ("INXU", "NASDAQ100U")


def test_the_grid_knows_its_steps() -> None:
    tapered = market(grid=TAPERED)
    assert [tapered.step_at(Price(p)) for p in (50, 5_000, 9_500)] == [10, 100, 10]
    assert market(grid=()).step_at(Price(50)) is None
    assert [tapered.on_grid(Price(p)) for p in (50, 55, 1_050, 1_100, 9_990)] == [True, False, False, True, True]


@given(price=st.integers(-500, 10_500), fine=st.booleans())
def test_the_neighbours_on_the_grid_are_valid_and_nearest(price: int, *, fine: bool) -> None:
    one = market(grid=TAPERED if fine else CENTS)
    valid = [p for p in range(1, 10_000) if one.on_grid(Price(p))]
    assert one.at_or_below(price) == max((p for p in valid if p <= price), default=None)
    assert one.at_or_above(price) == min((p for p in valid if p >= price), default=None)
