"""What a rung is worth: the probability that the index settles on its side of the strike.

Theory. Over the time left the index moves like a normal variable without drift, of deviation value * sigma * sqrt(t),
where sigma is per root second; the log-normal correction at these horizons is below a hundredth of a cent. So the
chance to settle at or above x is erfc((x - value) / (deviation * sqrt 2)) / 2: monotone in x, and a step when no time
is left. The exchange compares at two decimals (docs/contracts.md, Money and prices), so each strike type is first
turned into the least raw value that rounds to a winning one: half a cent below the first winning cent.

Floats live only between `Ladder.fair` and its return; what leaves is whole 1/10,000 dollars, off by half a unit at
most. The unit that this may cost is given away from risk in edge.py.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, cast

from domain.clock import NS_PER_S
from domain.market import Market, StrikeType
from domain.money import INDEX_PER_POINT, PRICE_PER_DOLLAR, Price

CENT: Final = INDEX_PER_POINT // 100
HALF_CENT: Final = CENT // 2
PPM: Final = 1_000_000
# Beyond this many deviations the chance is 3.2e-5, a third of a price unit: it rounds to nothing.
REACH_DEVIATIONS: Final = 4.0

_ONE: Final = Price(PRICE_PER_DOLLAR)
_ZERO: Final = Price(0)
_HALF: Final = PRICE_PER_DOLLAR / 2


class UnpricedError(ValueError):
    """A market whose rule of settlement this model does not know; it is never quoted."""


def at_least(strike: int) -> int:
    """The least raw index value (1e-6 points) that, rounded to cents (halves up), is >= the strike."""
    return -(-strike // CENT) * CENT - HALF_CENT


def above(strike: int) -> int:
    """The least raw index value (1e-6 points) that, rounded to cents (halves up), is > the strike."""
    return strike // CENT * CENT + CENT - HALF_CENT


def winning_span(market: Market) -> tuple[int | None, int | None]:
    """The half-open span [low, high) of raw values that settle a market YES; None is no bound.

    `between` includes both of its strikes. Raises UnpricedError when the strike type is another one or lacks its
    strike.
    """
    kind, floor, cap = market.strike_type, market.floor_strike, market.cap_strike
    if kind is StrikeType.GREATER_OR_EQUAL and floor is not None:
        return at_least(floor), None
    if kind is StrikeType.GREATER and floor is not None:
        return above(floor), None
    if kind is StrikeType.LESS and cap is not None:
        return None, at_least(cap)
    if kind is StrikeType.LESS_OR_EQUAL and cap is not None:
        return None, above(cap)
    if kind is StrikeType.BETWEEN and floor is not None and cap is not None and floor <= cap:
        return at_least(floor), above(cap)
    raise UnpricedError(f"{market.ticker}: no price for strike type {kind} with strikes {floor} and {cap}")


def settles_yes(market: Market, value: int) -> bool:
    """Whether a settlement value (1e-6 points) makes the market pay, by its own strike type. Raises UnpricedError."""
    low, high = winning_span(market)
    return (low is None or value >= low) and (high is None or value < high)


class Ladder:
    """The rungs of one event, prepared so that pricing them costs a tenth of a microsecond each.

    Each distinct bound is priced once, from low to high, and a rung is one bound, its complement, or a difference of
    two; so complements add up to exactly one dollar and the ladder is monotone to the last unit.
    """

    __slots__ = ("_bounds", "_places", "_plain", "_rungs", "markets")

    def __init__(self, markets: Sequence[Market]) -> None:
        """Prepare the rungs. Raises UnpricedError for a rule of settlement that is not known: leave that rung out."""
        self.markets = tuple(markets)
        spans = [winning_span(market) for market in self.markets]
        bounds = sorted({bound for span in spans for bound in span if bound is not None})
        place = {bound: index for index, bound in enumerate(bounds)}
        self._bounds: tuple[int, ...] = tuple(bounds)
        self._rungs = tuple((None if a is None else place[a], None if b is None else place[b]) for a, b in spans)
        # The usual ladder: every rung is its own lower bound, in ascending order.
        self._plain = self._rungs == tuple((index, None) for index in range(len(bounds)))
        places = ((high if low is None else low) or 0 for low, high in spans)
        self._places = tuple(accumulate(places, max))

    def center(self, value: int) -> int:
        """Which of `markets`, in ascending order of strike, lies nearest above an index value; the last if none."""
        return min(bisect_left(self._places, value), len(self._places) - 1)

    def fair(self, value: int, sigma_ppm: float, left_ns: int, first: int = 0, end: int | None = None) -> list[Price]:
        """Fair value of each rung from `first` to before `end`, in the order of `markets`, in 1/10,000 dollar.

        `value` is the index in 1e-6 points, `sigma_ppm` its deviation per root second in millionths of itself,
        `left_ns` the time from the value's own stamp to the target (below zero counts as zero: a step).
        """
        if self._plain:
            count = len(self._bounds)
            return self._chances(value, sigma_ppm, left_ns, first, count if end is None else min(end, count))
        rungs = self._rungs[first:end]
        used = [bound for rung in rungs for bound in rung if bound is not None]
        least = min(used, default=0)
        chance = self._chances(value, sigma_ppm, left_ns, least, max(used, default=-1) + 1)
        fair: list[Price] = []
        add = fair.append
        for low, high in rungs:
            if high is None:
                add(chance[low - least] if low is not None else _ONE)
            elif low is None:
                add(Price(PRICE_PER_DOLLAR - chance[high - least]))
            else:
                add(Price(chance[low - least] - chance[high - least]))
        return fair

    def _chances(self, value: int, sigma_ppm: float, left_ns: int, least: int, last: int) -> list[Price]:
        """The chance to settle at or above each bound from `least` to before `last`, ascending, so never rising."""
        assert value > 0, "an index value is positive"
        assert math.isfinite(sigma_ppm), "an unknown volatility prices nothing"
        assert sigma_ppm >= 0.0, "a deviation is not negative"
        deviation = value * sigma_ppm / PPM * math.sqrt(max(left_ns, 0) / NS_PER_S)
        bounds = self._bounds
        if deviation <= 0.0:
            reached = bisect_right(bounds, value, least, last)
            return [_ONE] * (reached - least) + [_ZERO] * (last - reached)
        reach = deviation * REACH_DEVIATIONS
        first, end = bisect_right(bounds, value - reach, least, last), bisect_left(bounds, value + reach, least, last)
        scale = 1.0 / (deviation * math.sqrt(2.0))
        erfc = math.erfc
        # The one way out of floating point: a probability as the nearest 1/10,000 dollar.
        near = [int(_HALF * erfc((bound - value) * scale) + 0.5) for bound in bounds[first:end]]
        # erfc is monotone only to its last bit; accumulate(min) makes the prices so.
        falling = cast("list[Price]", list(accumulate(near, min)))
        return [_ONE] * (first - least) + falling + [_ZERO] * (last - end)


def probability_above(bound: int, value: int, sigma_ppm: float, left_ns: int) -> float:
    """The same chance for one bound as a float, for evidence and calibration, which score finer than a price."""
    deviation = value * sigma_ppm / PPM * math.sqrt(max(left_ns, 0) / NS_PER_S)
    if deviation <= 0.0:
        return 1.0 if value >= bound else 0.0
    return 0.5 * math.erfc((bound - value) / (deviation * math.sqrt(2.0)))
