"""Order groups: a fill-rate breaker that doubles as the cleanest kill switch.

Contracts filled by the group's orders in a rolling 15 s may not reach the limit; when they do, or when `trigger` is
called, all its resting orders are cancelled in one step and new ones are refused until `reset`. A group lives on one
shard. It is not a position limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.exchange.book import matching
from sim.exchange.book.fixed import show_count
from sim.exchange.book.notices import GroupChanged
from sim.exchange.book.objects import Account, Group
from sim.exchange.trade import orders
from sim.exchange.wire import rejects, requests

if TYPE_CHECKING:
    from sim.exchange.book.state import State

GROUPS_MAX = 100_000


def create(state: State, account: Account, fields: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Make a group; shard 0 unless another is named."""
    limit = requests.group_limit(fields)
    shard = int(fields.get("exchange_index", 0))
    if shard not in state.config.shards:
        raise rejects.invalid("unknown exchange_index")
    if len(account.groups) >= GROUPS_MAX:
        raise rejects.invalid("too many order groups")
    subaccount = orders.subaccount_of(fields)
    group = Group(state.new_id(), account, subaccount, shard, limit)
    state.groups[group.id] = account.groups[group.id] = group
    state.emit(GroupChanged(group, "created", now_ns))
    return {"order_group_id": group.id, "subaccount": subaccount, "exchange_index": shard}


def shown(group: Group) -> dict[str, Any]:
    """What a list shows. A fresh group was recorded with `is_auto_cancel_enabled` false: true means triggered."""
    return {
        "id": group.id,
        "contracts_limit_fp": show_count(group.limit),
        "is_auto_cancel_enabled": group.triggered,
        "exchange_index": group.exchange_index,
    }


def listing(account: Account, subaccount: int | None) -> dict[str, Any]:
    """All groups of the account, or of one subaccount."""
    chosen = [group for group in account.groups.values() if subaccount in (None, group.subaccount)]
    return {"order_groups": [shown(group) for group in chosen]}


def single(account: Account, group_id: str, subaccount: int | None) -> dict[str, Any]:
    """One group with the ids of its resting orders."""
    group = account.groups.get(group_id)
    if group is None or subaccount not in (None, group.subaccount):
        raise rejects.not_found("order group")
    body = shown(group)
    del body["id"]
    return {**body, "orders": list(group.resting)}


def find(account: Account, group_id: str, subaccount: int, shard: int) -> Group:
    """The group that a write names; subaccount and shard default to 0 on these calls."""
    group = account.groups.get(group_id)
    if group is None or group.subaccount != subaccount or group.exchange_index != shard:
        raise rejects.not_found("order group")
    return group


def trigger(state: State, group: Group, now_ns: int) -> None:
    """Cancel all its orders and refuse new ones until a reset."""
    orders.exchange_open(state)
    if not group.triggered or group.resting:
        matching.trigger(state, group, now_ns)


def reset(state: State, group: Group, now_ns: int) -> None:
    """Empty the rolling window and let the group take orders again."""
    group.filled.clear()
    group.triggered = False
    state.emit(GroupChanged(group, "reset", now_ns))


def set_limit(state: State, group: Group, fields: dict[str, Any], now_ns: int) -> None:
    """Change the limit; one below what the window already holds triggers at once."""
    group.limit = requests.group_limit(fields)
    state.emit(GroupChanged(group, "limit_updated", now_ns))
    if not group.triggered and matching.rolling(state, group, now_ns) >= group.limit:
        matching.trigger(state, group, now_ns)


def delete(state: State, group: Group, now_ns: int) -> None:
    """Cancel its orders and forget it."""
    orders.exchange_open(state)
    for order in list(group.resting.values()):
        matching.cancel(state, order, now_ns)
    group.triggered = True
    del state.groups[group.id], group.account.groups[group.id]
    state.emit(GroupChanged(group, "deleted", now_ns))
