"""What a fill costs, in millionths of a dollar.

trade fee = multiplier x k x C x P x (1 - P), rounded up to $0.000001; k is 0.07 for the taker and depends on the fee
type for the maker (exchange's fee pages as of October 2026; docs/exchange.md 10). Then the change of a direct
member's balance is floored to $0.0001, and the part lost to that is charged too; a carry per order gives it back as
soon as it amounts to one step. `fee_cost` is the sum, which is what one contract at 0.52 showed on the wire: 0.017500.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from sim.exchange.book.fixed import PRICE_ONE

STEP = 100
"""$0.0001: the step of a direct member's balance."""
TAKER_K = Fraction(7, 100)
MAKER_K = {
    "quadratic": Fraction(0),
    "quadratic_with_maker_fees": Fraction(175, 10_000),
    "quadratic_with_combo_maker_fees": Fraction(35, 1000),
    # The per-table fee of `flat` is nowhere published for these series; free is the reading that hides no cost of ours,
    # since a client must refuse to quote under it anyway.
    "flat": Fraction(0),
}


@lru_cache(maxsize=4096)
def trade_fee(fee_type: str, multiplier: str, *, is_taker: bool, price: int, count: int) -> int:
    """The fee before balance rounding. `multiplier` is text so that 0.5 stays exact."""
    factor = Fraction(multiplier) * (TAKER_K if is_taker and fee_type != "flat" else MAKER_K[fee_type])
    exact = factor * count * price * (PRICE_ONE - price) / PRICE_ONE
    return -(-exact.numerator // exact.denominator)


def charged(fee: int, cost: int, carry: int) -> tuple[int, int]:
    """(fee charged, next carry): `cost` is the cash that changes hands besides the fee, signed as paid."""
    rounding = -(fee + cost) % STEP
    carry += rounding
    if carry >= STEP and fee + rounding >= STEP:  # the net is never negative: what cannot be given now waits
        return fee + rounding - STEP, carry - STEP
    return fee + rounding, carry
