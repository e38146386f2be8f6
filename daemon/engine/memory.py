"""What a restart remembers: everything that a fresh start could not learn from the exchange, as one JSON text.

Orders, positions and trade ids, the kill latch, a pause, an account-wide request under way, the tail of a cancel-all,
trips and frozen sessions, limits in use, windows still to be settled. Ages, books and volatility are not remembered:
they would be lies. Recovery enters the engine inside the Started event, so that replay crosses restarts.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from daemon.engine.incidents.opened import Owed
from daemon.engine.settling.window_result import Result
from daemon.engine.state import State
from daemon.engine.state_view import StateView
from domain.clock import Now
from domain.door import PAGE_BYTES_MAX, Door
from domain.events import CloseOutTold
from domain.ids import OrderId, Ticker
from domain.reasons import Reason
from execution.balance import BalanceRecord
from execution.budget import BudgetRecord
from execution.cancel_all import Scope
from execution.groups import Group
from execution.order_memory import OrderRecord
from execution.order_memory import record as record_orders
from execution.order_memory import restore as restore_orders
from execution.positions import LedgerRecord, record
from execution.positions import restore as restore_ledger
from execution.reconcile import Drift
from execution.strangers import ForeignFill
from feeds.scores import ScoresRecord
from guards.model.breakers import BreakerRecord

SCHEMA = 1


class WindowSeen(msgspec.Struct, frozen=True):
    """The window that a series was in. For who reads the snapshot: a restart asks the calendar."""

    series: str
    label: str
    phase: str
    target_ns: int


class FeedsSeen(msgspec.Struct, frozen=True):
    """The feeds as they stood: the one believed, how often that changed, each one's state. For who reads, as above."""

    active: str
    switches: int
    states: dict[str, str]


class Memory(msgspec.Struct, frozen=True):
    """The snapshot's payload."""

    schema: int
    epoch: int
    orders: tuple[OrderRecord, ...]
    ledger: LedgerRecord
    groups: tuple[Group, ...]
    results: tuple[Result, ...]
    target_of: dict[Ticker, int]
    paused: str
    empty_reason: str
    tail_until_utc_ns: int
    armed_session: str
    kill: dict[str, Any]
    risk: dict[str, Any]
    sentries: dict[str, dict[str, Any]]
    times_to_flat_ns: tuple[int, ...]
    counts: dict[str, int] = {}
    proven: dict[str, int] = {}
    budget: BudgetRecord | None = None
    empty_requests: tuple[str, ...] = ()
    resumed_utc_ns: int = 0
    lived: Now | None = None
    windows: tuple[WindowSeen, ...] = ()
    feeds: FeedsSeen | None = None
    foreign: tuple[ForeignFill, ...] = ()
    orphans: tuple[Drift, ...] = ()
    balance: BalanceRecord | None = None
    opened_utc_ns: int = 0
    scores: ScoresRecord = ScoresRecord()
    unread_settlements: dict[Ticker, str] = {}
    restricted: tuple[Ticker, ...] = ()
    canaries: dict[str, dict[str, int]] = {}
    incidents: tuple[Owed, ...] = ()
    close_outs: tuple[CloseOutTold, ...] = ()
    armed_for: tuple[str, str] = ("", "")
    breakers: BreakerRecord = BreakerRecord()


read_memory: Final = Door(Memory, PAGE_BYTES_MAX).read


