# long: one account, one room; its listings and its answers change the same few books
"""The account: everything of ours at the exchange, and the requests that keep it true.

Orders, groups, positions, the write budget, the reads that reconcile them, and the flattenings under way. It takes the
engine's decisions (pull this series, quote that, empty the account) and the exchange's answers, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

import msgspec

from daemon.engine.control_ages import CANCEL_ALL, GROUP_TRIGGER
from domain.actions import Alert, AnyAction, Cleared, MarkCancelAll, Read, Record
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    BalanceRead,
    CancelAllOutcome,
    CancelOutcome,
    Fill,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    LimitsRead,
    OrdersRead,
    OrderUpdated,
    PlaceOutcome,
    PositionsRead,
    Verdict,
)
from domain.ids import Ticker
from domain.money import Cash
from domain.reasons import Reason
from execution.budget import Budget
from execution.converge import ANSWER_PATIENCE_NS, HTTP_TOO_MANY, Converger, cancel_all_pause_ns
from execution.flatten import TAIL_NS, Flattening
from execution.groups import GroupPhase, Groups
from execution.numbers import Numbers
from execution.orders import SETTLE_NS, Order, OrderBook, State
from execution.positions import Ledger
from execution.quoter import Want
from execution.reads import Key, Reads
from execution.reconcile import Drift, PositionCheck, compare_orders, series_of, worst_of

IN_WINDOW_NS = 30 * NS_PER_S
OUTSIDE_NS = 300 * NS_PER_S
UNKNOWN_POLL_NS = 400 * NS_PER_MS
MARK_EVERY_NS = NS_PER_S
TIMES_KEPT = 512
CLOCK_PACE_NS = 170 * NS_PER_MS
DAY_MS = 86_400_000
RESTING, ORDERS = Key(Read.RESTING), Key(Read.ORDERS)
POSITIONS, FILLS, BALANCE = Key(Read.POSITIONS), Key(Read.FILLS), Key(Read.BALANCE)
GROUPS, LIMITS, STATUS = Key(Read.GROUPS), Key(Read.LIMITS), Key(Read.STATUS)
BOOKS_OF_RECORD = (RESTING, POSITIONS, FILLS, BALANCE)


class Account:
    """One exchange account (or subaccount), declared ours alone unless the configuration says otherwise."""

    def __init__(self, *, exclusive: bool, contracts_limit: int) -> None:
        self.exclusive = exclusive
        self.numbers = Numbers()
        self.book = OrderBook()
        self.ledger = Ledger()
        self.budget = Budget()
        self.groups = Groups(self.numbers, self.budget, contracts_limit)
        self.converger = Converger(self.book, self.groups, self.budget, self.numbers)
        self.reads = Reads(self.numbers)
        self.flattenings: dict[str, Flattening] = {}
        self.position_check = PositionCheck()
        self.order_drifts: tuple[Drift, ...] = ()
        self.position_drifts: tuple[Drift, ...] = ()
        self.balance: Cash | None = None
        self.reconciled: set[Key] = set()
        self.target_of: dict[Ticker, int] = {}
        # The target of the window that a fill of nobody we know belongs to: 0 unknown, None of a day that is over.
        self.window_of: Callable[[str, Fill, Now], int | None] = lambda _series, _fill, _now: 0
        self.new_fills: list[Fill] = []
        self.touched: set[str] = set()  # the series of whose orders this step brought news
        self.changed_ns = 0
        self.filled_ns = 0
        self.fills_asked_utc_ns = 0
        self.tail_until_utc_ns = 0
        self.cancel_all_acked = False
        self.cancel_all_failures = 0
        self.marked_ns = 0
        self.stream_since_ns = 0
        self.times_to_flat_ns: deque[int] = deque(maxlen=TIMES_KEPT)
        self.samples: dict[str, deque[float]] = {}
        self.counters: dict[str, int] = {}
        self.proofs: list[str] = []
        self.completed_cancel_alls = 0

    def count(self, name: str, by: int = 1) -> None:
        """Count something for the metrics."""
        self.counters[name] = self.counters.get(name, 0) + by

    def sample(self, name: str, seconds: float) -> None:
        """Keep one measured duration for the metrics."""
        self.samples.setdefault(name, deque(maxlen=TIMES_KEPT)).append(seconds)

    # --- what the engine decides ---------------------------------------------------------------------------------

    def quote(
        self,
        series: str,
        want: Want,
        cleared: Cleared,
        target_ns: int,
        freeze_ns: int,
        now: Now,
        out: list[AnyAction],
        allow: Callable[[Order], bool],
    ) -> bool:
        """Move a series towards what its desk wants. The expiry is a whole second at least one before the freeze."""
        expiration_s = (freeze_ns - NS_PER_S) // NS_PER_S
        if expiration_s * NS_PER_S <= now.utc_ns + NS_PER_S:
            return True
        return self.converger.quote(series, want, cleared, target_ns, expiration_s, now.mono_ns, out, allow)

    def flatten(self, series: str, reason: str, now: Now) -> None:
        """A series must be proven flat before it may quote again; nothing to prove while nothing may be live."""
        live = self.converger.live_of(series)
        if live:
            self._begin(series, reason, live, now)

    def pull(self, series: str, reason: str, now: Now, out: list[AnyAction]) -> None:
        """Empty one series, and begin to prove that it is empty."""
        live = self.converger.live_of(series)
        if not live:
            return
        self._begin(series, reason, live, now)
        if self.converger.pull(series, reason, now.mono_ns, out):
            self.flattenings[series].acted(now.mono_ns)
            self.flattenings[series].sent = True

    def retire(self, series: str, target_ns: int, now: Now, out: list[AnyAction]) -> None:
        """A window is over for us: kill its groups, with orders in them or not, so that nothing can travel in late.

        This proves the control in every window, also in one that ended with an empty book.
        """
        for group in self.groups.ready(series, target_ns):
            if self.groups.trigger(group.group_id, group.exchange_index, Reason.T_MINUS_2S.value, now.mono_ns, out):
                self.converger.counters["group_triggers"] += 1

    def empty(self, reason: str, now: Now, out: list[AnyAction]) -> None:
        """Empty the whole account by cancel-all, and begin to prove that it is empty."""
        flattening = self._begin("", reason, self.book.live.values(), now)
        if self.cancel_all_acked:
            return
        if self.converger.cancel_all(reason, now.mono_ns, out):
            flattening.acted(now.mono_ns)
            flattening.looking = False
            self.tail_until_utc_ns = max(self.tail_until_utc_ns, now.utc_ns + TAIL_NS)
            if now.mono_ns >= self.marked_ns + MARK_EVERY_NS:
                # Retries leave several times a second; the tail has room for a marker that is a little older.
                self.marked_ns = now.mono_ns
                out.append(MarkCancelAll(now.utc_ns, reason))

    def _begin(self, scope: str, reason: str, orders: Collection[Order], now: Now) -> Flattening:
        flattening = self.flattenings.get(scope)
        if flattening is None:
            flattening = self.flattenings[scope] = Flattening(scope, reason, now.mono_ns, len(orders), now.mono_ns)
            self.reads.pace(RESTING, IN_WINDOW_NS, now.mono_ns)
            if not scope:
                self.cancel_all_acked, self.cancel_all_failures = False, 0
        flattening.orders = max(flattening.orders, len(orders))
        flattening.join(orders)
        return flattening

    def begin_empty(self, reason: str, now: Now, *, looking: bool = False) -> None:
        """Take an account-wide request. One that comes while another is under way joins it: its proof begins again.

        `looking`: nothing may be live, so nothing is sent unless a listing shows otherwise.
        """
        under_way = self.flattenings.get("")
        flattening = under_way or self._begin("", reason, self.book.live.values(), now)
        if under_way is None or (under_way.looking and not looking):
            self.converger.cancel_all_retry_ns = self.marked_ns = 0
            self.cancel_all_acked = flattening.looking = looking
        flattening.ask(reason, now.mono_ns)

    # --- what the exchange tells ---------------------------------------------------------------------------------

    def placed(self, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> Order | None:
        """The answer to a place."""
        order = self.converger.placed(event, now.mono_ns, out)
        self._touched(order, now)
        refused = event.verdict is Verdict.REFUSED
        self.count(f"places_refused:{event.code or event.http_status}" if refused else f"places_{event.verdict}")
        if order is None:
            return None
        if event.verdict is Verdict.ACCEPTED:
            rtt_ms = (now.mono_ns - event.sent_mono_ns) / NS_PER_MS if event.sent_mono_ns else None
            if rtt_ms is not None:
                self.sample("place_rtt_s", rtt_ms / 1000)
            payload: dict[str, object] = {
                "client_order_id": order.client_order_id,
                "order_id": order.order_id,
                "rtt_ms": rtt_ms,
            }
            out.append(Record("order_acked", payload))
        else:
            stage = {"refused": "exchange", "unsent": "before_sending", "unknown": "unknown"}[event.verdict.value]
            message = f"{event.http_status} {event.code} {event.detail}".strip()
            if refused and "post only cross" in message.replace("_", " "):
                self.count("post_only_rejects")
            payload = {"client_order_id": order.client_order_id, "error_message": message, "failure_stage": stage}
            out.append(Record("order_failed", payload))
        return order

    def cancelled(self, event: CancelOutcome, now: Now, out: list[AnyAction]) -> None:
        """The answer to a cancel of one order."""
        order = self.converger.cancelled(event, now.mono_ns)
        self._touched(order, now)
        self.count(f"cancels_{event.verdict}")
        if order is not None and event.verdict is Verdict.ACCEPTED:
            rtt_ms = (now.mono_ns - event.sent_mono_ns) / NS_PER_MS if event.sent_mono_ns else None
            if rtt_ms is not None:
                self.sample("cancel_rtt_s", rtt_ms / 1000)
            payload = {
                "client_order_id": order.client_order_id,
                "order_id": order.order_id,
                "cancel_source": "id",
                "rtt_ms": rtt_ms,
            }
            out.append(Record("order_cancelled", payload))

    def group_answered(self, event: GroupOutcome, now: Now) -> None:
        """The answer to a group request."""
        group = self.groups.outcome(event, now.mono_ns)
        if group is not None and not group.used and group.phase is GroupPhase.TRIGGERED:
            self.proofs.append(GROUP_TRIGGER)
        self.count(f"group_{event.op}_{event.verdict}")
        if group is not None and group.series in self.flattenings:
            self.flattenings[group.series].acted(now.mono_ns)
        if event.verdict is Verdict.UNKNOWN:
            self.reads.soon(GROUPS, now.mono_ns + 2 * NS_PER_S)

    def cancel_all_answered(self, event: CancelAllOutcome, now: Now) -> None:
        """The answer to the account-wide cancel-all."""
        self.count(f"cancel_all_{event.verdict}")
        flattening = self.flattenings.get("")
        if event.verdict is Verdict.ACCEPTED:
            self.cancel_all_acked = True
            self.cancel_all_failures = 0
            if flattening is not None:
                flattening.sent = True
            self.tail_until_utc_ns = max(self.tail_until_utc_ns, now.utc_ns + TAIL_NS)
        else:
            self.cancel_all_failures += int(event.http_status != HTTP_TOO_MANY)
            pause_ns = cancel_all_pause_ns(self.cancel_all_failures, event.verdict)
            self.converger.cancel_all_retry_ns = now.mono_ns + pause_ns
        if flattening is not None:
            flattening.acted(now.mono_ns)
            if event.verdict is Verdict.ACCEPTED:
                self.reads.soon(RESTING, now.mono_ns)

    def updated(self, event: OrderUpdated, now: Now, out: list[AnyAction]) -> None:
        """The private stream described one of our orders."""
        said = event.order
        order = self.book.find(said.client_order_id, said.order_id)
        if order is None:
            # Not in our book: a listing will say whether it is ours, and adopt it.
            self.reads.soon(RESTING, now.mono_ns)
            return
        before = order.state
        self.book.describe(order, said, None, now.mono_ns)
        self._touched(order, now)
        if order.state is State.GONE and before is not State.GONE and said.status == "canceled":
            source = said.last_update_reason or "exchange"
            payload = {
                "client_order_id": order.client_order_id,
                "order_id": order.order_id,
                "cancel_source": source,
                "rtt_ms": None,
            }
            out.append(Record("order_cancelled", payload))

    def filled(self, fill: Fill, now: Now, out: list[AnyAction]) -> bool:
        """One execution of ours, from the stream or a listing; False when it was known already."""
        series = series_of(fill.ticker)
        if not series:
            return False
        order = self.book.find(fill.client_order_id, fill.order_id)
        target_ns: int | None
        if order is not None:
            target_ns = order.target_ns
        elif fill.ticker in self.target_of or fill.ticker in self.ledger.markets or fill.trade_id in self.ledger.trades:
            target_ns = self.target_of.get(fill.ticker, 0)
        else:
            target_ns = self.window_of(series, fill, now)
        if target_ns is None:
            self.count("fills_of_days_past", int(self.ledger.pass_over(fill)))
            return False
        if order is not None:
            fill = msgspec.structs.replace(fill, client_order_id=order.client_order_id)
        if not self.ledger.fill(fill, series, target_ns):
            return False
        self.new_fills.append(fill)
        # Only a fill moves a position: requotes must not put the comparison off for as long as they go on.
        self.filled_ns = now.mono_ns
        self.count("fills")
        self.count("taker_fills", int(fill.is_taker))
        self._touched(order, now)
        payload = {
            "trade_id": fill.trade_id,
            "client_order_id": fill.client_order_id,
            "order_id": fill.order_id,
            "series": series,
            "window": target_ns,
            "ticker": fill.ticker,
            "side": fill.side.value,
            "fill_price": fill.price,
            "fill_count": fill.count,
            "fee": fill.fee,
            "liquidity_side": "taker" if fill.is_taker else "maker",
        }
        out.append(Record("order_filled", payload))
        if fill.is_taker:
            out.append(Alert("taker_fill", "critical", payload))
        return True

    def _touched(self, order: Order | None, now: Now) -> None:
        self.changed_ns = now.mono_ns
        if order is None:
            return
        self.touched.add(order.series)
        for scope in ("", order.series):
            flattening = self.flattenings.get(scope)
            if flattening is not None and order.state is not State.GONE:
                flattening.acted(now.mono_ns)
                flattening.join((order,))

    # --- listings ------------------------------------------------------------------------------------------------

    def orders_read(self, event: OrdersRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of orders: reconcile the book, and move every flattening on."""
        if self.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self.count("listings")
        found = compare_orders(self.book, event, self.target_of, exclusive=self.exclusive, now_ns=now.mono_ns)
        for order in found.adopted:
            payload = {"client_order_id": order.client_order_id, "order_id": order.order_id, "ticker": order.ticker}
            out.append(Alert("orphan_order_adopted", "warning", payload))
        if not event.resting_only:
            return
        self._reconciled(RESTING, event.asked)
        drifts = list(found.drifts)
        drifts += [
            Drift("ORPHAN_FILLED", order.order_id, f"{order.ticker} filled {order.filled} before we knew of it")
            for order in found.adopted
            if order.filled
        ]
        self._drifted(tuple(drifts), self.order_drifts, out)
        self.order_drifts = tuple(drifts)
        for scope, flattening in list(self.flattenings.items()):
            resting = sum(found.resting.values()) if not scope else found.resting.get(scope, 0)
            live = len(self.book.live) if not scope else len(self.converger.live_of(scope))
            if resting and not scope and event.asked.mono_ns >= flattening.acted_ns + SETTLE_NS:
                # Something outlived an acknowledged cancel-all: ask for it again.
                self.cancel_all_acked = False
            flattening.listed(resting, live, event.asked.mono_ns, now.mono_ns)
            if flattening.done:
                self._flat(scope, flattening, now, out)

    def _flat(self, scope: str, flattening: Flattening, now: Now, out: list[AnyAction]) -> None:
        del self.flattenings[scope]
        took_ns = flattening.time_to_flat_ns or 0
        if flattening.orders:
            self.times_to_flat_ns.append(took_ns)
            self.sample(f"time_to_flat_s:{flattening.trigger}", took_ns / NS_PER_S)
        if flattening.sent:
            self.proofs.append(CANCEL_ALL if not scope else GROUP_TRIGGER)
        for reason, asked_ns in flattening.requests:
            self.completed_cancel_alls += 1
            out.append(Record("cancel_all_done", {"reason": reason, "ms": (now.mono_ns - asked_ns) / NS_PER_MS}))
        payload = {
            "series": scope or "all",
            "trigger": flattening.trigger,
            "ms": took_ns / NS_PER_MS,
            "orders": flattening.orders,
        }
        out.append(Record("time_to_flat", payload))

    def positions_read(self, event: PositionsRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of positions: compare with the ledger."""
        if self.reads.answered(event.request_id, now.mono_ns) is None:
            return
        drifts = self.position_check.compare(self.ledger, event, self.filled_ns)
        if drifts is None:
            self.reads.soon(POSITIONS, now.mono_ns + NS_PER_S)
            return
        if self.position_check.suspected:
            # Suspected once: look at the fills and at the positions again before anybody is woken.
            self.reads.soon(FILLS, now.mono_ns)
            self.reads.soon(POSITIONS, now.mono_ns + 2 * NS_PER_S)
        else:
            self._reconciled(POSITIONS, event.asked)
        if self.position_check.suspected and not drifts:
            return
        self._drifted(drifts, self.position_drifts, out)
        self.position_drifts = drifts

    def _reconciled(self, key: Key, asked: Now) -> None:
        """A book of record was read; what was asked before the private stream came back may lack what it missed."""
        if asked.mono_ns >= self.stream_since_ns:
            self.reconciled.add(key)
        if asked.mono_ns < self.stream_since_ns + SETTLE_NS:
            # Reads lag writes: a fill of just before the stream came back may be in neither. Look again past the lag.
            self.reads.soon(key, self.stream_since_ns + SETTLE_NS)

    def _drifted(self, drifts: tuple[Drift, ...], before: tuple[Drift, ...], out: list[AnyAction]) -> None:
        if drifts and drifts != before:
            self.count("drifts", len(drifts))
            out.append(Alert("reconcile_drift", "critical", {"drift": worst_of(drifts)}))

    def fills_read(self, event: FillsRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of fills: book those that the stream did not bring."""
        if self.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self._reconciled(FILLS, event.asked)
        self.fills_asked_utc_ns = event.asked.utc_ns
        for fill in event.fills:
            if self.filled(fill, now, out):
                self.count("fills_by_listing")

    def balance_read(self, event: BalanceRead, now: Now) -> None:
        """Cash at the exchange."""
        if self.reads.answered(event.request_id, now.mono_ns) is not None:
            self._reconciled(BALANCE, event.asked)
            self.balance = event.balance

    def groups_read(self, event: GroupsRead, now: Now) -> None:
        """All groups at the exchange; strangers are deleted in an exclusive account, once we know our own."""
        if self.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self.reconciled.add(GROUPS)
        if self.exclusive and event.asked.mono_ns > self.changed_ns:
            self.count("groups_leaked", self.groups.adopt(event))

    def limits_read(self, event: LimitsRead, now: Now) -> None:
        """The exchange told our buckets and prices of requests."""
        if self.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self.budget.learn(
            now.mono_ns,
            refill_per_s=event.write_refill_per_s,
            capacity=event.write_capacity,
            place_cost=event.place_cost,
            cancel_cost=event.cancel_cost,
            group_cost=event.group_cost,
        )

    # --- chores --------------------------------------------------------------------------------------------------

    @property
    def drift(self) -> str:
        """What does not fit, in one line; empty when everything does."""
        return worst_of((*self.order_drifts, *self.position_drifts))

    @property
    def recovered(self) -> bool:
        """Whether every book of record has been read since the start."""
        return all(key in self.reconciled for key in BOOKS_OF_RECORD)

    def forget(self, before_ns: int) -> None:
        """Drop what is only about windows whose target lies before an instant, so that memory is bounded."""
        self.ledger.forget(before_ns)
        self.target_of = {t: ns for t, ns in self.target_of.items() if ns >= before_ns or t in self.ledger.markets}

    def reconcile_age_ns(self, now_ns: int) -> int | None:
        """Time since the oldest of the books of record was last read; None while one never was."""
        ages = [self.reads.age_ns(key, now_ns) for key in BOOKS_OF_RECORD]
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) else None

    def reconnected(self, now: Now) -> None:
        """The private stream was away: what it would have told must be listed before anything is placed."""
        self.stream_since_ns = now.mono_ns
        self.reconciled.difference_update(BOOKS_OF_RECORD)
        self.read_books(now)

    def fills_known_since(self, utc_ns: int, now: Now) -> bool:
        """Whether the fills were listed since an instant, reads' lag included; if not, they will be soon."""
        if self.fills_asked_utc_ns >= utc_ns + SETTLE_NS:
            return True
        early_ns = max(0, utc_ns + SETTLE_NS - now.utc_ns)
        self.reads.soon(FILLS, max(now.mono_ns + early_ns, self.reads.slots[FILLS].asked_ns + NS_PER_S))
        return False

    def read_books(self, now: Now) -> None:
        """Read every book of record now."""
        for key in BOOKS_OF_RECORD:
            self.reads.soon(key, now.mono_ns)

    def chores(
        self,
        now: Now,
        *,
        in_window: bool,
        clock_doubted: bool,
        over: set[tuple[str, int]],
        out: list[AnyAction],
    ) -> None:
        """Send the reads that are due, ask after unknown orders, and clear away old groups."""
        pace = IN_WINDOW_NS if in_window else OUTSIDE_NS
        for key in BOOKS_OF_RECORD:
            self.reads.pace(key, pace, now.mono_ns)
        self.reads.pace(GROUPS, OUTSIDE_NS, now.mono_ns)
        self.reads.pace(LIMITS, 3600 * NS_PER_S, now.mono_ns)
        # Each answer bounds the exchange's clock a little more: ask quickly until it is known well enough.
        self.reads.pace(STATUS, CLOCK_PACE_NS if clock_doubted else 10 * NS_PER_S, now.mono_ns)
        if self.flattenings:
            asked_ns = self.reads.slots[RESTING].asked_ns
            due = min(f.next_listing_ns(asked_ns) for f in self.flattenings.values())
            self.reads.soon(RESTING, max(due, now.mono_ns))
        unknown = [o for o in self.book.live.values() if o.state is State.PLACING and not o.in_flight]
        if unknown:
            self.reads.pace(ORDERS, UNKNOWN_POLL_NS, now.mono_ns)
            self.reads.soon(RESTING, max(self.reads.slots[RESTING].asked_ns + UNKNOWN_POLL_NS, now.mono_ns))
        else:
            self.reads.drop(ORDERS)
        self._give_up_waiting(now, out)
        self.converger.hurry(now)
        self._retry_stragglers(now, out)
        out.extend(self.reads.due(now.mono_ns, now.utc_ns // NS_PER_MS - DAY_MS))
        busy = {order.group_id for order in self.book.live.values()}
        self.groups.tidy(over, busy, now.mono_ns, out)

    def _give_up_waiting(self, now: Now, out: list[AnyAction]) -> None:
        """The shell promises an answer to every request, and a promise is not a proof."""
        orders = self.converger.unanswered(now.mono_ns)
        for order in orders:
            self._touched(order, now)
            told = {"client_order_id": order.client_order_id, "error_message": "never answered"}
            out.append(Record("order_failed", told | {"failure_stage": "unknown"}))
        creates = self.groups.unanswered(ANSWER_PATIENCE_NS, now.mono_ns)
        if creates:
            self.reads.soon(GROUPS, now.mono_ns + 2 * NS_PER_S)
        if orders or creates:
            self.count("never_answered", len(orders) + creates)
            out.append(Alert("never_answered", "error", {"orders": len(orders), "groups": creates}))

    def _retry_stragglers(self, now: Now, out: list[AnyAction]) -> None:
        """Cancel again, by id, what is unwanted and still here though its cancel was answered or is overdue."""
        due = [
            o
            for o in self.book.live.values()
            if o.unwanted and (o.state is State.OPEN or (o.state is State.CANCELLING and now.mono_ns >= o.retry_ns))
        ]
        self.converger.cancel(due, "retry", now.mono_ns, out)

    def next_deadline(self, now: Now) -> int | None:
        """The next instant at which a read or a retry is due."""
        candidates = [self.reads.next_deadline(now.mono_ns), self.converger.next_deadline(now.mono_ns)]
        if "" in self.flattenings and not self.cancel_all_acked:
            candidates.append(max(self.converger.cancel_all_retry_ns, now.mono_ns + 1))
        return min([at for at in candidates if at is not None], default=None)
