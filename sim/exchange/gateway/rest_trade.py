"""REST operations that write: orders V2 and order groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import show_count
from sim.exchange.gateway.calls import WRITE, Answer, Call, Operation
from sim.exchange.trade import amend, groups, orders
from sim.exchange.wire import rejects, requests
from sim.exchange.wire.rejects import Reject

if TYPE_CHECKING:
    from sim.exchange.book.objects import Group
    from sim.exchange.core import Exchange

ORDERS = "/portfolio/events/orders"
GROUPS = "/portfolio/order_groups"


def create_order(exchange: Exchange, call: Call) -> Answer:
    """POST: place one order."""
    fields = call.fields(requests.CREATE, "CreateOrderV2Request")
    return Answer(201, orders.create(exchange.state, call.account, fields, call.now_ns))


def batch_create(exchange: Exchange, call: Call) -> Answer:
    """POST: place several; each succeeds or fails alone."""
    done: list[dict[str, Any]] = []
    for item in call.fields(requests.BATCH, "BatchCreateOrdersV2Request").get("orders", []):
        fields = requests.typed(item, requests.CREATE, "CreateOrderV2Request")
        try:
            done.append(orders.create(exchange.state, call.account, fields, call.now_ns))
        except Reject as refused:
            failed: dict[str, Any] = {"error": refused.item()}
            if "client_order_id" in fields:
                failed["client_order_id"] = fields["client_order_id"]
            done.append(failed)
    return Answer(201, {"orders": done})


def cancel_order(exchange: Exchange, call: Call) -> Answer:
    """DELETE: cancel one order."""
    body = orders.cancel(exchange.state, call.account, call.path["order_id"], call.routing(), call.now_ns)
    return Answer(200, body)


def batch_cancel(exchange: Exchange, call: Call) -> Answer:
    """DELETE with a JSON body: cancel several; each succeeds or fails alone."""
    done: list[dict[str, Any]] = []
    for item in call.fields(requests.BATCH, "BatchCancelOrdersV2Request").get("orders", []):
        fields = requests.typed(item, requests.CANCEL_ITEM, "BatchCancelOrdersV2RequestOrder")
        requests.need(fields, "order_id")
        order_id = fields.pop("order_id")
        try:
            done.append(orders.cancel(exchange.state, call.account, order_id, fields, call.now_ns))
        except Reject as refused:
            done.append({"order_id": order_id, "reduced_by": show_count(0), "error": refused.item()})
    return Answer(200, {"orders": done})


def cancel_all(exchange: Exchange, call: Call) -> Answer:
    """DELETE: cancel everything; 204, and a minute in which new orders die too."""
    orders.cancel_all(exchange.state, call.account, call.integer("subaccount"), call.now_ns)
    return Answer(204)


def amend_order(exchange: Exchange, call: Call) -> Answer:
    """POST: amend one order."""
    fields = {**call.fields(requests.AMEND, "AmendOrderV2Request"), "subaccount": call.integer("subaccount", 0)}
    return Answer(200, amend.amend(exchange.state, call.account, call.path["order_id"], fields, call.now_ns))


def decrease_order(exchange: Exchange, call: Call) -> Answer:
    """POST: cut one order."""
    fields = {**call.fields(requests.DECREASE, "DecreaseOrderV2Request"), "subaccount": call.integer("subaccount", 0)}
    return Answer(200, orders.decrease(exchange.state, call.account, call.path["order_id"], fields, call.now_ns))


def create_group(exchange: Exchange, call: Call) -> Answer:
    """POST: make an order group."""
    fields = call.fields(requests.GROUP_CREATE, "CreateOrderGroupRequest")
    return Answer(201, groups.create(exchange.state, call.account, fields, call.now_ns))


def list_groups(exchange: Exchange, call: Call) -> Answer:
    """GET: all groups."""
    del exchange
    return Answer(200, groups.listing(call.account, call.integer("subaccount")))


def get_group(exchange: Exchange, call: Call) -> Answer:
    """GET: one group."""
    del exchange
    return Answer(200, groups.single(call.account, call.path["order_group_id"], call.integer("subaccount")))


def _group(call: Call) -> Group:
    subaccount, shard = call.integer("subaccount", 0), call.integer("exchange_index", 0)
    return groups.find(call.account, call.path["order_group_id"], subaccount or 0, shard or 0)


def trigger_group(exchange: Exchange, call: Call) -> Answer:
    """PUT: cancel the group's orders and block it."""
    groups.trigger(exchange.state, _group(call), call.now_ns)
    return Answer(200, {})


def reset_group(exchange: Exchange, call: Call) -> Answer:
    """PUT: empty the counter and unblock it."""
    groups.reset(exchange.state, _group(call), call.now_ns)
    return Answer(200, {})


def limit_group(exchange: Exchange, call: Call) -> Answer:
    """PUT: another limit."""
    fields = call.fields(requests.GROUP_LIMIT, "UpdateOrderGroupLimitRequest")
    groups.set_limit(exchange.state, _group(call), fields, call.now_ns)
    return Answer(200, {})


def delete_group(exchange: Exchange, call: Call) -> Answer:
    """DELETE: cancel the group's orders and forget it."""
    groups.delete(exchange.state, _group(call), call.now_ns)
    return Answer(200, {})


def legacy_write(exchange: Exchange, call: Call) -> Answer:
    """The order writes of before June 2026 (410 was seen by one public bot)."""
    del exchange, call
    raise rejects.nested(410, "gone", message="Please switch to the V2 endpoints")


OPERATIONS = (
    Operation("create_order", "POST", ORDERS, create_order, WRITE, 10),
    Operation("batch_create", "POST", f"{ORDERS}/batched", batch_create, WRITE, 10, batch=True),
    Operation("cancel_all", "DELETE", ORDERS, cancel_all, WRITE, 2),
    Operation("batch_cancel", "DELETE", f"{ORDERS}/batched", batch_cancel, WRITE, 2, batch=True),
    Operation("cancel_order", "DELETE", f"{ORDERS}/{{order_id}}", cancel_order, WRITE, 2),
    Operation("amend_order", "POST", f"{ORDERS}/{{order_id}}/amend", amend_order, WRITE, 10),
    Operation("decrease_order", "POST", f"{ORDERS}/{{order_id}}/decrease", decrease_order, WRITE, 10),
    Operation("create_group", "POST", f"{GROUPS}/create", create_group, WRITE),
    Operation("list_groups", "GET", GROUPS, list_groups),
    Operation("get_group", "GET", f"{GROUPS}/{{order_group_id}}", get_group),
    Operation("trigger_group", "PUT", f"{GROUPS}/{{order_group_id}}/trigger", trigger_group, WRITE),
    Operation("reset_group", "PUT", f"{GROUPS}/{{order_group_id}}/reset", reset_group, WRITE),
    Operation("limit_group", "PUT", f"{GROUPS}/{{order_group_id}}/limit", limit_group, WRITE),
    Operation("delete_group", "DELETE", f"{GROUPS}/{{order_group_id}}", delete_group, WRITE),
    Operation("legacy_create", "POST", "/portfolio/orders", legacy_write, WRITE, 100),
    Operation("legacy_cancel", "DELETE", "/portfolio/orders/{order_id}", legacy_write, WRITE, 100),
)
