"""Order operations V2 (create, cancel, cancel-all, amend, decrease), in the exchange's own terms.

Everything is quoted on the YES leg. Each function takes the fields of a checked request and returns the JSON of the
success answer, or raises `Reject`. Order of the checks is our reading: pause, shard, client order id, market, group,
grid, collateral; then the matching engine. A post-only cross is refused by the engine itself, which is why it leaves a
canceled record and burns the client order id (both recorded).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sim.exchange.book import matching
from sim.exchange.book.fixed import COUNT_ONE, NS, PRICE_ONE, show_count, show_price
from sim.exchange.book.notices import OrderChanged
from sim.exchange.book.objects import Account, Group, Market, Order, OrderState
from sim.exchange.wire import rejects, requests

if TYPE_CHECKING:
    from sim.exchange.book.state import State

NS_PER_MS = 1_000_000
SUBACCOUNT_MAX = 63
TIMES = ("good_till_canceled", "immediate_or_cancel", "fill_or_kill")
PREVENTIONS = ("taker_at_cross", "maker")


def exchange_open(state: State, market: Market | None = None) -> None:
    """Refuse everything while the exchange is paused, and all but reads once a market has closed."""
    if state.pauses.exchange:
        raise rejects.nested(409, "exchange_is_paused")
    if market is not None and market.status not in ("active", "inactive"):
        raise rejects.market_inactive()


def trading_open(state: State, market: Market) -> None:
    """Refuse placing and amending while trading is paused, everywhere or in this market."""
    exchange_open(state, market)
    if state.pauses.trading or market.halted:
        raise rejects.nested(409, "trading_is_paused")


def route(state: State, ticker: str, shard: int | None) -> Market:
    """The market, if it trades on the shard that was named; omitted or -1 routes by the ticker."""
    market = state.markets.get(ticker)
    if shard is None:
        shard = -1 if state.config.auto_route else 0
    if market is None or shard not in (-1, market.exchange_index):
        raise rejects.market_not_found()
    return market


def subaccount_of(fields: dict[str, Any]) -> int:
    """The subaccount of a request, 0 when omitted."""
    number = int(fields.get("subaccount", 0))
    if not 0 <= number <= SUBACCOUNT_MAX:
        raise rejects.invalid("subaccount must be 0 to 63")
    return number


def group_of(state: State, fields: dict[str, Any], account: Account, market: Market) -> Group | None:
    """The order group of a new order, if it may take orders."""
    group_id = fields.get("order_group_id")
    if not group_id:
        return None
    group = state.groups.get(group_id)
    if group is None or group.account is not account:
        raise rejects.not_found("order group")
    if group.exchange_index != market.exchange_index:
        raise rejects.invalid("order group is on another exchange_index")
    if group.triggered:
        raise rejects.group_triggered()
    return group


def expiration_of(fields: dict[str, Any], now_ns: int) -> int | None:
    """The expiry in Unix seconds; only with good_till_canceled, only in the future."""
    expiration = fields.get("expiration_time")
    if expiration is None:
        return None
    if fields["time_in_force"] != "good_till_canceled":
        raise rejects.invalid("expiration_time needs time_in_force good_till_canceled")
    if expiration * NS <= now_ns:
        raise rejects.invalid("expiration_time must be in the future")
    return int(expiration)


def client_order_id_of(fields: dict[str, Any], account: Account) -> str:
    """The client order id, never seen before on this account; empty when omitted."""
    client_order_id = str(fields.get("client_order_id", ""))
    if "." in client_order_id:
        raise rejects.invalid("client_order_id must not contain '.'")
    if client_order_id and client_order_id in account.client_order_ids:
        raise rejects.nested(409, "order_already_exists")
    return client_order_id


def create(state: State, account: Account, fields: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Place one order; the V2 create answer."""
    requests.need(fields, "ticker", "side", "count", "price", "time_in_force", "self_trade_prevention_type")
    side = requests.one_of(fields, "side", ("bid", "ask"))
    in_force = requests.one_of(fields, "time_in_force", TIMES)
    prevention = requests.one_of(fields, "self_trade_prevention_type", PREVENTIONS)
    count, price = requests.count_of(fields["count"]), requests.price_of(fields["price"])
    if fields.get("reduce_only") and in_force != "immediate_or_cancel":
        raise rejects.invalid("reduce_only needs time_in_force immediate_or_cancel")
    if fields.get("post_only") and in_force != "good_till_canceled":
        raise rejects.invalid("post_only needs time_in_force good_till_canceled")
    expiration = expiration_of(fields, now_ns)
    exchange_open(state)
    market = route(state, fields["ticker"], fields.get("exchange_index"))
    client_order_id = client_order_id_of(fields, account)
    trading_open(state, market)
    subaccount = subaccount_of(fields)
    group = group_of(state, fields, account, market)
    if not market.on_grid(price):
        raise rejects.nested(400, "invalid_price")
    needed = collateral(account, subaccount, market, side, price, count)
    check_balance(account, subaccount, market, needed)
    order = Order(
        id=state.new_id(),
        serial=state.next_serial(),
        account=account,
        market=market,
        side=side,
        time_in_force=in_force,
        self_trade_prevention=prevention,
        post_only=bool(fields.get("post_only")),
        cancel_on_pause=bool(fields.get("cancel_order_on_pause")),
        subaccount=subaccount,
        created_ns=now_ns,
        group=group,
        state=OrderState("resting", price, count, count, now_ns, 0, 0, 0, 0, 0, expiration, "", client_order_id),
        reserve_full=needed,
        reserve_count=count,
    )
    register(state, order)
    enter(state, order, now_ns, reduce_only=bool(fields.get("reduce_only")))
    return answer(order, now_ns)


