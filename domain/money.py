"""Money as integers, parsed from and printed to the exchange's strings exactly.

Three units, chosen so that a price times a count is a whole number of the third:
Price 1/10,000 dollar, Count 1/100 contract, Cash 1/1,000,000 dollar. A value finer than its unit is refused, never
rounded: the exchange documents at most four decimals in prices and two in counts (docs/exchange.md 0), so a finer
one means that we misread it. Index values are integers of 1e-6 points. No float is ever turned into money here.
"""

from __future__ import annotations

from typing import NewType

Price = NewType("Price", int)
Count = NewType("Count", int)
Cash = NewType("Cash", int)
IndexValue = NewType("IndexValue", int)

PRICE_PER_DOLLAR = 10_000
PRICE_PER_CENT = 100
COUNT_PER_CONTRACT = 100
CASH_PER_DOLLAR = 1_000_000
CASH_PER_CENT = 10_000
INDEX_PER_POINT = 1_000_000

PRICE_DECIMALS = 4
COUNT_DECIMALS = 2
CASH_DECIMALS = 6
INDEX_DECIMALS = 6

# What no honest text exceeds. Within these a price times a count, and any sum of a day, can be written down.
TEXT_CHARS_MAX = 64
AMOUNT_MAX = 10**18
PRICE_MAX = PRICE_PER_DOLLAR
COUNT_MAX = 10**9 * COUNT_PER_CONTRACT
CASH_MAX = 10**9 * CASH_PER_DOLLAR


class MoneyError(ValueError):
    """A text that is not an exact amount in the unit asked for."""


def parse_fixed(text: str, decimals: int) -> int:
    """Read a plain decimal as an integer of 10**-decimals. Raises MoneyError for what is finer, huge or malformed."""
    if len(text) > TEXT_CHARS_MAX:
        message = f"not a number: {len(text)} characters"
        raise MoneyError(message)
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    whole, point, part = digits.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (point and not (part.isascii() and part.isdigit())):
        message = f"not a plain decimal number: {text!r}"
        raise MoneyError(message)
    kept, finer = part[:decimals], part[decimals:]
    if finer.strip("0"):
        message = f"finer than {decimals} decimals: {text!r}"
        raise MoneyError(message)
    scaled: int = 10**decimals
    return _within(sign * (int(whole) * scaled + int(kept.ljust(decimals, "0") or "0")), AMOUNT_MAX, text)


def print_fixed(amount: int, decimals: int) -> str:
    """Print an integer of 10**-decimals with exactly that many digits after the point."""
    scale = 10**decimals
    whole, part = divmod(abs(amount), scale)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{decimals}d}"


def _within(amount: int, most: int, text: str) -> int:
    if abs(amount) > most:
        message = f"beyond any amount: {text!r}"
        raise MoneyError(message)
    return amount


def parse_price(text: str) -> Price:
    """Dollars as text, for example "0.4200" -> 4200. Raises MoneyError."""
    return Price(_within(parse_fixed(text, PRICE_DECIMALS), PRICE_MAX, text))


def parse_count(text: str) -> Count:
    """Contracts as text, for example "5.00" -> 500. Raises MoneyError."""
    return Count(_within(parse_fixed(text, COUNT_DECIMALS), COUNT_MAX, text))


def parse_cash(text: str) -> Cash:
    """Dollars as text with up to six decimals, for example "0.017500" -> 17500. Raises MoneyError."""
    return Cash(_within(parse_fixed(text, CASH_DECIMALS), CASH_MAX, text))


def print_price(price: Price) -> str:
    """4200 -> "0.4200"."""
    return print_fixed(price, PRICE_DECIMALS)


def print_count(count: Count) -> str:
    """500 -> "5.00"."""
    return print_fixed(count, COUNT_DECIMALS)


def print_cash(cash: Cash) -> str:
    """17500 -> "0.017500"."""
    return print_fixed(cash, CASH_DECIMALS)
