"""Every fault of the menu, over real sockets, by the request that asks for it."""

from __future__ import annotations

from random import Random
from typing import Any

import aiohttp
import pytest

from sim.exchange.gateway.faults import AT_ONCE, MENU, BadFault, FaultDesk
from tests.sim.exchange.wire import ORDERS, Wire, served

BALANCE = "/portfolio/balance"


async def inject(wire: Wire, **fault: Any) -> None:  # noqa: ANN401 - JSON
    status, body = await wire.sim("POST", "faults", fault)
    assert status == 200, body


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {"fault": "none"},
        {"fault": "latency", "count": 0},
        {"fault": "latency", "for_s": -1},
        {"fault": "latency", "probability": 2},
        {"fault": "latency", "op": 3},
    ],
)
def test_a_senseless_fault_is_refused_in_words(request_: object) -> None:
    with pytest.raises(BadFault):
        FaultDesk(Random(1)).add(request_, 0)


def test_count_time_operation_and_probability_limit_a_fault() -> None:
    desk = FaultDesk(Random(1))
    desk.add({"fault": "http_429", "op": "create_order", "count": 2}, 0)
    assert desk.draw("http_429", 0, "get_balance") is None
    assert [desk.draw("http_429", 0, "create_order") is not None for _ in range(3)] == [True, True, False]
    desk.add({"fault": "latency", "for_s": 1}, 0)
    assert desk.draw("latency", 10**9 - 1) is not None
    assert desk.draw("latency", 10**9) is None
    desk.add({"fault": "ws_duplicate", "probability": 0.5}, 0)
    struck = [desk.draw("ws_duplicate", 0) is not None for _ in range(1000)]
    assert 400 < sum(struck) < 600
    again = FaultDesk(Random(1))
    again.add({"fault": "ws_duplicate", "probability": 0.5}, 0)
    assert [again.draw("ws_duplicate", 0) is not None for _ in range(1000)] == struck


def test_every_fault_has_its_words() -> None:
    assert set(MENU) >= AT_ONCE
    assert all(MENU.values())


async def test_a_lost_request_is_not_processed_and_a_lost_answer_is() -> None:
    async with served() as wire:
        for fault, orders in (("lost_request", 0), ("lost_answer", 1)):
            await inject(wire, fault=fault, op="create_order", count=1)
            with pytest.raises(aiohttp.ClientError):
                await wire.call("POST", ORDERS, wire.rig.fields())
            assert len(wire.rig.member.resting) == orders
        assert (await wire.sim("GET", "state"))[1]["faults"] == {"lost_request": 1, "lost_answer": 1}


async def test_429_and_5xx_with_and_without_processing() -> None:
    async with served() as wire:
        await inject(wire, fault="http_429", count=1)
        assert (await wire.call("GET", BALANCE))[0] == 429
        await inject(wire, fault="http_5xx", code=504, count=1)
        assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 504
        assert not wire.rig.member.resting
        await inject(wire, fault="http_5xx", processed=True, count=1)
        assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 503
        assert len(wire.rig.member.resting) == 1
        assert (await wire.call("GET", BALANCE))[0] == 200


async def test_latency_is_before_and_a_late_ack_after_processing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as wire:
        waits: list[tuple[float, int]] = []

        async def wait(delay_s: float) -> None:
            waits.append((delay_s, len(wire.rig.member.resting)))

        await inject(wire, fault="latency", ms=150, count=1)
        await inject(wire, fault="late_ack", ms=250, count=1)
        with monkeypatch.context() as patch:
            patch.setattr("sim.exchange.http.server.asyncio.sleep", wait)
            assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 201
        assert waits == [(0.15, 0), (0.25, 1)]


