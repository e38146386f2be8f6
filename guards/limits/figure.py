"""How much of a limit is used, and the refusal of what would use more than there is."""

from __future__ import annotations

import enum
from typing import NamedTuple

from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT
from domain.reasons import RiskLimit, limit_words

PPM = 1_000_000


class Unit(enum.StrEnum):
    """What a figure counts. Cash in 1e-6 dollar, contracts in hundredths, shares in millionths."""

    CASH = "cash"
    CONTRACTS = "contracts"
    MARKETS = "markets"
    SHARE = "share"
    SECONDS = "seconds"


class LimitUse(NamedTuple):
    """One limit at this moment. `used` above `most` is a breach."""

    limit: RiskLimit
    used: int
    most: int
    unit: Unit

    @property
    def over(self) -> bool:
        """Whether more is used than may be."""
        return self.used > self.most


class OverLimit(NamedTuple):
    """Why an order may not be sent: the limit it would pass, and a line for a person."""

    limit: RiskLimit
    why: str


def dollars(cash: int) -> str:
    """Cash for a person's eye, in dollars and whole cents."""
    sign = "-" if cash < 0 else ""
    cents = abs(cash) * 100 // CASH_PER_DOLLAR
    return f"{sign}${cents // 100}.{cents % 100:02d}"


def percent(share_ppm: int) -> str:
    """Millionths for a person's eye."""
    return f"{share_ppm / 10_000:g} %"


def contracts(count: int) -> str:
    """A count for a person's eye."""
    return f"{count / COUNT_PER_CONTRACT:g}"


def amount(used: int, unit: Unit) -> str:
    """A figure's number for a person's eye, with its unit."""
    if unit is Unit.CASH:
        return dollars(used)
    if unit is Unit.CONTRACTS:
        return f"{contracts(used)} contracts"
    if unit is Unit.SHARE:
        return percent(used)
    return f"{used} {unit.value}"


def told(figure: LimitUse) -> str:
    """A figure in one line for a person."""
    used, most = amount(figure.used, figure.unit), amount(figure.most, figure.unit)
    return f"{figure.limit.value}: {used} of {most} ({limit_words(figure.limit)})"
