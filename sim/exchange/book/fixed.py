"""Exact decimal strings of the exchange, as integers.

Price: 1/10_000 dollar. Count: 1/100 contract. Cash: 1/1_000_000 dollar, so price x count is a cash amount exactly.
These functions are deliberately not the client's own (`domain.money`): a parsing mistake there must not be hidden by
the same mistake here. Formats: requests take two to four decimals for prices (fewer are let through) and up to two for
counts; answers print four (six for cash) and two.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

PRICE_ONE = 10_000
"""One dollar as a price."""
COUNT_ONE = 100
"""One contract as a count."""
CASH_ONE = 1_000_000
"""One dollar as cash."""
NS = 1_000_000_000

_PRICE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,4})?")
_COUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")
_CASH = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")


def _scaled(text: str, decimals: int) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(decimals, "0"))


def parse_price(text: str) -> int | None:
    """`"0.42"` -> 4200; None for anything that is not a plain decimal of at most four places."""
    return _scaled(text, 4) if _PRICE.fullmatch(text) else None


def parse_count(text: str) -> int | None:
    """`"5"` or `"5.00"` -> 500; None for anything that is not a plain decimal of at most two places."""
    return _scaled(text, 2) if _COUNT.fullmatch(text) else None


def parse_cash(text: str) -> int | None:
    """`"-12.34"` -> -12340000; None for anything that is not a plain decimal of at most six places."""
    if not _CASH.fullmatch(text):
        return None
    return -_scaled(text[1:], 6) if text.startswith("-") else _scaled(text, 6)


@lru_cache(maxsize=20_000)
def show_price(price: int) -> str:
    """4200 -> `"0.4200"`."""
    return f"{price // PRICE_ONE}.{price % PRICE_ONE:04d}"


@lru_cache(maxsize=4_096)
def show_count(count: int) -> str:
    """500 -> `"5.00"`; a negative count keeps its sign in front."""
    sign = "-" if count < 0 else ""
    whole, part = divmod(abs(count), COUNT_ONE)
    return f"{sign}{whole}.{part:02d}"


@lru_cache(maxsize=4_096)
def show_cash(cash: int) -> str:
    """17500 -> `"0.017500"`, always six places."""
    sign = "-" if cash < 0 else ""
    whole, part = divmod(abs(cash), CASH_ONE)
    return f"{sign}{whole}.{part:06d}"


def show_dollars(cash: int) -> str:
    """98018600 -> `"98.0186"`: four places when that is exact, six otherwise (balances are written so)."""
    return show_cash(cash).removesuffix("00")


def cents(cash: int) -> int:
    """Whole cents, truncated towards zero as the exchange's integer fields are."""
    whole = abs(cash) // (CASH_ONE // 100)
    return -whole if cash < 0 else whole


def rfc3339(utc_ns: int) -> str:
    """Microseconds with trailing zeros cut and a `Z`, as the exchange's Go service prints times."""
    seconds, rest = divmod(utc_ns, NS)
    head = _to_the_second(seconds)
    micros = rest // 1000
    return f"{head}.{micros:06d}".rstrip("0") + "Z" if micros else head + "Z"


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def rfc3339_ms(utc_ns: int) -> str:
    """The same with whole seconds kept bare: for stamps that the exchange prints to the second."""
    return rfc3339(utc_ns - utc_ns % NS)
