"""How likely each outcome of a ladder is: the cells between its bounds, for what measures risk over all of them.

The same chances as `fair.py`, at a volatility that the caller has raised, in millionths instead of price units. The
tilt of a rung is how fast its value moves with the index, against one at the money: exp(-d^2 / 2) at d deviations from
its bound, with the sign of the side on which it pays. With no time left every chance is a step and every tilt zero.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from domain.clock import NS_PER_S
from domain.ids import Ticker
from domain.market import Market
from pricing.fair import PPM, probability_above, winning_span

WHOLE: Final = 1_000_000


class Outcomes(NamedTuple):
    """The cells between the bounds of some rungs, lowest first. `weights` in millionths, adding up to a million.

    `pays`: the cells, from the first to before the second, in which a rung pays. `stressed`: the cells that the index
    reaches when it moves far down, and far up. `tilts` in millionths of a rung at the money.
    """

    weights: tuple[int, ...]
    pays: dict[Ticker, tuple[int, int]]
    stressed: tuple[int, int]
    tilts: dict[Ticker, int]


def outcomes(
    markets: Iterable[Market], value: int, sigma_ppm: float, left_ns: int, raised_ppm: int, stress_deviations: int
) -> Outcomes:
    """The outcomes of these rungs. `value`: the index in 1e-6 points; `sigma_ppm`: its deviation per root second.

    `raised_ppm` raises the volatility of the weights; stress and tilts are measured in the model's own deviations.
    Raises UnpricedError for a rung whose rule of settlement is not known.
    """
    spans = {market.ticker: winning_span(market) for market in markets}
    bounds = sorted({bound for span in spans.values() for bound in span if bound is not None})
    raised = sigma_ppm * raised_ppm / PPM
    chances = [round(WHOLE * probability_above(bound, value, raised, left_ns)) for bound in bounds]
    falling = [WHOLE, *accumulate(chances, min), 0]
    place = {bound: index + 1 for index, bound in enumerate(bounds)}
    deviation = value * sigma_ppm / PPM * math.sqrt(max(left_ns, 0) / NS_PER_S)
    far = math.ceil(deviation * stress_deviations)
    return Outcomes(
        tuple(above - below for above, below in pairwise(falling)),
        {
            ticker: (0 if low is None else place[low], len(bounds) + 1 if high is None else place[high])
            for ticker, (low, high) in spans.items()
        },
        (bisect_right(bounds, value - far), bisect_right(bounds, value + far)),
        {
            ticker: _slope(low, value, deviation) - _slope(high, value, deviation)
            for ticker, (low, high) in spans.items()
        },
    )


def _slope(bound: int | None, value: int, deviation: float) -> int:
    """How fast the chance to end above a bound grows with the index, in millionths of what it is at the money."""
    if bound is None or deviation <= 0.0:
        return 0
    away = (bound - value) / deviation
    return round(WHOLE * math.exp(-away * away / 2))
