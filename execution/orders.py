"""The book-keeper: which of our orders may be live, and why we think so.

An order is may-be-live from the moment its place is decided until something proves it gone. The states are
PLACING -> OPEN -> CANCELLING -> GONE, and what may happen to an order in each is one total table (`TABLE`): every
pair of state and fact has an entry, tested as a product. Four laws are kept here. (1) A cancel by id is never sent
while PLACING: it could overtake the place. (2) A listing that lacks an order buries it only if it was asked more than
SETTLE after the last act or news that may have brought it to life (`list_lag.py`), and eight seconds after it while no
listing has shown it: the exchange's reads lag its writes, and nothing says by how much before one was seen to. A cancel
is no such act, or its retries would keep a dead order young for ever. (3) GONE is not forgotten: a late fill must find
its order, and one that shows up again is may-be-live again. (4) Fills count by trade id; that is `positions`' part.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable

from domain.events import OrderState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, is_ours
from domain.market import OrderRef, Side
from domain.money import Count, Price
from execution.list_lag import SETTLE_MAX_NS, ListLag

GONE_KEPT_MAX = 20_000


class OrderStatus(enum.StrEnum):
    """Where an order stands."""

    PLACING = "placing"
    OPEN = "open"
    CANCELLING = "cancelling"
    GONE = "gone"


class Fact(enum.StrEnum):
    """What can become known about an order."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNSENT = "unsent"
    RESTING = "resting"
    ENDED = "ended"
    ABSENT = "absent"
    CANCEL_SENT = "cancel_sent"
    CANCEL_DONE = "cancel_done"
    CANCEL_UNPROVEN = "cancel_unproven"


P, O, C, G = OrderStatus.PLACING, OrderStatus.OPEN, OrderStatus.CANCELLING, OrderStatus.GONE  # noqa: E741 - the table reads as a table

# None = impossible by construction (law 1), and an assertion.
TABLE: dict[tuple[OrderStatus, Fact], OrderStatus | None] = {
    (P, Fact.ACCEPTED): O,
    (P, Fact.REFUSED): G,
    (P, Fact.UNKNOWN): P,
    (P, Fact.UNSENT): G,
    (P, Fact.RESTING): O,
    (P, Fact.ENDED): G,
    (P, Fact.ABSENT): G,
    (P, Fact.CANCEL_SENT): None,
    (P, Fact.CANCEL_DONE): P,
    (P, Fact.CANCEL_UNPROVEN): P,
    # The private stream may show an order before its answer arrives; evidence of life beats a refusal.
    (O, Fact.ACCEPTED): O,
    (O, Fact.REFUSED): O,
    (O, Fact.UNKNOWN): O,
    (O, Fact.UNSENT): O,
    (O, Fact.RESTING): O,
    (O, Fact.ENDED): G,
    (O, Fact.ABSENT): G,
    (O, Fact.CANCEL_SENT): C,
    (O, Fact.CANCEL_DONE): G,
    (O, Fact.CANCEL_UNPROVEN): O,
    (C, Fact.ACCEPTED): C,
    (C, Fact.REFUSED): C,
    (C, Fact.UNKNOWN): C,
    (C, Fact.UNSENT): C,
    (C, Fact.RESTING): C,
    (C, Fact.ENDED): G,
    (C, Fact.ABSENT): G,
    (C, Fact.CANCEL_SENT): C,
    (C, Fact.CANCEL_DONE): G,
    (C, Fact.CANCEL_UNPROVEN): C,
    # A late answer to the place of a dead order changes nothing; seen resting, it is may-be-live again.
    (G, Fact.ACCEPTED): G,
    (G, Fact.REFUSED): G,
    (G, Fact.UNKNOWN): G,
    (G, Fact.UNSENT): G,
    (G, Fact.RESTING): O,
    (G, Fact.ENDED): G,
    (G, Fact.ABSENT): G,
    (G, Fact.CANCEL_SENT): None,
    (G, Fact.CANCEL_DONE): G,
    (G, Fact.CANCEL_UNPROVEN): G,
}


