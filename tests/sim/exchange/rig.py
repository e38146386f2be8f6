"""A small exchange with a clock that only the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from domain.clock import Now
from sim.exchange.book.fixed import COUNT_ONE, parse_price
from sim.exchange.book.listing import Template
from sim.exchange.book.notices import Notice
from sim.exchange.book.objects import Account, Event, Group, Market, Order
from sim.exchange.book.state import Config
from sim.exchange.core import Exchange, Plan
from sim.exchange.trade import amend, groups, orders
from sim.exchange.wire.rejects import Reject

S = 1_000_000_000
MS = 1_000_000
START = 1_795_300_000 * S
PERIOD_S = 120


class HandClock:
    """Stands still until told."""

    def __init__(self, utc_ns: int = START) -> None:
        self.utc_ns = utc_ns

    def now(self) -> Now:
        return Now(self.utc_ns - START, self.utc_ns)


def level(symbol: str, _utc_ns: int) -> int:
    """An index that never moves: 6701.25 and 25003.50."""
    return 6_701_250_000 if symbol == "I:SPX" else 25_003_500_000


def config(**changes: Any) -> Config:  # noqa: ANN401 - whatever field the test is about
    made = Config(expiry_latency_ms=(0, 0), settle_delay_s=(2.0, 2.0), thursday_pause=False)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@dataclass
class Rig:
    """The exchange, its instant, and shorthand for what tests do."""

    exchange: Exchange
    now: int
    heard: list[Notice]

    @property
    def member(self) -> Account:
        return self.exchange.member

    @property
    def event(self) -> Event:
        return next(iter(self.exchange.state.events.values()))

    @property
    def market(self) -> Market:
        return self.event.markets[len(self.event.markets) // 2]

    def wait(self, seconds: float) -> None:
        """Let time pass, and everything that is due in it happen."""
        self.now += int(seconds * S)
        self.exchange.advance(self.now)

    def foreign(self, side: str, price: str, count: int, market: Market | None = None, who: str = "other") -> Order:
        account = self.exchange.state.account(who, is_member=False)
        wanted = parse_price(price)
        assert wanted is not None
        placed = self.exchange.place(account, market or self.market, side, wanted, count * COUNT_ONE, self.now)
        assert placed is not None
        return placed

    def take(self, side: str, price: str, count: int) -> int:
        account = self.exchange.state.account("taker", is_member=False)
        wanted = parse_price(price)
        assert wanted is not None
        return self.exchange.take(account, self.market, side, wanted, count * COUNT_ONE, self.now)

    def fields(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - request fields
        return {
            "ticker": self.market.ticker,
            "side": "bid",
            "count": "5",
            "price": "0.42",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **changes,
        }

    def create(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - request fields
        return orders.create(self.exchange.state, self.member, self.fields(**changes), self.now)

    def place(self, **changes: Any) -> Order:  # noqa: ANN401 - request fields
        return self.member.orders[self.create(**changes)["order_id"]]

    def cancel(self, order: Order) -> dict[str, Any]:
        routing = {"market_ticker": order.market.ticker}
        return orders.cancel(self.exchange.state, self.member, order.id, routing, self.now)

    def amend(self, order: Order, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - request fields
        fields = {"ticker": order.market.ticker, "side": order.side, "price": "0.42", "count": "5", **changes}
        return amend.amend(self.exchange.state, self.member, order.id, fields, self.now)

    def decrease(self, order: Order, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - request fields
        fields = {"market_ticker": order.market.ticker, **changes}
        return orders.decrease(self.exchange.state, self.member, order.id, fields, self.now)

    def group(self, limit: int = 10, shard: int = 0) -> Group:
        made = groups.create(
            self.exchange.state, self.member, {"contracts_limit": limit, "exchange_index": shard}, self.now
        )
        return self.exchange.state.groups[made["order_group_id"]]


def rig(seed: int = 7, rungs: int = 5, shard: int = 0, **changes: Any) -> Rig:  # noqa: ANN401 - config fields
    """Both series, a close every two minutes, the next one two minutes from the start."""
    plan = Plan(template=Template(PERIOD_S, START // S), rungs=rungs, shard=shard)
    exchange = Exchange(config(**changes), plan, level, seed, START)
    made = Rig(exchange, START, [])
    exchange.state.listeners.append(made.heard.append)
    return made


def refused(act: Any, *args: Any, **changes: Any) -> tuple[int, str]:  # noqa: ANN401 - any call
    """(HTTP status, error code) of a call that must be refused."""
    with pytest.raises(Reject) as caught:
        act(*args, **changes)
    inner = caught.value.item()
    return caught.value.status, str(inner.get("code"))
