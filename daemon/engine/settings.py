"""What the engine is told when it is made: the parts of the configuration, whole, and what was read beside them."""

from __future__ import annotations

from typing import NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S
from domain.reasons import Reason
from execution.drill import ControlSettings
from execution.quoter import QuoteSettings
from execution.reconcile import ParitySettings
from feeds.failover import Mode
from feeds.standby import FailoverSettings
from guards.canary import CanarySettings
from guards.divergence import DivergenceSettings
from guards.exchange import ExchangeSettings
from guards.freshness import FreshnessSettings
from guards.risk import RiskSettings
from guards.vote import PASS, Vote, fail
from guards.windows import WindowPlan
from pricing.fees import FeeFile

ROUND_TRIP_NS = 100 * NS_PER_MS
SETTLEMENT_POLL_NS = 5 * NS_PER_S
SETTLEMENT_POLL_SHORT_NS = NS_PER_S


class EngineSettings(NamedTuple):
    """One settings class for each machine, as the configuration holds it; `plan` holds that of the windows."""

    plan: WindowPlan
    freshness: FreshnessSettings
    quoting: QuoteSettings
    risk: RiskSettings
    reconcile: ParitySettings
    controls: ControlSettings
    failover: FailoverSettings
    divergence: DivergenceSettings
    canary: CanarySettings
    exchange: ExchangeSettings
    feed_mode: Mode
    primary: str
    secondary: str
    fees: FeeFile | None
    live: bool
    exclusive: bool

    @property
    def series(self) -> tuple[str, ...]:
        """The series that are quoted."""
        return self.plan.settings.series

    @property
    def hurried(self) -> bool:
        """Whether the windows are short ones, of demos and tests."""
        return self.plan.settings.template == "short"

    @property
    def settlement_poll_ns(self) -> int:
        """How often a result that is due is asked for."""
        return SETTLEMENT_POLL_SHORT_NS if self.hurried else SETTLEMENT_POLL_NS

    def execution_vote(self) -> Vote:
        """Whether the configuration lets orders out at all."""
        return PASS if self.quoting.enabled else fail(Reason.EXECUTION_DISABLED, "quoting.enabled is false")
