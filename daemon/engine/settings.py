"""What the engine is told when it is made: the parts of the configuration, whole, and what was read beside them."""

from __future__ import annotations

from typing import NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S
from domain.reasons import Reason
from domain.records import LimitsEntry
from execution.drill import ControlSettings
from execution.quoter import QuoteSettings
from execution.reconcile import ParitySettings
from execution.selection import SelectionSettings
from feeds.failover import Mode
from feeds.standby import FailoverSettings
from guards.divergence import DivergenceSettings
from guards.evidence.preflight import PreflightSettings
from guards.freshness import FreshnessSettings
from guards.limits.settings import RiskSettings
from guards.model.breakers import BreakerSettings
from guards.schedule import ScheduleSettings
from guards.values.canary import CanarySettings
from guards.volatility import VixSettings
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
    selection: SelectionSettings
    risk: RiskSettings
    reconcile: ParitySettings
    controls: ControlSettings
    preflight: PreflightSettings
    failover: FailoverSettings
    divergence: DivergenceSettings
    canary: CanarySettings
    schedule: ScheduleSettings
    vix: VixSettings
    breakers: BreakerSettings
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

    def limits(self, series: str, target_ns: int) -> LimitsEntry:
        """What is in force in a window, for the journal: reports read it there."""
        freshness, quoting, risk = self.freshness, self.quoting, self.risk
        return LimitsEntry(
            series=series,
            target_ns=target_ns,
            basis=freshness.basis,
            arm_limit_ms=freshness.arm_limit_ms,
            soft_limit_ms=freshness.soft_limit_ms,
            strict_limit_ms=freshness.strict_limit_ms,
            stale_threshold_ms=self.failover.stale_threshold_ms,
            divergence_bps=self.divergence.divergence_bps,
            minimum_ev_cents=quoting.minimum_ev_cents,
            contracts_per_order=quoting.contracts_per_order,
            per_order_dollars=risk.per_order_dollars,
            per_day_dollars=risk.per_day_dollars,
            markets_max=risk.markets_max,
            per_market_contracts=risk.per_market_contracts,
            per_window_contracts=risk.per_window_contracts,
        )

    def execution_vote(self) -> Vote:
        """Whether the configuration lets orders out at all."""
        return PASS if self.quoting.enabled else fail(Reason.EXECUTION_DISABLED, "quoting.enabled is false")
