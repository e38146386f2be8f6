"""The simulated exchange and vendor, whole, on the network of a world; with what a campaign asks of them.

Both are the servers of `python -m sim exchange` and `python -m sim feed`: real HTTP, real websockets, real signatures.
Here each runs on a machine of its own, and takes faults by the call that `POST /sim/faults` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from domain.clock import Clock, Now
from domain.money import IndexValue
from sim.exchange.core import Exchange
from sim.exchange.gateway.auth import PublicKey
from sim.exchange.gateway.faults import Fault
from sim.exchange.gateway.gateway import Gateway
from sim.exchange.http.server import ExchangeServer
from sim.index_feed.faults import Fault as FeedFault
from sim.index_feed.faults import check
from sim.index_feed.server import FeedConfig, FeedServer
from sim.index_feed.tape import LiveTape, Shown
from sim.virtual.loop import Host, context_of

EXCHANGE_PORT = 18_001
FEED_PORTS = (18_101, 18_102)
FEED_KEY = "feed-key"
FAST_MS, SLOW_MS = 250, 1_000
JITTER = 0.08


class SocketExchange(ExchangeServer):
    """The exchange's server, on a machine of its own."""

    def __init__(self, exchange: Exchange, clock: Clock, keys: dict[str, PublicKey]) -> None:
        super().__init__(exchange, clock, keys)
        self.host = Host("exchange", _Skewed(self.gateway))

    async def open(self) -> None:
        """Listen."""
        await self.start(port=EXCHANGE_PORT)

    def strike(self, request: dict[str, Any]) -> Fault:
        """Take one request for a fault, or one that ends what another began, as the exchange's own process would."""
        return context_of(self.host).run(self.gateway.inject, request)


class _Skewed:
    """The clock of the exchange's machine: what its Date header says is off as far as its stamps are."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def now(self) -> Now:
        """Read it."""
        now = self._gateway.clock.now()
        return Now(now.mono_ns, now.utc_ns + self._gateway.skew_ns)


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
