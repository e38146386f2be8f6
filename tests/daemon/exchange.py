"""An exchange in hand for the engine's tests: it keeps its own truth, and can be told to misbehave.

It carries out what it is asked and gives the answers as the shell would: every write and read gets exactly one. `lose`
names the kinds of action whose answers are lost (the outcome is UNKNOWN); with `deaf` they are not even carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, Read, TriggerGroup
from domain.clock import NS_PER_MS, Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    CancelAllOutcome,
    CancelOutcome,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeesRead,
    Fill,
    Filled,
    FillsRead,
    GroupOp,
    GroupOutcome,
    GroupsRead,
    GroupState,
    GroupUpdated,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    OrderState,
    OrderUpdated,
    PlaceOutcome,
    PositionsRead,
    PositionState,
    ReadFailed,
    SettlementsRead,
    SettlementState,
    Standstill,
    Verdict,
    WeeklyHours,
)
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import SERIES, Market, PriceRange, Side, StrikeType
from domain.money import Cash, Count, IndexValue, Price
from guards.schedule import DAYS
from guards.windows import FOREVER_NS

RUNGS = 11
BASE = {"INXU": 6_700_000_000, "NASDAQ100U": 25_000_000_000}
STEP = {"INXU": 5_000_000, "NASDAQ100U": 10_000_000}
NOTHING_NS = -(1 << 62)


@dataclass
class Misbehaviour:
    """How the exchange is told to misbehave. Kinds of action are their classes."""

    lose: tuple[type, ...] = ()
    deaf: bool = False
    refuse_places: str = ""
    refuse_status: int = 409
    refuse_in: str = ""
    refuse_key: bool = False
    cancel_404: bool = False
    refuse_triggers: bool = False
    refuse_cancels: bool = False
    refuse_cancel_alls: bool = False
    no_expiry: bool = False
    list_lag_ns: int = 0
    fail_reads: bool = False
    unreadable: tuple[Read, ...] = ()
    silent_stream: bool = False
    silent_fills: bool = False
    fill_lag_ns: int = 0
    vague_cancels: bool = False
    groups_lost: bool = False
    storm_429: bool = False
    mute: tuple[type, ...] = ()


@dataclass
class Resting:
    """One order here: when it came, when it ended, and what is left."""

    state: OrderState
    since_ns: int
    ended_ns: int = 0


@dataclass
class Exchange:
    """The matching engine's truth, and the answers it gives."""

    now: Callable[[], Now]
    bad: Misbehaviour = field(default_factory=Misbehaviour)
    orders: dict[OrderId, Resting] = field(default_factory=dict)
    groups: dict[GroupId, bool] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    balance: int = 10**10
    number: int = 0
    travel_ns: int = 0
    write_capacity: int = 10**6
    fee_type: str = "quadratic"
    listed: bool = True
    trading: bool = True
    maintenance: tuple[Standstill, ...] = ()
    hours: tuple[WeeklyHours, ...] = (WeeklyHours(0, FOREVER_NS, DAYS),)
    settle_after: bool = True
    # Windows (the target in the ticker) of which the positions were settled away before we came.
    vanished: set[str] = field(default_factory=set)

    # --- the truth -----------------------------------------------------------------------------------------------

    def resting(self, series: str = "") -> list[OrderState]:
        """What rests now, of one series or of all."""
        head = SERIES[series].exchange_series if series else ""
        return [o.state for o in self.orders.values() if not o.ended_ns and o.state.ticker.startswith(head)]

    def end(self, order_id: OrderId, why: str, status: str = "canceled") -> list[AnyEvent]:
        """An order ends; the private stream says so."""
        known = self.orders[order_id]
        if known.ended_ns:
            return []
        known.ended_ns = self.now().mono_ns
        known.state = msgspec.structs.replace(
            known.state, status=status, remaining=Count(0), last_update_reason=why if status == "canceled" else ""
        )
        if status == "executed":
            known.state = msgspec.structs.replace(known.state, filled=known.state.initial)
        return [] if self.bad.silent_stream else [OrderUpdated(known.state)]

    def expire(self) -> list[AnyEvent]:
        """Orders whose time has come end by themselves."""
        if self.bad.no_expiry:
            return []
        now_ms = self.now().utc_ns // NS_PER_MS
        due = [i for i, o in self.orders.items() if not o.ended_ns and 0 < o.state.expiration_ms <= now_ms]
        return [event for order_id in due for event in self.end(order_id, "Expired")]

    def stranger(self, ticker: str, name: str = "somebody-else") -> OrderId:
        """An order that this daemon did not send."""
        self.number += 1
        order_id = OrderId(f"x{self.number}")
        state = OrderState(
            order_id, ClientOrderId(name), Ticker(ticker), Side.BID, Price(100), "resting", Count(100), Count(0),
            Count(100), GroupId(""), 0,
        )  # fmt: skip
        self.orders[order_id] = Resting(state, self.now().mono_ns)
        return order_id

    def execute(self, order_id: OrderId, *, fee: int = 0) -> list[AnyEvent]:
        """Somebody takes an order whole."""
        state = self.orders[order_id].state
        self.number += 1
        fill = Fill(
            TradeId(f"t{self.number}"), order_id, state.client_order_id, state.ticker, state.side, state.price,
            state.remaining, Cash(fee), is_taker=False, exchange_ms=self.now().utc_ns // NS_PER_MS,
        )  # fmt: skip
        self.fills.append(fill)
        ended = self.end(order_id, "", "executed")
        return ended if self.bad.silent_stream or self.bad.silent_fills else [Filled(fill), *ended]

    # --- writes --------------------------------------------------------------------------------------------------

    def answer(self, action: AnyAction) -> list[AnyEvent]:
        """Carry out one action; the pushed messages first, then the answer, unless the shell has lost it (`mute`)."""
        told = self._answer(action)
        return [] if isinstance(action, self.bad.mute) else told

    def _answer(self, action: AnyAction) -> list[AnyEvent]:
        lost = isinstance(action, self.bad.lose)
        if lost and self.bad.deaf:
            pushed: list[AnyEvent] = []
            reply = self._lost(action)
        elif self.bad.storm_429 and not isinstance(action, Ask):
            return self._refused(action, 429, "too_many_requests")
        elif self.bad.refuse_key and not isinstance(action, Ask):
            return self._refused(action, 401, "authentication_error")
        elif isinstance(action, Place):
            pushed, reply = self._place(action)
        elif isinstance(action, CancelOrders):
            return self._cancel(action, lost=lost)
        elif isinstance(action, TriggerGroup):
            pushed, reply = self._trigger(action)
        elif isinstance(action, CreateGroup):
            self.number += 1
            group = GroupId(f"g{self.number}")
            self.groups[group] = False
            pushed = [] if lost else [GroupUpdated(group, "created")]
            reply = [GroupOutcome(action.request_id, Verdict.ACCEPTED, 201, op=GroupOp.CREATE, group_id=group)]
        elif isinstance(action, DeleteGroup):
            known = self.groups.pop(action.group_id, None) is not None
            verdict = Verdict.ACCEPTED if known else Verdict.UNKNOWN
            status = 200 if known else 404
            pushed = self._end_group(action.group_id, "") if known else []
            reply = [GroupOutcome(action.request_id, verdict, status, op=GroupOp.DELETE, group_id=action.group_id)]
        elif isinstance(action, CancelAll) and self.bad.refuse_cancel_alls:
            return self._refused(action, 403, "forbidden")
        elif isinstance(action, CancelAll):
            pushed = [e for i in list(self.orders) for e in self.end(i, "CancelAll")]
            reply = [CancelAllOutcome(action.request_id, Verdict.ACCEPTED, 204)]
        elif isinstance(action, Ask):
            return [self.read(action)]
        else:
            return []
        return [*pushed, *(self._lost(action) if lost else reply)]

    def _lost(self, action: AnyAction) -> list[AnyEvent]:
        """The answer that the shell gives when the exchange's never came."""
        if isinstance(action, Ask):
            return [ReadFailed(action.request_id, action.what.value, 0, "timeout")]
        return self._outcomes(action, Verdict.UNKNOWN, 0, "timeout")

    def _refused(self, action: AnyAction, status: int, code: str) -> list[AnyEvent]:
        # What proves nothing (a failure inside the exchange, a name that exists) leaves the fate unknown.
        unknown = status >= 500 or code == "order_already_exists"
        return self._outcomes(action, Verdict.UNKNOWN if unknown else Verdict.REFUSED, status, code)

    def _outcomes(self, action: AnyAction, verdict: Verdict, status: int, code: str) -> list[AnyEvent]:
        if isinstance(action, Place):
            name = action.client_order_id
            return [PlaceOutcome(action.request_id, verdict, status, code, client_order_id=name)]
        if isinstance(action, CancelOrders):
            return [CancelOutcome(action.request_id, verdict, status, code, order_id=o.order_id) for o in action.orders]
        if isinstance(action, CreateGroup):
            return [GroupOutcome(action.request_id, verdict, status, code, op=GroupOp.CREATE)]
        if isinstance(action, TriggerGroup | DeleteGroup):
            op = GroupOp.TRIGGER if isinstance(action, TriggerGroup) else GroupOp.DELETE
            return [GroupOutcome(action.request_id, verdict, status, code, op=op, group_id=action.group_id)]
        if isinstance(action, CancelAll):
            return [CancelAllOutcome(action.request_id, verdict, status, code)]
        return []

    def _place(self, action: Place) -> tuple[list[AnyEvent], list[AnyEvent]]:
        names = {o.state.client_order_id for o in self.orders.values()}
        assert action.client_order_id not in names, f"a place was sent twice: {action.client_order_id}"
        if self.bad.refuse_places and action.ticker.startswith(self.bad.refuse_in):
            return [], self._refused(action, self.bad.refuse_status, self.bad.refuse_places)
        if self.groups.get(action.group_id, True):
            return [], self._refused(action, 409, "order_group_triggered")
        self.number += 1
        order_id = OrderId(f"o{self.number}")
        state = OrderState(
            order_id, action.client_order_id, action.ticker, action.side, action.price, "resting", action.count,
            Count(0), action.count, action.group_id, action.exchange_index, "", action.expiration_s * 1000,
        )  # fmt: skip
        self.orders[order_id] = Resting(state, self.now().mono_ns)
        reply = PlaceOutcome(
            action.request_id, Verdict.ACCEPTED, 201, client_order_id=action.client_order_id, order_id=order_id,
            remaining=action.count,
        )  # fmt: skip
        return ([] if self.bad.silent_stream else [OrderUpdated(state)]), [reply]

    def _cancel(self, action: CancelOrders, *, lost: bool) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        for ref in action.orders:
            known = self.orders.get(ref.order_id)
            if self.bad.refuse_cancels:
                status, code = 409, "trading_is_paused"
                events.append(CancelOutcome(action.request_id, Verdict.REFUSED, status, code, order_id=ref.order_id))
                continue
            if self.bad.cancel_404 or known is None or known.ended_ns:
                events.append(CancelOutcome(action.request_id, Verdict.UNKNOWN, 404, order_id=ref.order_id))
                continue
            reduced = None if self.bad.vague_cancels else known.state.remaining
            events += self.end(ref.order_id, "UserCancel")
            verdict, status = (Verdict.UNKNOWN, 0) if lost else (Verdict.ACCEPTED, 200)
            told = CancelOutcome(action.request_id, verdict, status, order_id=ref.order_id, reduced_by=reduced)
            events.append(told)
        return events

    def _trigger(self, action: TriggerGroup) -> tuple[list[AnyEvent], list[AnyEvent]]:
        if self.bad.refuse_triggers:
            return [], self._refused(action, 404 if self.bad.groups_lost else 409, "trigger_refused")
        op, group = GroupOp.TRIGGER, action.group_id
        return self.trigger(group), [GroupOutcome(action.request_id, Verdict.ACCEPTED, 200, op=op, group_id=group)]

    def trigger(self, group_id: GroupId) -> list[AnyEvent]:
        """A group is triggered, by us or by its own limit: all its orders end, and no more are taken."""
        self.groups[group_id] = True
        pushed: list[AnyEvent] = [] if self.bad.silent_stream else [GroupUpdated(group_id, "triggered")]
        return pushed + self._end_group(group_id, "OrderGroupTriggered")

    def _end_group(self, group_id: GroupId, why: str) -> list[AnyEvent]:
        inside = [i for i, o in self.orders.items() if o.state.group_id == group_id]
        return [event for order_id in inside for event in self.end(order_id, why)]

    # --- reads ---------------------------------------------------------------------------------------------------

    def read(self, ask: Ask) -> AnyEvent:
        """Answer one read."""
        here, request = self.now(), ask.request_id
        now = Now(here.mono_ns - self.travel_ns, here.utc_ns - self.travel_ns)
        if self.bad.fail_reads or ask.what in self.bad.unreadable:
            return ReadFailed(request, ask.what.value, 503, "unavailable")
        if ask.what in {Read.RESTING, Read.ORDERS}:
            return OrdersRead(request, now, 0, ask.what is Read.RESTING, self._listing(ask.what is Read.RESTING))
        if ask.what is Read.MARKETS:
            return MarketsRead(request, now, ask.series, ask.target_ns, self.ladder(ask.series, ask.target_ns))
        if ask.what is Read.FEES:
            return FeesRead(request, now, ask.series, self.fee_type, 1_000_000, "")
        if ask.what is Read.LIMITS:
            return LimitsRead(request, now, "premier", self.write_capacity, self.write_capacity, 1200, 1200, 10, 2, 10)
        if ask.what is Read.SETTLEMENTS:
            return SettlementsRead(request, now, ask.ticker, self._settlements(ask))
        if ask.what is Read.POSITIONS:
            return PositionsRead(request, now, tuple(PositionState(t, Count(n)) for t, n in self.positions().items()))
        answers: dict[Read, AnyEvent] = {
            Read.FILLS: FillsRead(request, now, 0, tuple(self._nameless())),
            Read.BALANCE: BalanceRead(request, now, 0, Cash(self.balance + self._earned())),
            Read.GROUPS: GroupsRead(request, now, tuple(GroupState(g, t, 0) for g, t in self.groups.items())),
            Read.STATUS: ExchangeStatusRead(request, now, exchange_active=True, trading_active=self.trading),
            Read.SCHEDULE: ExchangeScheduleRead(request, now, self.hours, self.maintenance),
        }
        return answers[ask.what]

    def _listing(self, resting_only: bool) -> tuple[OrderState, ...]:  # noqa: FBT001 - which of two listings
        """The list as it was `list_lag_ns` ago: reads lag writes."""
        seen_ns = self.now().mono_ns - self.bad.list_lag_ns
        rows = []
        for order in self.orders.values():
            if order.since_ns > seen_ns:
                continue
            ended = bool(order.ended_ns) and order.ended_ns <= seen_ns
            if ended and not resting_only:
                rows.append(order.state)
            elif not ended:
                whole = order.state.initial
                rows.append(msgspec.structs.replace(order.state, status="resting", remaining=whole))
        return tuple(rows)

    def _nameless(self) -> list[Fill]:
        """REST does not tell the client order id of a fill."""
        seen_ms = (self.now().utc_ns - self.bad.fill_lag_ns) // NS_PER_MS
        listed = [fill for fill in self.fills if fill.exchange_ms <= seen_ms]
        return [msgspec.structs.replace(fill, client_order_id=ClientOrderId("")) for fill in listed]

    def _earned(self) -> int:
        """What all fills did to the cash: a short contract costs a dollar less its price until it is closed."""
        cash: dict[Ticker, list[int]] = {}
        for fill in self.fills:
            sign = 1 if fill.side is Side.BID else -1
            entry = cash.setdefault(fill.ticker, [0, 0])
            entry[0] += sign * fill.count
            entry[1] -= sign * fill.price * fill.count + fill.fee
        return sum(paid + self._worth(ticker, held) for ticker, (held, paid) in cash.items())

    def _worth(self, ticker: Ticker, held: int) -> int:
        series = next(name for name, known in SERIES.items() if known.exchange_series == ticker.partition("-")[0])
        target_ns = int(ticker.split("-")[1]) * 10**9
        result = next(m.result for m in self.ladder(series, target_ns) if m.ticker == ticker) if self.listed else ""
        if not result:
            return -max(0, -held) * 10_000
        return held * 10_000 if result == "yes" else 0

    def positions(self) -> dict[Ticker, int]:
        """Net YES contracts, in 1/100."""
        held: dict[Ticker, int] = {}
        for fill in self.fills:
            if fill.ticker.split("-")[1] in self.vanished:
                continue
            sign = 1 if fill.side is Side.BID else -1
            held[fill.ticker] = held.get(fill.ticker, 0) + sign * fill.count
        return {ticker: count for ticker, count in held.items() if count}

    def ladder(self, series: str, target_ns: int) -> tuple[Market, ...]:
        """The rungs of one window, settled once its target has passed."""
        if not self.listed:
            return ()
        grid = (PriceRange(Price(0), Price(10_000), Price(100)),)
        over = self.settle_after and self.now().utc_ns > target_ns
        first = BASE[series] - RUNGS // 2 * STEP[series]
        name = f"{SERIES[series].exchange_series}-{target_ns // 10**9}"
        return tuple(
            Market(
                Ticker(f"{name}-T{i:02d}"), name, series, StrikeType.GREATER_OR_EQUAL,
                IndexValue(first + i * STEP[series]), None, 0, target_ns, grid, 0,
                "finalized" if over else "active", ("yes" if i <= RUNGS // 2 else "no") if over else "",
                f"{BASE[series] / 1e6:.2f}" if over else "",
            )
            for i in range(RUNGS)
        )  # fmt: skip

    def _settlements(self, ask: Ask) -> tuple[SettlementState, ...]:
        results: dict[Ticker, str] = {}
        for name in dict.fromkeys(fill.ticker.rpartition("-")[0] for fill in self.fills):
            if ask.ticker in ("", name):
                series = next(s for s, known in SERIES.items() if known.exchange_series == name.partition("-")[0])
                results |= {m.ticker: m.result for m in self.ladder(series, int(name.split("-")[1]) * 10**9)}
        traded = dict.fromkeys(fill.ticker for fill in self.fills if results.get(fill.ticker))
        return tuple(SettlementState(ticker, results[ticker], Cash(0), Cash(0)) for ticker in traded)
