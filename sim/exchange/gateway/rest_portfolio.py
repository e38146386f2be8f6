"""REST reads of the account: orders, queue positions, balance, positions, fills, settlements.

Order, fill, balance and position reads show the account as it was `list_lag_ms` ago; the newest truth is on the
websocket and in `/sim/state` only.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import CASH_ONE, NS, cents, rfc3339, show_count, show_dollars
from sim.exchange.book.matching import own_price
from sim.exchange.gateway.calls import Answer, Call, Operation
from sim.exchange.wire import pages, rejects, views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.exchange.book.objects import Account, Fill, Order, OrderState, Position
    from sim.exchange.core import Exchange

KEEP_NS = 30 * NS
STATUSES = ("resting", "canceled", "executed")


def _maybe_resting(account: Account, at_ns: int, now_ns: int) -> Iterable[Order]:
    """Orders that rest, or rested lately, newest first."""
    departed = account.departed
    while departed and departed[0][0] < now_ns - KEEP_NS:
        departed.popleft()
    lately = {order.id: order for changed_ns, order in departed if changed_ns >= at_ns}
    lately.update(account.resting)
    return sorted(lately.values(), key=lambda order: -order.serial)


def _filter(call: Call) -> Callable[[Order, OrderState], bool]:
    """The filters of an order list, parsed once."""
    ticker, events = call.query.get("ticker"), call.words("event_ticker", 10)
    low, high = call.integer("min_ts"), call.integer("max_ts")
    subaccount, shard = call.integer("subaccount"), call.integer("exchange_index")

    def wanted(order: Order, state: OrderState) -> bool:
        return (
            (not ticker or order.market.ticker == ticker)
            and (events is None or order.market.event.ticker in events)
            and (low is None or state.updated_ns >= low * NS)
            and (high is None or order.created_ns <= high * NS)
            and subaccount in (None, order.subaccount)
            and shard in (None, order.market.exchange_index)
        )

    return wanted


def list_orders(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/orders."""
    status = call.query.get("status") or None
    if status is not None and status not in STATUSES:
        raise rejects.parameter(f"status must be one of {', '.join(STATUSES)}")
    limit = call.integer("limit", 100, 1, 1000) or 100
    at_ns = exchange.state.lagged_ns(call.now_ns)
    account = call.account
    candidates: Iterable[Order] = (
        _maybe_resting(account, at_ns, call.now_ns) if status == "resting" else reversed(account.orders.values())
    )
    wanted = _filter(call)
    shown: list[tuple[Order, OrderState]] = []
    for order in candidates:
        state = order.at(at_ns)
        if state is not None and status in (None, state.status) and wanted(order, state):
            shown.append((order, state))
    rows, cursor = pages.page(shown, lambda row: row[0].serial, limit, call.query.get("cursor"))
    return Answer(200, {"orders": [views.order(order, state) for order, state in rows], "cursor": cursor})


