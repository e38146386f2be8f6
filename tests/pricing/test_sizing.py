"""The size of one order under a factor: never more than the lot, fractions only where they may be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.sizing import lot


@pytest.mark.parametrize(
    ("contracts", "factor_ppm", "fractions", "expected"),
    [
        (1, 1_000_000, True, 100),
        (1, 500_000, True, 50),
        (1, 10_000, True, 1),
        (1, 9_999, True, 0),
        (1, 0, True, 0),
        (1, -5, True, 0),
        (1, 2_000_000, True, 100),
        (1, 1_000_000, False, 100),
        (1, 999_999, False, 0),
        (3, 500_000, False, 100),
        (3, 500_000, True, 150),
    ],
)
def test_a_factor_makes_a_lot_smaller(contracts: int, factor_ppm: int, fractions: bool, expected: int) -> None:  # noqa: FBT001 - a case
    assert lot(contracts, factor_ppm, fractions=fractions) == expected


@given(contracts=st.integers(1, 100), factor_ppm=st.integers(0, 1_000_000), fractions=st.booleans())
def test_never_more_than_its_share(contracts: int, factor_ppm: int, fractions: bool) -> None:  # noqa: FBT001 - a case
    count = lot(contracts, factor_ppm, fractions=fractions)
    assert 0 <= count * 1_000_000 <= contracts * 100 * factor_ppm
