"""Chance and clocks of the libraries, taken from the world while it runs, and given back after.

Libraries read clocks and draw random bytes by themselves (aiohttp's Date header and ages of connections, websockets'
masks and keys, APScheduler's due times). Inside `seeded` these come from the virtual loop, for each host by its own
clock, and from one seeded generator. What is drawn before or after is none of the world's.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp.connector
import aiohttp.helpers
import apscheduler.executors.base
import apscheduler.schedulers.base

from domain.clock import NS_PER_S
from sim.virtual.loop import HOST, VirtualLoop

GARBAGE_MIN = 50_000  # a world is large and makes little garbage: looking for it less often saves a tenth of the time
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _patches(loop: VirtualLoop, rng: random.Random) -> list[tuple[Any, str, Any]]:
    def wall_ns() -> int:
        host = HOST.get()
        return loop.timeline.now_ns if host is None or host.clock is None else host.clock.now().utc_ns

    def some(size: int) -> bytes:
        return rng.randbytes(size)

    class Seeded(random.Random):
        """A generator that nobody seeded is seeded by the world."""

        def __init__(self, seed: Any = None) -> None:  # noqa: ANN401 - as the library takes it
            super().__init__(rng.getrandbits(64) if seed is None else seed)

    class _Kind(type):
        def __instancecheck__(cls, thing: object) -> bool:
            return isinstance(thing, dt.datetime)

    class Datetime(dt.datetime, metaclass=_Kind):
        """`now` by the world's clock; everything else as it was."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:  # noqa: ANN401 - a plain datetime
            return (EPOCH + dt.timedelta(microseconds=wall_ns() // 1_000)).astimezone(tz)

    return [
        (time, "time", lambda: wall_ns() / NS_PER_S),
        (time, "time_ns", wall_ns),
        (time, "monotonic", lambda: loop.mono_ns / NS_PER_S),
        (time, "monotonic_ns", lambda: loop.mono_ns),
        (aiohttp.connector, "monotonic", lambda: loop.mono_ns / NS_PER_S),
        (aiohttp.helpers, "_cached_current_datetime", None),
        (apscheduler.schedulers.base, "datetime", Datetime),
        (apscheduler.executors.base, "datetime", Datetime),
        (os, "urandom", some),
        (random, "_urandom", some),
        (random, "Random", Seeded),
    ]


@contextmanager
def seeded(loop: VirtualLoop, seed: str) -> Iterator[None]:
    """The world's clocks and chance inside, the machine's again after."""
    rng = random.Random(f"{seed}|libraries")
    state = random.getstate()  # tidy: chance - given back below
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in _patches(loop, rng)]
    collecting, thresholds = gc.isenabled(), gc.get_threshold()
    gc.set_threshold(GARBAGE_MIN, *thresholds[1:])
    for owner, name, value in _patches(loop, rng):
        setattr(owner, name, value)
    random.seed(f"{seed}|module")  # tidy: chance - this is where the seed comes from
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        for owner, name, value in reversed(kept):
            setattr(owner, name, value)
        random.setstate(state)  # tidy: chance - as it was before
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        (gc.enable if collecting else gc.disable)()