def remember(state: StateView) -> bytes:
    """The engine's memory as JSON."""
    held = state.held
    memory = Memory(
        schema=SCHEMA,
        epoch=held.numbers.epoch,
        orders=record_orders(held.book.live.values(), held.untold.values()),
        ledger=record(held.ledger),
        groups=tuple(held.groups.known.values()),
        results=tuple(r for r in state.results.by_window.values() if not (r.reported and r.weighed)),
        target_of={t: ns for t, ns in held.target_of.items() if t in held.ledger.markets},
        paused=state.paused,
        empty_reason=state.empty_reason,
        tail_until_utc_ns=held.tail_until_utc_ns,
        armed_session=state.armed_session,
        kill=state.kill.state(),
        risk=state.risk.state(),
        sentries={name: desk.sentry.state() for name, desk in state.desks.items()},
        times_to_flat_ns=tuple(held.times_to_flat_ns),
        counts=held.counts.record(),
        proven=dict(state.controls.proven),
        budget=held.budget.record(state.last_now),
        empty_requests=_requests(state),
        resumed_utc_ns=state.resumed_utc_ns,
        lived=state.last_now,
        windows=tuple(
            WindowSeen(name, desk.window.label, desk.phase.value, desk.window.target_ns)
            for name, desk in state.desks.items()
            if desk.window is not None
        ),
        feeds=FeedsSeen(
            state.failover.active,
            state.failover.switches,
            {name: status.state.value for name, status in state.feed_states.items()},
        ),
        foreign=tuple(held.strangers.foreign.values()),
        orphans=tuple(held.orphans.values()),
        balance=held.walk.record(held.changed_ns, live=bool(held.book.live)),
        opened_utc_ns=held.opened_utc_ns,
        scores=state.scores.record(),
        unread_settlements=dict(held.unread_settlements),
        restricted=tuple(sorted(state.refused.restricted)),
        armed_for=state.armed_for,
        breakers=state.breakers.record(),
        canaries={name: desk.canary.state() | {"close": desk.first.close} for name, desk in state.desks.items()},
        incidents=state.incidents.record(),
        close_outs=tuple(state.close_outs.runs.values()),
    )
    return msgspec.json.encode(memory)


def restore(state: State, text: str, now: Now) -> None:
    """Take over what the run before knew. Raises Refused for a text of another shape."""
    memory = read_memory(text)
    held, state.last_now = state.held, now
    held.numbers.epoch = max(held.numbers.epoch, memory.epoch)
    untold = restore_orders(held.book, memory.orders, now.mono_ns, now.mono_ns - _since_ns(memory.lived, now))
    held.untold.update((order.client_order_id, order) for order in untold)
    held.ledger = restore_ledger(memory.ledger)
    for group in memory.groups:
        # Whatever was asked of a group in the run before was answered to nobody: trigger or delete it anew.
        held.groups.known[group.group_id] = msgspec.structs.replace(
            group, retry_ns=0, triggered_ns=now.mono_ns, asked_ns=0
        )
    for result in memory.results:
        state.results.by_window[result.series, result.target_ns] = result
    held.target_of.update(memory.target_of)
    held.strangers.foreign.update({each.fill.trade_id: each for each in memory.foreign})
    held.orphans.update({OrderId(drift.what): drift for drift in memory.orphans})
    held.unread_settlements.update(memory.unread_settlements)
    held.opened_utc_ns = memory.opened_utc_ns
    if memory.balance is not None:
        held.walk.restore(memory.balance)
    held.cancel_all.extend_tail(memory.tail_until_utc_ns)
    held.times_to_flat_ns.extend(memory.times_to_flat_ns)
    held.counts.restore(memory.counts)
    if memory.budget is not None:
        held.budget.restore(memory.budget, now)
    state.controls.restore(memory.proven)
    state.paused, state.resumed_utc_ns = memory.paused, memory.resumed_utc_ns
    state.armed_session, state.armed_for = memory.armed_session, memory.armed_for
    state.kill.restore(memory.kill)
    state.risk.restore(memory.risk)
    state.scores.restore(memory.scores)
    state.refused.restricted.update(memory.restricted)
    state.incidents.restore(memory.incidents)
    state.close_outs.restore(memory.close_outs)
    state.breakers.restore(memory.breakers)
    for name, kept in memory.sentries.items():
        if name in state.desks:
            state.desks[name].sentry.restore(kept)
    for name, jumps in memory.canaries.items():
        if name in state.desks:
            state.desks[name].canary.restore(jumps)
            state.desks[name].first.close = jumps["close"]
    if memory.empty_reason and memory.empty_reason != Reason.SHUTDOWN:
        held.cancel_all.reason = memory.empty_reason
        for reason in memory.empty_requests or (memory.empty_reason,):
            state.flat.begin_empty(reason, now)


def _since_ns(lived: Now | None, now: Now) -> int:
    """How long ago the run before took its last step at least: what both clocks agree on, for one may have been set."""
    return 0 if lived is None else max(0, min(now.mono_ns - lived.mono_ns, now.utc_ns - lived.utc_ns))


def _requests(state: StateView) -> tuple[str, ...]:
    """Who waits for the account-wide cancel-all under way; a shutdown does not outlive its process."""
    flattening = state.held.flattenings.get(Scope.ACCOUNT)
    return tuple(r for r, _ in flattening.requests if r != Reason.SHUTDOWN) if flattening is not None else ()
