"""Defects of the limits on money: each limit left out, with settings under which a few fills reach it."""

from __future__ import annotations

import functools

from domain.reasons import RiskLimit, VixBand
from guards import volatility
from guards.limits.figure import LimitUse, Unit
from guards.risk import RiskGuard
from guards.volatility import VolatilityLevel
from sim.planted.patches import (
    blind_to_equity,
    blind_to_losses,
    passes,
    roomy,
    unjudged,
    unlimited,
    young_for_ever,
)
from sim.planted.plans import (
    BIG_ORDERS,
    BOUGHT,
    LOSING,
    POOR_ACCOUNT,
    UNKNOWN_CASH,
    UNREAD,
    VIX_BAD_PRINT,
    VIX_HALF,
    VIX_SILENT,
    filling,
)
from sim.planted.run import Defect

WHOLE_DAY = {"event_share_ppm": 1_000_000, "series_share_ppm": 1_000_000}
# Limits so near that a few fills reach them, each alone.
NEAR: dict[RiskLimit, dict[str, int]] = {
    RiskLimit.PER_DAY: {"per_day_dollars": 1, **WHOLE_DAY},
    RiskLimit.EVENT_SHARE: {"per_day_dollars": 4, **WHOLE_DAY, "event_share_ppm": 250_000},
    RiskLimit.SERIES_SHARE: {"per_day_dollars": 4, **WHOLE_DAY, "series_share_ppm": 250_000},
    RiskLimit.PER_WEEK: {"per_week_dollars": 1},
    RiskLimit.DAY_ROOM: {"daily_loss_pause_ppm": 100},
    RiskLimit.VALUE_AT_RISK: {"var_limit_ppm": 50},
    RiskLimit.STRESS: {"stress_limit_ppm": 50},
    RiskLimit.JOINT_DELTA: {"joint_delta_contracts": 1},
}
# What the desk keeps by itself too: it is made to see room for ever.
BY_THE_DESK: dict[RiskLimit, dict[str, int]] = {
    RiskLimit.PER_MARKET: {"per_market_contracts": 1},
    RiskLimit.MARKETS: {"markets_max": 2},
}
PAUSING: dict[RiskLimit, dict[str, int]] = {
    RiskLimit.NET: {"net_dollars": 1},
    RiskLimit.GROSS: {"gross_dollars": 1},
    RiskLimit.CONCENTRATION: {"concentration_ppm": 1, "gross_dollars": 1_000},
}

LIMITS: tuple[Defect, ...] = (
    *(
        Defect(
            f"no limit {limit.value}",
            f"the limit {limit.value} refuses no order",
            filling(**near),
            ("limit exceeded",),
            functools.partial(unlimited, limit),
        )
        for limit, near in NEAR.items()
    ),
    *(
        Defect(
            f"no limit {limit.value}",
            f"neither risk nor the desk keeps {limit.value}",
            filling(**near),
            ("limit exceeded",),
            functools.partial(roomy, limit),
        )
        for limit, near in BY_THE_DESK.items()
    ),
    Defect(
        "no limit per_window",
        "neither risk nor the desk keeps per_window",
        BOUGHT,
        ("limit exceeded",),
        functools.partial(roomy, RiskLimit.PER_WINDOW),
    ),
    Defect(
        "no limit signals",
        "the limit signals refuses no order",
        filling(signals_max=4)._replace(windows=1),
        ("limit exceeded",),
        functools.partial(unlimited, RiskLimit.SIGNALS),
    ),
    Defect(
        "no limit per_order",
        "the limit per_order refuses no order",
        BIG_ORDERS,
        ("limit exceeded",),
        functools.partial(unlimited, RiskLimit.PER_ORDER),
    ),
    Defect(
        "no limit cash",
        "orders are sent without the cash for them",
        POOR_ACCOUNT,
        ("limit exceeded",),
        functools.partial(unlimited, RiskLimit.CASH),
    ),
    Defect(
        "no equity asked",
        "orders are sent before the exchange's cash was read",
        UNKNOWN_CASH,
        ("limit exceeded",),
        blind_to_equity,
    ),
    Defect(
        "no pause by snapshot_age",
        "what is held is not judged by the age of the exchange's books",
        UNREAD,
        ("limit exceeded",),
        lambda: [(RiskGuard, "_age", lambda *_: LimitUse(RiskLimit.SNAPSHOT_AGE, 0, 1, Unit.SECONDS))],
    ),
    *(
        Defect(
            f"no pause by {limit.value}",
            f"what is held is not judged by {limit.value}",
            filling(**near),
            ("limit exceeded",),
            functools.partial(unjudged, limit),
        )
        for limit, near in PAUSING.items()
    ),
    Defect(
        "no pause by day_loss",
        "the day's loss, realised and marked, asks for nothing",
        filling(daily_loss_pause_ppm=20),
        ("limit exceeded",),
        blind_to_losses,
    ),
    Defect(
        "no stop by event_loss",
        "no event is stopped for its marked loss",
        LOSING,
        ("limit exceeded",),
        lambda: [(RiskGuard, "_stopped_events", lambda _: [])],
    ),
    Defect(
        "bad level passes",
        "a print of I:VIX above the level that stops is quoted on",
        VIX_BAD_PRINT,
        ("place against the volatility level",),
        lambda: [*passes(VolatilityLevel, "vote"), (volatility.FACTORS, VixBand.STOP, volatility.PPM)],
    ),
    Defect(
        "half is whole",
        "a high level of I:VIX leaves the size as it is",
        VIX_HALF,
        ("place against the volatility level",),
        lambda: [(volatility.FACTORS, VixBand.HALF, volatility.PPM)],
    ),
    Defect(
        "old level believed",
        "the age of I:VIX is not looked at",
        VIX_SILENT,
        ("place against the volatility level",),
        young_for_ever,
    ),
)
