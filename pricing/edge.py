"""Whether a price is worth resting at, in whole 1/10,000 dollars per contract.

A bid at p that fills earns fair - p, an ask p - fair, each less the maker's fee. Fair values arrive rounded to the
nearest unit, so the truth may lie half a unit away on either side: one whole unit is given away first, always against
us (`FAIR_ERROR`). Then the edge is shrunk by what the evidence about our own honesty allows, and must still reach
the minimum. All divisions round so that we ask for more, never for less.
"""

from __future__ import annotations

from typing import Final

from domain.market import Side
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, PRICE_PER_DOLLAR, Count, Price
from pricing.fees import order_fee

FAIR_ERROR: Final = 1
PPM: Final = 1_000_000

_CASH_PER_PRICE: Final = CASH_PER_DOLLAR // PRICE_PER_DOLLAR
_ONE_CONTRACT: Final = Count(COUNT_PER_CONTRACT)
_DEAREST: Final = Price(PRICE_PER_DOLLAR // 2)  # C * P * (1 - P) is largest in the middle


def price_limit(side: Side, fair: Price, maker_ppm: int, shrink_ppm: int, minimum: int) -> Price | None:
    """The highest bid (lowest ask) that is still worth resting, not yet on the grid; None where there is none.

    `minimum`: the least edge a contract, after the fee and shrunk, in the unit of prices.
    With a maker's fee the limit is a little stricter than needed: it allows for the dearest price.
    """
    if shrink_ppm <= 0:
        return None
    needed = -(-minimum * PPM // shrink_ppm) + FAIR_ERROR + _fee_per_contract(maker_ppm, _DEAREST)
    limit = fair - needed if side is Side.BID else fair + needed
    return Price(limit) if 0 < limit < PRICE_PER_DOLLAR else None


def _fee_per_contract(maker_ppm: int, price: Price) -> int:
    if maker_ppm == 0:
        return 0
    return -(-order_fee(maker_ppm, price, _ONE_CONTRACT) // _CASH_PER_PRICE)
