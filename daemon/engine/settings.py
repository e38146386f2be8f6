"""What the engine is told when it is made: one value, worked out from the configuration and never changed."""

from __future__ import annotations

from typing import NamedTuple

from daemon.engine.control_ages import ControlSettings
from daemon.engine.desk import DeskSettings
from domain.clock import NS_PER_MS
from domain.reasons import Reason
from execution.reconcile import ParitySettings
from feeds.failover import Mode
from feeds.standby import FailoverSettings
from guards.exchange import ExchangeSettings
from guards.risk import RiskSettings
from guards.vote import PASS, Vote, fail
from guards.windows import WindowPlan
from pricing.fees import FeeFile

ROUND_TRIP_NS = 100 * NS_PER_MS


class EngineSettings(NamedTuple):
    """Everything the engine is told about itself."""

    series: tuple[str, ...]
    plan: WindowPlan
    desk: DeskSettings
    primary: str
    secondary: str
    feed_mode: Mode
    failover: FailoverSettings
    fees: FeeFile | None
    execution_enabled: bool
    live: bool
    exclusive: bool
    exchange: ExchangeSettings
    risk: RiskSettings
    per_window_contracts: int
    lead_min_ns: int
    lead_max_ns: int
    round_trip_ns: int
    settlement_poll_ns: int
    controls: ControlSettings
    parity: ParitySettings = ParitySettings()

    def execution_vote(self) -> Vote:
        """Whether the configuration lets orders out at all."""
        return PASS if self.execution_enabled else fail(Reason.EXECUTION_DISABLED, "quoting.enabled is false")
