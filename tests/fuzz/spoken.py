"""What the exchange on the stand says, in the words of the wire: the bodies that its answers would have."""

from __future__ import annotations

import datetime as dt
import json

from domain.actions import Ask, CancelOrders, CreateGroup, Place, Read
from domain.clock import NS_PER_S
from domain.events import (
    AnyEvent,
    BalanceRead,
    CancelOutcome,
    Fill,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    OrderState,
    PlaceOutcome,
    PositionsRead,
    SettlementsRead,
)
from domain.market import Market
from domain.money import print_cash, print_count, print_fixed, print_price
from execution.kalshi.wire import KalshiRequest, Write


def stamp(utc_ns: int) -> str:
    """RFC 3339."""
    return dt.datetime.fromtimestamp(utc_ns // NS_PER_S, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def order(state: OrderState) -> dict[str, object]:
    """An order in a list, and in the stream's news."""
    return {
        "order_id": state.order_id, "client_order_id": state.client_order_id, "ticker": state.ticker,
        "book_side": state.side.value, "status": state.status, "yes_price_dollars": print_price(state.price),
        "fill_count_fp": print_count(state.filled), "remaining_count_fp": print_count(state.remaining),
        "initial_count_fp": print_count(state.initial), "order_group_id": state.group_id or None,
        "exchange_index": state.exchange_index, "expiration_time": stamp(state.expiration_ms * 10**6),
        "expiration_ts_ms": state.expiration_ms, "last_update_reason": state.last_update_reason,
    }  # fmt: skip


def fill(told: Fill) -> dict[str, object]:
    """A fill in a list, and in the stream's news."""
    return {
        "trade_id": told.trade_id, "order_id": told.order_id, "client_order_id": told.client_order_id,
        "ticker": told.ticker, "market_ticker": told.ticker, "book_side": told.side.value,
        "yes_price_dollars": print_price(told.price), "count_fp": print_count(told.count),
        "fee_cost": print_cash(told.fee), "is_taker": told.is_taker, "created_time": stamp(told.exchange_ms * 10**6),
        "ts_ms": told.exchange_ms,
    }  # fmt: skip


def market(told: Market) -> dict[str, object]:
    """A market in a list."""
    return {
        "ticker": told.ticker, "event_ticker": told.event_ticker, "open_time": stamp(told.open_ns),
        "close_time": stamp(told.close_ns), "status": told.status, "result": told.result,
        "expiration_value": told.expiration_value, "strike_type": told.strike_type.value,
        "floor_strike": float(print_fixed(told.floor_strike or 0, 6)), "exchange_index": told.exchange_index,
        "price_ranges": [{"start": print_price(r.start), "end": print_price(r.end), "step": print_price(r.step)}
                         for r in told.price_ranges],
    }  # fmt: skip


def write(action: Write, events: list[AnyEvent]) -> tuple[int, bytes]:
    """Status and body of the answer to one write."""
    for event in events:
        if isinstance(action, Place) and isinstance(event, PlaceOutcome) and event.order_id:
            return 201, _json(
                order_id=event.order_id, client_order_id=event.client_order_id, fill_count=print_count(event.filled),
                remaining_count=print_count(event.remaining), ts_ms=1_800_000_000_000,
            )  # fmt: skip
        if isinstance(action, CreateGroup) and isinstance(event, GroupOutcome):
            return 201, _json(order_group_id=event.group_id)
    if isinstance(action, CancelOrders):
        ended = [event for event in events if isinstance(event, CancelOutcome)]
        rows = [{"order_id": each.order_id, "reduced_by": print_count(each.reduced_by or 0)} for each in ended]  # type: ignore[arg-type]  # 0 is a count
        return 200, _json(orders=rows)
    return (204, b"") if not isinstance(action, Place) else (409, _json(error={"code": "trading_is_paused"}))


def read(ask: Ask, event: AnyEvent, request: KalshiRequest) -> bytes:
    """The body of the answer to one request of a read."""
    match event:
        case OrdersRead(orders=orders):
            return _json(orders=[order(each) for each in orders], cursor="")
        case FillsRead(fills=fills):
            return _json(fills=[fill(each) for each in fills], cursor="")
        case PositionsRead(positions=positions):
            rows = [{"ticker": each.ticker, "position_fp": print_count(each.count)} for each in positions]
            return _json(market_positions=rows, cursor="")
        case BalanceRead(balance=balance):
            told = print_cash(balance)
            return _json(balance_dollars=told, balance_breakdown=[{"exchange_index": 0, "balance": told}])
        case GroupsRead(groups=groups):
            return _json(order_groups=[
                {"id": each.group_id, "is_auto_cancel_enabled": each.triggered, "exchange_index": 0} for each in groups
            ])  # fmt: skip
        case MarketsRead(markets=markets):
            return _json(markets=[market(each) for each in markets], cursor="")
        case SettlementsRead(settlements=rows):
            return _json(cursor="", settlements=[
                {"ticker": row.ticker, "market_result": row.result, "revenue": row.revenue // 10_000,
                 "fee_cost": print_cash(row.fee), "value": 0} for row in rows
            ])  # fmt: skip
        case LimitsRead():
            if request.path.endswith("/limits"):
                bucket = {"refill_rate": 1_200, "bucket_capacity": 3_600}
                return _json(usage_tier="premier", read=bucket, write=bucket)
            return _json(default_cost=10, endpoint_costs=[])
        case _:
            return _terms(ask, request)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK: dict[str, object] = {"start_time": "2024-12-01T00:00:00Z", "end_time": "2200-12-01T00:00:00Z"}
WEEK.update((day, [{"open_time": "00:00", "close_time": "00:00"}]) for day in WEEKDAYS)


def _terms(ask: Ask, request: KalshiRequest) -> bytes:
    if ask.what is Read.STATUS:
        return _json(exchange_active=True, trading_active=True)
    if ask.what is Read.SCHEDULE:
        return _json(schedule={"standard_hours": [WEEK], "maintenance_windows": []})
    tail = request.path.rpartition("/")[2]
    if "fee_changes" in tail:
        return _json(series_fee_change_arr=[], event_fee_changes=[], cursor="")
    if "/events/" in request.path:
        return _json(event={"event_ticker": tail})
    return _json(series={"ticker": tail, "fee_type": "quadratic", "fee_multiplier": 1})


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
