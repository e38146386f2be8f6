"""Fills that no order of ours explains: whose are they, and those of others until an operator adopts them.

REST tells a fill's order id and no client order id (docs/exchange.md 5). A fill whose order we do not know may
be ours (the place's answer was lost, the memory of an earlier run is gone) or somebody else's. The list of orders has
both names, so it decides: our prefix is ours, another name is not, and an order that no list has, asked the longest
SETTLE after the fill was told, is not ours either. Nothing is booked before that is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from domain.events import Fill, OrderState
from domain.ids import ClientOrderId, OrderId, TradeId, is_ours
from execution.list_lag import SETTLE_MAX_NS


class Unclaimed(NamedTuple):
    """A fill of an order that we do not know, and when (monotonic) it was first told."""

    fill: Fill
    told_ns: int


class ForeignFill(msgspec.Struct, frozen=True):
    """A fill that is not ours; the series is empty and the target 0 where no window of ours is meant."""

    fill: Fill
    series: str
    target_ns: int


class Claims(NamedTuple):
    """What one list of orders decided: fills of ours under their order's name, and fills of others."""

    ours: tuple[Fill, ...]
    foreign: tuple[Fill, ...]


class Strangers:
    """`unclaimed`: nobody knows whose. `foreign`: not ours, and not adopted."""

    def __init__(self) -> None:
        self.unclaimed: dict[TradeId, Unclaimed] = {}
        self.foreign: dict[TradeId, ForeignFill] = {}

    def wait(self, fill: Fill, now_ns: int) -> None:
        """Keep a fill until a list of orders says whose it is."""
        self.unclaimed.setdefault(fill.trade_id, Unclaimed(fill, now_ns))

    def decide(self, orders: Iterable[OrderState], asked_ns: int) -> Claims:
        """Take a whole list of orders, ended ones included, and say whose the waiting fills are. Each is told once."""
        names: dict[OrderId, ClientOrderId] = {order.order_id: order.client_order_id for order in orders}
        ours: list[Fill] = []
        foreign: list[Fill] = []
        for waiting in list(self.unclaimed.values()):
            fill = waiting.fill
            name = names.get(fill.order_id)
            if name is None and asked_ns < waiting.told_ns + SETTLE_MAX_NS:
                continue
            del self.unclaimed[fill.trade_id]
            named = Fill(
                fill.trade_id, fill.order_id, name or ClientOrderId(""), fill.ticker, fill.side, fill.price, fill.count,
                fill.fee, fill.is_taker, fill.exchange_ms,
            )  # fmt: skip
            (ours if is_ours(named.client_order_id) else foreign).append(named)
        return Claims(tuple(ours), tuple(foreign))