class Order:
    """One order of ours. `acted_ns` is the monotonic time of our last act on it or of the last news about its fate.

    `refusals` counts the cancels that the exchange has refused for another reason than tokens.
    `cancels`: how many cancels of ours, of whatever scope, may have ended it: one that found nothing here did not.
    `alive_ns` is that of the last act or news by which it may have come to rest: its place, its answer, a push.
    `booked`: what its fills that are in the ledger come to; an order may tell of more (`filled`) before that.
    `doubted`: how much of it was resting when it vanished without a word: filled or cancelled, the fills will say.
    `told_ns`: when (monotonic) it was first told that more was filled than is booked, or that it had vanished.
    `listed`: a listing has shown it resting, so the exchange's list has caught up with its birth. `missed_ns`: when the
    last one was asked that lacked it while it may have been live. `ended_ns`: when the exchange said that it had ended.
    """

    __slots__ = (
        "acted_ns",
        "alive_ns",
        "booked",
        "cancels",
        "client_order_id",
        "count",
        "created_ns",
        "doubted",
        "ended_ns",
        "exchange_index",
        "expiration_s",
        "filled",
        "group_id",
        "in_flight",
        "listed",
        "missed_ns",
        "order_id",
        "price",
        "refusals",
        "remaining",
        "retry_ns",
        "series",
        "side",
        "state",
        "target_ns",
        "ticker",
        "told_ns",
        "unwanted",
        "why",
    )

    def __init__(  # noqa: PLR0913 - an order has this many properties
        self,
        *,
        client_order_id: ClientOrderId,
        series: str,
        ticker: Ticker,
        side: Side,
        price: Price,
        count: Count,
        group_id: GroupId,
        exchange_index: int,
        expiration_s: int,
        target_ns: int,
        now_ns: int,
    ) -> None:
        self.client_order_id = client_order_id
        self.order_id = OrderId("")
        self.series = series
        self.ticker = ticker
        self.side = side
        self.price = price
        self.count = count
        self.remaining = count
        self.filled = Count(0)
        self.booked = Count(0)
        self.doubted = Count(0)
        self.told_ns = self.missed_ns = self.ended_ns = 0
        self.group_id = group_id
        self.exchange_index = exchange_index
        self.expiration_s = expiration_s
        self.target_ns = target_ns
        self.state = OrderStatus.PLACING
        self.created_ns = now_ns
        self.acted_ns = now_ns
        self.alive_ns = now_ns
        self.retry_ns = 0
        self.refusals = 0
        self.cancels = 0
        self.in_flight = True
        self.listed = False
        self.unwanted = False
        self.why = ""

    @property
    def unbooked(self) -> Count:
        """What was told as filled, in whatever way, and is not in the ledger yet."""
        return Count(max(0, self.filled - self.booked))

    @property
    def ref(self) -> OrderRef:
        """What a cancel needs. The order must be known to the exchange by id."""
        assert self.order_id, f"no order id yet: {self.client_order_id}"
        return OrderRef(self.order_id, self.ticker, self.exchange_index)


