"""Amending an order: the queue rules and the one way to take by amending.

"Amending only expiry or decreasing size preserves queue position. Increasing size or changing price forfeits queue
position" (official text). `count` is the total: already filled plus what shall rest. There is no post_only here, so a
new price that crosses takes; a maker-only client must not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sim.exchange.book import matching
from sim.exchange.book.fixed import NS
from sim.exchange.book.notices import OrderChanged
from sim.exchange.book.objects import Account, Order
from sim.exchange.trade import orders
from sim.exchange.wire import rejects, requests

if TYPE_CHECKING:
    from sim.exchange.book.state import State


def amend(state: State, account: Account, order_id: str, fields: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Change price, total count, expiry or client order id of a resting order; the V2 amend answer."""
    requests.need(fields, "ticker", "side", "price", "count")
    side = requests.one_of(fields, "side", ("bid", "ask"))
    total, price = requests.count_of(fields["count"]), requests.price_of(fields["price"])
    orders.exchange_open(state)
    order = orders.find(state, account, order_id, fields)
    orders.trading_open(state, order.market)
    if order.id not in account.resting:
        raise rejects.not_found()
    if fields["ticker"] != order.market.ticker or side != order.side:
        raise rejects.invalid("ticker and side must be those of the order")
    if fields.get("client_order_id", order.state.client_order_id) != order.state.client_order_id:
        raise rejects.invalid("client_order_id is not that of the order")
    if not order.market.on_grid(price):
        raise rejects.nested(400, "invalid_price")
    remaining = total - order.state.filled
    if remaining <= 0:
        raise rejects.invalid("count must exceed what has filled")
    expiration = _expiration(order, fields, now_ns)
    new_id = _client_order_id(account, order, fields)
    if price == order.state.price and remaining <= order.state.remaining:
        _in_place(state, order, total, remaining, expiration, new_id, now_ns)
    else:
        _requeue(state, order, price, total, expiration, new_id, now_ns)
    return orders.answer(order, now_ns)


def _expiration(order: Order, fields: dict[str, Any], now_ns: int) -> int | None:
    """Omitted keeps, 0 removes, anything else must lie ahead."""
    given = fields.get("expiration_time")
    if given is None:
        return order.state.expiration_s
    if given == 0:
        return None
    if given * NS <= now_ns:
        raise rejects.invalid("expiration_time must be in the future")
    return int(given)


def _client_order_id(account: Account, order: Order, fields: dict[str, Any]) -> str:
    """The id after the amendment; a new one must never have been used."""
    given = fields.get("updated_client_order_id")
    if given is None or given == order.state.client_order_id:
        return order.state.client_order_id
    fresh = orders.client_order_id_of({"client_order_id": given}, account)
    account.client_order_ids[fresh] = order.id
    return fresh


def _in_place(
    state: State, order: Order, total: int, remaining: int, expiration: int | None, new_id: str, now_ns: int
) -> None:
    """Keep the place in the queue."""
    rearm = expiration != order.state.expiration_s
    changes = {"initial": total, "expiration_s": expiration, "client_order_id": new_id, "reason": "Amend"}
    if remaining < order.state.remaining:
        matching.shrink(state, order, now_ns, order.state.remaining - remaining, **changes)
    else:
        order.become(now_ns, replace(order.state, updated_ns=now_ns, **changes))
        if order.account.is_member:
            state.emit(OrderChanged(order, order.state))
    if rearm:
        orders.arm_expiry(state, order)


def _requeue(
    state: State, order: Order, price: int, total: int, expiration: int | None, new_id: str, now_ns: int
) -> None:
    """Go to the back of the (new) level, taking whatever the new price crosses first."""
    account, remaining = order.account, total - order.state.filled
    needed = orders.collateral(account, order.subaccount, order.market, order.side, price, remaining)
    orders.check_balance(account, order.subaccount, order.market, needed, freed=order.reserved)
    matching.unrest(state, order, now_ns)
    order.reserve_full, order.reserve_count = needed, remaining
    order.become(
        now_ns,
        replace(
            order.state,
            price=price,
            initial=total,
            remaining=remaining,
            expiration_s=expiration,
            client_order_id=new_id,
            updated_ns=now_ns,
            reason="Amend",
        ),
    )
    if account.is_member:
        state.emit(OrderChanged(order, order.state))
    matching.match(state, order, now_ns)
    if order.state.status != "resting":
        orders.finish(state, order)
        return
    matching.rest(state, order, now_ns)
    orders.arm_expiry(state, order)
