"""How many rungs of a series each mode quotes."""

from __future__ import annotations

import pytest

from execution.selection import SelectionSettings


@pytest.mark.step("K17")
def test_best_is_one_and_top_n_is_three_as_shipped() -> None:
    assert SelectionSettings(mode="best").rungs_max == 1
    assert SelectionSettings().rungs_max == 3
    assert SelectionSettings(top_n=2).rungs_max == 2
