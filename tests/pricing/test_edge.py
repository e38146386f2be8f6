"""Edge: EV after fees, the minimum, shrinking, and rounding away from risk."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import Market, Side
from domain.money import Count, Price
from execution.quoter import QuoteSettings
from pricing.edge import FAIR_ERROR, PPM, price_limit
from pricing.fees import order_fee
from tests.pricing.made import TAPERED, market

MINIMUM_EDGE = QuoteSettings().minimum_edge
PRICES = st.integers(1, 9999)
FAIRS = st.integers(0, 10_000)
SHRINKS = st.integers(1, 1_000_000)
SIDES = st.sampled_from(list(Side))
MAKERS = st.sampled_from([0, 17_500, 35_000])


def edge(side: Side, price: Price, fair: Price, maker_ppm: int = 0, shrink_ppm: int = PPM) -> int:
    """What one contract filled at this price earns, after the fee and shrunk: what the limit is measured against."""
    gain = fair - FAIR_ERROR - price if side is Side.BID else price - fair - FAIR_ERROR
    gain -= -(-order_fee(maker_ppm, price, Count(100)) // 100) if maker_ppm else 0
    return gain * shrink_ppm // PPM if gain > 0 else gain


def beside(rung: Market, side: Side, limit: int) -> Price | None:
    """The best price on the grid that does not pass a limit, as the quoter asks for it."""
    return rung.at_or_below(limit) if side is Side.BID else rung.at_or_above(limit)


def worth_resting(side: Side, price: Price, fair: Price, maker_ppm: int = 0, shrink_ppm: int = PPM) -> bool:
    return edge(side, price, fair, maker_ppm, shrink_ppm) >= MINIMUM_EDGE


@pytest.mark.parametrize(
    ("side", "price", "fair", "maker_ppm", "expected"),
    [
        (Side.BID, 4000, 4501, 0, 500),
        (Side.ASK, 5000, 4499, 0, 500),
        (Side.BID, 4000, 4500, 0, 499),
        (Side.BID, 4000, 4501, 17_500, 400),  # a maker's fee of a whole cent
        (Side.BID, 4500, 4000, 0, -501),
    ],
)
def test_gain_of_one_contract(side: Side, price: int, fair: int, maker_ppm: int, expected: int) -> None:
    assert edge(side, Price(price), Price(fair), maker_ppm) == expected


def test_a_gain_is_shrunk_and_a_loss_is_not() -> None:
    assert edge(Side.BID, Price(4000), Price(5001), shrink_ppm=750_000) == 750
    assert edge(Side.BID, Price(5000), Price(4001), shrink_ppm=750_000) == -1000


def test_the_minimum_is_five_cents() -> None:
    assert worth_resting(Side.BID, Price(4000), Price(4501))
    assert not worth_resting(Side.BID, Price(4001), Price(4501))


@given(side=SIDES, fair=FAIRS, maker=MAKERS, shrink=SHRINKS)
def test_the_limit_is_worth_resting_and_one_unit_further_is_not(side: Side, fair: int, maker: int, shrink: int) -> None:
    limit = price_limit(side, Price(fair), maker, shrink, MINIMUM_EDGE)
    if limit is None:
        return
    assert worth_resting(side, limit, Price(fair), maker, shrink)
    beyond = Price(limit + 1 if side is Side.BID else limit - 1)
    if maker == 0:
        assert not worth_resting(side, beyond, Price(fair), maker, shrink)


@given(side=SIDES, fair=FAIRS, price=PRICES)
def test_no_limit_means_nothing_is_worth_resting(side: Side, fair: int, price: int) -> None:
    if price_limit(side, Price(fair), 0, PPM, MINIMUM_EDGE) is None:
        assert not worth_resting(side, Price(price), Price(fair))


def test_nothing_is_worth_resting_when_everything_is_shrunk_away() -> None:
    assert price_limit(Side.BID, Price(9000), 0, 0, MINIMUM_EDGE) is None


@given(probability=st.fractions(0, 1), side=SIDES, shrink=SHRINKS)
def test_the_true_edge_is_never_below_the_minimum(probability: Fraction, side: Side, shrink: int) -> None:
    limit = price_limit(side, Price(round(probability * 10_000)), 0, shrink, MINIMUM_EDGE)
    if limit is None:
        return
    true = probability * 10_000 - limit if side is Side.BID else limit - probability * 10_000
    assert true * shrink / 1_000_000 >= MINIMUM_EDGE


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (Side.BID, 4599, 4500),
        (Side.BID, 4600, 4600),
        (Side.BID, 99, None),
        (Side.BID, 10_000, 9900),
        (Side.ASK, 4501, 4600),
        (Side.ASK, 4600, 4600),
        (Side.ASK, 9901, None),
        (Side.ASK, 0, 100),
    ],
)
def test_the_cent_grid(side: Side, limit: int, expected: int | None) -> None:
    assert beside(market(), side, limit) == expected


@pytest.mark.parametrize("ranges", [market().price_ranges, TAPERED])
@given(side=SIDES, limit=st.integers(0, 10_000))
def test_the_grid_price_is_the_nearest_that_does_not_pass(ranges: tuple[object, ...], side: Side, limit: int) -> None:
    rung = market(ranges=ranges)  # type: ignore[arg-type]
    valid = [price for price in range(1, 10_000) if rung.on_grid(Price(price))]
    if side is Side.BID:
        expected = max((price for price in valid if price <= limit), default=None)
    else:
        expected = min((price for price in valid if price >= limit), default=None)
    assert beside(rung, side, limit) == expected
