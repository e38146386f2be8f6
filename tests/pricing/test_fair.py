"""Fair value: settlement rules at two decimals, a step at the target, monotone ladders, exact complements."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from domain.market import Market, StrikeType
from pricing.fair import Ladder, UnpricedError, probability_above, settles_yes, winning_span
from tests.pricing.made import market, raw

S = StrikeType


@pytest.mark.parametrize(
    ("kind", "floor", "cap", "value", "yes"),
    [
        (S.GREATER_OR_EQUAL, 6845.0, None, 6845.00, True),
        (S.GREATER_OR_EQUAL, 6845.0, None, 6844.995, True),  # rounds to 6845.00
        (S.GREATER_OR_EQUAL, 6845.0, None, 6844.994999, False),
        (S.GREATER, 6845.0, None, 6845.00, False),
        (S.GREATER, 6845.0, None, 6845.004999, False),
        (S.GREATER, 6845.0, None, 6845.005, True),
        (S.GREATER, 6844.9999, None, 6845.00, True),
        (S.GREATER, 6844.9999, None, 6844.994999, False),
        (S.GREATER_OR_EQUAL, 6844.9999, None, 6844.995, True),
        (S.LESS, None, 6845.0, 6844.994999, True),
        (S.LESS, None, 6845.0, 6844.995, False),
        (S.LESS_OR_EQUAL, None, 6845.0, 6845.004999, True),
        (S.LESS_OR_EQUAL, None, 6845.0, 6845.005, False),
        (S.BETWEEN, 6800.0, 6824.9999, 6800.0, True),
        (S.BETWEEN, 6800.0, 6824.9999, 6824.994999, True),
        (S.BETWEEN, 6800.0, 6824.9999, 6824.995, False),
        (S.BETWEEN, 6800.0, 6825.0, 6825.0, True),
        (S.BETWEEN, 6800.0, 6825.0, 6799.994999, False),
    ],
)
def test_settlement_compares_at_two_decimals(
    kind: StrikeType, floor: float | None, cap: float | None, value: float, *, yes: bool
) -> None:
    rung = market(kind, floor, cap)
    assert settles_yes(rung, raw(value)) is yes
    # At the target the price is that verdict, whatever the volatility was.
    assert Ladder([rung]).fair(raw(value), 62.0, 0) == [10_000 if yes else 0]
    assert Ladder([rung]).fair(raw(value), 62.0, -5) == [10_000 if yes else 0]


@pytest.mark.parametrize(
    ("kind", "floor", "cap"),
    [
        (S.OTHER, 1.0, 2.0),
        (S.GREATER, None, 5.0),
        (S.LESS, 5.0, None),
        (S.BETWEEN, 5.0, None),
        (S.BETWEEN, 6.0, 5.0),
    ],
)
def test_an_unknown_rule_is_never_priced(kind: StrikeType, floor: float | None, cap: float | None) -> None:
    with pytest.raises(UnpricedError):
        winning_span(market(kind, floor, cap))
    with pytest.raises(UnpricedError):
        Ladder([market(), market(kind, floor, cap)])


def test_at_the_money_is_one_half() -> None:
    rung = market(floor=6700.0)
    assert Ladder([rung]).fair(raw(6699.995), 62.0, 900 * NS_PER_S) == [5000]


def test_one_deviation_is_the_normals() -> None:
    # The bound lies half a cent below the strike, 5.005 points under the index; Phi(1) = 0.84134.
    sigma_ppm = 5.005 / (6700 * 10) * 1e6
    fair = Ladder([market(floor=6695.0)]).fair(raw(6700), sigma_ppm, 100 * NS_PER_S)
    assert fair == [8413]


@pytest.mark.parametrize(("deviations", "price"), [(3.5, 2), (3.9, 0), (4.5, 0), (-3.5, 9998), (-4.5, 10_000)])
def test_far_rungs_keep_their_last_units(deviations: float, price: int) -> None:
    sigma_ppm = 5.005 / (6700 * 10) * 1e6
    strike = round(6700 + 5.005 * deviations, 2)
    assert Ladder([market(floor=strike)]).fair(raw(6700), sigma_ppm, 100 * NS_PER_S) == [price]


def test_no_volatility_is_a_step_too() -> None:
    assert Ladder([market(floor=6700.0)]).fair(raw(6699), 0.0, 900 * NS_PER_S) == [0]


def test_certainty_grows_as_time_runs_out() -> None:
    ladder = Ladder([market(floor=6700.0)])
    prices = [ladder.fair(raw(6703), 62.0, left * NS_PER_S)[0] for left in (900, 300, 60, 10, 1, 0)]
    assert prices == sorted(prices)
    assert prices[-1] == 10_000


@pytest.mark.parametrize(("value", "sigma"), [(0, 1.0), (-1, 1.0), (5, -1.0), (5, math.nan), (5, math.inf)])
def test_nonsense_is_an_error_of_ours(value: int, sigma: float) -> None:
    with pytest.raises(AssertionError):
        Ladder([market()]).fair(value, sigma, NS_PER_S)


VALUES = st.integers(raw(6000), raw(7400))
SIGMAS = st.floats(0.0, 2000.0)
LEFTS = st.integers(-NS_PER_S, 900 * NS_PER_S)
STRIKES = st.lists(st.integers(raw(6000), raw(7400)), min_size=1, max_size=60, unique=True)


@given(strikes=STRIKES, value=VALUES, sigma=SIGMAS, left_ns=LEFTS)
def test_a_ladder_never_rises_with_the_strike(strikes: list[int], value: int, sigma: float, left_ns: int) -> None:
    rungs = [market(floor=strike / 1e6) for strike in sorted(strikes)]
    fair = Ladder(rungs).fair(value, sigma, left_ns)
    assert all(0 <= price <= 10_000 for price in fair)
    assert fair == sorted(fair, reverse=True)


@given(strike=VALUES, value=VALUES, sigma=SIGMAS, left_ns=LEFTS)
def test_a_rung_and_its_complement_make_one_dollar(strike: int, value: int, sigma: float, left_ns: int) -> None:
    points = strike / 1e6
    rungs = [
        market(S.GREATER_OR_EQUAL, points),
        market(S.LESS, None, points),
        market(S.GREATER, points),
        market(S.LESS_OR_EQUAL, None, points),
    ]
    at_least, below, above, at_most = Ladder(rungs).fair(value, sigma, left_ns)
    assert at_least + below == above + at_most == 10_000
    assert above <= at_least


@given(
    edges=st.lists(st.integers(6000, 7400), min_size=2, max_size=20, unique=True),
    value=VALUES,
    sigma=SIGMAS,
    left_ns=LEFTS,
)
def test_adjoining_ranges_and_their_tails_make_one_dollar(
    edges: list[int], value: int, sigma: float, left_ns: int
) -> None:
    edges.sort()
    rungs = [market(S.LESS, None, edges[0]), market(S.GREATER_OR_EQUAL, edges[-1])]
    rungs += [market(S.BETWEEN, low, high - 0.0001) for low, high in itertools.pairwise(edges)]
    assert sum(Ladder(rungs).fair(value, sigma, left_ns)) == 10_000


@given(strikes=STRIKES, value=VALUES, sigma=SIGMAS, left_ns=LEFTS)
def test_the_ladder_says_what_the_formula_says(strikes: list[int], value: int, sigma: float, left_ns: int) -> None:
    rungs = [market(floor=strike / 1e6) for strike in strikes]
    for rung, price in zip(rungs, Ladder(rungs).fair(value, sigma, left_ns), strict=True):
        low, _ = winning_span(rung)
        assert low is not None
        assert abs(price - 10_000 * probability_above(low, value, sigma, left_ns)) <= 0.5 + 1e-6


@given(value=VALUES, up=st.integers(0, raw(20)), sigma=SIGMAS, left_ns=LEFTS)
def test_a_higher_index_never_lowers_a_price(value: int, up: int, sigma: float, left_ns: int) -> None:
    ladder = Ladder([market(floor=6700.0)])
    # The deviation grows with the value, by 2e-7 of a point here: a price may lose its last unit to that.
    assert ladder.fair(value + up, sigma, left_ns)[0] >= ladder.fair(value, sigma, left_ns)[0] - 1


@given(
    strikes=STRIKES, kinds=st.lists(st.sampled_from([S.GREATER, S.LESS, S.BETWEEN]), min_size=60, max_size=60),
    value=VALUES, sigma=SIGMAS, left_ns=LEFTS, first=st.integers(0, 60), count=st.integers(0, 60),
)  # fmt: skip
def test_a_stretch_of_the_ladder_is_priced_as_the_whole(
    strikes: list[int], kinds: list[StrikeType], value: int, sigma: float, left_ns: int, first: int, count: int
) -> None:
    def rung(strike: int, kind: StrikeType) -> Market:
        floor = None if kind is S.LESS else strike / 1e6
        cap = None if kind is S.GREATER else strike / 1e6 + (10 if kind is S.BETWEEN else 0)
        return market(kind, floor, cap)

    plain = Ladder([market(floor=strike / 1e6) for strike in sorted(strikes)])
    mixed = Ladder([rung(strike, kind) for strike, kind in zip(strikes, kinds, strict=False)])
    for ladder in (plain, mixed):
        first = min(first, len(strikes))
        whole = ladder.fair(value, sigma, left_ns)
        assert ladder.fair(value, sigma, left_ns, first, first + count) == whole[first : first + count]


@given(strikes=STRIKES, value=VALUES, sigma=SIGMAS, left_ns=st.integers(NS_PER_S, 900 * NS_PER_S))
def test_the_center_is_where_the_fair_value_crosses_one_half(
    strikes: list[int], value: int, sigma: float, left_ns: int
) -> None:
    ladder = Ladder([market(floor=strike / 1e6) for strike in sorted(strikes)])
    center, fair = ladder.center(value), ladder.fair(value, sigma, left_ns)
    assert all(price >= 5_000 for price in fair[:center])
    assert all(price <= 5_000 for price in fair[center:]) or center == len(fair) - 1