def register(state: State, order: Order) -> None:
    """Make the order findable, for ever if it is a member's."""
    state.orders[order.id] = order
    account = order.account
    if account.is_member:
        account.orders[order.id] = order
        if order.state.client_order_id:
            account.client_order_ids[order.state.client_order_id] = order.id


def enter(state: State, order: Order, now_ns: int, *, reduce_only: bool = False) -> None:
    """Hand a new order to the matching engine: refuse, kill, fill, rest."""
    if order.post_only and order.market.book.crosses(order.side, order.state.price):
        matching.retire(state, order, now_ns, "PostOnlyCrossCancel")
        order.account.departed.append((now_ns, order))
        raise rejects.nested(400, "invalid_order", "post only cross")
    if reduce_only and not cap_to_position(state, order, now_ns):
        return
    if voided_by_tail(state, order, now_ns):
        matching.retire(state, order, now_ns, "")
        finish(state, order)
        return
    if order.time_in_force == "fill_or_kill" and matching.available(order) < order.state.remaining:
        matching.retire(state, order, now_ns, "")
        return
    if order.account.is_member:
        state.emit(OrderChanged(order, order.state))
    matching.match(state, order, now_ns)
    if order.state.status != "resting":
        finish(state, order)
        return
    if order.time_in_force != "good_till_canceled":
        matching.retire(state, order, now_ns, "")
        finish(state, order)
        return
    matching.rest(state, order, now_ns)
    arm_expiry(state, order)
    arm_tail(state, order, now_ns)


def finish(state: State, order: Order) -> None:
    """A foreign order that is over is forgotten."""
    if not order.account.is_member:
        state.orders.pop(order.id, None)
    else:
        order.account.departed.append((order.state.updated_ns, order))


def cap_to_position(state: State, order: Order, now_ns: int) -> bool:
    """Cut a reduce-only order to what it can reduce; False when that is nothing (it is then canceled)."""
    held = order.account.position(order.subaccount, order.market).count.value
    room = max(0, -held if order.side == "bid" else held)
    count = min(order.state.remaining, room)
    if count == 0:
        matching.retire(state, order, now_ns, "ReduceOnlyCancel")
        finish(state, order)
        return False
    order.state = replace(order.state, initial=count, remaining=count)
    return True


def collateral(account: Account, subaccount: int, market: Market, side: str, price: int, count: int) -> int:
    """Cash that this order needs if all of it fills; contracts that it would close need none."""
    held = account.position(subaccount, market).count.value if account.is_member else 0
    closing = min(count, max(0, -held if side == "bid" else held))
    return matching.own_price(side, price) * (count - closing)


def check_balance(account: Account, subaccount: int, market: Market, needed: int, freed: int = 0) -> None:
    """Refuse a member's order that its own shard's free cash cannot cover."""
    if not account.is_member or needed == 0:
        return
    shard = market.exchange_index
    free = account.purse(subaccount, shard).value - account.held(subaccount, shard).value + freed
    if needed > free:
        raise rejects.nested(400, "insufficient_balance")


def arm_expiry(state: State, order: Order) -> None:
    """Have the order removed at its expiry, with the exchange's own small lateness."""
    if order.state.expiration_s is None:
        return
    low, high = state.config.expiry_latency_ms
    when = order.state.expiration_s * NS + state.rng.randint(low, high) * NS_PER_MS
    expiration = order.state.expiration_s

    def expire(at_ns: int) -> None:
        if order.id in order.account.resting and order.state.expiration_s == expiration:
            matching.cancel(state, order, at_ns, "ExpiryCancel")

    state.at(when, expire)


def in_tail(order: Order, now_ns: int) -> bool:
    """Whether this order comes within a minute of a cancel-all of its account."""
    account = order.account
    covered = account.tail_subaccount is None or account.tail_subaccount == order.subaccount
    return now_ns < account.tail_until_ns and covered


