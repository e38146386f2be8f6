"""How many contracts one order may carry. In pilot: one, or none.

The size is the least of what every rule allows, in whole contracts. Evidence can only make it smaller: the clamp of
honesty and the volatility level are factors of at most one, and fractions round down. One lot cannot be made smaller,
so in pilot a factor of a half or more keeps it (the same factor shrinks the edge too) and anything less is no order.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.market import Side
from domain.money import COUNT_PER_CONTRACT, PRICE_PER_DOLLAR, Cash, Count, Price

PPM = 1_000_000
PILOT_FACTOR_MIN_PPM = 500_000


@dataclass(frozen=True, slots=True)
class SizingSettings:
    """`pilot` fixes one lot an order; otherwise `lot_contracts` is the size before any rule makes it smaller."""

    pilot: bool = True
    lot_contracts: int = 1
    order_cash_max: int = 75_000_000


def worst_loss(side: Side, price: Price, count: Count) -> Cash:
    """What an order loses when it fills and settles against us: the price of the leg that it buys."""
    return Cash((price if side is Side.BID else PRICE_PER_DOLLAR - price) * count)


def order_count(settings: SizingSettings, side: Side, price: Price, factor_ppm: int, room: Count) -> Count:
    """Size of one order, 0 for none. `factor_ppm` is the product of clamps, `room` what the risk limits still allow."""
    if settings.pilot:
        contracts = 1 if factor_ppm >= PILOT_FACTOR_MIN_PPM else 0
    else:
        contracts = settings.lot_contracts * min(max(factor_ppm, 0), PPM) // PPM
    contracts = min(contracts, max(room, 0) // COUNT_PER_CONTRACT)
    one = worst_loss(side, price, Count(COUNT_PER_CONTRACT))
    if one > 0:
        contracts = min(contracts, settings.order_cash_max // one)
    return Count(contracts * COUNT_PER_CONTRACT)
