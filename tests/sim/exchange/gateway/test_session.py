"""The websocket's commands and their errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sim.exchange.gateway.session import Session
from tests.sim.exchange.rig import Rig, rig


def session() -> tuple[Rig, Session]:
    made = rig()
    return made, Session(made.exchange, made.member)


def ask(one: Session, command: object) -> list[dict[str, Any]]:
    return one.receive(orjson.dumps(command), 0)


def subscribe(one: Session, *channels: str, **params: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    return ask(one, {"id": 1, "cmd": "subscribe", "params": {"channels": list(channels), **params}})


def test_one_acknowledgement_a_channel_then_the_snapshots() -> None:
    made, one = session()
    made.place()
    frames = subscribe(one, "orderbook_delta", "trade", market_ticker=made.market.ticker)
    assert [frame["type"] for frame in frames] == ["subscribed", "subscribed", "orderbook_snapshot"]
    assert [frame["msg"]["sid"] for frame in frames[:2]] == [1, 2]
    assert (frames[2]["sid"], frames[2]["seq"]) == (1, 1)
    assert frames[2]["msg"]["yes_dollars_fp"] == [["0.4200", "5.00"]]
    assert "no_dollars_fp" not in frames[2]["msg"]


@pytest.mark.parametrize(("use_yes_price", "price"), [(False, "0.5800"), (True, "0.4200")])
def test_the_no_side_is_shown_in_the_leg_that_was_asked_for(use_yes_price: bool, price: str) -> None:  # noqa: FBT001 - a case
    made, one = session()
    made.place(side="ask")
    frames = subscribe(one, "orderbook_delta", market_ticker=made.market.ticker, use_yes_price=use_yes_price)
    assert frames[1]["msg"]["no_dollars_fp"] == [[price, "5.00"]]


def test_every_numbered_answer_of_a_subscription_spends_a_number() -> None:
    made, one = session()
    first, second = made.event.markets[0].ticker, made.event.markets[1].ticker
    subscribe(one, "orderbook_delta", market_ticker=first)
    added = ask(
        one,
        {
            "id": 2,
            "cmd": "update_subscription",
            "params": {"sids": [1], "action": "add_markets", "market_tickers": [second]},
        },
    )
    assert [(frame["type"], frame["seq"]) for frame in added] == [("ok", 2), ("orderbook_snapshot", 3)]
    assert added[0]["msg"] == {"market_tickers": [first, second]}
    again = ask(
        one,
        {"id": 3, "cmd": "update_subscription", "params": {"sid": 1, "action": "get_snapshot", "market_ticker": first}},
    )
    assert (again[0]["id"], again[0]["type"], again[0]["seq"]) == (3, "orderbook_snapshot", 4)
    gone = ask(one, {"id": 4, "cmd": "unsubscribe", "params": {"sids": [1]}})
    assert gone == [{"id": 4, "sid": 1, "seq": 5, "type": "unsubscribed"}]
    assert ask(one, {"id": 5, "cmd": "list_subscriptions"}) == [{"id": 5, "type": "ok", "msg": []}]


def test_listing_shows_what_is_subscribed() -> None:
    _made, one = session()
    subscribe(one, "fill", "user_orders")
    rows = ask(one, {"id": 9, "cmd": "list_subscriptions"})[0]["msg"]
    assert rows == [{"channel": "fill", "sid": 1}, {"channel": "user_orders", "sid": 2}]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("not an object", 1),
        ({"id": 1, "cmd": "subscribe"}, 2),
        ({"id": 1, "cmd": "subscribe", "params": {}}, 3),
        ({"id": 1, "cmd": "unsubscribe", "params": {}}, 4),
        ({"id": 1, "cmd": "dance", "params": {}}, 5),
        ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [7]}}, 7),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["spx"]}}, 8),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_id": "x"}}, 11),
        ({"id": 1, "cmd": "update_subscription", "params": {"sids": [1, 2], "action": "get_snapshot"}}, 12),
        ({"id": 1, "cmd": "update_subscription", "params": {"sids": [1], "action": "sing"}}, 13),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
        ({"id": 1, "cmd": "update_subscription", "params": {"sids": [1]}}, 15),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "shard_factor": 0}}, 19),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "shard_key": 1}}, 20),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "shard_factor": 2, "shard_key": 2}}, 21),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "shard_factor": 101}}, 22),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["cfbenchmarks_value"]}}, 24),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["pyth_value"]}}, 28),
    ],
)
def test_each_mistake_has_its_code(command: object, code: int) -> None:
    _made, one = session()
    (frame,) = ask(one, command)
    assert (frame["type"], frame["msg"]["code"]) == ("error", code)
    assert not one.subscriptions


def test_garbage_is_answered_not_fatal() -> None:
    _made, one = session()
    assert one.receive("{", 0)[0]["msg"] == {"code": 1, "msg": "Unable to process message"}


def test_too_many_commands_in_a_second() -> None:
    _made, one = session()
    codes = [frame.get("msg", {}) for _ in range(10_001) for frame in ask(one, {"cmd": "list_subscriptions"})]
    assert codes[-1] == {"code": 27, "msg": "Too many requests"}
