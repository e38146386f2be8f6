"""Order operations as the reference describes them, good and bad input."""

from __future__ import annotations

from typing import Any

import pytest

from sim.exchange.book.fixed import show_count
from sim.exchange.book.notices import Filled, OrderChanged
from sim.exchange.trade import orders
from tests.sim.exchange.rig import S, refused, rig


def test_a_resting_order_is_answered_as_recorded() -> None:
    made = rig()
    answer = made.create(client_order_id="c1", count="1")
    assert set(answer) == {"client_order_id", "fill_count", "order_id", "remaining_count", "ts_ms"}
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "1.00")
    assert made.market.book.best_bid() == 4200


def test_a_taker_is_answered_with_averages_as_recorded() -> None:
    made = rig()
    made.foreign("ask", "0.52", 1)
    answer = made.create(price="0.99", count="1.00", time_in_force="immediate_or_cancel")
    assert (answer["average_fill_price"], answer["average_fee_paid"]) == ("0.5200", "0.0175")
    assert (answer["fill_count"], answer["remaining_count"]) == ("1.00", "0.00")


def test_without_a_client_order_id_none_is_answered() -> None:
    assert "client_order_id" not in rig().create()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"price": "0.425"}, 400, "invalid_price"),
        ({"price": "0"}, 400, "invalid_price"),
        ({"price": "1"}, 400, "invalid_price"),
        ({"price": "abc"}, 400, "invalid_price"),
        ({"count": "0"}, 400, "invalid_parameters"),
        ({"count": "0.001"}, 400, "invalid_parameters"),
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"time_in_force": "GTT"}, 400, "invalid_parameters"),
        ({"self_trade_prevention_type": None}, 400, "invalid_parameters"),
        ({"client_order_id": "a.b"}, 400, "invalid_parameters"),
        ({"expiration_time": 1}, 400, "invalid_parameters"),
        ({"time_in_force": "immediate_or_cancel", "expiration_time": 2_000_000_000}, 400, "invalid_parameters"),
        ({"time_in_force": "fill_or_kill", "post_only": True}, 400, "invalid_parameters"),
        ({"reduce_only": True}, 400, "invalid_parameters"),
        ({"ticker": "KXNONE-26NOV23H1200-T1"}, 404, "market_not_found"),
        ({"exchange_index": 2}, 404, "market_not_found"),
        ({"order_group_id": "none"}, 404, "not_found"),
        ({"count": "90000"}, 400, "insufficient_balance"),
        ({"subaccount": 64}, 400, "invalid_parameters"),
        ({"subaccount": 1}, 400, "insufficient_balance"),
    ],
)
def test_bad_creates_are_refused_and_leave_nothing(changes: dict[str, Any], status: int, code: str) -> None:
    made = rig()
    assert refused(made.create, **changes) == (status, code)
    assert not made.member.orders
    assert not made.member.resting


def test_a_client_order_id_is_never_usable_again() -> None:
    made = rig()
    order = made.place(client_order_id="once")
    assert refused(made.create, client_order_id="once") == (409, "order_already_exists")
    made.cancel(order)
    assert refused(made.create, client_order_id="once") == (409, "order_already_exists")


def test_a_post_only_cross_is_refused_leaves_a_canceled_record_and_burns_the_id() -> None:
    made = rig()
    made.foreign("ask", "0.42", 1)
    assert refused(made.create, post_only=True, client_order_id="burnt") == (400, "invalid_order")
    (order,) = made.member.orders.values()
    assert (order.state.status, order.state.reason) == ("canceled", "PostOnlyCrossCancel")
    assert order.created_ns == order.state.updated_ns
    assert refused(made.create, client_order_id="burnt") == (409, "order_already_exists")


def test_own_orders_never_trade_with_each_other_taker_at_cross() -> None:
    made = rig()
    resting = made.place(price="0.50")
    made.foreign("bid", "0.51", 2)
    answer = made.create(side="ask", price="0.50", count="5")
    assert (answer["fill_count"], answer["remaining_count"]) == ("2.00", "0.00")
    assert resting.state.remaining == 500
    cancelled = made.member.orders[answer["order_id"]]
    assert (cancelled.state.status, cancelled.state.reason) == ("canceled", "SelfTradeCancel")


def test_own_orders_never_trade_with_each_other_maker() -> None:
    made = rig()
    resting = made.place(price="0.50")
    made.foreign("bid", "0.49", 2)
    answer = made.create(side="ask", price="0.49", count="5", self_trade_prevention_type="maker")
    assert resting.state.reason == "SelfTradeCancel"
    assert (answer["fill_count"], answer["remaining_count"]) == ("2.00", "3.00")


def test_fill_or_kill_is_all_or_nothing() -> None:
    made = rig()
    made.foreign("ask", "0.42", 3)
    killed = made.create(time_in_force="fill_or_kill", count="4")
    assert (killed["fill_count"], killed["remaining_count"]) == ("0.00", "0.00")
    assert made.create(time_in_force="fill_or_kill", count="3")["fill_count"] == "3.00"


def test_reduce_only_is_capped_by_the_position() -> None:
    made = rig()
    made.foreign("ask", "0.42", 3)
    made.create(count="3", time_in_force="immediate_or_cancel")
    made.foreign("bid", "0.40", 9)
    sold = made.create(side="ask", price="0.40", count="9", time_in_force="immediate_or_cancel", reduce_only=True)
    assert sold["fill_count"] == "3.00"
    none = made.create(side="ask", price="0.40", count="9", time_in_force="immediate_or_cancel", reduce_only=True)
    assert (none["fill_count"], none["remaining_count"]) == ("0.00", "0.00")


