"""How much one order carries when only a share of our size is allowed (docs/contracts.md, Quoting).

A factor makes it smaller, never larger, and rounds down. What is left of the smallest lot is a fraction of a contract,
down to a hundredth; where only whole contracts may be sent, less than one is no order.
"""

from __future__ import annotations

from domain.money import COUNT_PER_CONTRACT, Count

PPM = 1_000_000


def lot(contracts: int, factor_ppm: int, *, fractions: bool) -> Count:
    """Size of one order, 0 for none. `factor_ppm`: the share of `contracts` that is allowed, in millionths."""
    count = contracts * COUNT_PER_CONTRACT * min(max(factor_ppm, 0), PPM) // PPM
    return Count(count if fractions else count - count % COUNT_PER_CONTRACT)
