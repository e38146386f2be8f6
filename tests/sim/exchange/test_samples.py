"""Recorded bodies of the exchange, field for field: names, types and formats, made again by the simulator.

The tables below are the key sets and string formats of the recordings of 2026-06-11 (demo) and of the official examples
of October 2026; values are the simulator's own. Fields that the present contract requires beyond a recording are listed
as such, so that a later change of either side shows.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from sim.exchange.book.notices import Delta, Filled, OrderChanged, PositionChanged, Traded
from sim.exchange.wire import frames
from tests.sim.exchange.rig import Rig
from tests.sim.exchange.wire import ORDERS, Wire, served

PRICE = re.compile(r"\d\.\d{4}")
CASH = re.compile(r"-?\d+\.\d{6}")
COUNT = re.compile(r"-?\d+\.\d{2}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

ORDER: dict[str, object] = {
    "action": "sell",
    "book_side": "ask",
    "client_order_id": str,
    "created_time": TIME,
    "fill_count_fp": COUNT,
    "initial_count_fp": COUNT,
    "last_update_time": TIME,
    "maker_fees_dollars": CASH,
    "maker_fill_cost_dollars": CASH,
    "no_price_dollars": PRICE,
    "order_id": UUID,
    "outcome_side": "no",
    "remaining_count_fp": COUNT,
    "self_trade_prevention_type": "taker_at_cross",
    "side": "yes",
    "status": str,
    "subaccount_number": int,
    "taker_fees_dollars": CASH,
    "taker_fill_cost_dollars": CASH,
    "ticker": str,
    "type": "limit",
    "user_id": UUID,
    "yes_price_dollars": PRICE,
}
FILL: dict[str, object] = {
    "action": str,
    "book_side": str,
    "count_fp": COUNT,
    "created_time": TIME,
    "fee_cost": CASH,
    "fill_id": UUID,
    "is_taker": bool,
    "market_ticker": str,
    "no_price_dollars": PRICE,
    "order_id": UUID,
    "outcome_side": str,
    "side": "yes",
    "subaccount_number": int,
    "ticker": str,
    "trade_id": UUID,
    "ts": int,
    "yes_price_dollars": PRICE,
}
POSITION: dict[str, object] = {
    "fees_paid_dollars": CASH,
    "last_updated_ts": TIME,
    "market_exposure_dollars": CASH,
    "position_fp": COUNT,
    "realized_pnl_dollars": CASH,
    "ticker": str,
    "total_traded_dollars": CASH,
}
EVENT_POSITION: dict[str, object] = {
    "event_exposure_dollars": CASH,
    "event_ticker": str,
    "fees_paid_dollars": CASH,
    "realized_pnl_dollars": CASH,
    "total_cost_dollars": CASH,
    "total_cost_shares_fp": COUNT,
}
MARKET: dict[str, object] = {
    "can_close_early": bool,
    "close_time": TIME,
    "created_time": TIME,
    "event_ticker": str,
    "expected_expiration_time": TIME,
    "expiration_time": TIME,
    "expiration_value": str,
    "last_price_dollars": PRICE,
    "latest_expiration_time": TIME,
    "market_type": "binary",
    "no_ask_dollars": PRICE,
    "no_bid_dollars": PRICE,
    "no_sub_title": str,
    "notional_value_dollars": "1.0000",
    "open_interest_fp": COUNT,
    "open_time": TIME,
    "previous_price_dollars": PRICE,
    "previous_yes_ask_dollars": PRICE,
    "previous_yes_bid_dollars": PRICE,
    "price_level_structure": "linear_cent",
    "price_ranges": [{"end": "1.0000", "start": "0.0000", "step": "0.0100"}],
    "result": str,
    "rules_primary": str,
    "rules_secondary": str,
    "settlement_timer_seconds": int,
    "status": str,
    "strike_type": str,
    "ticker": str,
    "title": str,
    "updated_time": TIME,
    "volume_24h_fp": COUNT,
    "volume_fp": COUNT,
    "yes_ask_dollars": PRICE,
    "yes_ask_size_fp": COUNT,
    "yes_bid_dollars": PRICE,
    "yes_bid_size_fp": COUNT,
    "yes_sub_title": str,
}
WS_FILL: dict[str, object] = {
    "trade_id": UUID,
    "order_id": UUID,
    "client_order_id": str,
    "market_ticker": str,
    "exchange_index": int,
    "is_taker": bool,
    "side": "yes",
    "yes_price_dollars": PRICE,
    "count_fp": COUNT,
    "fee_cost": CASH,
    "action": str,
    "ts": int,
    "ts_ms": int,
    "post_position_fp": COUNT,
    "purchased_side": str,
    "outcome_side": str,
    "book_side": str,
    "subaccount": int,
}
WS_USER_ORDER: dict[str, object] = {
    "order_id": UUID,
    "user_id": UUID,
    "ticker": str,
    "exchange_index": int,
    "status": str,
    "side": "yes",
    "is_yes": True,
    "outcome_side": str,
    "book_side": str,
    "yes_price_dollars": PRICE,
    "fill_count_fp": COUNT,
    "remaining_count_fp": COUNT,
    "initial_count_fp": COUNT,
    "taker_fill_cost_dollars": CASH,
    "maker_fill_cost_dollars": CASH,
    "taker_fees_dollars": CASH,
    "maker_fees_dollars": CASH,
    "client_order_id": str,
    "order_group_id": UUID,
    "self_trade_prevention_type": str,
    "created_time": TIME,
    "created_ts_ms": int,
    "expiration_time": TIME,
    "expiration_ts_ms": int,
    "subaccount_number": int,
}
WS_DELTA: dict[str, object] = {
    "market_ticker": str,
    "market_id": UUID,
    "price_dollars": PRICE,
    "delta_fp": COUNT,
    "side": str,
    "ts": TIME,
    "ts_ms": int,
}
WS_TRADE: dict[str, object] = {
    "trade_id": UUID,
    "market_ticker": str,
    "yes_price_dollars": PRICE,
    "no_price_dollars": PRICE,
    "count_fp": COUNT,
    "taker_side": str,
    "taker_outcome_side": str,
    "taker_book_side": str,
    "is_block_trade": bool,
    "ts": int,
    "ts_ms": int,
}
WS_TICKER: dict[str, object] = {
    "market_id": UUID,
    "market_ticker": str,
    "price_dollars": PRICE,
    "yes_bid_dollars": PRICE,
    "yes_ask_dollars": PRICE,
    "volume_fp": COUNT,
    "open_interest_fp": COUNT,
    "dollar_volume": int,
    "dollar_open_interest": int,
    "yes_bid_size_fp": COUNT,
    "yes_ask_size_fp": COUNT,
    "last_trade_size_fp": COUNT,
    "ts": int,
    "ts_ms": int,
    "time": TIME,
}


def agrees(value: object, form: object) -> bool:
    if isinstance(form, re.Pattern):
        return isinstance(value, str) and form.fullmatch(value) is not None
    if isinstance(form, type):
        return type(value) is form
    return value == form


def same(body: dict[str, Any], recorded: dict[str, object], *, also: str = "") -> None:
    """Every recorded field is there in its form, and nothing else but the named additions."""
    wrong = {name: body.get(name) for name, form in recorded.items() if not agrees(body.get(name), form)}
    assert not wrong
    assert set(body) - set(recorded) == set(also.split())


async def a_little_history(wire: Wire) -> None:
    """An order that rests, one that takes, one that was cancelled."""
    wire.rig.foreign("ask", "0.52", 1)
    ask = {"side": "ask", "price": "0.60", "client_order_id": "resting"}
    await wire.call("POST", ORDERS, wire.rig.fields(**ask))
    taker = {"price": "0.99", "count": "1", "time_in_force": "immediate_or_cancel", "client_order_id": "taking"}
    await wire.call("POST", ORDERS, wire.rig.fields(**taker))
    await wire.call("DELETE", f"{ORDERS}/{await wire.place(side='ask', price='0.61')}")


async def test_order_lists() -> None:
    async with served() as wire:
        await a_little_history(wire)
        _, body = await wire.call("GET", "/portfolio/orders")
        assert set(body) == {"orders", "cursor"}
        cancelled, taking, resting = body["orders"]
        same(resting, ORDER, also="exchange_index")
        same(cancelled, ORDER, also="exchange_index")
        assert (taking["status"], taking["taker_fees_dollars"], taking["taker_fill_cost_dollars"]) == (
            "executed",
            "0.017500",
            "0.520000",
        )
        assert (taking["yes_price_dollars"], taking["no_price_dollars"]) == ("0.9900", "0.0100")
        assert (cancelled["initial_count_fp"], cancelled["remaining_count_fp"]) == ("5.00", "0.00")


async def test_fills_and_positions() -> None:
    async with served() as wire:
        await a_little_history(wire)
        _, body = await wire.call("GET", "/portfolio/fills")
        same(body["fills"][0], FILL, also="exchange_index")
        assert body["fills"][0]["fee_cost"] == "0.017500"
        _, body = await wire.call("GET", "/portfolio/positions")
        same(body["market_positions"][0], POSITION, also="exchange_index")
        same(body["event_positions"][0], EVENT_POSITION)


async def test_markets_and_books() -> None:
    async with served() as wire:
        await a_little_history(wire)
        ticker = wire.rig.market.ticker
        _, body = await wire.call("GET", f"/markets/{ticker}")
        same(body["market"], MARKET, also="exchange_index floor_strike settlement_bounds_type")
        _, body = await wire.call("GET", f"/markets/{ticker}/orderbook")
        assert body == {"orderbook_fp": {"yes_dollars": [], "no_dollars": [["0.4000", "5.00"]]}}


async def test_schedule_costs_and_status() -> None:
    async with served(thursday_pause=True) as wire:
        _, body = await wire.call("GET", "/exchange/schedule")
        hours = body["schedule"]["standard_hours"][0]
        assert hours["thursday"] == [
            {"close_time": "03:00", "open_time": "00:00"},
            {"close_time": "00:00", "open_time": "05:00"},
        ]
        assert hours["monday"] == [{"close_time": "00:00", "open_time": "00:00"}]
        _, body = await wire.call("GET", "/account/endpoint_costs")
        costs = {(row["method"], row["path"]): row["cost"] for row in body["endpoint_costs"]}
        assert costs["DELETE", "/trade-api/v2/portfolio/events/orders/batched"] == 2
        assert costs["GET", "/trade-api/v2/portfolio/orders/:order_id"] == 2
        assert body["default_cost"] == 10
        _, body = await wire.call("GET", "/account/limits")
        assert set(body) == {"usage_tier", "read", "write", "grants"}


def told(made: Rig, kind: type) -> Any:  # noqa: ANN401 - one of the notices
    return next(notice for notice in made.heard if isinstance(notice, kind))


async def test_websocket_messages() -> None:
    async with served() as wire:
        made = wire.rig
        made.exchange.state.listeners.append(made.heard.append)
        group = made.group(50)
        expires = made.now // 1_000_000_000 + 60
        made.place(client_order_id="mine", order_group_id=group.id, expiration_time=expires)
        made.take("ask", "0.42", 1)
        reason = "last_update_reason last_update_time last_updated_ts_ms"
        order = [notice for notice in made.heard if isinstance(notice, OrderChanged)][-1]
        same(frames.user_order(order.order, order.state), WS_USER_ORDER, also=reason)
        same(frames.fill(told(made, Filled).fill), WS_FILL)
        same(frames.trade(told(made, Traded).trade), WS_TRADE)
        same(frames.ticker(made.market, made.now), WS_TICKER)
        delta = told(made, Delta)
        same(frames.delta(delta, use_yes_price=False, own=False), WS_DELTA)
        same(frames.delta(delta, use_yes_price=False, own=True), WS_DELTA, also="client_order_id subaccount")
        position = frames.market_position(told(made, PositionChanged).position, "user")
        assert set(position) == {
            "user_id",
            "market_ticker",
            "position_fp",
            "position_cost_dollars",
            "realized_pnl_dollars",
            "fees_paid_dollars",
            "position_fee_cost_dollars",
            "volume_fp",
            "subaccount",
        }


async def test_frames_are_laid_out_as_recorded() -> None:
    async with served() as wire:
        socket = await wire.socket("orderbook_delta", "trade", market_ticker=wire.rig.market.ticker)
        await socket.next()
        await wire.place(price="0.47", count="3")
        raw = orjson.dumps((await socket.sync())[0]).decode()
        assert raw.startswith('{"type":"orderbook_delta","sid":1,"seq":2,"msg":{"market_ticker":"')
