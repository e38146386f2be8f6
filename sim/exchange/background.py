"""Everybody else in the market: makers around fair value, takers who come when they like.

Fair value of a rung is the normal probability that the index ends at or beyond its strike, with the volatility that the
index showed over the last minutes. Makers quote some cents to each side of it with noise, so that a client who asks
for less edge becomes best; takers arrive as a Poisson stream, pick a rung near the money, value it with an error, and
hit the best price if it lies within that value. All of it stops at the close, and all of it comes from the seed.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.exchange.book.fixed import NS, PRICE_ONE
from sim.exchange.core import whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sim.exchange.book.objects import Event, Market, Order
    from sim.exchange.core import Exchange

MICRO = 1_000_000
LOOK_BACK_S = 300
LOOK_STEP_S = 5
CENT = 100


@dataclass(slots=True)
class Crowd:
    """How the others behave. Widths and errors in dollars of value, sizes in contracts."""

    maker_half_width: tuple[float, float] = (0.06, 0.08)
    maker_noise: float = 0.005
    maker_period_s: float = 1.0
    maker_rungs: int = 8
    maker_size: tuple[int, int] = (5, 50)
    taker_rate_hz: float = 1.0
    taker_error: float = 0.06
    taker_rungs: int = 4
    taker_size: tuple[int, int] = (1, 3)


def chance(distance: float, deviation: float) -> float:
    """P(index ends at or above the strike) for a distance above it, both in points."""
    if deviation <= 0:
        return 1.0 if distance >= 0 else 0.0
    return 0.5 * math.erfc(-distance / (deviation * math.sqrt(2)))


class Background:
    """The makers' and takers' accounts, orders and habits."""

    def __init__(self, exchange: Exchange, crowd: Crowd, rng: Random, now_ns: Callable[[], int]) -> None:
        self.exchange = exchange
        self.crowd = crowd
        self.rng = rng
        self.now_ns = now_ns
        self.maker = exchange.state.account("maker", is_member=False)
        self.taker = exchange.state.account("taker", is_member=False)
        self.quotes: dict[tuple[str, str], Order] = {}
        self.measured: dict[str, tuple[int, float]] = {}

    async def run_makers(self) -> None:
        """Requote every period or so, for ever."""
        while True:
            self.quote(self.now_ns())
            await asyncio.sleep(self.crowd.maker_period_s * self.rng.uniform(0.8, 1.2))

    async def run_takers(self) -> None:
        """Let a taker come at random times, for ever."""
        if self.crowd.taker_rate_hz <= 0:
            return
        while True:
            await asyncio.sleep(self.rng.expovariate(self.crowd.taker_rate_hz))
            self.take(self.now_ns())

    # -- values --------------------------------------------------------------------------------------------------

    def deviation(self, symbol: str, now_ns: int, left_ns: int) -> float:
        """Points of standard deviation over the time left, from the index's own recent moves."""
        value, slot = self.exchange.index_value, now_ns // (LOOK_STEP_S * NS)
        measured_slot, per_root_second = self.measured.get(symbol, (-1, 0.0))
        if measured_slot != slot:
            steps = LOOK_BACK_S // LOOK_STEP_S
            path = [value(symbol, (slot - n) * LOOK_STEP_S * NS) for n in range(steps, -1, -1)]
            squares = sum((b - a) ** 2 for a, b in pairwise(path))
            per_root_second = math.sqrt(squares / (steps * LOOK_STEP_S)) / MICRO
            self.measured[symbol] = (slot, per_root_second)
        return per_root_second * math.sqrt(left_ns / NS)

    def near(self, event: Event, now_ns: int, most: int) -> list[tuple[Market, float]]:
        """The rungs nearest the money with their fair values."""
        index = self.exchange.index_value(event.series.symbol, now_ns) / MICRO
        deviation = self.deviation(event.series.symbol, now_ns, event.close_ns - now_ns)
        rungs = sorted(event.markets, key=lambda market: (abs(market.strike - index), market.strike))[:most]
        return [(market, chance(index - market.strike, deviation)) for market in rungs]

    def current(self, now_ns: int, most: int) -> list[Event]:
        """The next `most` events to close of each series."""
        chosen: list[Event] = []
        for series in self.exchange.state.series.values():
            ahead = [e for e in self.exchange.state.events.values() if e.series is series and e.close_ns > now_ns]
            chosen += sorted(ahead, key=lambda event: event.close_ns)[:most]
        return chosen

    # -- makers --------------------------------------------------------------------------------------------------

    def quote(self, now_ns: int) -> None:
        """Move the makers' quotes to where they now want them."""
        self.exchange.advance(now_ns)
        wanted: dict[tuple[str, str], tuple[Market, int, int]] = {}
        for event in self.current(now_ns, 2):
            for market, fair in self.near(event, now_ns, self.crowd.maker_rungs):
                if market.status == "active":
                    self._want(wanted, market, fair)
        for key, order in list(self.quotes.items()):
            target = wanted.get(key)
            live = order.state.status == "resting"
            if target is None or not live or target[1] != order.state.price:
                if live:
                    self.exchange.withdraw(order, now_ns)
                del self.quotes[key]
        for key, (market, price, size) in wanted.items():
            if key not in self.quotes:
                order_or_none = self.exchange.place(self.maker, market, key[1], price, whole(size), now_ns)
                if order_or_none is not None:
                    self.quotes[key] = order_or_none

    def _want(self, wanted: dict[tuple[str, str], tuple[Market, int, int]], market: Market, fair: float) -> None:
        crowd, rng = self.crowd, self.rng
        for side, sign, rounded in (("bid", -1, math.floor), ("ask", 1, math.ceil)):
            edge = rng.uniform(*crowd.maker_half_width)
            cents = rounded((fair + sign * edge + rng.gauss(0, crowd.maker_noise)) * 100)
            price = cents * CENT
            if CENT <= price <= PRICE_ONE - CENT:
                wanted[market.ticker, side] = (market, price, rng.randint(*crowd.maker_size))

    # -- takers --------------------------------------------------------------------------------------------------

    def take(self, now_ns: int) -> int:
        """One taker looks at one rung, and hits what lies within his value; the count he got."""
        self.exchange.advance(now_ns)
        events = [e for e in self.current(now_ns, 1) if e.markets[0].status == "active"]
        if not events:
            return 0
        event = self.rng.choice(events)
        market, fair = self.rng.choice(self.near(event, now_ns, self.crowd.taker_rungs))
        value = round((fair + self.rng.gauss(0, self.crowd.taker_error)) * PRICE_ONE)
        count = whole(self.rng.randint(*self.crowd.taker_size))
        ask, bid = market.book.best_ask(), market.book.best_bid()
        if ask is not None and ask <= value:
            return self.exchange.take(self.taker, market, "bid", ask, count, now_ns)
        if bid is not None and bid >= value:
            return self.exchange.take(self.taker, market, "ask", bid, count, now_ns)
        return 0
