"""The served exchange over real sockets: signatures, tokens, error shapes, lag, websocket order."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from tests.sim.exchange.wire import ORDERS, ROOT, SOCKET, served


@pytest.mark.parametrize("key", ["ed", "rsa"])
async def test_both_kinds_of_signature_are_checked(key: str) -> None:
    async with served() as wire:
        path = "/portfolio/balance"
        good = wire.headers("GET", ROOT + path, key)
        assert (await wire.call("GET", path, headers=good))[0] == 200
        assert (await wire.call("GET", path, headers=good, subaccount="0"))[0] == 200  # the query is not signed
        status, body = await wire.call("GET", path, headers=wire.headers("POST", ROOT + path, key))
        assert (status, body["error"]["code"]) == (401, "authentication_error")
        swapped = {**good, "KALSHI-ACCESS-KEY": "rsa" if key == "ed" else "ed"}
        assert (await wire.call("GET", path, headers=swapped))[0] == 401


@pytest.mark.parametrize(("age_ms", "status"), [(5_000, 200), (-5_000, 200), (30_000, 401), (-300_000, 401)])
async def test_old_and_future_stamps_are_refused_as_recorded(age_ms: int, status: int) -> None:
    async with served() as wire:
        headers = wire.headers("GET", f"{ROOT}/portfolio/balance", age_ms=age_ms)
        found, body = await wire.call("GET", "/portfolio/balance", headers=headers)
        assert found == status
        if status == 401:
            expected = {"code": "header_timestamp_expired", "message": "header timestamp expired"}
            assert body == {"error": expected}


async def test_an_unknown_key_is_answered_as_recorded() -> None:
    async with served() as wire:
        headers = {**wire.headers("GET", f"{ROOT}/portfolio/balance"), "KALSHI-ACCESS-KEY": "nobody"}
        expected = {"code": "authentication_error", "message": "authentication_error", "details": "NOT_FOUND"}
        assert await wire.call("GET", "/portfolio/balance", headers=headers) == (401, {"error": expected})


async def test_public_reads_need_no_key_but_check_one_that_is_given() -> None:
    async with served() as wire:
        assert (await wire.call("GET", "/exchange/status", headers={}))[0] == 200
        wrong = wire.headers("GET", "/elsewhere")
        assert (await wire.call("GET", "/exchange/status", headers=wrong))[0] == 401


async def test_each_error_has_the_shape_that_was_recorded() -> None:
    async with served() as wire:
        good = wire.rig.fields(post_only=True)
        wire.rig.foreign("ask", "0.60", 1)
        cases: list[tuple[tuple[int, Any], int, dict[str, Any]]] = [
            (
                await wire.call("POST", ORDERS, {**good, "price": "0.70"}),
                400,
                {"error": {"code": "invalid_order", "message": "invalid order", "details": "post only cross"}},
            ),
            (
                await wire.call("POST", ORDERS, {**good, "price": "0.425"}),
                400,
                {"error": {"code": "invalid_price", "message": "invalid price"}},
            ),
            (
                await wire.call("DELETE", f"{ORDERS}/none"),
                404,
                {"error": {"code": "not_found", "message": "not found"}},
            ),
        ]
        for (status, body), expected_status, expected in cases:
            assert (status, body) == (expected_status, expected)
        status, body = await wire.call("POST", ORDERS, {**good, "count": 5})
        assert (status, body["code"], body["message"]) == (400, "bad_request", "bad request")
        assert body["details"].startswith("json: cannot unmarshal number into Go struct field")
        status, body = await wire.call("GET", "/markets", limit="5000")
        assert (status, list(body)) == (400, ["msg"])
        assert (await wire.call("POST", ORDERS, raw=b"{"))[1]["code"] == "bad_request"
        assert (await wire.call("POST", "/portfolio/orders", good))[0] == 410
        assert (await wire.call("GET", "/nowhere"))[0] == 404


async def test_the_429_is_a_string_without_headers_and_a_batch_falls_whole() -> None:
    async with served(tier="basic") as wire:
        batch = {"orders": [wire.rig.fields() for _ in range(11)]}
        assert await wire.call("POST", f"{ORDERS}/batched", batch) == (429, {"error": "too many requests"})
        assert not wire.rig.member.orders
        batch["orders"].pop()
        status, body = await wire.call("POST", f"{ORDERS}/batched", batch)
        assert (status, len(body["orders"])) == (201, 10)
        path = f"{ROOT}{ORDERS}"
        async with wire.http.post(path, json=wire.rig.fields(), headers=wire.headers("POST", path)) as answer:
            assert answer.status == 429
            assert not {"retry-after", "x-ratelimit-remaining"} & {name.lower() for name in answer.headers}
        wire.wait(0.1)
        assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 201


async def test_batches_fail_item_by_item() -> None:
    async with served() as wire:
        rows = [wire.rig.fields(client_order_id="a"), wire.rig.fields(client_order_id="a")]
        status, made = await wire.call("POST", f"{ORDERS}/batched", {"orders": rows})
        assert status == 201
        assert made["orders"][1]["error"]["code"] == "order_already_exists"
        order_id = made["orders"][0]["order_id"]
        wanted = {"orders": [{"order_id": order_id, "market_ticker": wire.rig.market.ticker}, {"order_id": "none"}]}
        status, gone = await wire.call("DELETE", f"{ORDERS}/batched", wanted)
        assert (status, gone["orders"][0]["reduced_by"]) == (200, "5.00")
        failed = {"order_id": "none", "reduced_by": "0.00", "error": {"code": "not_found", "message": "not found"}}
        assert gone["orders"][1] == failed


async def test_order_reads_lag_the_truth() -> None:
    async with served(list_lag_ms=400) as wire:
        order_id = await wire.place()
        assert (await wire.call("GET", "/portfolio/orders", status="resting"))[1]["orders"] == []
        assert (await wire.call("GET", f"/portfolio/orders/{order_id}"))[0] == 404
        wire.wait(0.4)
        assert len((await wire.call("GET", "/portfolio/orders", status="resting"))[1]["orders"]) == 1
        await wire.call("DELETE", ORDERS)
        assert (await wire.sim("GET", "state"))[1]["resting"] == []
        assert len((await wire.call("GET", "/portfolio/orders", status="resting"))[1]["orders"]) == 1
        as_of = (await wire.call("GET", "/exchange/user_data_timestamp"))[1]["as_of_time"]
        wire.wait(0.4)
        assert (await wire.call("GET", "/portfolio/orders", status="resting"))[1]["orders"] == []
        assert (await wire.call("GET", "/exchange/user_data_timestamp"))[1]["as_of_time"] != as_of


async def test_lists_come_in_pages_and_a_garbage_cursor_is_page_one() -> None:
    async with served() as wire:
        ids = [await wire.place() for _ in range(5)]
        seen: list[str] = []
        cursor = ""
        while True:
            _, body = await wire.call("GET", "/portfolio/orders", limit="2", cursor=cursor)
            seen += [order["order_id"] for order in body["orders"]]
            cursor = body["cursor"]
            if not cursor:
                break
        assert seen == ids[::-1]
        _, body = await wire.call("GET", "/portfolio/orders", limit="2", cursor="garbage")
        assert [order["order_id"] for order in body["orders"]] == ids[:2:-1]


async def test_the_websocket_needs_a_signature() -> None:
    async with served() as wire:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await wire.http.ws_connect(SOCKET)
        assert caught.value.status == 401


async def test_deltas_are_numbered_and_add_up_to_the_book() -> None:
    async with served() as wire:
        ticker = wire.rig.market.ticker
        socket = await wire.socket("orderbook_delta", market_ticker=ticker, use_yes_price=True)
        snapshot = await socket.next()
        assert (snapshot["seq"], "yes_dollars_fp" in snapshot["msg"]) == (1, False)
        for number in range(5):
            await wire.place(price=f"0.4{number}", client_order_id=f"mine{number}")
        wire.rig.take("ask", "0.43", 7)
        wire.rig.foreign("ask", "0.50", 3)
        frames = await socket.sync()
        assert [frame["seq"] for frame in frames] == list(range(2, len(frames) + 2))
        book: dict[tuple[str, str], float] = {}
        for frame in frames:
            message = frame["msg"]
            key = message["side"], message["price_dollars"]
            book[key] = book.get(key, 0) + float(message["delta_fp"])
        _, rest = await wire.call("GET", f"/markets/{ticker}/orderbook")
        levels = {("yes", price): float(count) for price, count in rest["orderbook_fp"]["yes_dollars"]}
        levels["no", "0.5000"] = 3.0
        assert {key: count for key, count in book.items() if count} == levels
        assert frames[0]["msg"]["client_order_id"] == "mine0"
        assert "client_order_id" not in frames[-1]["msg"]


async def test_a_fill_is_told_on_every_private_channel() -> None:
    async with served() as wire:
        socket = await wire.socket("fill", "user_orders", "market_positions", "order_group_updates")
        _, group = await wire.call("POST", "/portfolio/order_groups/create", {"contracts_limit": 2})
        order_id = await wire.place(client_order_id="mine", order_group_id=group["order_group_id"])
        wire.rig.take("ask", "0.42", 2)
        frames = await socket.sync()
        kinds = [(frame["type"], frame["msg"].get("status") or frame["msg"].get("event_type")) for frame in frames]
        assert kinds == [
            ("order_group_updates", "created"),
            ("user_order", "resting"),
            ("fill", None),
            ("user_order", "resting"),
            ("market_position", None),
            ("user_order", "canceled"),
            ("order_group_updates", "triggered"),
        ]
        fill = frames[2]["msg"]
        assert (fill["order_id"], fill["client_order_id"], fill["count_fp"]) == (order_id, "mine", "2.00")
        assert (fill["is_taker"], fill["post_position_fp"], fill["fee_cost"]) == (False, "2.00", "0.000000")
        numbered = [frame["type"] for frame in frames if "seq" in frame]
        assert numbered == ["order_group_updates", "order_group_updates"]


async def test_lifecycle_messages_come_for_settlement_not_for_the_close() -> None:
    async with served() as wire:
        socket = await wire.socket("market_lifecycle_v2")
        ticker = wire.rig.market.ticker
        wire.wait(121)
        frames = await socket.sync()
        assert {frame["msg"].get("event_type", frame["type"]) for frame in frames} == {"created", "event_lifecycle"}
        wire.wait(2)
        told = [f["msg"]["event_type"] for f in await socket.sync() if f["msg"].get("market_ticker") == ticker]
        assert told == ["determined", "settled"]


async def test_the_record_counts_requests_and_needs_no_key() -> None:
    async with served() as wire:
        order_id = await wire.place()
        _, state = await wire.sim("GET", "state")
        assert [order["order_id"] for order in state["resting"]] == [order_id]
        assert state["requests"] == {"create_order": 1}
        assert state["windows"][0]["resting_after_freeze_max"] == 0
        assert (await wire.sim("POST", "fill", {"order_id": order_id, "count": "2"}))[1] == {"filled": 2.0}
        _, state = await wire.sim("GET", "state")
        assert [(fill["count_fp"], fill["is_taker"]) for fill in state["fills"]] == [("2.00", False)]


async def test_another_client_of_the_account_can_be_played() -> None:
    async with served() as wire:
        ticker = wire.rig.market.ticker
        placed = {"ticker": ticker, "side": "bid", "price": "0.42", "count": "2"}
        assert (await wire.sim("POST", "place", placed))[0] == 200
        assert (await wire.sim("POST", "foreign", {**placed, "side": "ask", "take": True}))[1] == {"filled": 2.0}
        assert (await wire.sim("POST", "foreign", {"ticker": "none"}))[0] == 400
        _, fills = await wire.call("GET", "/portfolio/fills")
        assert len(fills["fills"]) == 1


async def test_flat_errors_can_be_chosen() -> None:
    async with served(flat_errors=True) as wire:
        assert (await wire.call("DELETE", f"{ORDERS}/none"))[1] == {"code": "not_found", "message": "not found"}


async def test_a_price_and_count_outside_the_grid_never_reach_the_book() -> None:
    async with served() as wire:
        for changes in ({"price": "0.4201"}, {"count": "0.005"}, {"price": None}, {"count": ""}):
            body = orjson.dumps({**wire.rig.fields(), **changes})
            assert (await wire.call("POST", ORDERS, raw=body))[0] == 400
        assert not wire.rig.market.book.bids.prices


async def test_a_key_of_scope_read_cannot_write() -> None:
    async with served() as wire:
        wire.server.gateway.read_only = frozenset({"rsa"})
        read = wire.headers("GET", f"{ROOT}/portfolio/balance", "rsa")
        assert (await wire.call("GET", "/portfolio/balance", headers=read))[0] == 200
        write = wire.headers("POST", ROOT + ORDERS, "rsa")
        assert (await wire.call("POST", ORDERS, wire.rig.fields(), headers=write))[0] == 403
        assert not wire.rig.member.orders


async def test_nothing_was_ever_archived() -> None:
    async with served() as wire:
        for name in ("orders", "fills", "markets", "trades"):
            assert await wire.call("GET", f"/historical/{name}") == (200, {name: [], "cursor": ""})


@pytest.mark.parametrize(("use_yes_price", "price"), [(False, "0.4000"), (True, "0.6000")])
async def test_deltas_of_the_no_side_are_in_the_leg_that_was_asked_for(
    use_yes_price: bool,  # noqa: FBT001 - a case
    price: str,
) -> None:
    async with served() as wire:
        ticker = wire.rig.market.ticker
        socket = await wire.socket("orderbook_delta", market_ticker=ticker, use_yes_price=use_yes_price)
        await socket.next()
        wire.rig.foreign("ask", "0.60", 3)
        told = (await socket.sync())[0]["msg"]
        assert (told["side"], told["price_dollars"], told["delta_fp"]) == ("no", price, "3.00")


async def test_cash_that_is_moved_by_hand_is_in_the_balance_and_in_the_record() -> None:
    async with served() as wire:
        for amount, cash in (("-12.345678", "9987.654322"), ("12.345678", "10000.0000")):
            assert await wire.sim("POST", "cash", {"amount": amount}) == (200, {"cash": cash})
            assert (await wire.sim("GET", "state"))[1]["cash"]["0"] == cash
            status, told = await wire.call("GET", "/portfolio/balance", exchange_index="0")
            assert (status, told["balance_dollars"]) == (200, cash)
        for wrong in ({}, {"amount": "ten"}, {"amount": "1", "exchange_index": 9}, None):
            assert (await wire.sim("POST", "cash", wrong))[0] == 400
