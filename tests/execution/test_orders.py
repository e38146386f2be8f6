from __future__ import annotations

import itertools

import pytest

from domain.clock import NS_PER_MS
from domain.events import OrderState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker
from domain.market import Side
from domain.money import Count, Price
from execution.list_lag import SETTLE_MAX_NS, SETTLE_NS
from execution.order_memory import record, restore
from execution.orders import TABLE, Fact, Order, OrderBook, OrderStatus

T = Ticker("KXINXU-X-T1")


def an_order(name: str = "ladderd-1-1", now_ns: int = 1_000) -> Order:
    return Order(
        client_order_id=ClientOrderId(name),
        series="INXU",
        ticker=T,
        side=Side.BID,
        price=Price(4200),
        count=Count(100),
        group_id=GroupId("g"),
        exchange_index=0,
        expiration_s=0,
        target_ns=0,
        now_ns=now_ns,
    )


def said(status: str, name: str = "ladderd-1-1", remaining: int = 100) -> OrderState:
    return OrderState(
        order_id=OrderId("o1"),
        client_order_id=ClientOrderId(name),
        ticker=T,
        side=Side.BID,
        price=Price(4200),
        status=status,
        initial=Count(100),
        filled=Count(100 - remaining),
        remaining=Count(remaining),
        group_id=GroupId("g"),
        exchange_index=0,
    )


def in_state(state: OrderStatus) -> tuple[OrderBook, Order]:
    book, order = OrderBook(), an_order()
    book.add(order)
    book.name(order, OrderId("o1"))
    road = {
        OrderStatus.PLACING: (),
        OrderStatus.OPEN: (Fact.ACCEPTED,),
        OrderStatus.CANCELLING: (Fact.ACCEPTED, Fact.CANCEL_SENT),
        OrderStatus.GONE: (Fact.ACCEPTED, Fact.ENDED),
    }[state]
    for fact in road:
        book.apply(order, fact, 2_000)
    assert order.state is state
    return book, order


@pytest.mark.parametrize(("state", "fact"), list(itertools.product(OrderStatus, Fact)))
def test_every_pair_of_state_and_fact_has_one_outcome(state: OrderStatus, fact: Fact) -> None:
    book, order = in_state(state)
    follower = TABLE[state, fact]
    if follower is None:
        with pytest.raises(AssertionError):
            book.apply(order, fact, 3_000)
        assert order.state is state
        return
    book.apply(order, fact, 3_000)
    assert order.state is follower
    assert (order.client_order_id in book.live) is (follower is not OrderStatus.GONE)
    assert (order.client_order_id in book.gone) is (follower is OrderStatus.GONE)


def test_a_cancel_by_id_is_impossible_while_placing() -> None:
    book, order = in_state(OrderStatus.PLACING)
    with pytest.raises(AssertionError):
        book.cancel_sent(order, 3_000, 4_000)


@pytest.mark.parametrize(
    ("listed", "late_ns", "buried"),
    [
        (True, SETTLE_NS - 1, False),
        (True, SETTLE_NS, True),
        (False, SETTLE_MAX_NS - 1, False),
        (False, SETTLE_MAX_NS, True),
    ],
)
def test_absence_proves_nothing_young_and_less_before_a_list_has_shown_it(
    late_ns: int, *, listed: bool, buried: bool
) -> None:
    book, order = in_state(OrderStatus.OPEN)
    order.listed = listed
    assert bool(book.absent((), order.alive_ns + late_ns, order.alive_ns + late_ns)) is buried
    assert (order.state is OrderStatus.GONE) is buried


