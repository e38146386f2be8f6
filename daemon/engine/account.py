"""The account: our orders at the exchange, and the requests that keep them true.

It takes the engine's quotes and the exchange's word on single orders, groups and fills, and sends the reads that are
due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from daemon.engine.holdings import (
    BOOKS_OF_RECORD,
    FILLS,
    GROUPS,
    IN_WINDOW_NS,
    LIMITS,
    ORDERS,
    RESTING,
    STATUS,
    Holdings,
)
from daemon.engine.parity.adoption import told_of
from daemon.engine.parity.compare import Parity
from domain.actions import AnyAction, Cleared
from domain.alert_types.catalogue import NeverAnsweredAlert, Severity
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted
from domain.events import CancelOutcome, Fill, GroupOutcome, OrderUpdated, PlaceOutcome, Verdict
from domain.ids import is_ours
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Count
from domain.records import (
    ForeignFillEntry,
    OrderAckedEntry,
    OrderCancelledEntry,
    OrderFailedEntry,
    OrderFilledEntry,
)
from execution.cancel_all import Scope
from execution.converge import ANSWER_PATIENCE_NS
from execution.groups import GroupPhase
from execution.list_lag import SETTLE_MAX_NS
from execution.orders import Order, OrderStatus
from execution.quoter import Want
from execution.reconcile import series_of
from guards.evidence.controls import GROUP_TRIGGER

OUTSIDE_NS = 300 * NS_PER_S
UNKNOWN_POLL_NS = 400 * NS_PER_MS
UNTOLD_POLL_NS = 500 * NS_PER_MS
CLOCK_PACE_NS = 170 * NS_PER_MS
DAY_MS = 86_400_000
FAILURE_STAGES: Final[dict[Verdict, Literal["exchange", "before_sending", "unknown"]]] = {
    Verdict.REFUSED: "exchange",
    Verdict.UNSENT: "before_sending",
    Verdict.UNKNOWN: "unknown",
}


class Account:
    """Our orders, and the answers to what we asked about them."""

    def __init__(self, held: Holdings, parity: Parity) -> None:
        self.held = held
        self.parity = parity
        # The target of the window that a fill of nobody we know belongs to: 0 unknown, None of a day that is over.
        self.window_of: Callable[[str, Fill, Now], int | None] = lambda _series, _fill, _now: 0

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
        return self.held.converger.quote(series, want, cleared, target_ns, expiration_s, now.mono_ns, out, allow)

    def placed(self, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> Order | None:
        """The answer to a place."""
        held = self.held
        order = held.converger.placed(event, now.mono_ns, out)
        self._touched(order, now)
        if order is None:
            return None
        self.told(order, now)
        if event.verdict is Verdict.ACCEPTED:
            if not event.filled and not event.remaining:
                held.cancelled.append((order, ""))  # on arrival
            rtt_ms = (now.mono_ns - event.sent_mono_ns) / NS_PER_MS if event.sent_mono_ns else None
            out.append(OrderAckedEntry(order.client_order_id, order.order_id, rtt_ms))
        else:
            message = f"{event.http_status} {event.code} {event.detail}".strip()
            out.append(OrderFailedEntry(order.client_order_id, message, FAILURE_STAGES[event.verdict]))
        return order

    def cancelled(self, event: CancelOutcome, now: Now, out: list[AnyAction]) -> None:
        """The answer to a cancel of one order."""
        held = self.held
        order = held.converger.cancelled(event, now.mono_ns)
        self._touched(order, now)
        if order is not None:
            self.told(order, now)
        if order is not None and event.verdict is Verdict.ACCEPTED:
            rtt_ms = (now.mono_ns - event.sent_mono_ns) / NS_PER_MS if event.sent_mono_ns else None
            out.append(OrderCancelledEntry(order.client_order_id, order.order_id, "id", rtt_ms))

    def group_answered(self, event: GroupOutcome, now: Now) -> None:
        """The answer to a group request."""
        held = self.held
        group = held.groups.outcome(event, now.mono_ns)
        if group is not None and not group.used and group.phase is GroupPhase.TRIGGERED:
            held.proofs.append(GROUP_TRIGGER)
        if group is not None and group.series in held.flattenings:
            held.flattenings[group.series].acted(now.mono_ns)
        if event.verdict is Verdict.UNKNOWN:
            held.reads.soon(GROUPS, now.mono_ns + 2 * NS_PER_S)

    def updated(self, event: OrderUpdated, now: Now, out: list[AnyAction]) -> None:
        """The private stream described one of our orders."""
        held = self.held
        said = event.order
        order = held.book.find(said.client_order_id, said.order_id)
        if order is None:
            # Not in our book: a listing will say whether it is ours, and adopt it.
            held.reads.soon(RESTING, now.mono_ns)
            return
        before = order.state
        held.book.describe(order, said, None, now.mono_ns)
        self._touched(order, now)
        order.doubted = Count(0)  # its end was told
        self.told(order, now)
        if order.state is OrderStatus.GONE and before is not OrderStatus.GONE and said.status == "canceled":
            held.cancelled.append((order, said.last_update_reason))
            source = said.last_update_reason or "exchange"
            out.append(OrderCancelledEntry(order.client_order_id, order.order_id, source, None))

    def told(self, order: Order, now: Now) -> None:
        """The exchange has said something of an order: what it told as filled is exposure until the ledger has it."""
        held = self.held
        if not order.unbooked and not order.doubted:
            held.untold.pop(order.client_order_id, None)
        elif order.client_order_id not in held.untold:
            order.told_ns = now.mono_ns
            held.untold[order.client_order_id] = order
            held.touched.add(order.series)
            held.reads.soon(FILLS, now.mono_ns)

    def fills_listed(self, asked_ns: int) -> None:
        """The fills were listed: what vanished without a word and is not among them was cancelled."""
        for order in list(self.held.untold.values()):
            if asked_ns < order.told_ns + SETTLE_MAX_NS or not order.doubted:
                continue
            order.doubted = Count(0)
            if order.order_id:
                self.held.cancelled.append((order, ""))
            if not order.unbooked:
                del self.held.untold[order.client_order_id]

    def filled(self, fill: Fill, now: Now, out: list[AnyAction]) -> bool:
        """One execution, from the stream or a listing; False when it was known already, or is not known to be ours."""
        held, series = self.held, series_of(fill.ticker)
        order = held.book.find(fill.client_order_id, fill.order_id)
        if order is None and not is_ours(fill.client_order_id) and fill.trade_id not in held.ledger.trades:
            self._unexplained(fill, series, now, out)
            return False
        target_ns = order.target_ns if order is not None else self._target_of(fill, series, now)
        if target_ns is None:
            held.counts.add(Counted.FILLS_OF_DAYS_PAST, int(held.ledger.pass_over(fill)))
            return False
        if order is not None:
            fill = msgspec.structs.replace(fill, client_order_id=order.client_order_id)
        if not held.ledger.fill(fill, series, target_ns):
            return False
        if order is not None:
            order.booked = Count(order.booked + fill.count)
            order.doubted = Count(max(0, order.doubted - fill.count))
            self.told(order, now)
        held.new_fills.append(fill)
        unit = fill.price if fill.side is Side.BID else PRICE_PER_DOLLAR - fill.price
        held.payments.append((now.mono_ns, unit * fill.count + fill.fee))
        # Only a fill moves a position: requotes must not put the comparison off for as long as they go on.
        held.filled_ns = now.mono_ns
        self._touched(order, now)
        out.append(OrderFilledEntry(**told_of(fill, series, target_ns)))
        return True

    def _target_of(self, fill: Fill, series: str, now: Now) -> int | None:
        held = self.held
        if fill.ticker in held.target_of or fill.ticker in held.ledger.markets or fill.trade_id in held.ledger.trades:
            return held.target_of.get(fill.ticker, 0)
        return self.window_of(series, fill, now) if series else 0

    def _unexplained(self, fill: Fill, series: str, now: Now, out: list[AnyAction]) -> None:
        """A fill of an order that we do not know: somebody else's by its name, or nobody knows whose yet."""
        held = self.held
        before_us = 0 < fill.exchange_ms * NS_PER_MS < held.opened_utc_ns
        if fill.trade_id in held.strangers.foreign or (not series and (before_us or not held.exclusive)):
            return
        if fill.client_order_id:
            self.foreign(fill, now, out)
        else:
            held.strangers.wait(fill, now.mono_ns)

    def foreign(self, fill: Fill, now: Now, out: list[AnyAction]) -> None:
        """A fill that is not ours. Nothing of it is booked; of a session that is over it is history."""
        series = series_of(fill.ticker)
        target_ns = self._target_of(fill, series, now)
        if target_ns is None:
            self.held.counts.add(Counted.FILLS_OF_DAYS_PAST, int(self.held.ledger.pass_over(fill)))
            return
        if fill.exchange_ms * NS_PER_MS > self.held.began.utc_ns > 0:
            self.held.others.append((f"fill {fill.trade_id} in {fill.ticker} is of no order of ours", True))
        self.parity.foreign(ForeignFillEntry(**told_of(fill, series, target_ns)), now, out)

    def _touched(self, order: Order | None, now: Now) -> None:
        held = self.held
        held.changed_ns = now.mono_ns
        if order is None:
            return
        held.touched.add(order.series)
        for scope in (Scope.ACCOUNT, order.series):
            flattening = held.flattenings.get(scope)
            if flattening is not None and order.state is not OrderStatus.GONE:
                flattening.acted(now.mono_ns)
                flattening.join((order,))

    def forget(self, before_ns: int) -> None:
        """Drop what is only about windows whose target lies before an instant, so that memory is bounded."""
        held = self.held
        held.ledger.forget(before_ns)
        held.target_of = {t: ns for t, ns in held.target_of.items() if ns >= before_ns or t in held.ledger.markets}

    def housekeeping(
        self,
        now: Now,
        *,
        in_window: bool,
        clock_doubted: bool,
        over: set[tuple[str, int]],
        out: list[AnyAction],
    ) -> None:
        """Send the reads that are due, ask after unknown orders, and clear away old groups."""
        held = self.held
        pace = IN_WINDOW_NS if in_window else OUTSIDE_NS
        for key in BOOKS_OF_RECORD:
            held.reads.pace(key, pace, now.mono_ns)
        held.reads.pace(GROUPS, OUTSIDE_NS, now.mono_ns)
        held.reads.pace(LIMITS, 3600 * NS_PER_S, now.mono_ns)
        # Each answer bounds the exchange's clock a little more: ask quickly until it is known well enough.
        held.reads.pace(STATUS, CLOCK_PACE_NS if clock_doubted else 10 * NS_PER_S, now.mono_ns)
        if held.flattenings:
            asked_ns = held.reads.slots[RESTING].asked_ns
            due = min(f.next_listing_ns(asked_ns) for f in held.flattenings.values())
            held.reads.soon(RESTING, max(due, now.mono_ns))
        unknown = [o for o in held.book.live.values() if o.state is OrderStatus.PLACING and not o.in_flight]
        if held.strangers.unclaimed:
            held.reads.pace(ORDERS, UNKNOWN_POLL_NS, now.mono_ns)
        elif not unknown:
            held.reads.drop(ORDERS)
        if unknown:
            held.reads.pace(ORDERS, UNKNOWN_POLL_NS, now.mono_ns)
            held.reads.soon(RESTING, max(held.reads.slots[RESTING].asked_ns + UNKNOWN_POLL_NS, now.mono_ns))
        if held.untold:
            # Told and not booked, or gone without a word: the list may lag, so it is asked until it tells.
            held.reads.soon(FILLS, held.reads.slots[FILLS].asked_ns + UNTOLD_POLL_NS)
        self.parity.housekeeping(now, out)
        self._give_up_waiting(now, out)
        held.converger.hurry(now)
        self._retry_stragglers(now, out)
        out.extend(held.reads.due(now.mono_ns, now.utc_ns // NS_PER_MS - DAY_MS))
        busy = {order.group_id for order in held.book.live.values()}
        held.groups.tidy(over, busy, now.mono_ns, out)

    def _give_up_waiting(self, now: Now, out: list[AnyAction]) -> None:
        """The shell promises an answer to every request, and a promise is not a proof."""
        held = self.held
        orders = held.converger.unanswered(now.mono_ns)
        for order in orders:
            self._touched(order, now)
            out.append(OrderFailedEntry(order.client_order_id, "never answered", "unknown"))
        creates = held.groups.unanswered(ANSWER_PATIENCE_NS, now.mono_ns)
        if creates:
            held.reads.soon(GROUPS, now.mono_ns + 2 * NS_PER_S)
        if orders or creates:
            out.append(NeverAnsweredAlert(Severity.ERROR, len(orders), creates))

    def _retry_stragglers(self, now: Now, out: list[AnyAction]) -> None:
        """Cancel again, by id, what is unwanted and still here though its cancel was answered or is overdue."""
        due = [
            o
            for o in self.held.book.live.values()
            if o.unwanted
            and (o.state is OrderStatus.OPEN or (o.state is OrderStatus.CANCELLING and now.mono_ns >= o.retry_ns))
        ]
        self.held.converger.cancel(due, "retry", now.mono_ns, out)

    def next_deadline(self, now: Now) -> int | None:
        """The next instant at which a read or a retry is due."""
        held = self.held
        candidates = [held.reads.next_deadline(now.mono_ns), held.converger.next_deadline(now.mono_ns)]
        if held.cancel_all.to_send:
            candidates.append(max(held.converger.cancel_all_retry_ns, now.mono_ns + 1))
        return min([at for at in candidates if at is not None], default=None)
