"""What a close-all would send and what it left, in lines for the operator: pure."""

from __future__ import annotations

from domain.money import CASH_PER_CENT, Count, print_count, print_price
from execution.closeout.limit import ClosingPosition, TakerFees, worst_cost

CENTS_PER_DOLLAR = 100


def intent(holding: ClosingPosition, cap_cents: int, fees: TakerFees) -> str:
    """What would be sent for one holding, and what that may cost; or why nothing."""
    held = f"{holding.ticker}: {_held_text(holding.count)}"
    if holding.limit is None or holding.final:
        return f"{held}: nothing is sent: {holding.why}"
    assert holding.quote is not None, "a limit is set from a quote"
    book = " / ".join("none" if side is None else print_price(side) for side in (holding.quote.bid, holding.quote.ask))
    cost = worst_cost(holding, cap_cents, fees)
    verb = "sell" if holding.count > 0 else "buy back"
    text = (
        f"{held}: {verb} {print_count(Count(abs(holding.count)))} at {print_price(holding.limit)} or better, book"
        f" {book}, cap {cap_cents} cents a contract, worst cost with fee {dollars(cost)}"
    )
    return f"{text}; now: {holding.why}" if holding.why else text


def left_text(holding: ClosingPosition) -> str:
    """What is left of one holding, and why."""
    return f"{holding.ticker}: {_held_text(holding.count)} left: {holding.why}"


def dollars(cash: int) -> str:
    """An amount in dollars and cents, rounded up: what something may cost."""
    cents = -(-cash // CASH_PER_CENT)
    return f"${cents // CENTS_PER_DOLLAR}.{cents % CENTS_PER_DOLLAR:02d}"


def _held_text(count: Count) -> str:
    return f"{print_count(Count(abs(count)))} {'YES' if count > 0 else 'NO'}"
