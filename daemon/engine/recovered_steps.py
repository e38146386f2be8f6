"""What the run before had sent after its last snapshot, taken from its records.

Recovery steps the journal's tail through an engine that knows no books and no prices: it takes in every fact, but it
decides nothing, so what the run before decided at the time must be told to it. Otherwise its newest orders would be
known to the exchange alone, its fills would belong to no window, and its groups to no series.
"""

from __future__ import annotations

from collections.abc import Sequence

from daemon.engine.parity import adoption
from daemon.engine.state import State
from domain.actions import AnyAction, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import Now
from domain.records import OrderCreatedEntry
from execution.budget import CANCEL_ALL_COST
from execution.flatten import TAIL_NS
from execution.groups import Creating, GroupPhase
from execution.orders import Order


def reapply(state: State, actions: Sequence[AnyAction], now: Now) -> None:
    """Take in what one step had sent."""
    held, budget = state.held, state.held.budget
    created = {action.client_order_id: action for action in actions if isinstance(action, OrderCreatedEntry)}
    for action in actions:
        if isinstance(action, Place):
            budget.quoted(budget.place_cost, now.mono_ns)
            told = created[action.client_order_id]
            held.book.add(_placed(action, told.series, told.window, now))
            if told.series in state.desks:
                state.risk.sent(action.ticker)
            result = state.results.by_window.get((told.series, told.window))
            if result is not None:
                result.quotes += 1
        elif isinstance(action, adoption.Adopting):
            # What lists decided is not decided again here: the reads of the run before are answered to nobody.
            adoption.apply(held, action, now)
        elif isinstance(action, CancelOrders):
            budget.spend(budget.cancel_cost * len(action.orders), now.mono_ns)
        elif isinstance(action, CreateGroup):
            budget.spend(budget.group_cost, now.mono_ns)
            held.groups.creating[action.request_id] = Creating(
                action.series, action.target_ns, action.exchange_index, now.mono_ns
            )
        elif isinstance(action, TriggerGroup | DeleteGroup):
            budget.spend(budget.group_cost, now.mono_ns)
            held.groups.asked[action.request_id] = action.group_id
            group = held.groups.known.get(action.group_id)
            if group is not None:
                deleting = isinstance(action, DeleteGroup)
                group.phase = GroupPhase.DELETING if deleting else GroupPhase.TRIGGERING
        elif isinstance(action, CancelAll):
            budget.spend(CANCEL_ALL_COST, now.mono_ns)
            held.cancel_all.extend_tail(now.utc_ns + TAIL_NS)


def _placed(action: Place, series: str, target_ns: int, now: Now) -> Order:
    return Order(
        client_order_id=action.client_order_id,
        series=series,
        ticker=action.ticker,
        side=action.side,
        price=action.price,
        count=action.count,
        group_id=action.group_id,
        exchange_index=action.exchange_index,
        expiration_s=action.expiration_s,
        target_ns=target_ns,
        now_ns=now.mono_ns,
    )
