"""Order groups: the rolling counter, the trigger, the shard."""

from __future__ import annotations

import pytest

from sim.exchange.book.notices import GroupChanged
from sim.exchange.trade import groups
from sim.exchange.wire import requests
from sim.exchange.wire.rejects import Reject
from tests.sim.exchange.rig import refused, rig


def test_reaching_the_limit_cancels_the_group_and_blocks_it() -> None:
    made = rig()
    group = made.group(3)
    first, second = made.place(order_group_id=group.id), made.place(order_group_id=group.id, price="0.41")
    assert (made.take("ask", "0.40", 2), group.triggered) == (200, False)
    made.take("ask", "0.40", 1)
    assert group.triggered
    assert (first.state.status, second.state.status) == ("canceled", "canceled")
    assert first.state.filled == 300
    assert refused(made.create, order_group_id=group.id) == (409, "order_group_triggered")


def test_fills_older_than_15_seconds_are_forgotten() -> None:
    made = rig()
    group = made.group(3)
    made.place(order_group_id=group.id, count="9")
    made.take("ask", "0.40", 2)
    made.wait(15)
    made.take("ask", "0.40", 2)
    assert not group.triggered


def test_a_trigger_cancels_in_one_step_and_a_reset_reopens() -> None:
    made = rig()
    group = made.group()
    outside = made.place()
    inside = [made.place(order_group_id=group.id) for _ in range(3)]
    groups.trigger(made.exchange.state, group, made.now)
    assert [order.state.status for order in inside] == ["canceled"] * 3
    assert outside.state.status == "resting"
    groups.reset(made.exchange.state, group, made.now)
    assert made.create(order_group_id=group.id)
    told = [notice.event_type for notice in made.heard if isinstance(notice, GroupChanged)]
    assert told == ["created", "triggered", "reset"]


def test_a_lower_limit_than_the_window_holds_triggers_at_once() -> None:
    made = rig()
    group = made.group(10)
    made.place(order_group_id=group.id)
    made.take("ask", "0.40", 3)
    groups.set_limit(made.exchange.state, group, {"contracts_limit": 2}, made.now)
    assert group.triggered


def test_a_taker_stops_when_its_own_group_triggers() -> None:
    made = rig()
    group = made.group(2)
    for _ in range(4):
        made.foreign("ask", "0.42", 1)
    answer = made.create(order_group_id=group.id, count="4")
    assert (answer["fill_count"], answer["remaining_count"]) == ("2.00", "0.00")


def test_a_group_lives_on_one_shard() -> None:
    made = rig()
    other = made.group(shard=2)
    assert refused(made.create, order_group_id=other.id) == (400, "invalid_parameters")
    assert refused(groups.find, made.member, other.id, 0, 0) == (404, "not_found")
    assert groups.find(made.member, other.id, 0, 2) is other


def test_a_deleted_group_takes_its_orders_along() -> None:
    made = rig()
    group = made.group()
    order = made.place(order_group_id=group.id)
    groups.delete(made.exchange.state, group, made.now)
    assert order.state.status == "canceled"
    assert refused(groups.find, made.member, group.id, 0, 0) == (404, "not_found")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"contracts_limit": 0},
        {"contracts_limit": 1_000_001},
        {"contracts_limit": 2, "contracts_limit_fp": "3.00"},
        {"contracts_limit_fp": "x"},
    ],
)
def test_bad_limits_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(Reject):
        requests.group_limit(fields)
