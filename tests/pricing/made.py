"""Markets for the pricing tests."""

from __future__ import annotations

from domain.ids import Ticker
from domain.market import Market, PriceRange, StrikeType
from domain.money import INDEX_PER_POINT, IndexValue, Price

CENTS = (PriceRange(Price(0), Price(10_000), Price(100)),)
TAPERED = (
    PriceRange(Price(0), Price(1000), Price(10)),
    PriceRange(Price(1000), Price(9000), Price(100)),
    PriceRange(Price(9000), Price(10_000), Price(10)),
)


def raw(points: float) -> int:
    """Index points as 1e-6 points."""
    return round(points * INDEX_PER_POINT)


def market(
    kind: StrikeType = StrikeType.GREATER_OR_EQUAL,
    floor: float | None = 6700.0,
    cap: float | None = None,
    ranges: tuple[PriceRange, ...] = CENTS,
) -> Market:
    """One rung."""
    return Market(
        ticker=Ticker(f"{kind}-{floor}-{cap}"),
        event_ticker="KXINXU-26NOV23H1000",
        series="INXU",
        strike_type=kind,
        floor_strike=None if floor is None else IndexValue(raw(floor)),
        cap_strike=None if cap is None else IndexValue(raw(cap)),
        open_ns=0,
        close_ns=0,
        price_ranges=ranges,
        exchange_index=0,
        status="active",
    )