def test_cancels_repeated_for_ever_do_not_keep_a_dead_order_young() -> None:
    book, order = in_state(OrderStatus.OPEN)
    for try_ns in range(SETTLE_NS // 2, 3 * SETTLE_NS, SETTLE_NS // 4):
        book.cancel_sent(order, try_ns, try_ns + 1)
        book.apply(order, Fact.CANCEL_UNPROVEN, try_ns + 1)
    assert book.absent((), order.alive_ns + SETTLE_MAX_NS, 9 * SETTLE_NS) == [order]


def test_news_that_it_rests_makes_an_order_young_again() -> None:
    book, order = in_state(OrderStatus.OPEN)
    book.describe(order, said("resting"), None, 3 * SETTLE_NS)
    assert book.absent((), 3 * SETTLE_NS + SETTLE_MAX_NS - 1, 12 * SETTLE_NS) == []
    assert book.absent((), 3 * SETTLE_NS + SETTLE_MAX_NS, 12 * SETTLE_NS) == [order]


def test_absence_never_buries_what_is_still_in_flight() -> None:
    book, order = in_state(OrderStatus.PLACING)
    assert book.absent((), 10 * SETTLE_NS, 10 * SETTLE_NS) == []
    assert order.state is OrderStatus.PLACING


def test_an_unknown_place_is_buried_by_a_listing_asked_after_it_settled() -> None:
    book, order = in_state(OrderStatus.PLACING)
    book.apply(order, Fact.UNKNOWN, 5_000)
    assert book.absent((), 5_000 + SETTLE_MAX_NS - 1, 9_999) == []
    assert book.absent((), 5_000 + SETTLE_MAX_NS, 9_999) == [order]


def test_gone_is_not_forgotten_and_is_found_by_either_name() -> None:
    book, order = in_state(OrderStatus.GONE)
    assert book.find("ladderd-1-1", "") is order
    assert book.find("", "o1") is order


@pytest.mark.parametrize(("fact", "settle_ns"), [(Fact.ABSENT, SETTLE_NS), (Fact.ENDED, SETTLE_MAX_NS)])
def test_a_dead_order_that_an_old_enough_listing_shows_is_alive_again(fact: Fact, settle_ns: int) -> None:
    book, order = in_state(OrderStatus.OPEN)
    book.apply(order, fact, 2_000)
    book.describe(order, said("resting"), order.acted_ns + settle_ns - 1, 9_999)
    assert order.state is OrderStatus.GONE
    book.describe(order, said("resting"), order.acted_ns + settle_ns, 9_999)
    assert order.client_order_id in book.live
    assert book.resurrected == 1


def test_a_repeated_message_does_not_revive_a_dead_order() -> None:
    book, order = in_state(OrderStatus.GONE)
    book.describe(order, said("resting"), None, 5 * SETTLE_NS)
    assert order.state is OrderStatus.GONE


def test_a_pushed_end_buries_at_once_and_a_fill_shrinks() -> None:
    book, order = in_state(OrderStatus.OPEN)
    book.describe(order, said("resting", remaining=40), None, 3_000)
    assert order.remaining == 40
    book.describe(order, said("executed", remaining=0), None, 4_000)
    assert order.state is OrderStatus.GONE


def test_adopted_orders_are_unwanted_and_known_by_id() -> None:
    book = OrderBook()
    order = book.adopt(said("resting", name="ladderd-0-7"), "INXU", 5, 1_000)
    assert order.unwanted
    assert order.state is OrderStatus.OPEN
    assert book.by_order_id[OrderId("o1")] is order


def test_what_was_in_flight_is_unknown_after_a_restart() -> None:
    book, _ = in_state(OrderStatus.PLACING)
    after = OrderBook()
    assert restore(after, record(book.live.values(), ()), 7 * NS_PER_MS) == []
    order = after.live[ClientOrderId("ladderd-1-1")]
    assert order.state is OrderStatus.PLACING
    assert not order.in_flight
    assert order.unwanted


@pytest.mark.parametrize(
    ("state", "acked_ms", "asked_ms", "buried"),
    [
        (OrderStatus.OPEN, 0, 8_000, True),
        (OrderStatus.OPEN, 0, 7_999, False),
        (OrderStatus.CANCELLING, 0, 8_000, True),
        (OrderStatus.OPEN, None, 12_999, False),
        (OrderStatus.OPEN, None, 13_000, True),
        (OrderStatus.PLACING, 0, 12_999, False),
        (OrderStatus.PLACING, 0, 13_000, True),
    ],
)
def test_an_order_acknowledged_long_ago_is_proven_gone_at_once_after_a_restart(
    state: OrderStatus, acked_ms: int | None, asked_ms: int, *, buried: bool
) -> None:
    book, _ = in_state(state)
    after = OrderBook()
    kept = record(book.live.values(), ())
    restore(after, kept, 5_000 * NS_PER_MS, None if acked_ms is None else acked_ms * NS_PER_MS)
    assert bool(after.absent((), asked_ms * NS_PER_MS, 7_000 * NS_PER_MS)) is buried


def test_an_order_that_is_over_and_not_all_booked_is_kept_for_the_next_run() -> None:
    book, order = in_state(OrderStatus.GONE)
    order.filled, order.booked = Count(100), Count(40)
    after = OrderBook()
    (kept,) = restore(after, record(book.live.values(), [order]), 7 * NS_PER_MS)
    assert (kept.unbooked, kept.state, kept.told_ns) == (60, OrderStatus.GONE, 7 * NS_PER_MS)
    assert after.find("ladderd-1-1", "") is kept
    assert not after.live


def test_a_client_order_id_is_never_used_twice() -> None:
    book, _ = in_state(OrderStatus.GONE)
    with pytest.raises(AssertionError):
        book.add(an_order())
