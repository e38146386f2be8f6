"""What a unit of a campaign is made from, what becomes of it, and the daemon's configuration in it."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import msgspec

from daemon.settings.tree import Settings
from sim.campaign.faults import Fault

HOUR_S = 3600


class Unit(NamedTuple):
    """What a unit is made from: equal ones give equal traces."""

    seed: int
    number: int
    day: dt.date
    mode: str
    window_s: int = 3600
    windows: int = 6
    feeds: str = "standby"
    replay: bool = False
    faults: tuple[Fault, ...] | None = None
    tier: str = "advanced"
    level: str = "ports"
    scaled: bool = False
    limits: tuple[tuple[str, int], ...] = ()
    quoting: tuple[tuple[str, int], ...] = ()
    balance_dollars: int = 10_000
    """`limits` and `quoting`: keys of `[risk]` and of `[quoting]` that are not the defaults.

    Short windows are divided like hours: a quarter is quoted. Otherwise nearly all of a short window is."""


class Outcome(msgspec.Struct):
    """What became of a unit."""

    index: int
    day: str
    trading: bool
    windows: int
    trace: str
    orders: int
    fills: int
    steps: int
    slowest_flat_ms: float
    slowest_stop_ms: float
    faults: dict[str, int]
    planned: dict[str, int]
    counts: dict[str, int]
    breaches: list[tuple[str, int, str]]
    story: list[str]
    plan: list[str]


def settings_of(unit: Unit, anchor_s: int) -> Settings:
    """The daemon's configuration: the defaults, and for short windows the template of demos."""
    windows: dict[str, Any] = {}
    if unit.window_s != 3600:  # noqa: PLR2004 - an hour
        period = unit.window_s
        scaled = unit.scaled
        windows = {
            "template": "short",
            "anchor_unix_s": anchor_s,
            "period_s": period,
            "preflight_lead_s": period // 3 if scaled else period - 3,
            "open_lead_s": period // 4 if scaled else period - max(4, period // 12),
            "strict_lead_s": max(6, min(60, period // (12 if scaled else 6))),
        }
    # Windows of seconds take up in minutes what a day of hours does.
    risk = ({"signals_max": 1_000_000} if windows else {}) | dict(unit.limits)
    tree: dict[str, Any] = {"windows": windows, "feeds": {"mode": unit.feeds}, "risk": risk}
    tree["quoting"] = dict(unit.quoting)
    return Settings(**tree)