async def test_refused_orders_and_refused_triggers() -> None:
    async with served() as wire:
        await inject(wire, fault="refuse_orders", count=1, status=409, code="trading_is_paused")
        status, body = await wire.call("POST", ORDERS, wire.rig.fields())
        assert (status, body["error"]["code"]) == (409, "trading_is_paused")
        _, group = await wire.call("POST", "/portfolio/order_groups/create", {"contracts_limit": 2})
        await inject(wire, fault="group_trigger_refused", count=1)
        path = f"/portfolio/order_groups/{group['order_group_id']}/trigger"
        assert [(await wire.call("PUT", path))[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("mode", "reduced"), [("before", "3.00"), ("after", "5.00")])
async def test_a_fill_arrives_after_the_cancel_was_answered(mode: str, reduced: str) -> None:
    async with served() as wire:
        socket = await wire.socket("fill", "user_orders")
        order_id = await wire.place()
        await socket.sync()
        await inject(wire, fault="fill_after_cancel", mode=mode, delay_ms=50, count=1)
        status, body = await wire.call("DELETE", f"{ORDERS}/{order_id}")
        assert (status, body["reduced_by"]) == (200, reduced)
        assert await socket.sync() == []
        frames = [await socket.next() for _ in range(3)]
        assert [frame["type"] for frame in frames] == ["fill", "user_order", "user_order"]
        assert frames[0]["msg"]["count_fp"] == "2.00"


async def test_the_last_contract_filled_first_makes_the_cancel_a_404() -> None:
    async with served() as wire:
        order_id = await wire.place(count="1")
        await inject(wire, fault="fill_after_cancel", delay_ms=1)
        assert (await wire.call("DELETE", f"{ORDERS}/{order_id}"))[0] == 404
        assert len(wire.rig.member.fills) == 1


async def test_gaps_duplicates_and_swaps_on_a_numbered_channel() -> None:
    async with served() as wire:
        socket = await wire.socket("orderbook_delta", market_ticker=wire.rig.market.ticker)
        await socket.next()
        for fault, numbers in (("ws_seq_gap", [3]), ("ws_duplicate", [4, 4, 5]), ("ws_reorder", [7, 6])):
            await inject(wire, fault=fault, count=1, channel="orderbook_delta")
            wire.rig.foreign("bid", "0.30", 1)
            wire.rig.foreign("bid", "0.31", 1)
            assert [frame["seq"] for frame in await socket.sync()] == numbers


async def test_a_dropped_socket_ends_and_a_silent_one_does_not() -> None:
    async with served() as wire:
        dropped = await wire.socket("trade")
        await inject(wire, fault="ws_drop")
        assert (await dropped.ws.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        closed = await wire.socket("trade")
        await inject(wire, fault="ws_drop", code=1012)
        assert (await closed.ws.receive(timeout=5)).data == 1012
        silent = await wire.socket("user_orders")
        await inject(wire, fault="ws_half_open")
        await wire.place()
        with pytest.raises(TimeoutError):
            await silent.ws.receive(timeout=0.05)
        assert not silent.ws.closed


async def test_a_terminal_error_ends_the_subscription() -> None:
    async with served() as wire:
        socket = await wire.socket("user_orders", "orderbook_delta", market_ticker=wire.rig.market.ticker)
        await socket.next()
        await inject(wire, fault="ws_terminal", channel="orderbook_delta")
        frame = await socket.next()
        assert (frame["type"], frame["msg"]["code"], frame["sid"], frame["seq"]) == ("error", 25, 2, 2)
        wire.rig.foreign("bid", "0.30", 1)
        assert await socket.sync() == []


async def test_a_skewed_exchange_clock_shows_in_its_stamps() -> None:
    async with served() as wire:
        now_ms = wire.clock.utc_ns // 1_000_000
        await inject(wire, fault="clock_skew_ms", ms=2_000)
        _, body = await wire.call("POST", ORDERS, wire.rig.fields())
        assert body["ts_ms"] == now_ms + 2_000
        assert await wire.date() == (now_ms + 2_000) // 1_000
        await wire.sim("DELETE", "faults")
        _, body = await wire.call("POST", ORDERS, wire.rig.fields())
        assert body["ts_ms"] >= now_ms


async def test_pauses_lag_fees_and_halts_are_done_at_once() -> None:
    async with served() as wire:
        ticker = wire.rig.market.ticker
        await inject(wire, fault="exchange_pause", for_s=5)
        _, status = await wire.call("GET", "/exchange/status")
        assert (status["exchange_active"], "exchange_estimated_resume_time" in status) == (False, True)
        assert (await wire.call("DELETE", ORDERS))[0] == 409
        wire.wait(5)
        await inject(wire, fault="trading_pause", for_s=5)
        assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 409
        await wire.sim("DELETE", "faults")
        assert (await wire.call("POST", ORDERS, wire.rig.fields()))[0] == 201
        await inject(wire, fault="fee_type", series="KXINXU", fee_type="quadratic_with_maker_fees", fee_multiplier=0.5)
        _, body = await wire.call("GET", "/series/KXINXU")
        assert (body["series"]["fee_type"], body["series"]["fee_multiplier"]) == ("quadratic_with_maker_fees", 0.5)
        _, changes = await wire.call("GET", "/series/fee_changes", series_ticker="KXINXU", show_historical="true")
        assert len(changes["series_fee_change_arr"]) == 2
        await inject(wire, fault="market_deactivate", ticker=ticker, for_s=1)
        assert (await wire.call("GET", f"/markets/{ticker}"))[1]["market"]["status"] == "inactive"
        wire.wait(1)
        assert (await wire.call("GET", f"/markets/{ticker}"))[1]["market"]["status"] == "active"
        assert not wire.rig.member.resting
        await inject(wire, fault="list_lag_ms", ms=500)
        wire.wait(1)
        await wire.place()
        assert (await wire.call("GET", "/portfolio/orders", status="resting"))[1]["orders"] == []


async def test_a_new_grid_is_announced_and_what_rests_survives() -> None:
    async with served() as wire:
        socket = await wire.socket("market_lifecycle_v2")
        await wire.place()
        assert (await wire.call("POST", ORDERS, wire.rig.fields(price="0.425")))[0] == 400
        await inject(wire, fault="price_grid", step="0.001", event=wire.rig.event.ticker)
        assert (await wire.call("POST", ORDERS, wire.rig.fields(price="0.425")))[0] == 201
        assert len(wire.rig.member.resting) == 2
        told = (await socket.sync())[0]["msg"]
        assert (told["event_type"], told["price_level_structure"]) == ("price_level_structure_updated", "deci_cent")
        assert told["price_ranges"] == [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]


async def test_a_half_open_fault_with_a_duration_holds_new_sockets_too() -> None:
    async with served() as wire:
        await inject(wire, fault="ws_half_open", for_s=10)
        dead = await wire.socket()
        await dead.ws.send_str('{"id":1,"cmd":"list_subscriptions"}')
        with pytest.raises(TimeoutError):
            await dead.ws.receive(timeout=0.05)
        wire.wait(10)
        alive = await wire.socket("trade")
        assert await alive.sync() == []


async def test_the_status_body_may_come_with_a_5xx() -> None:
    async with served() as wire:
        await inject(wire, fault="http_5xx", op="exchange_status", code=504, count=1)
        status, body = await wire.call("GET", "/exchange/status")
        assert (status, body["trading_active"]) == (504, True)


async def test_every_cancelling_call_can_meet_a_late_fill() -> None:
    async with served() as wire:
        _, group = await wire.call("POST", "/portfolio/order_groups/create", {"contracts_limit": 500})
        group_id = group["order_group_id"]
        cases: list[tuple[str, str, object]] = [
            ("DELETE", f"{ORDERS}/batched", {"orders": [{"order_id": "?"}]}),
            ("PUT", f"/portfolio/order_groups/{group_id}/trigger", None),
            ("DELETE", f"/portfolio/order_groups/{group_id}", None),
            ("DELETE", ORDERS, None),
        ]
        for number, (method, path, body) in enumerate(cases, 1):
            await wire.call("PUT", f"/portfolio/order_groups/{group_id}/reset")
            grouped = {"order_group_id": group_id} if number < 4 else {}
            order_id = await wire.place(**grouped)
            await inject(wire, fault="fill_after_cancel", delay_ms=1, count=1)
            sent = {"orders": [{"order_id": order_id}]} if body else None
            assert (await wire.call(method, path, sent))[0] in (200, 204)
            assert len(wire.rig.member.fills) == number
            assert not wire.rig.member.resting
