"""How good a rung is: its edge against the deviation of our fair value's own error (docs/contracts.md, Quoting).

The score is 100 x Phi(edge / doubt). The doubt has two parts that are independent: the index moves on while we react,
and the deviation that we price with is an estimate. For a fair value p with z = Phi^-1(p) the first is
phi(z) x sqrt(reaction / time left), the second phi(z) x |z| x the estimate's relative error, both in dollars.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from domain.clock import NS_PER_S
from domain.money import PRICE_PER_DOLLAR

# Cadence of the feed, delivery, a cancel's round trip, and the index's own lag as it is taken unmeasured.
REACTION_NS: Final = 5 * NS_PER_S // 2
ERROR_OF_DEVIATION: Final = 0.1
_NORMAL: Final = NormalDist()


@lru_cache(maxsize=PRICE_PER_DOLLAR)
def _slopes(fair: int) -> tuple[float, float]:
    """phi(z) and phi(z) x |z| of a fair value, in prices."""
    z = _NORMAL.inv_cdf(fair / PRICE_PER_DOLLAR)
    slope = _NORMAL.pdf(z) * PRICE_PER_DOLLAR
    return slope, slope * abs(z)


def doubt(fair: int, left_ns: int) -> float:
    """The deviation of the fair value's own error, as a price; all of a dollar when no time or no chance is left."""
    if left_ns <= 0 or not 0 < fair < PRICE_PER_DOLLAR:
        return float(PRICE_PER_DOLLAR)
    slope, bend = _slopes(fair)
    return math.hypot(slope * math.sqrt(REACTION_NS / left_ns), bend * ERROR_OF_DEVIATION)


def score(fair: int, edge: int, left_ns: int) -> int:
    """From 0 to 100, cut to whole points. `edge`: how far from the fair value we would rest at least, as a price."""
    return int(100.0 * _NORMAL.cdf(edge / doubt(fair, left_ns)))
