"""Failover, sessions, sockets and two hosts under one quota, together: values go on, and nobody is ever evicted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daemon.system_clock import SystemClock
from domain.actions import FeedControl
from domain.backoff import Backoff
from domain.events import AnyEvent, FeedState, FeedStatus, Tick
from feeds.failover import DualFeedFailover, Mode
from feeds.massive import MassiveLimits, MassiveSession
from feeds.socket_io import ReconnectingSocket, SocketLimits
from feeds.standby import FailoverSettings
from sim.index_feed.faults import Fault, check
from sim.index_feed.server import FeedConfig, FeedServer
from sim.index_feed.tape import LiveTape

WITHIN_S = 20
SETTINGS = FailoverSettings(
    stale_threshold_ms=200, fail_back_s=1, standby_silence_s=1, cooldown_ms=300, open_budget_ms=3_000
)
LIMITS = MassiveLimits(stale_ms=2_000, silence_ms=5_000, cooldown_ms=300)
NAMES = ("one", "two")


class Pair:
    """What the engine and the shell do with the two feeds, and nothing else."""

    def __init__(self, server: FeedServer, mode: Mode) -> None:
        self.clock = SystemClock()
        self.failover = DualFeedFailover(*NAMES, mode, SETTINGS)
        self.events: list[AnyEvent] = []
        self.used: list[Tick] = []
        self.news = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.sockets = {
            name: ReconnectingSocket(
                f"ws://127.0.0.1:{port}/indices",
                MassiveSession(name, "KEY", ("I:SPX", "I:NDX"), LIMITS),
                self.emit,
                self.clock,
                random.Random(1),
                limits=SocketLimits(
                    backoff=Backoff(5, 50), close_timeout_ms=100, ping_after_ms=200, dead_after_ms=1_000
                ),
            )
            for name, port in zip(NAMES, server.ports, strict=True)
        }

    def emit(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.carry(self.failover.observe(event, self.clock.now()))
        if isinstance(event, Tick) and event.feed == self.failover.active:
            self.used.append(event)
        self.news.set()

    def carry(self, controls: tuple[FeedControl, ...]) -> None:
        for control in controls:
            if control.open:
                self.sockets[control.feed].open()
            else:
                task = asyncio.get_running_loop().create_task(self.sockets[control.feed].close())
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def until_used(self, feed: str, more: int = 3) -> None:
        """Wait until values of a feed are used, by event or by timer."""
        start = len(self.used)
        async with asyncio.timeout(WITHIN_S):
            while sum(tick.feed == feed for tick in self.used[start:]) < more:
                now = self.clock.now()
                due = self.failover.next_deadline(now)
                self.news.clear()
                try:
                    async with asyncio.timeout(None if due is None else max(due - now.mono_ns, 0) / 1e9):
                        await self.news.wait()
                except TimeoutError:
                    self.carry(self.failover.tick(self.clock.now()))

    def states(self, feed: str) -> list[FeedState]:
        return [e.state for e in self.events if isinstance(e, FeedStatus) and e.feed == feed]


@asynccontextmanager
async def running(mode: Mode, quota: int) -> AsyncIterator[tuple[Pair, FeedServer]]:
    tape = LiveTape(2, ["I:SPX", "I:NDX"], 20, 0.2, 1.0)
    server = FeedServer(FeedConfig(keys=("KEY",), ports=(0, 0), quota=quota), tape, SystemClock())
    await server.start()
    pair = Pair(server, mode)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(socket.run()) for socket in pair.sockets.values()]
    try:
        pair.carry(pair.failover.start(pair.clock.now()))
        yield pair, server
    finally:
        for task in [*tasks, *pair.tasks]:
            task.cancel()
        await asyncio.gather(*tasks, *pair.tasks, return_exceptions=True)
        await server.stop()


@pytest.mark.parametrize("name", ["silence", "half_open", "rst", "close", "slow_consumer"])
async def test_standby_moves_to_the_other_host_without_ever_having_two_sockets(name: str) -> None:
    async with running(Mode.STANDBY, quota=1) as (pair, server):
        await pair.until_used("one")
        server.inject(check(Fault(name, host=1)))
        await pair.until_used("two")
        assert pair.failover.switches == 1
        assert FeedState.COOLING not in pair.states("one") + pair.states("two")
        assert server.state()["quota_held"] == {"KEY": 1}
        hosts = [c["host"] for c in server.state()["connections"]]
        assert hosts == ([1, 2] if name == "half_open" else [2])  # the vendor cannot see that a half-open one ended


async def test_standby_after_an_eviction_waits_and_comes_back_to_the_same_host() -> None:
    async with running(Mode.STANDBY, quota=1) as (pair, server):
        await pair.until_used("one")
        evicted = pair.clock.now().mono_ns
        server.inject(check(Fault("evict")))
        while FeedState.COOLING not in pair.states("one"):
            pair.news.clear()
            await pair.news.wait()
        await pair.until_used("one")
        assert pair.clock.now().mono_ns - evicted >= SETTINGS.cooldown_ms * 1_000_000
        assert pair.failover.switches == 0


async def test_hot_goes_over_and_comes_back() -> None:
    async with running(Mode.HOT, quota=2) as (pair, server):
        await pair.until_used("one")
        server.inject(check(Fault("silence", host=1)))
        await pair.until_used("two")
        server.board.clear()
        await pair.until_used("one")
        assert pair.failover.switches == 2
        assert server.state()["upgrades"] == [1, 1]
