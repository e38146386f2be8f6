"""The outcomes of a ladder: weights as the fair values have them, cells as the rungs settle, stress and tilt."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from domain.market import StrikeType
from pricing.fair import Ladder, UnpricedError, settles_yes
from pricing.outcomes import WHOLE, outcomes
from tests.pricing.made import market, raw

S = StrikeType
LADDER = [
    market(S.GREATER_OR_EQUAL, 6690.0, None),
    market(S.GREATER, 6700.0, None),
    market(S.LESS, None, 6695.0),
    market(S.BETWEEN, 6695.0, 6704.99),
]
VALUE, LEFT_NS = raw(6700.0), 600 * NS_PER_S


def test_the_weights_of_the_cells_in_which_a_rung_pays_are_its_fair_value() -> None:
    found = outcomes(LADDER, VALUE, 60.0, LEFT_NS, 1_000_000, 5)
    assert sum(found.weights) == WHOLE
    assert all(weight >= 0 for weight in found.weights)
    for rung, fair in zip(LADDER, Ladder(LADDER).fair(VALUE, 60.0, LEFT_NS), strict=True):
        first, end = found.pays[rung.ticker]
        assert sum(found.weights[first:end]) / 100 == pytest.approx(fair, abs=1.0)


@given(points=st.integers(668_000, 672_000))
def test_a_rung_pays_in_the_cells_in_which_it_settles_yes(points: int) -> None:
    value = raw(points / 100)
    found = outcomes(LADDER, value, 60.0, LEFT_NS, 1_000_000, 0)
    (cell, same) = found.stressed
    assert cell == same, "not moved at all"
    for rung in LADDER:
        first, end = found.pays[rung.ticker]
        assert (first <= cell < end) is settles_yes(rung, value)


def test_a_raised_volatility_spreads_the_weights_and_moves_nothing_else() -> None:
    calm, wild = (outcomes(LADDER, VALUE, 20.0, LEFT_NS, raised, 5) for raised in (1_000_000, 1_500_000))
    assert max(calm.weights) > max(wild.weights)
    assert (calm.pays, calm.stressed, calm.tilts) == (wild.pays, wild.stressed, wild.tilts)


def test_stress_reaches_five_deviations_down_and_up() -> None:
    deviation = 6700.0 * 60e-6 * 600**0.5
    ladder = [market(S.GREATER_OR_EQUAL, 6700.0 + deviation * by, None) for by in (-5.1, -4.9, 4.9, 5.1)]
    assert outcomes(ladder, VALUE, 60.0, LEFT_NS, 1_000_000, 5).stressed == (1, 3)


def test_the_tilt_is_whole_at_the_money_and_less_with_distance_and_turns_with_the_side() -> None:
    deviation = 6700.0 * 60e-6 * 600**0.5
    ladder = [market(S.GREATER_OR_EQUAL, 6700.0 + deviation * by, None) for by in (0, 1, 2)]
    tilts = [outcomes(ladder, VALUE, 60.0, LEFT_NS, 1_000_000, 5).tilts[rung.ticker] for rung in ladder]
    assert tilts[0] == pytest.approx(WHOLE, abs=100)
    assert tilts[1] == pytest.approx(606_531, abs=500)
    assert all(nearer > further > 0 for nearer, further in pairwise(tilts))
    below = market(S.LESS, None, 6700.0)
    assert outcomes([below], VALUE, 60.0, LEFT_NS, 1_000_000, 5).tilts[below.ticker] == pytest.approx(-WHOLE, abs=100)


def test_without_time_left_one_cell_holds_everything_and_nothing_tilts() -> None:
    found = outcomes(LADDER, VALUE, 60.0, 0, 1_500_000, 5)
    assert max(found.weights) == WHOLE
    assert set(found.tilts.values()) == {0}


def test_a_rung_of_another_rule_is_refused() -> None:
    with pytest.raises(UnpricedError):
        outcomes([market(S.OTHER, 1.0, 2.0)], VALUE, 60.0, LEFT_NS, 1_000_000, 5)
