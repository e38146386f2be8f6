"""The converger: compares what we would rest with what may be live, and closes the difference, again and again.

It holds no opinion. A closed gate reaches it as an empty want, and it keeps cancelling until the exchange agrees; it
never waits to be asked twice. Which cancel for what (docs/contracts.md, Orders): a series going flat triggers its order
groups; a single order that is no longer wanted is cancelled by id; the operator, the kill switch and shutdown use
the account-wide cancel-all. A place goes out only for a side on which nothing of ours may be live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from domain.actions import AnyAction, CancelAll, CancelOrders, Cleared, Place
from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted, Counts
from domain.events import CancelOutcome, PlaceOutcome, Verdict
from domain.ids import Ticker
from domain.market import Side
from domain.money import Count
from domain.records import OrderCreatedEntry
from execution.budget import CANCEL_ALL_COST, Budget
from execution.drill import DRILL
from execution.groups import Group, GroupPhase, Groups
from execution.numbers import Numbers
from execution.orders import Fact, Order, OrderBook, OrderStatus
from execution.quoter import Want

CANCEL_RETRY_NS = 400 * NS_PER_MS
# A lane that is full says so in the same instant: sent again at once, a cancel would keep the engine from all else.
CANCEL_UNSENT_NS = 20 * NS_PER_MS
GROUP_PATIENCE_NS = 600 * NS_PER_MS
CANCEL_ALL_RETRY_NS = 150 * NS_PER_MS
CANCEL_REFUSED = Backoff(150, 2_000)
# A cancel-all is sent again quickly at first. One that is refused time and again (a key that may not) gives way to the
# proof by listing, which needs a pause longer than SETTLE: what triggers and cancels by id have emptied is flat too.
CANCEL_ALL_REFUSED = Backoff(150, 2_000, quick_tries=5, quick_ms=50)
CANCEL_ALL_UNPROVEN = Backoff(150, 600, quick_tries=5, quick_ms=50)
# Twice what a request may take, and its permission before: an answer that is not here by now will never be.
ANSWER_PATIENCE_NS = 4 * NS_PER_S
BATCH_MAX = 50
REQUOTE = "requote"
HTTP_TOO_MANY = 429
HTTP_NOT_FOUND, NOT_FOUND = 404, "not_found"  # the one of a request, the other of a row in the answer to a batch


class Converger:
    """Turns differences into requests. `expires_s` tells the expiry for an order of a window by its target."""

    def __init__(self, book: OrderBook, groups: Groups, budget: Budget, numbers: Numbers, counts: Counts) -> None:
        self.book = book
        self.groups = groups
        self.budget = budget
        self.numbers = numbers
        self.cancel_all_retry_ns = 0
        self.counts = counts

    # --- quoting -------------------------------------------------------------------------------------------------

    def quote(
        self,
        series: str,
        want: Want,
        cleared: Cleared,
        target_ns: int,
        expiration_s: int,
        now_ns: int,
        out: list[AnyAction],
        allow: Callable[[Order], bool],
    ) -> bool:
        """Move one series towards `want`. False when a place had to wait for a group or for tokens."""
        live = self.live_of(series)
        held: dict[tuple[Ticker, Side], Order] = {}
        drop: list[Order] = []
        for order in live:
            key = (order.ticker, order.side)
            wanted = want.get(key)
            fits = wanted is not None and wanted.price == order.price and order.remaining <= wanted.size
            if fits and not order.unwanted and key not in held:
                held[key] = order
            else:
                # Once for each order: it is unwanted until it is gone, however often its cancel must be sent.
                self.counts.add(Counted.REQUOTES, int(wanted is not None and not order.unwanted))
                order.unwanted = True
                drop.append(order)
        self.cancel(drop, REQUOTE, now_ns, out)
        busy = {(o.ticker, o.side) for o in live}
        satisfied = True
        for key, quote in want.items():
            if key in busy:
                continue
            group = self._group_for(series, target_ns)
            if group is None or not self.budget.may_place(now_ns, len(self.book.live), 1 + len(want)):
                satisfied = False
                break
            order = Order(
                client_order_id=self.numbers.order(),
                series=series,
                ticker=quote.market.ticker,
                side=quote.side,
                price=quote.price,
                count=quote.size,
                group_id=group.group_id,
                exchange_index=quote.market.exchange_index,
                expiration_s=expiration_s,
                target_ns=target_ns,
                now_ns=now_ns,
            )
            if not allow(order):
                continue
            self.place(order, cleared, quote.fair, now_ns, out)
        return satisfied

    def _group_for(self, series: str, target_ns: int) -> Group | None:
        ready = self.groups.ready(series, target_ns)
        used = next((g for g in ready if g.used), None)
        return used or (ready[0] if ready else None)

    def place(self, order: Order, cleared: Cleared, fair: int, now_ns: int, out: list[AnyAction]) -> None:
        """Send an order that the gate has cleared and risk has let through; from now on it may be live."""
        self.book.add(order)
        group = self.groups.known[order.group_id]
        group.used = True
        self.budget.quoted(self.budget.place_cost, now_ns)
        out.append(
            Place(
                self.numbers.request(),
                order.client_order_id,
                order.ticker,
                order.side,
                order.price,
                order.count,
                order.group_id,
                order.exchange_index,
                order.expiration_s,
                cleared,
            )
        )
        out.append(
            OrderCreatedEntry(
                client_order_id=order.client_order_id,
                series=order.series,
                ticker=order.ticker,
                side=order.side,
                order_type="limit",
                price=order.price,
                count=order.count,
                is_live=True,
                fair=fair,
                window=order.target_ns,
                type="drill" if order.series == DRILL else "quote",
            )
        )

    # --- cancelling ----------------------------------------------------------------------------------------------

    def live_of(self, series: str) -> list[Order]:
        """The series' orders that may be live."""
        return [o for o in self.book.live.values() if o.series == series]

    def cancel(self, orders: Iterable[Order], reason: str, now_ns: int, out: list[AnyAction]) -> None:
        """Cancel by id what can be cancelled by id; what is still PLACING is only marked unwanted (law 1)."""
        due: list[Order] = []
        for order in orders:
            order.unwanted = True
            if order.state is OrderStatus.PLACING or not order.order_id:
                continue
            if order.state is OrderStatus.CANCELLING and now_ns < order.retry_ns:
                continue
            if order.refusals and not self.budget.affords(self.budget.cancel_cost * (len(due) + 1), now_ns):
                # Asked often enough to know better: only what the bucket holds, or the first cancels would pay for it.
                continue
            due.append(order)
        for start in range(0, len(due), BATCH_MAX):
            batch = due[start : start + BATCH_MAX]
            for order in batch:
                self.book.cancel_sent(order, now_ns, now_ns + CANCEL_RETRY_NS)
            cost = self.budget.cancel_cost * len(batch)
            if reason == REQUOTE:
                self.budget.quoted(cost, now_ns)
            else:
                self.budget.spend(cost, now_ns)
            out.append(CancelOrders(self.numbers.request(), tuple(o.ref for o in batch), reason))

    def pull(self, series: str, reason: str, now_ns: int, out: list[AnyAction]) -> bool:
        """Empty one series: trigger its groups; by id what outlives its group. True when something was sent."""
        live = self.live_of(series)
        before = len(out)
        for group_id, exchange_index in dict.fromkeys((o.group_id, o.exchange_index) for o in live if o.group_id):
            self.groups.trigger(group_id, exchange_index, reason, now_ns, out)
        stragglers: list[Order] = []
        for order in live:
            order.unwanted = True
            group = self.groups.known.get(order.group_id)
            if order.state is OrderStatus.OPEN and group is not None and group.phase is not GroupPhase.READY:
                # The trigger carries the cancel; by id only if the order outlives it.
                self.book.cancel_sent(order, now_ns, now_ns + GROUP_PATIENCE_NS)
            if group is None or (order.state is OrderStatus.CANCELLING and now_ns >= order.retry_ns):
                stragglers.append(order)
        self.cancel(stragglers, reason, now_ns, out)
        return len(out) > before

    def cancel_all(self, reason: str, now_ns: int, out: list[AnyAction]) -> bool:
        """Send the account-wide cancel-all unless one is under way; all live orders become unwanted."""
        for order in self.book.live.values():
            order.unwanted = True
            if order.state is OrderStatus.OPEN:
                self.book.cancel_sent(order, now_ns, now_ns + GROUP_PATIENCE_NS)
        if now_ns < self.cancel_all_retry_ns:
            return False
        self.cancel_all_retry_ns = now_ns + CANCEL_ALL_RETRY_NS
        self.budget.spend(CANCEL_ALL_COST, now_ns)
        out.append(CancelAll(self.numbers.request(), reason))
        return True

    # --- answers -------------------------------------------------------------------------------------------------

    def placed(self, event: PlaceOutcome, now_ns: int, out: list[AnyAction]) -> Order | None:
        """Take the answer to a place. An accepted order that nobody wants any more is cancelled on the spot."""
        order = self.book.find(event.client_order_id, "")
        if order is None:
            return None
        if event.http_status == HTTP_TOO_MANY:
            self.budget.refused(now_ns)
        self.book.name(order, event.order_id)
        if event.verdict is Verdict.ACCEPTED:
            order.filled = max(order.filled, event.filled)
            self.book.apply(order, Fact.ACCEPTED, now_ns)
            if order.state is not OrderStatus.GONE:
                order.remaining = min(order.remaining, event.remaining)
                if not event.remaining:
                    self.book.apply(order, Fact.ENDED, now_ns, "cancelled on arrival")
            if order.unwanted and order.state is OrderStatus.OPEN:
                self.cancel([order], "unwanted", now_ns, out)
        elif event.verdict is Verdict.REFUSED:
            self.book.apply(order, Fact.REFUSED, now_ns, event.code)
        elif event.verdict is Verdict.UNSENT:
            self.book.apply(order, Fact.UNSENT, now_ns, event.detail)
        else:
            self.book.apply(order, Fact.UNKNOWN, now_ns, event.detail)
        return order

    def unanswered(self, now_ns: int) -> list[Order]:
        """Places that the shell has never answered, though it promised: unknown from now on, and listings decide."""
        given_up = [o for o in self.book.live.values() if o.in_flight and now_ns >= o.created_ns + ANSWER_PATIENCE_NS]
        for order in given_up:
            self.book.apply(order, Fact.UNKNOWN, now_ns, "never answered")
        return given_up

    def cancelled(self, event: CancelOutcome, now_ns: int) -> Order | None:
        """Take the answer to a cancel. Only an acceptance proves anything; the rest is tried again."""
        if event.http_status == HTTP_TOO_MANY:
            self.budget.refused(now_ns)
        order = self.book.by_order_id.get(event.order_id)
        if order is None:
            return None
        if event.verdict is Verdict.ACCEPTED:
            if event.reduced_by is not None:
                # What was not taken back had been filled.
                order.filled = max(order.filled, Count(order.count - event.reduced_by))
            self.book.apply(order, Fact.CANCEL_DONE, now_ns, "cancelled")
        else:
            self.book.apply(order, Fact.CANCEL_UNPROVEN, now_ns)
            if event.verdict is not Verdict.UNKNOWN or event.http_status == HTTP_NOT_FOUND or event.code == NOT_FOUND:
                order.cancels -= bool(order.cancels)
            if event.verdict is Verdict.REFUSED and event.http_status != HTTP_TOO_MANY:
                order.refusals += 1
            order.retry_ns = now_ns + _pause_ns(order.refusals, event.verdict)
        return order

    def hurry(self, now: Now) -> None:
        """An order that has outlived its expiry is in the last second before the freeze: no long pauses any more."""
        for order in self.book.live.values():
            if order.refusals and order.expiration_s * NS_PER_S <= now.utc_ns < order.target_ns:
                order.retry_ns = min(order.retry_ns, order.acted_ns + CANCEL_REFUSED.wait_ns(1))

    def next_deadline(self, now_ns: int) -> int | None:
        """When a cancel that was not answered, or not proven, is due again, or a place is waited for no longer."""
        due = [o.retry_ns for o in self.book.live.values() if o.state is OrderStatus.CANCELLING and o.retry_ns > now_ns]
        due += [
            g.retry_ns for g in self.groups.known.values() if g.phase is GroupPhase.TRIGGERING and g.retry_ns > now_ns
        ]
        answers = [o.created_ns + ANSWER_PATIENCE_NS for o in self.book.live.values() if o.in_flight]
        due += [at_ns for at_ns in answers if at_ns > now_ns]
        return min(due, default=None)


def _pause_ns(refusals: int, verdict: Verdict) -> int:
    """How long to wait before a cancel that proved nothing is sent again."""
    if verdict is Verdict.UNSENT:
        return CANCEL_UNSENT_NS
    if verdict is Verdict.UNKNOWN:
        return CANCEL_RETRY_NS
    return CANCEL_REFUSED.wait_ns(refusals)