def voided_by_tail(state: State, order: Order, now_ns: int) -> bool:
    """Within that minute an order that never rests may be canceled on arrival, before it meets anything."""
    at_once = order.account.is_member and order.time_in_force != "good_till_canceled"
    return at_once and in_tail(order, now_ns) and state.rng.randrange(100) < state.config.tail_voids_percent


def arm_tail(state: State, order: Order, now_ns: int) -> None:
    """Within a minute of a cancel-all the exchange may still kill what is newly placed: here it does."""
    account = order.account
    if not in_tail(order, now_ns):
        return
    low, high = state.config.tail_kill_ms

    def kill(at_ns: int) -> None:
        if order.id in account.resting:
            matching.cancel(state, order, at_ns)

    state.at(now_ns + state.rng.randint(low, high) * NS_PER_MS, kill)


def answer(order: Order, now_ns: int) -> dict[str, Any]:
    """The create and amend answer; averages only when something filled (recorded)."""
    now = order.state
    body: dict[str, Any] = {
        "order_id": order.id,
        "fill_count": show_count(now.filled),
        "remaining_count": show_count(now.remaining if now.status == "resting" else 0),
        "ts_ms": now_ns // NS_PER_MS,
    }
    if now.client_order_id:
        body["client_order_id"] = now.client_order_id
    if now.filled:
        cost, fee = now.maker_cost + now.taker_cost, now.maker_fees + now.taker_fees
        mean = (cost + now.filled // 2) // now.filled
        body["average_fill_price"] = show_price(mean if order.side == "bid" else PRICE_ONE - mean)
        body["average_fee_paid"] = show_price((fee * COUNT_ONE + now.filled * 50) // (now.filled * 100))
    return body


def find(state: State, account: Account, order_id: str, fields: dict[str, Any]) -> Order:
    """A resting order of this account on the shard that was named, or 404."""
    order = account.orders.get(order_id)
    shard = fields.get("exchange_index")
    if shard in (None, -1):
        ticker = fields.get("market_ticker") or fields.get("ticker")
        market = state.markets.get(ticker) if ticker and state.config.auto_route else None
        # An order id alone cannot be routed: without ticker or shard the exchange looks on shard 0.
        shard = market.exchange_index if market is not None else 0
    if order is None or order.market.exchange_index != shard:
        raise rejects.not_found()
    subaccount = fields.get("subaccount")
    if subaccount is not None and subaccount != order.subaccount:
        raise rejects.not_found()
    return order


def cancel(state: State, account: Account, order_id: str, fields: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Cancel one order; a dead or unknown one is 404, after the close everything is refused."""
    exchange_open(state)
    order = find(state, account, order_id, {"subaccount": 0, **fields})
    exchange_open(state, order.market)
    if order.id not in account.resting:
        raise rejects.not_found()
    reduced = matching.cancel(state, order, now_ns)
    body: dict[str, Any] = {"order_id": order.id, "reduced_by": show_count(reduced), "ts_ms": now_ns // NS_PER_MS}
    if order.state.client_order_id:
        body["client_order_id"] = order.state.client_order_id
    return body


def cancel_all(state: State, account: Account, subaccount: int | None, now_ns: int) -> int:
    """Cancel every resting order on every shard, and start the minute in which new ones die too; how many."""
    exchange_open(state)
    count = 0
    for order in list(account.resting.values()):
        if subaccount in (None, order.subaccount) and order.market.status in ("active", "inactive"):
            matching.cancel(state, order, now_ns)
            count += 1
    account.tail_until_ns = now_ns + int(state.config.tail_s * NS)
    account.tail_subaccount = subaccount
    return count


def decrease(state: State, account: Account, order_id: str, fields: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Cut an order's remaining count; it keeps its place."""
    if ("reduce_by" in fields) == ("reduce_to" in fields):
        raise rejects.invalid("give exactly one of reduce_by and reduce_to")
    exchange_open(state)
    order = find(state, account, order_id, fields)
    trading_open(state, order.market)
    if order.id not in account.resting:
        raise rejects.not_found()
    remaining = order.state.remaining
    if "reduce_by" in fields:
        target = remaining - requests.count_of(fields["reduce_by"], "reduce_by")
    else:
        text = fields["reduce_to"]
        target = 0 if text in ("0", "0.0", "0.00") else requests.count_of(text, "reduce_to")
    if target < 0 or target > remaining:
        raise rejects.invalid("more than what remains")
    if target == 0:
        matching.cancel(state, order, now_ns, "Decrease")
    elif target < remaining:
        matching.shrink(state, order, now_ns, remaining - target, reason="Decrease")
    body = answer(order, now_ns)
    return {key: body[key] for key in ("order_id", "client_order_id", "remaining_count", "ts_ms") if key in body}
