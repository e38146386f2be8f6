from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from domain.clock import Now
from domain.events import AnyEvent, Event, OrderState, PlaceOutcome, Started, Tick, Verdict, Wake
from domain.ids import ClientOrderId, RequestId
from domain.money import IndexValue

KINDS = get_args(AnyEvent)


def test_the_union_is_closed_and_every_tag_is_its_own() -> None:
    assert all(issubclass(kind, Event) for kind in KINDS)
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(tags) == len(set(tags))
    assert tags == [kind.__name__.lower() for kind in KINDS]


@pytest.mark.parametrize(
    "event",
    [
        Wake(),
        Started("run", 1, "paper", "h", "b", '{"a":1}'),
        Tick("massive", "I:SPX", IndexValue(1), "0.000001", 1, 2, 3),
        PlaceOutcome(RequestId(1), Verdict.UNKNOWN, client_order_id=ClientOrderId("c")),
    ],
)
def test_an_event_survives_the_journal(event: AnyEvent) -> None:
    assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event


def test_events_are_facts_and_cannot_be_changed() -> None:
    for kind in (*KINDS, OrderState, Now):
        assert kind.__struct_config__.frozen


def test_a_tag_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"kind":"rumour"}', type=AnyEvent)
