"""The exchange in hand of the engine's tests, held to the simulated one.

Engine tests script answers that no exchange gives on request (an answer that the shell lost, an outcome that nobody
knows, a list frozen at an instant), step by step and without any wire, so they keep an exchange of their own. What it
says while nobody tells it to misbehave must be what the simulated exchange says: the same script goes through both,
through the second by the daemon's own wire code. It leaves out the tail of a cancel-all, in which new orders die.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, Read, TriggerGroup
from domain.clock import NS_PER_S, Now
from domain.events import (
    AnyEvent,
    CancelAllOutcome,
    CancelOutcome,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    OrdersRead,
    PlaceOutcome,
    PositionsRead,
)
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker
from domain.market import OrderRef, Side
from domain.money import Count, Price
from execution.kalshi.venue import OnAnswer, OnEnd, Venue
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from sim.campaign.ports.exchange import PortServer
from sim.exchange.book.listing import Template
from sim.exchange.core import Exchange as Core
from sim.exchange.core import Plan
from sim.virtual.timeline import Timeline
from tests.daemon.exchange import Exchange
from tests.execution.kalshi.kalshi_fake import place as any_place
from tests.sim.exchange.rig import PERIOD_S, START, config, level

STEP_NS = 2 * NS_PER_S
RUNGS = 3
READS = (Read.RESTING, Read.ORDERS, Read.FILLS, Read.POSITIONS, Read.GROUPS)
Step = tuple[Any, ...]


class Simulated(Venue[None]):
    """The simulated exchange behind the daemon's own wire code, answering at once."""

    kills = cancels = places = reads = None

    def __init__(self, now: Callable[[], Now]) -> None:
        self.events: list[AnyEvent] = []
        super().__init__(KalshiAccount(), self.events.append)
        self.now = now
        self.timeline = Timeline(START)
        plan = Plan(template=Template(PERIOD_S, START // NS_PER_S), rungs=RUNGS)
        self.core = Core(config(list_lag_ms=0, tail_s=0.0), plan, level, 7, START)
        self.server = PortServer(self.core, self.timeline)
        event = next(iter(self.core.state.events.values()))
        self.tickers = [Ticker(market.ticker) for market in event.markets]

    def _send(
        self, lane: None, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0
    ) -> None:
        del lane, not_after_ns
        self.timeline.now_ns = self.now().utc_ns
        self.server.ask(
            request,
            lambda status, body, date_s: on_answer(KalshiAnswer(status, body, self.now(), self.now(), date_s)),
            lambda: on_end(self.now(), "connection_lost", ""),
        )

    def _correct(self, skew_ms: int) -> None:
        raise AssertionError(f"one clock, and {skew_ms} ms between two")

    def answer(self, action: AnyAction) -> list[AnyEvent]:
        self.events.clear()
        self.perform(action)
        return list(self.events)

    def execute(self, order_id: OrderId) -> None:
        self.core.force_fill(order_id, None, self.server.gateway.now_ns())


class Told:
    """One of the two, with its own names for orders and groups."""

    def __init__(self, exchange: Exchange | Simulated, tickers: list[Ticker]) -> None:
        self.exchange = exchange
        self.tickers = tickers
        self.orders: list[tuple[OrderId, Ticker]] = []
        self.groups: list[GroupId] = []

    def action(self, step: Step, number: int) -> AnyAction | None:
        """The action of a step, by the names that this side gave."""
        request = RequestId(number)
        match step:
            case ("place", rung, side, price, group) if self.groups:
                fields = {
                    "request_id": request, "client_order_id": ClientOrderId(f"c{number}"),
                    "ticker": self.tickers[rung], "side": side, "price": Price(price), "count": Count(100),
                    "group_id": self.groups[group % len(self.groups)], "exchange_index": 0,
                    "expiration_s": START // NS_PER_S + PERIOD_S - 5,
                }  # fmt: skip
                return msgspec.structs.replace(any_place(), **fields)
            case ("cancel", first, many) if self.orders:
                chosen = [self.orders[(first + n) % len(self.orders)] for n in range(min(many, len(self.orders)))]
                return CancelOrders(request, tuple(OrderRef(i, t, 0) for i, t in chosen), "test")
            case ("group",):
                return CreateGroup(request, "INXU", START, 40, 0)
            case ("trigger", n) if self.groups:
                return TriggerGroup(request, self.groups[n % len(self.groups)], 0, "test")
            case ("delete", n) if self.groups:
                return DeleteGroup(request, self.groups.pop(n % len(self.groups)), 0)
            case ("cancel all",):
                return CancelAll(request, "test")
            case ("read", what):
                return Ask(request, what)
        return None

    def live(self, step: Step, number: int) -> list[Any]:
        """Carry a step out; what was told, in words that both sides share."""
        if step[0] == "fill":
            resting = [order for order in self.orders if order[0] in self.resting()]
            if resting:
                self.exchange.execute(resting[step[1] % len(resting)][0])
            return []
        action = self.action(step, number)
        told = [] if action is None else self.exchange.answer(action)
        if isinstance(action, CreateGroup | Place):
            for event in told:
                if isinstance(event, GroupOutcome):
                    self.groups.append(event.group_id)
                elif isinstance(event, PlaceOutcome) and event.order_id and isinstance(action, Place):
                    self.orders.append((event.order_id, action.ticker))
        return [words for words in map(self.words, told) if words is not None]

    def resting(self) -> set[OrderId]:
        if isinstance(self.exchange, Simulated):
            return {OrderId(name) for name in self.exchange.core.member.resting}
        return {state.order_id for state in self.exchange.resting()}

    def words(self, event: AnyEvent) -> Any:  # noqa: ANN401 - whatever can be compared
        names = {order_id: place for place, (order_id, _) in enumerate(self.orders)}
        rungs = {ticker: place for place, ticker in enumerate(self.tickers)}
        match event:
            case PlaceOutcome():
                return ("placed", event.verdict, event.client_order_id, event.remaining, bool(event.order_id))
            case CancelOutcome():
                return ("cancelled", event.verdict, names[event.order_id])
            case GroupOutcome():
                return ("group", event.op, event.verdict)
            case CancelAllOutcome():
                return ("all", event.verdict)
            case OrdersRead():
                rows = [(o.client_order_id, rungs[o.ticker], o.side, o.price, o.status, o.filled) for o in event.orders]
                return ("orders", sorted(rows))
            case FillsRead():
                fills = [(names[f.order_id], rungs[f.ticker], f.side, f.price, f.count) for f in event.fills]
                return ("fills", sorted(fills))
            case PositionsRead():
                return ("positions", sorted((rungs[p.ticker], p.count) for p in event.positions if p.count))
            case GroupsRead():
                return ("groups", len(event.groups), sum(group.triggered for group in event.groups))
        return None


STEPS = st.one_of(
    st.tuples(
        st.just("place"),
        st.integers(0, RUNGS - 1),
        st.sampled_from([Side.BID, Side.ASK]),
        st.sampled_from([1000, 2000, 3000]),
        st.integers(0, 3),
    ).map(lambda step: step if step[2] is Side.BID else (*step[:3], step[3] + 5000, step[4])),
    st.tuples(st.just("cancel"), st.integers(0, 5), st.integers(1, 3)),
    st.tuples(st.just("fill"), st.integers(0, 5)),
    st.just(("group",)),
    st.tuples(st.just("trigger"), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.just(("cancel all",)),
    st.tuples(st.just("read"), st.sampled_from(READS)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=14))
def test_without_misbehaviour_it_answers_as_the_simulated_exchange_does(script: list[Step]) -> None:
    at_ns = START
    scripted, simulated = Exchange(lambda: Now(at_ns - START, at_ns)), Simulated(lambda: Now(at_ns - START, at_ns))
    rungs = [market.ticker for market in scripted.ladder("INXU", START + PERIOD_S * NS_PER_S)][:RUNGS]
    both = Told(scripted, rungs), Told(simulated, simulated.tickers)
    whole = [("group",), *script, *(("read", what) for what in READS)]
    for number, step in enumerate(whole, 1):
        at_ns += STEP_NS
        one, other = (side.live(step, number) for side in both)
        assert one == other, step
