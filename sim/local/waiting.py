"""The clocks of this machine, and waiting for a fact without blocking: never for a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S

POLL_S = 0.02

Fact = TypeVar("Fact")


def mono_s() -> float:
    """The monotonic clock in seconds."""
    return SystemClock().now().mono_ns / NS_PER_S


def utc_s() -> float:
    """The wall clock in Unix seconds."""
    return SystemClock().now().utc_ns / NS_PER_S


async def reached(look: Callable[[], Fact], limit_s: float, poll_s: float = POLL_S) -> Fact | None:
    """Poll `look` until what it gives is true, and give that; None when it was not in time."""
    deadline_s = mono_s() + limit_s
    while True:
        seen = look()
        if seen:
            return seen
        if mono_s() >= deadline_s:
            return None
        await asyncio.sleep(poll_s)