def test_closing_a_position_needs_no_cash() -> None:
    made = rig(balance=5_000_000)
    made.foreign("ask", "0.42", 10)
    made.create(count="10", time_in_force="immediate_or_cancel")
    assert refused(made.create, count="10", price="0.42")[1] == "insufficient_balance"
    assert made.create(side="ask", price="0.60", count="10")["remaining_count"] == "10.00"


def test_expiry_removes_the_order_with_its_reason() -> None:
    made = rig(expiry_latency_ms=(150, 150))
    order = made.place(expiration_time=made.now // S + 3)
    made.wait(3.1)
    assert order.state.status == "resting"
    made.wait(0.1)
    assert (order.state.status, order.state.reason) == ("canceled", "ExpiryCancel")


def test_a_dead_or_unknown_order_cannot_be_cancelled() -> None:
    made = rig()
    order = made.place()
    assert made.cancel(order)["reduced_by"] == "5.00"
    assert refused(made.cancel, order) == (404, "not_found")


def test_an_order_id_alone_is_looked_for_on_shard_0() -> None:
    made = rig(shard=2, balance=0)
    made.member.purse(0, 2).value = 10**9
    order = made.place()
    state = made.exchange.state
    assert refused(orders.cancel, state, made.member, order.id, {}, made.now) == (404, "not_found")
    assert orders.cancel(state, made.member, order.id, {"exchange_index": 2}, made.now)["reduced_by"] == "5.00"


def test_auto_routing_can_be_switched_off() -> None:
    made = rig(shard=2, auto_route=False)
    made.member.purse(0, 2).value = 10**9
    assert refused(made.create) == (404, "market_not_found")
    assert made.create(exchange_index=2)
    assert made.create(exchange_index=-1)


def test_cancel_all_keeps_killing_what_is_newly_placed() -> None:
    made = rig(tail_s=60.0, tail_kill_ms=(100, 100))
    made.place()
    orders.cancel_all(made.exchange.state, made.member, None, made.now)
    assert not made.member.resting
    made.wait(59)
    late = made.place()
    made.wait(0.2)
    assert late.state.status == "canceled"
    made.wait(1)
    safe = made.place()
    made.wait(1)
    assert safe.state.status == "resting"


def test_decreasing_keeps_the_place_and_increasing_loses_it() -> None:
    made = rig()
    mine = made.place()
    made.foreign("bid", "0.42", 5)
    assert made.amend(mine, count="3")["remaining_count"] == "3.00"
    assert made.market.book.ahead_of(mine) == 0
    made.decrease(mine, reduce_by="1")
    assert made.market.book.ahead_of(mine) == 0
    made.amend(mine, count="4")
    assert made.market.book.ahead_of(mine) == 500


def test_an_expiry_only_amendment_keeps_the_place_and_the_new_expiry_counts() -> None:
    made = rig()
    mine = made.place(expiration_time=made.now // S + 5)
    made.foreign("bid", "0.42", 5)
    made.amend(mine, count="5", expiration_time=made.now // S + 20)
    assert made.market.book.ahead_of(mine) == 0
    made.wait(6)
    assert mine.state.status == "resting"
    made.amend(mine, count="5", expiration_time=0)
    made.wait(30)
    assert mine.state.status == "resting"


def test_an_amended_price_that_crosses_takes() -> None:
    made = rig()
    mine = made.place()
    made.foreign("ask", "0.50", 2)
    answer = made.amend(mine, price="0.50", count="5")
    assert (answer["fill_count"], answer["remaining_count"]) == ("2.00", "3.00")
    assert made.member.fills[0].is_taker


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "0.421"}, "invalid_price"),
        ({"side": "ask"}, "invalid_parameters"),
        ({"count": "0"}, "invalid_parameters"),
        ({"expiration_time": 5}, "invalid_parameters"),
        ({"updated_client_order_id": "first"}, "order_already_exists"),
        ({"client_order_id": "somebody"}, "invalid_parameters"),
    ],
)
def test_bad_amendments_change_nothing(changes: dict[str, Any], code: str) -> None:
    made = rig()
    made.cancel(made.place(client_order_id="first"))
    mine = made.place()
    before = mine.state
    assert refused(made.amend, mine, **changes)[1] == code
    assert mine.state is before


@pytest.mark.parametrize("changes", [{}, {"reduce_by": "1", "reduce_to": "1"}, {"reduce_by": "6"}, {"reduce_to": "6"}])
def test_bad_decreases_change_nothing(changes: dict[str, Any]) -> None:
    made = rig()
    mine = made.place()
    assert refused(made.decrease, mine, **changes)[0] == 400
    assert mine.state.remaining == 500


def test_a_fill_comes_with_its_order_and_position() -> None:
    made = rig()
    mine = made.place(count="2.50")
    made.take("ask", "0.40", 2)
    fill = next(notice.fill for notice in made.heard if isinstance(notice, Filled))
    changed = [notice for notice in made.heard if isinstance(notice, OrderChanged)][-1]
    assert (fill.is_taker, fill.trade.price, show_count(fill.post_position)) == (False, 4200, "2.00")
    assert (changed.state.reason, show_count(changed.state.remaining)) == ("Trade", "0.50")
    assert mine.state.maker_cost == 840_000


def test_within_the_tail_what_is_sent_at_once_may_be_void_on_arrival() -> None:
    r = rig(tail_voids_percent=100)
    r.foreign("bid", "0.41", 5)
    orders.cancel_all(r.exchange.state, r.member, None, r.now)
    void = r.create(side="ask", price="0.41", time_in_force="immediate_or_cancel")
    assert (void["fill_count"], void["remaining_count"]) == ("0.00", "0.00")
    r.wait(61)
    assert r.create(side="ask", price="0.41", time_in_force="immediate_or_cancel")["fill_count"] == "5.00"
