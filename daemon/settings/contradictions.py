"""Settings checked against each other: what contradicts is refused, what others make unreachable is only said. Pure.

A contradiction is a size that no limit can hold, or a cap that the first order already breaks: with it nothing could
ever be quoted, and the reason would look like the market's. Each names both settings. Money in whole dollars.
"""

from __future__ import annotations

from collections.abc import Iterator

from execution.quoter import QuoteSettings
from guards.limits.settings import RiskSettings

PPM = 1_000_000
CENTS_PER_DOLLAR = 100
TRADING_DAYS_A_WEEK = 5


def contradiction(quoting: QuoteSettings, risk: RiskSettings) -> str:
    """The first two settings that cannot both be meant, with what to do; nothing when there are none."""
    return next(_contradictions(quoting, risk), "")


def _contradictions(quoting: QuoteSettings, risk: RiskSettings) -> Iterator[str]:
    size = quoting.contracts_per_order
    for name, most in (
        ("per_market_contracts", risk.per_market_contracts),
        ("per_window_contracts", risk.per_window_contracts),
        ("joint_delta_contracts", risk.joint_delta_contracts),
    ):
        if size > most:
            yield (
                f"quoting.contracts_per_order {size} is more than risk.{name} {most}: no order would ever pass;"
                " lower the one or raise the other"
            )
    # Quotes begin nearest the money, where a contract is worth half a dollar either way.
    cents = size * CENTS_PER_DOLLAR // 2
    for name, dollars in (
        ("per_order_dollars", risk.per_order_dollars),
        ("per_day_dollars", risk.per_day_dollars),
        ("per_week_dollars", risk.per_week_dollars),
    ):
        if cents > dollars * CENTS_PER_DOLLAR:
            yield (
                f"quoting.contracts_per_order {size} risks ${cents // CENTS_PER_DOLLAR} at the money, and risk.{name}"
                f" is {dollars}: the first order would break it; lower the one or raise the other"
            )
    for name, share_ppm in (("event_share_ppm", risk.event_share_ppm), ("series_share_ppm", risk.series_share_ppm)):
        if cents * PPM > share_ppm * risk.per_day_dollars * CENTS_PER_DOLLAR:
            yield (
                f"risk.{name} {share_ppm} of risk.per_day_dollars {risk.per_day_dollars} is less than the first order"
                f" of quoting.contracts_per_order {size}: raise one of them"
            )


def never_reached(quoting: QuoteSettings, risk: RiskSettings) -> tuple[str, ...]:
    """Every limit that others keep from ever being reached, and which; a contract risks a dollar at most."""
    held = risk.markets_max * risk.per_market_contracts
    by_size = "risk.markets_max times risk.per_market_contracts is smaller"
    rows = (
        ("risk.per_order_dollars", risk.per_order_dollars, quoting.contracts_per_order, "quoting.contracts_per_order"),
        ("risk.per_week_dollars", risk.per_week_dollars, TRADING_DAYS_A_WEEK * risk.per_day_dollars, ""),
        ("risk.per_window_contracts", risk.per_window_contracts, held, by_size),
        ("risk.event_share_ppm", risk.event_share_ppm * risk.per_day_dollars // PPM, held, by_size),
        ("risk.series_share_ppm", risk.series_share_ppm * risk.per_day_dollars // PPM, held, by_size),
        ("risk.net_dollars", risk.net_dollars, held, by_size),
        ("risk.gross_dollars", risk.gross_dollars, held, by_size),
    )
    words = {"": "risk.per_day_dollars on five days is smaller"}
    told = ((name, limit, most, words.get(why, why)) for name, limit, most, why in rows)
    return tuple(
        f"{name} is never reached: {why if why.endswith('smaller') else f'{why} is smaller'}"
        for name, limit, most, why in told
        if limit >= most
    )
