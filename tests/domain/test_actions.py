from __future__ import annotations

from typing import get_args

import msgspec

from domain.actions import CANCELS, PLACES, Action, AnyAction, CancelAll, Place
from domain.alert_types.catalogue import Alert
from domain.ids import RequestId
from domain.records import Entry

KINDS = get_args(AnyAction)


def test_the_union_is_closed_and_every_tag_is_its_own() -> None:
    assert all(issubclass(kind, Action | Alert | Entry) and kind.__struct_config__.frozen for kind in KINDS)
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(tags) == len(set(tags))


def test_a_place_has_no_field_that_could_make_it_take_and_none_that_may_be_left_out() -> None:
    assert set(Place.__struct_fields__) == {
        "request_id", "client_order_id", "ticker", "side", "price", "count", "group_id", "exchange_index",
        "expiration_s", "cleared",
    }  # fmt: skip
    assert Place.__struct_defaults__ == ()


def test_cancels_never_wait_and_places_do() -> None:
    assert set(CANCELS) & set(PLACES) == set()
    assert Place in PLACES
    assert CancelAll in CANCELS


def test_an_action_survives_the_journal() -> None:
    action = CancelAll(RequestId(7), "why")
    assert msgspec.json.decode(msgspec.json.encode(action), type=AnyAction) == action
