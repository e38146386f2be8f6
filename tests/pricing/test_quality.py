"""The score of a rung: what it is at the money, how it falls with the time left, and what it says of nothing."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_S
from pricing.quality import REACTION_NS, doubt, score

S = NS_PER_S


def test_at_the_money_the_doubt_is_the_move_in_one_reaction() -> None:
    assert doubt(5_000, 4 * REACTION_NS) == pytest.approx(10_000 * 0.39894 / 2, rel=1e-4)


@pytest.mark.parametrize(("left_s", "points"), [(900, 99), (60, 73), (15, 62), (2, 54), (0, 51)])
def test_five_cents_are_worth_less_the_nearer_the_end(left_s: int, points: int) -> None:
    assert score(5_000, 500, left_s * S) == points


@pytest.mark.parametrize("fair", [0, 10_000])
def test_without_a_chance_there_is_no_knowing(fair: int) -> None:
    assert score(fair, 500, 900 * S) == 51