class OrderBook:
    """All our orders: the live ones apart, so that no step ever scans history."""

    def __init__(self) -> None:
        self.live: dict[ClientOrderId, Order] = {}
        self.gone: dict[ClientOrderId, Order] = {}
        self.by_order_id: dict[OrderId, Order] = {}
        self.resurrected = 0
        self.lag = ListLag()

    def find(self, client_order_id: str, order_id: str) -> Order | None:
        """Look an order up by either name, live or gone."""
        key = ClientOrderId(client_order_id)
        return self.live.get(key) or self.gone.get(key) or self.by_order_id.get(OrderId(order_id))

    def add(self, order: Order) -> None:
        """Enter a new order, in flight. Its name must never have been used."""
        assert order.client_order_id not in self.live, "client order id used twice"
        assert order.client_order_id not in self.gone, "client order id used twice"
        self.live[order.client_order_id] = order

    def add_gone(self, order: Order) -> None:
        """Enter an order of the run before that was over, and of which more may still be told."""
        order.state = OrderStatus.GONE
        self.gone[order.client_order_id] = order

    def name(self, order: Order, order_id: OrderId) -> None:
        """Learn the exchange's id of an order."""
        if order_id and not order.order_id:
            order.order_id = order_id
            self.by_order_id[order_id] = order

    def apply(self, order: Order, fact: Fact, now_ns: int, why: str = "") -> OrderStatus:
        """Move an order by one fact through the table and return its new state."""
        follower = TABLE[order.state, fact]
        assert follower is not None, f"{fact} while {order.state}: {order.client_order_id}"
        before, order.state = order.state, follower
        if fact is not Fact.ABSENT and fact is not Fact.RESTING:
            order.acted_ns = now_ns
        if fact in _MAY_REST:
            order.alive_ns = now_ns
        if fact in _ANSWERS:
            order.in_flight = False
        if follower is OrderStatus.GONE and before is not OrderStatus.GONE:
            order.remaining = Count(0)
            order.why = why or fact.value
            order.ended_ns = now_ns if fact in _ENDS else 0
            self._bury(order)
        elif before is OrderStatus.GONE and follower is not OrderStatus.GONE:
            self.resurrected += 1
            del self.gone[order.client_order_id]
            self.live[order.client_order_id] = order
        return follower

    def _bury(self, order: Order) -> None:
        del self.live[order.client_order_id]
        self.gone[order.client_order_id] = order
        if len(self.gone) > GONE_KEPT_MAX:
            oldest = self.gone.pop(next(iter(self.gone)))
            self.by_order_id.pop(oldest.order_id, None)

    def cancel_sent(self, order: Order, now_ns: int, retry_ns: int) -> None:
        """A cancel of this order leaves now; if nothing is heard it may be sent again at `retry_ns`."""
        self.apply(order, Fact.CANCEL_SENT, now_ns)
        order.cancels += 1
        order.retry_ns = retry_ns

    def describe(self, order: Order, said: OrderState, asked_ns: int | None, now_ns: int) -> None:
        """Take the exchange's word on one order, pushed (`asked_ns` None) or from a listing asked at that time.

        A young listing can be older than our last act, so a dead order is revived by it only past SETTLE.
        """
        self.name(order, said.order_id)
        if said.status == "resting":
            # What the exchange itself has said to have ended is shown by a list that lags, for as long as lists do.
            patience_ns = SETTLE_MAX_NS if order.ended_ns else self.lag.settle_ns
            if asked_ns is not None and order.state is OrderStatus.GONE and asked_ns < order.acted_ns + patience_ns:
                return
            if order.state is OrderStatus.GONE and asked_ns is None:
                # Pushed messages may be repeated out of order; the next listing decides what this one cannot.
                return
            self.apply(order, Fact.RESTING, now_ns)
            order.doubted = Count(0)
            if asked_ns is None:
                order.alive_ns = now_ns
            else:
                order.listed = True
            order.remaining = min(order.remaining or said.remaining, said.remaining)
            order.filled = max(order.filled, said.filled)
        elif said.status in {"canceled", "executed"}:
            order.filled = max(order.filled, said.filled)
            self.apply(order, Fact.ENDED, now_ns, said.last_update_reason or said.status)

    def lag_shown(self, order: Order, said: OrderState, asked_ns: int) -> int | None:
        """By how much a listing asked then lags at least, as this row shows; None where it shows nothing of it."""
        if said.status != "resting":
            return None
        if order.state is OrderStatus.GONE and order.ended_ns:
            return asked_ns - order.ended_ns if asked_ns > order.ended_ns else None
        return None if order.listed else max(0, order.missed_ns - order.alive_ns)

    def absent(
        self, listed: Iterable[OrderState], asked_ns: int, now_ns: int, doubted: Container[str] = ()
    ) -> list[Order]:
        """Bury what a whole listing of resting orders lacks, where the listing is old enough to prove it (law 2).

        `doubted`: the exchange's ids of rows in it that could not be read; they are not absent.
        """
        seen = {order.client_order_id for order in listed} | {order.order_id for order in listed}
        missing = [o for o in self.live.values() if o.client_order_id not in seen and o.order_id not in seen]
        buried = []
        for order in missing:
            if order.order_id in doubted:
                continue
            order.missed_ns = max(order.missed_ns, asked_ns)
            patience_ns = self.lag.settle_ns if order.listed else SETTLE_MAX_NS
            if not order.in_flight and asked_ns >= order.alive_ns + patience_ns:
                buried.append(order)
        for order in buried:
            order.doubted = order.remaining
            self.apply(order, Fact.ABSENT, now_ns)
        return buried

    def adopt(self, said: OrderState, series: str, target_ns: int, now_ns: int) -> Order:
        """Enter an order of an earlier run that the exchange says is resting; unwanted from the start."""
        order = Order(
            client_order_id=said.client_order_id or ClientOrderId(said.order_id),
            series=series,
            ticker=said.ticker,
            side=said.side,
            price=said.price,
            count=said.initial,
            group_id=said.group_id,
            exchange_index=said.exchange_index,
            expiration_s=said.expiration_ms // 1000,
            target_ns=target_ns,
            now_ns=now_ns,
        )
        order.remaining = said.remaining
        # What was filled before we knew of it is named as drift; only what comes from now on is untold.
        order.filled = order.booked = said.filled
        order.state = OrderStatus.OPEN
        order.in_flight = False
        order.unwanted = order.listed = True
        order.cancels = 1  # the run before may have asked
        self.add(order)
        self.name(order, said.order_id)
        return order


_ENDS = frozenset({Fact.ENDED, Fact.CANCEL_DONE})
_MAY_REST = frozenset({Fact.ACCEPTED, Fact.UNKNOWN})
_ANSWERS = frozenset({Fact.ACCEPTED, Fact.REFUSED, Fact.UNKNOWN, Fact.UNSENT, Fact.RESTING, Fact.ENDED})


def ours(said: OrderState) -> bool:
    """Whether the exchange's order carries our prefix."""
    return is_ours(said.client_order_id)
