"""Ticks and instants for the guards' tests: both clocks run together from one start."""

from __future__ import annotations

from domain.clock import NS_PER_MS, Now
from domain.events import Tick
from domain.money import INDEX_PER_POINT, IndexValue

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
