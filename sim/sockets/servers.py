"""The simulated exchange and vendor, whole, on the network of a world; with what a campaign asks of them.

Both are the servers of `python -m sim exchange` and `python -m sim feed`: real HTTP, real websockets, real signatures.
Here they only tell who looks on what they carry out, and take faults by the call that `POST /sim/faults` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from aiohttp import web

from domain.clock import Clock, Now
from domain.money import IndexValue
from execution.kalshi.wire import Request
from sim.exchange.background import Background, Crowd
from sim.exchange.core import Exchange
from sim.exchange.faults import Fault
from sim.exchange.http.auth import PublicKey
from sim.exchange.http.calls import Answer, Operation
from sim.exchange.http.commands import Subscription
from sim.exchange.http.server import ExchangeServer
from sim.exchange.http.sockets import Connection, Hub
from sim.exchange.wire.rejects import Reject
from sim.index_feed.faults import Fault as FeedFault
from sim.index_feed.faults import check
from sim.index_feed.server import FeedConfig, FeedServer
from sim.index_feed.tape import LiveTape, Shown
from sim.virtual.loop import Host, context_of
from sim.virtual.timeline import Timeline

EXCHANGE_PORT = 18_001
FEED_PORTS = (18_101, 18_102)
FEED_KEY = "feed-key"
FAST_MS, SLOW_MS = 250, 1_000
JITTER = 0.08

Told = Callable[[Operation, Request, int], None]


class DeafHub(Hub):
    """The fan-out, which can leave out news of own fills and orders."""

    def __init__(self, exchange: Exchange, server: SocketExchange, timeline: Timeline) -> None:
        exchange.state.listeners.remove(server.hub.tell)
        super().__init__(exchange, server.faults, server.now_ns)
        self.timeline = timeline
        self.deaf_until_ns = 0

    def _send(self, connection: Connection, one: Subscription, kind: str, raw: bytes, *, hold_ms: int = 0) -> None:
        if self.timeline.now_ns < self.deaf_until_ns and one.channel in ("fill", "user_orders"):
            return  # not numbered: nobody can see that it is missing
        super()._send(connection, one, kind, raw, hold_ms=hold_ms)


class SocketExchange(ExchangeServer):
    """The exchange's server. `told` hears of every request that is carried out or refused by itself."""

    def __init__(
        self,
        exchange: Exchange,
        timeline: Timeline,
        clock: Clock,
        keys: dict[str, PublicKey],
        crowd: Crowd,
        rng: Random,
    ) -> None:
        super().__init__(exchange, clock, keys, None)
        self.port_hub = DeafHub(exchange, self, timeline)
        self.hub = self.port_hub
        self.told: Told = lambda _operation, _request, _status: None
        self.crowd = Background(exchange, crowd, rng, self.now_ns)
        self.host = Host("exchange", _Skewed(self))

    async def open(self) -> None:
        """Listen; from here on the crowd is whoever calls it."""
        await self.start(port=EXCHANGE_PORT)
        self.background = self.crowd

    def _process(self, operation: Operation, request: web.Request, body: bytes) -> Answer:
        asked = Request(operation.method, request.path, request.query_string, body)
        try:
            answer = super()._process(operation, request, body)
        except Reject as refused:
            self.told(operation, asked, refused.status)
            raise
        self.told(operation, asked, answer.status)
        return answer

    def strike(self, request: dict[str, Any]) -> Fault:
        """Take one request for a fault, as the exchange's own process would."""
        return context_of(self.host).run(self.inject, request)

    def turn_back(self, request: dict[str, Any]) -> None:
        """Take one request that ends what another began."""
        self.strike(request)


class _Skewed:
    """The clock of the exchange's machine: what its Date header says is off as far as its stamps are."""

    def __init__(self, server: ExchangeServer) -> None:
        self._server = server

    def now(self) -> Now:
        """Read it."""
        now = self._server.clock.now()
        return Now(now.mono_ns, now.utc_ns + self._server.skew_ns)


class TwoPaces:
    """The tape of a campaign: four values a second where windows are, one elsewhere."""

    def __init__(self, seed: int, tickers: tuple[str, ...], is_fast: Callable[[int], bool]) -> None:
        self._fast = LiveTape(seed, tickers, FAST_MS, JITTER, 1.0)
        self._slow = LiveTape(seed, tickers, SLOW_MS, JITTER, 1.0)
        self._is_fast = is_fast
        self._now_ns = 0

    def _tape(self, utc_ns: int) -> LiveTape:
        return self._fast if self._is_fast(utc_ns) else self._slow

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that have values."""
        return self._fast.tickers

    def due(self, utc_ns: int) -> tuple[Shown, ...]:
        """What came since the last call, at the pace of now."""
        self._now_ns = utc_ns
        return self._tape(utc_ns).due(utc_ns)

    def next_ns(self) -> int | None:
        """When the next value falls."""
        return self._tape(self._now_ns).next_ns()

    def last(self, ticker: str, utc_ns: int) -> Shown | None:
        """The newest value at an instant."""
        return self._tape(utc_ns).last(ticker, utc_ns)

    def between(self, ticker: str, start_ns: int, end_ns: int, most: int) -> Iterator[Shown]:
        """Values of a span, for those who look back: one a second."""
        return self._slow.between(ticker, start_ns, end_ns, most)

    def value_at(self, ticker: str, utc_ns: int) -> IndexValue:
        """The level of the path itself."""
        return self._slow.value_at(ticker, utc_ns)


class SocketFeed:
    """Both hosts of the vendor."""

    def __init__(self, seed: int, quota: int, tape: TwoPaces, clock: Clock, *, always_open: bool) -> None:
        config = FeedConfig((FEED_KEY,), FEED_PORTS, seed=seed, quota=quota, always_open=always_open)
        self.server = FeedServer(config, tape, clock)
        self.host = Host("feed", clock)

    def strike(self, request: dict[str, Any]) -> None:
        """Put a fault of the vendor's menu to work."""
        context_of(self.host).run(self.server.inject, check(FeedFault(**request)))


__all__ = ["EXCHANGE_PORT", "FEED_KEY", "FEED_PORTS", "SocketExchange", "SocketFeed", "TwoPaces"]
