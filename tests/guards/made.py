"""Ticks, instants and short windows for the guards' tests: both clocks run together from one start."""

from __future__ import annotations

from domain.clock import NS_PER_MS, Now
from domain.events import Tick
from domain.money import INDEX_PER_POINT, IndexValue
from guards.windows import WindowSettings

START_MONO_NS = 5_000_000_000
START_UTC_NS = 1_772_809_000_000_000_000


def at(ms: float, *, wall_ms: float = 0.0) -> Now:
    """The instant `ms` after the start; `wall_ms` shifts the wall clock alone."""
    return Now(START_MONO_NS + round(ms * NS_PER_MS), START_UTC_NS + round((ms + wall_ms) * NS_PER_MS))


def tick(
    ms: float,
    points: float = 6700.0,
    *,
    stamp_ms: float | None = None,
    symbol: str = "I:SPX",
    feed: str = "massive",
    received_ms: float | None = None,
) -> Tick:
    """A value that arrives `ms` after the start; its own stamp is the same unless told otherwise."""
    stamp = ms if stamp_ms is None else stamp_ms
    received = at(ms if received_ms is None else received_ms)
    return Tick(
        feed=feed,
        symbol=symbol,
        value=IndexValue(round(points * INDEX_PER_POINT)),
        raw=str(points),
        event_ns=START_UTC_NS + round(stamp * NS_PER_MS),
        received_mono_ns=received.mono_ns,
        received_utc_ns=received.utc_ns,
    )


def short_settings(anchor_unix_s: int, period_s: int = 120, strict_lead_s: int = 20) -> WindowSettings:
    """The template of demos: a target at the anchor and every period after it, open for most of the period."""
    return WindowSettings(
        template="short",
        anchor_unix_s=anchor_unix_s,
        period_s=period_s,
        preflight_lead_s=period_s - max(period_s // 60, 1),
        open_lead_s=period_s - max(period_s // 24, 1) - 1,
        strict_lead_s=strict_lead_s,
    )