def get_order(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/orders/{order_id}."""
    order = call.account.orders.get(call.path["order_id"])
    state = None if order is None else order.at(exchange.state.lagged_ns(call.now_ns))
    if order is None or state is None:
        raise rejects.not_found()
    return Answer(200, {"order": views.order(order, state)})


def queue_position(exchange: Exchange, call: Call) -> Answer:
    """GET one resting order's place."""
    del exchange
    order = call.account.resting.get(call.path["order_id"])
    if order is None:
        raise rejects.not_found()
    return Answer(200, {"queue_position_fp": show_count(order.market.book.ahead_of(order))})


def queue_positions(exchange: Exchange, call: Call) -> Answer:
    """GET the places of all resting orders of some markets or of one event."""
    del exchange
    tickers, event = call.words("market_tickers", 1000), call.query.get("event_ticker")
    if tickers is None and not event:
        raise rejects.invalid("market_tickers or event_ticker is required")
    rows: list[dict[str, Any]] = [
        {
            "order_id": order.id,
            "market_ticker": order.market.ticker,
            "queue_position_fp": show_count(order.market.book.ahead_of(order)),
        }
        for order in call.account.resting.values()
        if (tickers is None or order.market.ticker in tickers)
        and (not event or order.market.event.ticker == event)
        and call.integer("subaccount") in (None, order.subaccount)
    ]
    return Answer(200, {"queue_positions": rows})


def _free(account: Account, subaccount: int, shard: int, at_ns: int) -> int:
    """Cash that is not set aside for resting orders ("available balance"; that it excludes them is our reading)."""
    return account.purse(subaccount, shard).at(at_ns) - account.held(subaccount, shard).at(at_ns)


def balance(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/balance."""
    state, account = exchange.state, call.account
    at_ns = state.lagged_ns(call.now_ns)
    subaccount, only = call.integer("subaccount", 0) or 0, call.integer("exchange_index")
    shards = [shard for shard in state.config.shards if only in (None, shard)]
    free = {shard: _free(account, subaccount, shard, at_ns) for shard in shards}
    total = sum(free.values())
    value = sum(
        _worth(position, at_ns)
        for position in account.positions.values()
        if position.subaccount == subaccount and position.market.exchange_index in shards
    )
    body = {
        "balance": cents(total),
        "balance_dollars": show_dollars(total),
        "portfolio_value": cents(value),
        "updated_ts": at_ns // NS,
        "balance_breakdown": [{"exchange_index": s, "balance": show_dollars(cash)} for s, cash in free.items()],
    }
    return Answer(200, body)


def _worth(position: Position, at_ns: int) -> int:
    """A position at the last price of its market, or at cost before the first trade."""
    count = position.count.at(at_ns)
    last = position.market.last_price
    if not count or not last:
        return position.cost.at(at_ns)
    return abs(count) * own_price("bid" if count > 0 else "ask", last)


def positions(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/positions."""
    at_ns = exchange.state.lagged_ns(call.now_ns)
    subaccount, shard = call.integer("subaccount", 0), call.integer("exchange_index")
    ticker, event = call.query.get("ticker"), call.query.get("event_ticker")
    settled = call.query.get("settlement_status") or "unsettled"
    nonzero = call.words("count_filter", 2) or []
    limit = call.integer("limit", 100, 1, 1000) or 100
    chosen: list[Position] = []
    for position in call.account.positions.values():
        market = position.market
        if position.subaccount != subaccount or shard not in (None, market.exchange_index) or not position.volume:
            continue
        if (ticker and market.ticker != ticker) or (event and market.event.ticker != event):
            continue
        if settled != "all" and position.settled != (settled == "settled"):
            continue
        if nonzero and not (
            ("position" in nonzero and position.count.at(at_ns)) or ("total_traded" in nonzero and position.traded)
        ):
            continue
        chosen.append(position)
    rows, cursor = pages.page(list(enumerate(chosen))[::-1], lambda row: row[0], limit, call.query.get("cursor"))
    shown = [position for _, position in rows]
    body = {
        "market_positions": [views.position(position, at_ns) for position in shown],
        "event_positions": views.event_positions(shown, at_ns),
        "cursor": cursor,
    }
    return Answer(200, body)


def fills(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/fills."""
    at_ns = exchange.state.lagged_ns(call.now_ns)
    tickers, order_id = call.words("ticker", 100), call.query.get("order_id")
    low, high = call.integer("min_ts"), call.integer("max_ts")
    subaccount, shard = call.integer("subaccount"), call.integer("exchange_index")
    limit = call.integer("limit", 100, 1, 1000) or 100

    def wanted(fill: Fill) -> bool:
        return (
            fill.at_ns <= at_ns
            and (tickers is None or fill.trade.market.ticker in tickers)
            and (not order_id or fill.order.id == order_id)
            and (low is None or fill.at_ns >= low * NS)
            and (high is None or fill.at_ns <= high * NS)
            and subaccount in (None, fill.order.subaccount)
            and shard in (None, fill.trade.market.exchange_index)
        )

    chosen = (fill for fill in reversed(call.account.fills) if wanted(fill))
    rows, cursor = pages.page(chosen, lambda fill: fill.trade.serial, limit, call.query.get("cursor"))
    return Answer(200, {"fills": [views.fill(fill) for fill in rows], "cursor": cursor})


def settlements(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/settlements."""
    del exchange
    ticker, event = call.query.get("ticker"), call.query.get("event_ticker")
    low, high, subaccount = call.integer("min_ts"), call.integer("max_ts"), call.integer("subaccount")
    limit = call.integer("limit", 100, 1, 1000) or 100
    chosen = [
        (number, one)
        for number, one in enumerate(call.account.settlements)
        if (not ticker or one.market.ticker == ticker)
        and (not event or one.market.event.ticker == event)
        and (low is None or one.at_ns >= low * NS)
        and (high is None or one.at_ns <= high * NS)
        and subaccount in (None, one.subaccount)
    ]
    rows, cursor = pages.page(chosen[::-1], lambda row: row[0], limit, call.query.get("cursor"))
    return Answer(200, {"settlements": [views.settlement(one) for _, one in rows], "cursor": cursor})


def resting_value(exchange: Exchange, call: Call) -> Answer:
    """GET /portfolio/summary/total_resting_order_value."""
    held = dict.fromkeys(exchange.state.config.shards, 0)
    for order in chain(call.account.resting.values()):
        held[order.market.exchange_index] += own_price(order.side, order.state.price) * order.state.remaining
    rows = [{"exchange_index": shard, "balance": show_dollars(cash)} for shard, cash in held.items()]
    total = sum(held.values()) // (CASH_ONE // 100)
    return Answer(200, {"total_resting_order_value": total, "resting_order_value_breakdown": rows})


def user_data_timestamp(exchange: Exchange, call: Call) -> Answer:
    """GET: the instant that lagging reads show now."""
    return Answer(200, {"as_of_time": rfc3339(exchange.state.lagged_ns(call.now_ns))})


ORDERS = "/portfolio/orders"
OPERATIONS = (
    Operation("list_orders", "GET", ORDERS, list_orders),
    Operation("queue_positions", "GET", f"{ORDERS}/queue_positions", queue_positions),
    Operation("get_order", "GET", f"{ORDERS}/{{order_id}}", get_order, cost=2),
    Operation("queue_position", "GET", f"{ORDERS}/{{order_id}}/queue_position", queue_position),
    Operation("get_balance", "GET", "/portfolio/balance", balance),
    Operation("get_positions", "GET", "/portfolio/positions", positions),
    Operation("get_fills", "GET", "/portfolio/fills", fills),
    Operation("get_settlements", "GET", "/portfolio/settlements", settlements),
    Operation("resting_value", "GET", "/portfolio/summary/total_resting_order_value", resting_value),
    Operation("user_data_timestamp", "GET", "/exchange/user_data_timestamp", user_data_timestamp, signed=False),
)
