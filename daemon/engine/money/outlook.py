"""The outcomes of the events that are priced at this instant, for the limits that rest on them.

An event whose ladder, index or volatility is not known is left out, and the limits take its worst case instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.engine.desk import Desk
from domain.ids import Ticker
from guards.exposure import MarketExposure
from guards.limits.outcomes import EventKey
from guards.limits.settings import RiskSettings
from pricing.outcomes import Outcomes, outcomes


class Outlook:
    """Asks each series' desk for the outcomes of its present window."""

    def __init__(self, desks: Mapping[str, Desk], settings: RiskSettings) -> None:
        self._desks = desks
        self._settings = settings

    def outcomes(self, markets: Mapping[Ticker, MarketExposure]) -> dict[EventKey, Outcomes]:
        """The outcomes of each event of these markets that has a price now."""
        settings, found = self._settings, {}
        for series, desk in self._desks.items():
            if desk.basis is None or desk.basis[2] <= 0:
                continue  # past its target the index moves nothing any more, and the print decides
            target_ns = desk.markets_target_ns
            rungs = [
                desk.markets[ticker]
                for ticker, market in markets.items()
                if market.series == series and market.target_ns == target_ns and ticker in desk.markets
            ]
            if rungs:
                raised = settings.var_volatility_ppm
                found[series, target_ns] = outcomes(rungs, *desk.basis, raised, settings.stress_deviations)
        return found
