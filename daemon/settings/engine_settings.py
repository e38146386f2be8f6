"""What the engine needs of the configuration: each part handed down whole, to the machine that it belongs to. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from daemon.engine.settings import EngineSettings
from daemon.settings.tree import Settings
from domain.errors import ConfigurationError
from domain.hosts import is_loopback
from feeds.failover import Mode
from feeds.standby import NO_FEED
from guards.schedule import ScheduleSettings
from guards.values.canary import QUICK, CanarySettings
from guards.windows import WindowPlan
from pricing.fees import parse_fees


def engine_settings(settings: Settings, plan: WindowPlan, fees_text: bytes | None) -> EngineSettings:
    """Hand it down. An unreadable fee file is no error here: it keeps the gate closed, by name."""
    try:
        fees = parse_fees(fees_text, str(settings.fees_file)) if fees_text is not None else None
    except ConfigurationError:
        fees = None
    feeds = settings.feeds
    local = is_loopback(urlsplit(settings.exchange.rest_url).hostname or "")
    return EngineSettings(
        plan=plan,
        freshness=settings.freshness,
        quoting=settings.quoting,
        selection=settings.selection,
        risk=settings.risk,
        reconcile=settings.reconcile,
        controls=settings.controls,
        preflight=settings.preflight,
        failover=feeds.failover,
        divergence=feeds.divergence,
        canary=QUICK if plan.settings.template == "short" else CanarySettings(),
        # Nothing is assumed of the hours of an exchange on this machine; what it announces counts all the same.
        schedule=ScheduleSettings(stands_in=None) if local else ScheduleSettings(),
        vix=settings.vix,
        breakers=settings.breakers,
        feed_mode=Mode.HOT if feeds.mode == "hot" else Mode.STANDBY,
        primary=feeds.primary.name,
        secondary=feeds.secondary.name if feeds.secondary else NO_FEED,
        fees=fees,
        live=settings.mode == "live",
        exclusive=settings.exchange.exclusive_account,
    )
