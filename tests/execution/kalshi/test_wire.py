from __future__ import annotations

import json

import msgspec
import pytest

from domain.actions import Place
from domain.ids import GroupId
from execution.kalshi.wire import KalshiAccount, KalshiRequest, query_text, request_for
from tests.execution.kalshi.kalshi_fake import cancel, cancel_all, create_group, delete_group, place, trigger

WHOLE = KalshiAccount()
SUB = KalshiAccount(subaccount=3)


def body_of(request: KalshiRequest) -> object:
    return json.loads(request.body)


@pytest.mark.step("H11", "X02")
def test_a_place_is_a_post_only_resting_order_that_ends_by_itself() -> None:
    request = request_for(WHOLE, place())
    assert (request.method, request.path, request.query) == ("POST", "/trade-api/v2/portfolio/events/orders", "")
    assert body_of(request) == {
        "ticker": "KXINXU-26NOV23H1200-T6844.9999",
        "side": "bid",
        "count": "5.00",
        "price": "0.4200",
        "client_order_id": "ladderd-1-1",
        "expiration_time": 1_795_449_600,
        "order_group_id": "g-1",
        "exchange_index": 2,
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "post_only": True,
        "cancel_order_on_pause": True,
    }


def test_no_field_of_a_place_can_make_it_take() -> None:
    """The fields of Place are known; a new one has to be looked at here before it can change a request."""
    assert [field.name for field in msgspec.structs.fields(Place)] == [
        "request_id",
        "client_order_id",
        "ticker",
        "side",
        "price",
        "count",
        "group_id",
        "exchange_index",
        "expiration_s",
        "cleared",
    ]


@pytest.mark.parametrize(("price", "count"), [(0, 100), (10_000, 100), (-1, 100), (5000, 0), (5000, -100)])
def test_an_impossible_place_is_an_assertion(price: int, count: int) -> None:
    with pytest.raises(AssertionError):
        request_for(WHOLE, place(price=price, count=count))


@pytest.mark.parametrize("field", [{"group_id": GroupId("")}, {"expiration_s": 0}])
def test_a_place_without_group_or_expiry_is_an_assertion(field: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        request_for(WHOLE, msgspec.structs.replace(place(), **field))


def test_fractions_are_printed_exactly() -> None:
    body = body_of(request_for(WHOLE, place(price=1, count=1)))
    assert isinstance(body, dict)
    assert (body["price"], body["count"]) == ("0.0001", "0.01")


def test_one_cancel_is_a_batch_on_the_path_that_is_signed_ahead() -> None:
    request = request_for(WHOLE, cancel("o-1"))
    assert (request.method, request.path) in WHOLE.fixed_paths()
    assert body_of(request) == {"orders": [{"order_id": "o-1", "exchange_index": 2}]}


def test_a_query_is_escaped() -> None:
    assert query_text(SUB, a=1, b="x&y=z ") == "a=1&b=x%26y%3Dz+&subaccount=3"


def test_several_cancels_are_one_batch() -> None:
    request = request_for(SUB, cancel("o-1", "o-2"))
    assert (request.method, request.path) == ("DELETE", "/trade-api/v2/portfolio/events/orders/batched")
    assert body_of(request) == {
        "orders": [
            {"order_id": "o-1", "exchange_index": 2, "subaccount": 3},
            {"order_id": "o-2", "exchange_index": 2, "subaccount": 3},
        ]
    }


def test_cancel_of_nothing_is_an_assertion() -> None:
    with pytest.raises(AssertionError):
        request_for(WHOLE, cancel())


def test_groups() -> None:
    trigger_path = "/trade-api/v2/portfolio/order_groups/g-1/trigger"
    assert request_for(WHOLE, trigger()) == KalshiRequest("PUT", trigger_path, "exchange_index=2")
    assert request_for(SUB, trigger()) == KalshiRequest("PUT", trigger_path, "exchange_index=2&subaccount=3")
    delete = request_for(WHOLE, delete_group())
    assert delete == KalshiRequest("DELETE", "/trade-api/v2/portfolio/order_groups/g-1", "exchange_index=2")
    create = request_for(SUB, create_group())
    assert (create.method, create.path) == ("POST", "/trade-api/v2/portfolio/order_groups/create")
    assert body_of(create) == {"contracts_limit": 20, "exchange_index": 2, "subaccount": 3}


def test_cancel_all_is_account_wide_unless_we_have_a_subaccount() -> None:
    assert request_for(WHOLE, cancel_all()) == KalshiRequest("DELETE", "/trade-api/v2/portfolio/events/orders")
    assert request_for(SUB, cancel_all()).query == "subaccount=3"


def test_fixed_paths_are_those_of_the_requests() -> None:
    fixed = WHOLE.fixed_paths()
    for action in (cancel_all(), cancel("a", "b"), place()):
        request = request_for(WHOLE, action)
        assert (request.method, request.path) in fixed
    assert request_for(WHOLE, trigger()).path == WHOLE.trigger_path(GroupId("g-1"))
