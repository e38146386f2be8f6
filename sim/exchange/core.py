"""`Exchange`: the matching core and its life behind one synchronous face.

Every method takes `now_ns` (Unix nanoseconds by the exchange's own clock) and first carries out what is due by then, so
that nothing depends on when a timer fired. No sockets, no clock, no waiting in here: the server arms one timer at
`next_deadline_ns()` and calls `advance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.exchange.book import matching
from sim.exchange.book.fixed import COUNT_ONE, rfc3339, show_count, show_dollars
from sim.exchange.book.lifecycle import Lifecycle
from sim.exchange.book.listing import Template
from sim.exchange.book.objects import Account, Market, Order, OrderState
from sim.exchange.book.state import Config, State
from sim.exchange.trade import orders
from sim.exchange.wire.views import fill as show_fill
from sim.exchange.wire.views import order as show_order

if TYPE_CHECKING:
    from collections.abc import Callable

NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Plan:
    """What is listed: series, template, rungs of each ladder, grid, shard."""

    series: list[str] = field(default_factory=lambda: ["KXINXU", "KXNASDAQ100U"])
    template: Template = field(default_factory=Template)
    rungs: int = 40
    shard: int = 0
    price_ranges: list[tuple[int, int, int]] | None = None
    price_level_structure: str = "linear_cent"


class Exchange:
    """State, matching and lifecycle together. `index_value(symbol, utc_ns)` is the truth, in 1e-6 points."""

    def __init__(
        self, config: Config, plan: Plan, index_value: Callable[[str, int], int], seed: int, now_ns: int
    ) -> None:
        self.state = State(config, seed)
        self.index_value = index_value
        self.life = Lifecycle(
            self.state,
            plan.template,
            plan.rungs,
            index_value,
            plan.price_ranges,
            plan.price_level_structure,
        )
        self.member = self.state.account("member", is_member=True)
        self.life.begin(plan.series, plan.shard, now_ns)

    def advance(self, now_ns: int) -> None:
        """Carry out everything due by now."""
        self.state.advance(now_ns)

    def next_deadline_ns(self) -> int | None:
        """When something will next happen by itself."""
        return self.state.next_deadline_ns()

    # -- others in the market ------------------------------------------------------------------------------------

    def place(self, account: Account, market: Market, side: str, price: int, count: int, now_ns: int) -> Order | None:
        """A foreign resting order (price and count in the units of `fixed`); None when the market does not trade."""
        order = self._foreign(account, market, side, price, count, "good_till_canceled", now_ns)
        return order if order is not None and order.state.status == "resting" else None

    def take(self, account: Account, market: Market, side: str, price: int, count: int, now_ns: int) -> int:
        """A foreign immediate-or-cancel order; the count that it filled."""
        order = self._foreign(account, market, side, price, count, "immediate_or_cancel", now_ns)
        return 0 if order is None else order.state.filled

    def _foreign(
        self, account: Account, market: Market, side: str, price: int, count: int, in_force: str, now_ns: int
    ) -> Order | None:
        state = self.state
        if market.status != "active" or state.pauses.trading or state.pauses.exchange or not market.on_grid(price):
            return None
        order = Order(
            id=state.new_id(),
            serial=state.next_serial(),
            account=account,
            market=market,
            side=side,
            time_in_force=in_force,
            self_trade_prevention="maker",
            post_only=False,
            cancel_on_pause=True,
            subaccount=0,
            created_ns=now_ns,
            group=None,
            state=OrderState("resting", price, count, count, now_ns),
        )
        orders.register(state, order)
        orders.enter(state, order, now_ns)
        return order

    def withdraw(self, order: Order, now_ns: int) -> None:
        """Cancel a foreign order if it still rests and its market still takes cancels."""
        if order.id in order.account.resting and order.market.status in ("active", "inactive"):
            matching.cancel(self.state, order, now_ns)

    def force_fill(self, order_id: str, count: int | None, now_ns: int) -> int:
        """Have a taker hit one resting order of the member, jumping the queue; the count filled (0: it is gone)."""
        order = self.member.resting.get(order_id)
        if order is None or order.market.status != "active":
            return 0
        size = min(order.state.remaining, order.state.remaining if count is None else count)
        state = self.state
        taker = Order(
            id=state.new_id(),
            serial=state.next_serial(),
            account=state.account("forced", is_member=False),
            market=order.market,
            side="ask" if order.side == "bid" else "bid",
            time_in_force="immediate_or_cancel",
            self_trade_prevention="maker",
            post_only=False,
            cancel_on_pause=False,
            subaccount=0,
            created_ns=now_ns,
            group=None,
            state=OrderState("resting", order.state.price, size, size, now_ns),
        )
        matching.trade(state, order, taker, size, now_ns)
        return size

    def move_cash(self, amount: int, now_ns: int, shard: int = 0) -> int:
        """Money comes to the member (or goes, negative) for no trade at all; the cash there afterwards."""
        self.advance(now_ns)
        purse = self.member.purse(0, shard)
        purse.set(now_ns, purse.value + amount)
        return purse.value

    # -- the record for tests and operators ----------------------------------------------------------------------

    def truth(self, now_ns: int) -> dict[str, Any]:
        """The engine's own view of the account: what rests, what filled, and how each window was left."""
        self.advance(now_ns)
        windows = [
            {
                "event_ticker": event.ticker,
                "close_time_ms": event.close_ns // NS_PER_MS,
                "freeze_time_ms": event.freeze_ns // NS_PER_MS,
                "resting_now": event.own_resting,
                "resting_after_freeze_max": event.own_resting_after_freeze_max,
                "last_resting_ms": self._last_resting_ms(event.own_resting, event.own_last_resting_ns, now_ns),
                "settled_time": rfc3339(event.settled_ns) if event.settled_ns is not None else None,
                "expiration_value": event.value_text,
            }
            for event in self.state.events.values()
        ]
        return {
            "now_ms": now_ns // NS_PER_MS,
            "resting": [show_order(order, order.state) for order in self.member.resting.values()],
            "fills": [
                {
                    **show_fill(fill),
                    "client_order_id": fill.order.state.client_order_id,
                    "ts_ms": fill.at_ns // NS_PER_MS,
                }
                for fill in self.member.fills
            ],
            "windows": windows,
            "cash": {str(shard): show_dollars(self.member.purse(0, shard).value) for shard in self.state.config.shards},
            "positions": {
                position.market.ticker: show_count(position.count.value)
                for position in self.member.positions.values()
                if position.count.value
            },
        }

    @staticmethod
    def _last_resting_ms(resting: int, last_ns: int | None, now_ns: int) -> int | None:
        if resting:
            return now_ns // NS_PER_MS
        return None if last_ns is None else last_ns // NS_PER_MS


def whole(contracts: int) -> int:
    """Contracts as a count."""
    return contracts * COUNT_ONE
