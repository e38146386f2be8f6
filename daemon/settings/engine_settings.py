"""What the engine needs of the configuration, in its own units, and how it is made from the settings. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from daemon.engine.control_ages import ControlSettings
from daemon.engine.desk import DeskSettings
from daemon.engine.settings import ROUND_TRIP_NS, EngineSettings
from daemon.settings.tree import Settings
from domain.clock import NS_PER_MS, NS_PER_S
from domain.errors import ConfigurationError
from domain.hosts import is_loopback
from domain.money import Price
from execution.quoter import QuoteSettings
from execution.reconcile import DriftLimits, ParitySettings
from feeds.failover import Mode
from feeds.standby import FailoverSettings
from guards.divergence import DivergenceSettings
from guards.exchange import ExchangeSettings
from guards.freshness import FreshnessSettings
from guards.risk import RiskSettings
from guards.windows import WindowPlan, WindowSettings
from pricing.fees import parse_fees

PRICE_PER_CENT = 100


def engine_settings(settings: Settings, plan: WindowPlan, fees_text: bytes | None) -> EngineSettings:
    """Translate the configuration. An unreadable fee file is no error here: it keeps the gate closed, by name."""
    try:
        fees = parse_fees(fees_text, str(settings.fees_file)) if fees_text is not None else None
    except ConfigurationError:
        fees = None
    hot = settings.feeds.mode == "hot"
    secondary = settings.feeds.secondary
    local = is_loopback(urlsplit(settings.exchange.rest_url).hostname or "")
    risk = settings.risk
    hurried, drill = settings.windows.template == "short", settings.controls.drill_cancel_all
    return EngineSettings(
        series=settings.windows.series,
        plan=plan,
        desk=_desk(settings, hot=hot),
        primary=settings.feeds.primary.name,
        secondary=secondary.name if secondary else "none",
        feed_mode=Mode.HOT if hot else Mode.STANDBY,
        failover=FailoverSettings(
            stale_limit_ms=settings.feeds.stale_threshold_ms,
            fail_back_after_ms=settings.feeds.fail_back_s * 1000,
            silence_limit_ms=settings.feeds.standby_silence_s * 1000,
        ),
        fees=fees,
        execution_enabled=settings.quoting.enabled,
        live=settings.mode == "live",
        exclusive=settings.exchange.exclusive_account,
        # An exchange on this machine keeps no Thursday maintenance of its own; what it announces counts all the same.
        exchange=ExchangeSettings(maintenance=()) if local else ExchangeSettings(),
        risk=RiskSettings(
            per_order_dollars=risk.per_order_dollars,
            per_day_dollars=risk.per_day_dollars,
            markets_max=risk.markets_max,
            per_market_contracts=risk.per_market_contracts,
            per_window_contracts=risk.per_window_contracts,
        ),
        per_window_contracts=risk.per_window_contracts,
        lead_min_ns=settings.windows.flatten_lead_min_ms * NS_PER_MS,
        lead_max_ns=settings.windows.flatten_lead_max_ms * NS_PER_MS,
        round_trip_ns=ROUND_TRIP_NS,
        settlement_poll_ns=(NS_PER_S if hurried else 5 * NS_PER_S),
        controls=ControlSettings(
            proof_limit_s=settings.controls.proof_limit_s,
            drill_cancel_all=not hurried if drill is None else drill,
        ),
        parity=_parity(settings),
    )


def _parity(settings: Settings) -> ParitySettings:
    """From which drift on the books warn and close the gate."""
    part = settings.reconcile
    return ParitySettings(
        inventory=DriftLimits(part.inventory_warn_percent, part.inventory_critical_percent),
        exchange=DriftLimits(part.exchange_warn_percent, part.exchange_critical_percent),
        contracts_limit=settings.risk.per_window_contracts,
    )


def _desk(settings: Settings, *, hot: bool) -> DeskSettings:
    """What each desk is told."""
    quoting, risk = settings.quoting, settings.risk
    return DeskSettings(
        freshness=FreshnessSettings(
            arm_limit_ms=settings.freshness.arm_limit_ms,
            soft_limit_ms=settings.freshness.soft_limit_ms,
            strict_limit_ms=settings.freshness.strict_limit_ms,
            basis=settings.freshness.basis,
        ),
        quotes=QuoteSettings(
            rungs_max=quoting.rungs_max,
            dead_band=Price(quoting.dead_band_cents * PRICE_PER_CENT),
            minimum_life_ms=quoting.minimum_life_ms,
            reject_cooldown_ms=quoting.reject_cooldown_ms,
        ),
        minimum_edge=quoting.minimum_ev_cents * PRICE_PER_CENT,
        shrink_ppm=quoting.shrink_ppm,
        contracts_per_order=quoting.contracts_per_order,
        per_market_contracts=risk.per_market_contracts,
        per_window_contracts=risk.per_window_contracts,
        books_max=quoting.books_subscribed_max,
        divergence=DivergenceSettings(enabled=hot, limit_bps=settings.feeds.divergence_bps),
    )


def window_settings(settings: Settings) -> WindowSettings:
    """The window plan's part."""
    w = settings.windows
    return WindowSettings(
        template=w.template,
        series=w.series,
        hourly_targets=w.hourly_targets,
        enable_1600=w.enable_1600,
        enable_1300=w.enable_1300,
        enable_close_1600=w.enable_close_1600,
        preflight_lead_s=w.preflight_lead_s,
        open_lead_s=w.open_lead_s,
        strict_lead_s=w.strict_lead_s,
        freeze_lead_s=w.freeze_lead_s,
        anchor_unix_s=w.anchor_unix_s,
        period_s=w.period_s,
    )
