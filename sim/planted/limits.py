"""Defects of the limits on money: each limit left out, with settings under which a few fills reach it."""

from __future__ import annotations

import functools

from domain.reasons import RiskLimit
from guards.risk import RiskGuard
from sim.planted.patches import blind_to_losses, unjudged, unlimited
from sim.planted.plans import LOSING, filling
from sim.planted.run import Defect

# Limits so near that a few fills reach them, each alone.
NEAR: dict[RiskLimit, dict[str, int]] = {
    RiskLimit.PER_DAY: {"per_day_dollars": 1},
    RiskLimit.PER_WEEK: {"per_week_dollars": 1},
    RiskLimit.DAY_ROOM: {"daily_loss_pause_ppm": 100},
    RiskLimit.VALUE_AT_RISK: {"var_limit_ppm": 50},
    RiskLimit.STRESS: {"stress_limit_ppm": 50},
    RiskLimit.JOINT_DELTA: {"joint_delta_contracts": 1},
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
)
