"""What a settlement paid, whatever its result is called: yes, no, scalar, void, amended, or a word nobody has seen.

What a contract is worth follows from the result where that is yes or no, else from what one YES contract paid, else
from the cash that was paid for the contracts named. Where the exchange was paid for exactly the contracts that we hold,
its cash counts to the last unit: a value told in whole cents may be rounded. A row whose parts cannot all be true is
unreadable, and nothing is booked from it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.errors import ProtocolError
from domain.events import SettlementState
from domain.money import (
    CASH_PER_CENT,
    COUNT_PER_CONTRACT,
    PRICE_PER_DOLLAR,
    Cash,
    Count,
    Price,
    print_cash,
    print_count,
)

PLAIN: Final = {"yes": Price(PRICE_PER_DOLLAR), "no": Price(0)}


class Payment(NamedTuple):
    """What one YES contract came to, and what our whole position did: a short one owes, so that is negative."""

    worth: Price
    payoff: Cash


def plain(result: str, position: Count) -> Payment | None:
    """What a position comes to by a result of yes or no; None for any other."""
    worth = PLAIN.get(result)
    return None if worth is None else Payment(worth, Cash(position * worth))


def payment(said: SettlementState, position: Count) -> Payment:
    """What the exchange paid for a position of ours. Raises ProtocolError for a row whose parts cannot all be true."""
    counted = None if said.yes is None or said.no is None else Count(said.yes - said.no)
    held = position if counted is None else counted
    # A short position is held as NO contracts: a dollar each was set aside for them, and the revenue is what came back.
    exact = said.revenue - max(0, -held) * PRICE_PER_DOLLAR
    worth = PLAIN.get(said.result, said.value)
    rounded = max(CASH_PER_CENT, abs(held) * CASH_PER_CENT // COUNT_PER_CONTRACT)
    contradicted = worth is not None and counted is not None and abs(exact - counted * worth) >= rounded
    if worth is None or contradicted:
        worth = Price(_nearest(exact, held)) if held else Price(0)
    if not 0 <= worth <= PRICE_PER_DOLLAR or said.revenue < 0:
        paid = f"{print_cash(said.revenue)} dollars for {print_count(held)} contracts"
        raise ProtocolError(f"result {said.result!r} paid {paid}: no contract is worth that")
    whole = held == position and (contradicted or said.result not in PLAIN)
    return Payment(worth, Cash(exact) if whole else Cash(position * worth))


def _nearest(cash: int, count: int) -> int:
    """Cash for a count of contracts as the nearest price of one."""
    return (2 * cash + count) // (2 * count)
