"""The official Kalshi Python client, unmodified, against the served exchange: every operation, good and bad input.

Its models are strict (a missing field, a number where a string belongs or an unknown word raises), so a call that
returns has had its whole answer checked. The client blocks and reads the machine's clock, hence the thread and the
system clock here. requirements-conformance.txt says how it is installed.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.system_clock import SystemClock
from tests.sim.exchange.wire import ED, RSA, Wire, served

Client = Callable[..., Any]


class Sdk:
    """The official client, its calls awaited."""

    def __init__(self, wire: Wire, key: str) -> None:
        try:
            kalshi = importlib.import_module("kalshi_python_sync")
        except ModuleNotFoundError:
            pytest.fail(
                "the official client is missing: install requirements-conformance.txt as it says (make setup-dev)"
            )
        private = RSA if key == "rsa" else ED
        settings = kalshi.Configuration(host=f"http://127.0.0.1:{wire.server.port}/trade-api/v2")
        settings.api_key_id = key
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        settings.private_key_pem = pem.decode()
        self.wire = wire
        self.client = kalshi.KalshiClient(settings)
        self.refusal = kalshi.ApiException
        self.ticker = wire.rig.market.ticker
        self.event = wire.rig.event.ticker

    async def __call__(self, name: str, *args: Any, **fields: Any) -> Any:  # noqa: ANN401 - whatever the client gives
        return await asyncio.to_thread(getattr(self.client, name), *args, **fields)

    async def refused(self, name: str, *args: Any, **fields: Any) -> tuple[int, Any]:  # noqa: ANN401 - the same
        with pytest.raises(self.refusal) as caught:
            await self(name, *args, **fields)
        return caught.value.status, orjson.loads(caught.value.body)

    async def create(self, **changes: Any) -> Any:  # noqa: ANN401 - the same
        return await self("create_order_v2", **self.fields(**changes))

    def fields(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - the same
        return {
            "ticker": self.ticker,
            "side": "bid",
            "count": "5.00",
            "price": "0.4200",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **changes,
        }

    def foreign(self, side: str, price: str, count: int) -> None:
        self.wire.rig.now = self.wire.server.gateway.now_ns()
        self.wire.rig.foreign(side, price, count)


@pytest.fixture(params=["rsa", "ed"])
async def sdk(request: pytest.FixtureRequest) -> AsyncIterator[Sdk]:
    async with served(SystemClock(), tier="unmetered") as wire:
        yield Sdk(wire, request.param)


async def test_exchange_series_events_markets(sdk: Sdk) -> None:
    assert (await sdk("get_exchange_status")).trading_active
    assert (await sdk("get_exchange_schedule")).schedule.standard_hours
    assert (await sdk("get_user_data_timestamp")).as_of_time
    assert (await sdk("get_series", "KXINXU")).series.fee_type == "quadratic"
    assert len((await sdk("get_series_list")).series) == 2
    history = await sdk("get_series_fee_changes", series_ticker="KXINXU", show_historical=True)
    assert history.series_fee_change_arr[0].fee_multiplier == 1
    assert (await sdk("get_event_fee_changes")).event_fee_changes == []
    events = (await sdk("get_events", series_ticker="KXINXU", status="open", with_nested_markets=True)).events
    assert {sdk.event} <= {event.event_ticker for event in events}
    assert all(market.strike_type == "greater_or_equal" for event in events for market in event.markets)
    assert len((await sdk("get_event", sdk.event)).markets) == 5
    assert (await sdk("get_event", sdk.event, with_nested_markets=True)).event.markets
    assert (await sdk("get_event_metadata", sdk.event)).market_details == []
    assert len((await sdk("get_markets", event_ticker=sdk.event, status="open", limit=1000)).markets) == 5
    assert (await sdk("get_market", sdk.ticker)).market.floor_strike == sdk.wire.rig.market.strike
    sdk.foreign("ask", "0.60", 3)
    book = (await sdk("get_market_orderbook", sdk.ticker)).orderbook_fp
    assert (book.yes_dollars, book.no_dollars) == ([], [["0.4000", "3.00"]])
    assert (await sdk("get_market_orderbooks", tickers=[sdk.ticker])).orderbooks[0].ticker == sdk.ticker
    assert (await sdk("get_trades", ticker=sdk.ticker)).trades == []
    assert (await sdk("get_historical_cutoff")).market_settled_ts
    assert (await sdk.refused("get_series", "KXNONE"))[0] == 404
    assert (await sdk.refused("get_event", "KXNONE"))[0] == 404
    assert (await sdk.refused("get_market", "KXNONE"))[0] == 404
    assert list((await sdk.refused("get_events", status="sometimes"))[1]) == ["msg"]


async def test_account_and_limits(sdk: Sdk) -> None:
    balance = await sdk("get_balance")
    assert (balance.balance, balance.balance_dollars) == (1_000_000, "10000.0000")
    assert (await sdk("get_balance", exchange_index=2)).balance == 0
    limits = await sdk("get_account_api_limits")
    assert limits.write.refill_rate > 0
    assert (await sdk("get_account_endpoint_costs")).default_cost == 10
    assert (await sdk("get_positions")).market_positions == []
    assert (await sdk("get_fills")).fills == []
    assert (await sdk("get_settlements")).settlements == []


@pytest.mark.step("X06")
async def test_an_orders_life(sdk: Sdk) -> None:
    sdk.foreign("bid", "0.42", 7)
    extra = {"expiration_time": int(time.time()) + 60, "cancel_order_on_pause": True, "exchange_index": 0}
    order = await sdk.create(post_only=True, client_order_id="c1", **extra)
    assert (order.fill_count, order.remaining_count, order.client_order_id) == ("0.00", "5.00", "c1")
    shown = (await sdk("get_order", order.order_id)).order
    assert (shown.status, shown.expiration_time is not None, shown.cancel_order_on_pause) == ("resting", True, True)
    assert (await sdk("get_order_queue_position", order.order_id)).queue_position_fp == "7.00"
    queue = await sdk("get_order_queue_positions", market_tickers=sdk.ticker)
    assert queue.queue_positions[0].order_id == order.order_id
    assert len((await sdk("get_orders", status="resting")).orders) == 1
    assert (await sdk("get_portfolio_resting_order_total_value")).total_resting_order_value == 210
    same = {"ticker": sdk.ticker, "side": "bid", "price": "0.4200"}
    amended = await sdk("amend_order_v2", order.order_id, **same, count="4.00", updated_client_order_id="c2")
    assert (amended.remaining_count, amended.client_order_id) == ("4.00", "c2")
    fewer = await sdk("decrease_order_v2", order.order_id, reduce_to="2.00", market_ticker=sdk.ticker)
    assert fewer.remaining_count == "2.00"
    gone = await sdk("cancel_order_v2", order.order_id, market_ticker=sdk.ticker)
    assert (gone.order_id, gone.reduced_by) == (order.order_id, "2.00")
    assert (await sdk.refused("cancel_order_v2", order.order_id, market_ticker=sdk.ticker))[0] == 404


async def test_taking_fills_positions_and_fees(sdk: Sdk) -> None:
    sdk.foreign("ask", "0.52", 1)
    taken = await sdk.create(count="1.00", price="0.9900", time_in_force="immediate_or_cancel")
    assert (taken.average_fill_price, taken.average_fee_paid) == ("0.5200", "0.0175")
    fill = (await sdk("get_fills", order_id=taken.order_id)).fills[0]
    assert (fill.is_taker, fill.fee_cost, fill.yes_price_dollars) == (True, "0.017500", "0.5200")
    positions = await sdk("get_positions", count_filter="position")
    assert (positions.market_positions[0].position_fp, positions.market_positions[0].market_exposure_dollars) == (
        "1.00",
        "0.520000",
    )
    assert positions.event_positions[0].event_exposure_dollars == "0.520000"
    assert (await sdk("get_trades", ticker=sdk.ticker)).trades[0].taker_book_side == "bid"
    assert (await sdk("get_balance")).balance_dollars == "9999.4625"


async def test_batches_and_cancel_all(sdk: Sdk) -> None:
    rows = [sdk.fields(client_order_id=name) for name in ("b1", "b1", "b2")]
    made = (await sdk("batch_create_orders_v2", orders=rows)).orders
    assert [row.error.code if row.error else None for row in made] == [None, "order_already_exists", None]
    wanted = [{"order_id": made[0].order_id, "market_ticker": sdk.ticker}, {"order_id": "none"}]
    gone = (await sdk("batch_cancel_orders_v2", orders=wanted)).orders
    assert [(row.reduced_by, row.error.code if row.error else None) for row in gone] == [
        ("5.00", None),
        ("0.00", "not_found"),
    ]
    assert await sdk("cancel_all_orders") is None
    assert (await sdk("get_orders", status="resting")).orders == []


async def test_order_groups(sdk: Sdk) -> None:
    group = (await sdk("create_order_group", contracts_limit=10)).order_group_id
    order = await sdk.create(order_group_id=group)
    assert (await sdk("get_order_groups")).order_groups[0].contracts_limit_fp == "10.00"
    assert (await sdk("get_order_group", group)).orders == [order.order_id]
    await sdk("update_order_group_limit", group, contracts_limit=20)
    await sdk("trigger_order_group", group)
    assert (await sdk("get_order", order.order_id)).order.status == "canceled"
    assert (await sdk.refused("create_order_v2", **sdk.fields(order_group_id=group)))[0] == 409
    await sdk("reset_order_group", group)
    assert await sdk.create(order_group_id=group)
    await sdk("delete_order_group", group)
    assert (await sdk.refused("delete_order_group", group))[0] == 404
    assert (await sdk.refused("get_order_group", group))[0] == 404


@pytest.mark.step("X06")
async def test_bad_orders_raise_with_the_recorded_bodies(sdk: Sdk) -> None:
    await sdk.create(client_order_id="c1")
    sdk.foreign("ask", "0.60", 1)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"price": "0.4250"}, 400, "invalid_price"),
        ({"count": "90000"}, 400, "insufficient_balance"),
        ({"client_order_id": "c1"}, 409, "order_already_exists"),
        ({"price": "0.6000", "post_only": True}, 400, "invalid_order"),
        ({"ticker": "KXNONE"}, 404, "market_not_found"),
        ({"exchange_index": 2}, 404, "market_not_found"),
    ]
    for changes, status, code in cases:
        found, body = await sdk.refused("create_order_v2", **sdk.fields(**changes))
        assert (found, body["error"]["code"]) == (status, code)


async def test_settlements(sdk: Sdk) -> None:
    sdk.foreign("ask", "0.42", 2)
    await sdk.create(count="2.00")
    exchange = sdk.wire.server.gateway.exchange
    exchange.life._settle(sdk.wire.rig.event, sdk.wire.server.gateway.now_ns())  # noqa: SLF001 - the hour is long
    row = (await sdk("get_settlements")).settlements[0]
    assert (row.ticker, row.yes_count_fp, row.market_result) == (sdk.ticker, "2.00", "yes")
    assert (row.revenue, row.yes_total_cost_dollars, row.value) == (200, "0.840000", 100)
    market = (await sdk("get_market", sdk.ticker)).market
    assert (market.status, market.result, market.expiration_value) == ("finalized", "yes", "6701.2500")
    assert (await sdk("get_positions", settlement_status="settled")).market_positions[0].position_fp == "0.00"
