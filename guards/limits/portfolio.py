"""The size of the whole: net, gross, concentration. Each contract counts its face, a dollar, so that no price matters.

Held positions and what may be live count alike: an order counts from the moment it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.ids import Ticker
from domain.money import CASH_PER_DOLLAR, PRICE_PER_DOLLAR
from domain.reasons import RiskLimit
from guards.exposure import MarketExposure
from guards.limits.figure import PPM, LimitUse, Unit
from guards.limits.outcomes import EventKey
from guards.limits.settings import RiskSettings

# Concentration is judged over a tenth of the gross limit at least: the only event of a small book is no concentration.
SMALLEST_BOOK = 10


def portfolio(markets: Mapping[Ticker, MarketExposure], settings: RiskSettings) -> tuple[LimitUse, LimitUse, LimitUse]:
    """Net, gross and concentration of these books."""
    long = sum(market.net + market.bid_count for market in markets.values()) * PRICE_PER_DOLLAR
    short = sum(market.ask_count - market.net for market in markets.values()) * PRICE_PER_DOLLAR
    gross = sum(abs(m.net) + m.bid_count + m.ask_count for m in markets.values()) * PRICE_PER_DOLLAR
    of_event: dict[EventKey, int] = {}
    for market in markets.values():
        event = market.series, market.target_ns
        of_event[event] = of_event.get(event, 0) + market.worst_loss
    largest = max(of_event.values(), default=0)
    gross_limit = settings.gross_dollars * CASH_PER_DOLLAR
    share = largest * PPM // max(gross, gross_limit // SMALLEST_BOOK, 1)
    return (
        LimitUse(RiskLimit.NET, max(long, short, 0), settings.net_dollars * CASH_PER_DOLLAR, Unit.CASH),
        LimitUse(RiskLimit.GROSS, gross, gross_limit, Unit.CASH),
        LimitUse(RiskLimit.CONCENTRATION, share, settings.concentration_ppm, Unit.SHARE),
    )
