"""Figures as people read them: ages, cash, cents, counts, countdowns. The terminal view and the commands share them."""

from __future__ import annotations

from typing import Any

from domain.clock import NS_PER_S
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, INDEX_PER_POINT

ONE_DECIMAL_FROM_S = 10


def countdown(view: dict[str, Any], picture: dict[str, Any], more_s: float) -> tuple[str, str]:
    """What the clock of a series counts towards: the time left, cut and never rounded up, and the words for it."""
    if view["seconds_to_freeze"] is not None and view["phase"] != "closed":
        return span_text(view["seconds_to_freeze"] - more_s), "to freeze"
    if view["opens_ns"] is not None:
        return span_text((view["opens_ns"] - picture["now"][1]) / NS_PER_S - more_s), "to next window"
    return "--:--", "no window"


def span_text(seconds: float) -> str:
    """298.24 -> "04:58.2", -1.2 -> "-00:01.2"."""
    tenths = int(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{'-' if seconds < 0 else ''}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def age_text(age_s: float | None) -> str:
    """An age for people; None is never."""
    if age_s is None:
        return "never"
    return f"{age_s:.2f} s" if age_s < ONE_DECIMAL_FROM_S else f"{age_s:.0f} s"


def cents_text(price: int | None) -> str:
    """6240 -> "62.4"."""
    if price is None:
        return ""
    text = f"{price / 100:.2f}"
    return text.removesuffix("0")


def cash_text(cash: int | None) -> str:
    """-1240000 -> "-$1.24"."""
    if cash is None:
        return "-"
    return f"{'-' if cash < 0 else ''}${abs(cash) / CASH_PER_DOLLAR:,.2f}"


def count_text(count: int) -> str:
    """-150 -> "-1.5", 500 -> "+5"; nothing held is "0"."""
    return f"{count / COUNT_PER_CONTRACT:+g}" if count else "0"


def points_text(value: int | None) -> str:
    """6797310000 -> "6,797.31"."""
    return "-" if value is None else f"{value / INDEX_PER_POINT:,.2f}"


def strike_text(strike: int | None) -> str:
    """A strike without needless decimals; "?" where the market names none."""
    return "?" if strike is None else f"{strike / INDEX_PER_POINT:,.4f}".rstrip("0").rstrip(".")
