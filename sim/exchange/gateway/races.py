"""`fill_after_cancel`: a fill that the client learns of only after its cancel was answered.

mode "before" (default): the order fills just before the cancel, whose answer is true (what was left, or 404), and the
fill's messages come `delay_ms` later. mode "after", for single cancels: the answer claims that all of it was cancelled,
as an exchange whose answer and fill crossed inside would. `count` contracts fill; by default half of a larger order,
all of a single contract. On calls that cancel several orders each one draws for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.exchange.book.fixed import COUNT_ONE, show_count
from sim.exchange.gateway.calls import Answer, Call
from sim.exchange.trade import orders

if TYPE_CHECKING:
    from sim.exchange.book.objects import Order
    from sim.exchange.core import Exchange
    from sim.exchange.gateway.fan_out import FanOut
    from sim.exchange.gateway.faults import FaultDesk

NS_PER_MS = 1_000_000


def _threatened(call: Call) -> list[Order]:
    """The resting orders that this call is about to cancel."""
    resting = call.account.resting
    if call.operation == "cancel_order":
        ids = [call.path["order_id"]]
    elif call.operation == "batch_cancel" and isinstance(call.json, dict) and isinstance(call.json.get("orders"), list):
        ids = [str(item.get("order_id")) for item in call.json["orders"] if isinstance(item, dict)]
    elif call.operation == "cancel_all":
        ids = list(resting)
    elif call.operation in ("trigger_group", "delete_group"):
        group = call.account.groups.get(call.path["order_group_id"])
        ids = list(group.resting) if group is not None else []
    else:
        return []
    return [resting[order_id] for order_id in ids if order_id in resting]


def fill_around_cancel(exchange: Exchange, faults: FaultDesk, fan_out: FanOut, call: Call) -> Answer | None:
    """Let the fault strike; an answer when it replaces the call's own."""
    for order in _threatened(call):
        fault = faults.draw("fill_after_cancel", call.now_ns, call.operation)
        if fault is None:
            continue
        whole = order.state.remaining
        given = fault.params.get("count")
        half = max(whole // 2 // COUNT_ONE * COUNT_ONE, min(whole, COUNT_ONE))
        count = half if given is None else min(whole, int(given) * COUNT_ONE)
        fan_out.hold(order.id, int(fault.params.get("delay_ms", 200)))
        exchange.force_fill(order.id, count, call.now_ns)
        if fault.params.get("mode") == "after" and call.operation == "cancel_order":
            return _claimed(exchange, call, order, whole)
    return None


def _claimed(exchange: Exchange, call: Call, order: Order, whole: int) -> Answer:
    """Cancel what is left and claim that all of it was cancelled."""
    if order.id in call.account.resting:
        orders.cancel(exchange.state, call.account, order.id, call.routing(), call.now_ns)
    body = {"order_id": order.id, "reduced_by": show_count(whole), "ts_ms": call.now_ns // NS_PER_MS}
    if order.state.client_order_id:
        body["client_order_id"] = order.state.client_order_id
    return Answer(200, body)
