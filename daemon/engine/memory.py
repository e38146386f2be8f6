"""What a restart remembers: everything that a fresh start could not learn from the exchange, as one JSON text.

Orders, positions and trade ids, the kill latch, a pause, an account-wide request under way, the tail of a cancel-all,
trips and frozen sessions, limits in use, windows still to be settled. Ages, books and volatility are not remembered:
they would be lies. Recovery enters the engine inside the Started event, so that replay crosses restarts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from daemon.engine.results import Result
from domain.clock import Now
from domain.ids import Ticker
from domain.reasons import Reason
from execution.budget import BudgetRecord
from execution.groups import Group
from execution.orders import OrderRecord
from execution.positions import LedgerRecord, record
from execution.positions import restore as restore_ledger

if TYPE_CHECKING:
    from daemon.engine.step import Engine

SCHEMA = 1


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
    counters: dict[str, int]
    proven: dict[str, int] = {}
    budget: BudgetRecord | None = None
    empty_requests: tuple[str, ...] = ()
    resumed_utc_ns: int = 0
    lived: Now | None = None


def remember(engine: Engine) -> bytes:
    """The engine's memory as JSON."""
    account = engine.account
    memory = Memory(
        schema=SCHEMA,
        epoch=account.numbers.epoch,
        orders=account.book.records(),
        ledger=record(account.ledger),
        groups=tuple(account.groups.known.values()),
        results=tuple(r for r in engine.duties.results.values() if not r.reported),
        target_of={t: ns for t, ns in account.target_of.items() if t in account.ledger.markets},
        paused=engine.paused,
        empty_reason=engine.empty_reason,
        tail_until_utc_ns=account.tail_until_utc_ns,
        armed_session=engine.armed_session,
        kill=engine.kill.state(),
        risk=engine.risk.state(),
        sentries={name: desk.sentry.state() for name, desk in engine.desks.items()},
        times_to_flat_ns=tuple(account.times_to_flat_ns),
        counters=account.counters,
        proven=engine.controls.proven,
        budget=account.budget.record(engine.last_now),
        empty_requests=_requests(engine),
        resumed_utc_ns=engine.resumed_utc_ns,
        lived=engine.last_now,
    )
    return msgspec.json.encode(memory)


def restore(engine: Engine, text: str, now: Now) -> None:
    """Take over what the run before knew. Raises msgspec.ValidationError for a text of another shape."""
    memory = msgspec.json.decode(text, type=Memory)
    account, engine.last_now = engine.account, now
    account.numbers.epoch = max(account.numbers.epoch, memory.epoch)
    account.book.restore(memory.orders, now.mono_ns, now.mono_ns - _since_ns(memory.lived, now))
    account.ledger = restore_ledger(memory.ledger)
    for group in memory.groups:
        # Whatever was asked of a group in the run before was answered to nobody: trigger or delete it anew.
        account.groups.known[group.group_id] = msgspec.structs.replace(group, retry_ns=0, triggered_ns=now.mono_ns)
    for result in memory.results:
        engine.duties.results[result.series, result.target_ns] = result
    account.target_of.update(memory.target_of)
    account.tail_until_utc_ns = memory.tail_until_utc_ns
    account.times_to_flat_ns.extend(memory.times_to_flat_ns)
    account.counters.update(memory.counters)
    if memory.budget is not None:
        account.budget.restore(memory.budget, now)
    engine.controls.proven.update(memory.proven)
    engine.paused, engine.resumed_utc_ns = memory.paused, memory.resumed_utc_ns
    engine.armed_session = memory.armed_session
    engine.kill.restore(memory.kill)
    engine.risk.restore(memory.risk)
    for name, state in memory.sentries.items():
        if name in engine.desks:
            engine.desks[name].sentry.restore(state)
    if memory.empty_reason and memory.empty_reason != Reason.SHUTDOWN:
        engine.empty_reason = memory.empty_reason
        for reason in memory.empty_requests or (memory.empty_reason,):
            account.begin_empty(reason, now)


def _since_ns(lived: Now | None, now: Now) -> int:
    """How long ago the run before took its last step at least: what both clocks agree on, for one may have been set."""
    return 0 if lived is None else max(0, min(now.mono_ns - lived.mono_ns, now.utc_ns - lived.utc_ns))


def _requests(engine: Engine) -> tuple[str, ...]:
    """Who waits for the account-wide cancel-all under way; a shutdown does not outlive its process."""
    flattening = engine.account.flattenings.get("")
    return tuple(r for r, _ in flattening.requests if r != Reason.SHUTDOWN) if flattening is not None else ()
