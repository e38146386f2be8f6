# long: a catalogue
"""The defects. Each is one line of somebody's tired evening."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon import memory
from daemon.desk import Desk
from daemon.engine import Engine
from daemon.observers import Observers
from daemon.runner_io import Runner
from domain.actions import Place, Record
from domain.clock import NS_PER_MS, NS_PER_S
from domain.market import Side
from domain.money import Cash
from execution import converge, flatten, kalshi_wire, orders, positions, quoter
from execution.budget import Budget
from execution.converge import Converger
from execution.groups import Groups
from execution.orders import Fact, OrderBook, State
from execution.positions import Ledger
from feeds.failover import DualFeedFailover
from guards.clock_trust import ClockTrust
from guards.freshness import FreshnessSentry
from guards.killswitch import KillLatch
from guards.risk import RiskGuard
from guards.vote import PASS
from guards.windows import WindowPlan
from ops.status import Status
from sim.planted.run import Defect, Plan, Strike

Patches = list[tuple[Any, Any, Any]]

QUIET = Plan(windows=1)
SILENT_INDEX = Plan((Strike("index_silence", 0, 46, 5, (("fault", "silence"),)),), windows=1)
KILL_FILE = Plan((Strike("kill_file", 0, 10, 95),), windows=1, window_s=120)
KILL_FILE_AND_DEATH = Plan(
    (Strike("kill_file_kept", 0, 8, 98), Strike("kill", 0, 30, 0, (("back_ms", 700),))), windows=1, window_s=120
)
PAUSE_AND_DEATH = Plan((Strike("operator_pause", 0, 15, 20), Strike("kill", 0, 18, 0, (("back_ms", 700),))), windows=1)
LOST_CANCELS = Plan(
    (
        Strike(
            "lost_cancel",
            0,
            10,
            6,
            (("fault", "lost_request"), ("probability", 0.7), ("op", ("cancel_order", "batch_cancel"))),
        ),
    ),
    windows=1,
)
LOST_TRIGGERS = Plan(
    (
        Strike("index_silence", 0, 92, 12, (("fault", "silence"),)),
        Strike("lost_cancel", 0, 92, 2.5, (("fault", "lost_request"), ("op", ("trigger_group",)))),
    ),
    windows=1,
    window_s=120,
)
ANSWERS_FAIL = Plan(
    (
        Strike(
            "server_error_after",
            0,
            10,
            8,
            (
                ("fault", "http_5xx"),
                ("code", 504),
                ("processed", True),
                ("probability", 0.6),
                ("op", ("create_order",)),
            ),
        ),
    ),
    windows=1,
)
LATE_ANSWERS = Plan(
    (
        Strike("exchange_latency", 0, 10, 10, (("fault", "latency"), ("ms", 900), ("op", ("create_order",)))),
        Strike("lost_answer", 0, 22, 8, (("fault", "lost_answer"), ("probability", 0.7), ("op", ("create_order",)))),
    ),
    windows=1,
)
DOUBLE_FILLS = Plan(
    (
        Strike("duplicate_fill", 0, 5, 40, (("fault", "ws_duplicate"), ("channel", "fill"))),
        Strike("forced_fills", 0, 12, 6, (("fault", "force_fill"),)),
    ),
    windows=1,
)
FILLS = Plan((Strike("forced_fills", 0, 12, 20, (("fault", "force_fill"),)),), windows=2)
LOST_FILLS = Plan(
    (
        Strike("lost_fill_message", 0, 5, 45, (("fault", "lost_fill"),)),
        Strike("forced_fills", 0, 12, 6, (("fault", "force_fill"),)),
    ),
    windows=2,
)
DEATH = Plan(
    (Strike("forced_fills", 0, 8, 4, (("fault", "force_fill"),)), Strike("kill", 0, 25, 0, (("back_ms", 700),))),
    windows=1,
)
DEATH_PLACING = Plan(
    (
        Strike("slow_fsync", 0, 8, 45, (("ms", 200),)),
        Strike("kill_soon_after_place", 0, 12, 0, (("back_ms", 700),)),
        Strike("kill_soon_after_place", 0, 22, 0, (("back_ms", 700),)),
        Strike("kill_soon_after_place", 0, 32, 0, (("back_ms", 700),)),
    ),
    windows=1,
)
TERMINATED = Plan(
    (
        Strike("stale_reads", 0, 10, 30, (("fault", "list_lag_ms"), ("ms", 900))),
        Strike(
            "lost_cancel",
            0,
            19.9,
            1.2,
            (("fault", "lost_request"), ("op", ("cancel_all", "cancel_order", "batch_cancel", "trigger_group"))),
        ),
        Strike("sigterm", 0, 20),
    ),
    windows=1,
)
FEED_DEAD = Plan((Strike("feed_silence", 0, 15, 8, (("fault", "silence"), ("host", 1))),), windows=1, feeds="hot")
WRONG_CLOCK = Plan((Strike("clock_step", 0, 12, 20, (("ms", 1900),)),), windows=1)
SWEPT = Plan((Strike("outside_cancel_all", 0, 12, 3),), windows=1)
STREAM_GONE = Plan(
    (Strike("stream_refused", 0, 15, 6, (("fault", "lost_request"), ("op", "ws_connect"), ("drop", True))),), windows=1
)
REPLAYED = Plan(windows=1, replay=True)
POOR = Plan((Strike("index_silence", 0, 44, 1, (("fault", "silence"),)),), windows=1, tier="basic")


def _passes(owner: type, name: str) -> Patches:
    return [(owner, name, lambda *_, **__: PASS)]


def _cell(state: State, fact: Fact, follower: State) -> Patches:
    return [(orders.TABLE, (state, fact), follower)]


def _late_expiry() -> Patches:
    before = kalshi_wire._place  # noqa: SLF001 - the defect sits there

    def place(account: kalshi_wire.Account, action: Place) -> kalshi_wire.Request:
        return before(account, msgspec.structs.replace(action, expiration_s=action.expiration_s + 2))

    return [(kalshi_wire, "_place", place)]


def _crossing() -> Patches:
    before = kalshi_wire._place  # noqa: SLF001 - the defect sits there

    def place(account: kalshi_wire.Account, action: Place) -> kalshi_wire.Request:
        request = before(account, action)
        return msgspec.structs.replace(request, body=request.body.replace(b'"post_only":true', b'"post_only":false'))

    return [(kalshi_wire, "_place", place)]


def _twice() -> Patches:
    before = Ledger.fill

    def fill(self: Ledger, *args: Any) -> bool:  # noqa: ANN401 - as the original
        self.trades.pop(args[0].trade_id, None)
        return before(self, *args)

    return [(Ledger, "fill", fill)]


def _careless_refusal() -> Patches:
    return [(RiskGuard, "refuses", lambda *_: ""), (Desk, "_room", lambda _self, size, *_: size)]


def _unsigned_short() -> Patches:
    before = Ledger.fill

    def fill(self: Ledger, *args: Any) -> bool:  # noqa: ANN401 - as the original
        done = before(self, *args)
        if done and args[0].side is Side.ASK:
            self.markets[args[0].ticker].cash = Cash(
                self.markets[args[0].ticker].cash - 2 * args[0].price * args[0].count
            )
        return done

    return [(Ledger, "fill", fill)]


def _late_edge() -> Patches:
    before = WindowPlan.next_edge

    def next_edge(self: WindowPlan, series: str, utc_ns: int, lead_ns: int) -> int | None:
        edge_ns = before(self, series, utc_ns, lead_ns)
        return None if edge_ns is None else edge_ns + 80 * NS_PER_MS

    return [(WindowPlan, "next_edge", next_edge), (FreshnessSentry, "next_deadline", lambda *_: None)]


def _no_wait_for_disk() -> Patches:
    def release(self: Runner, _durable_seq: int = 0) -> None:
        while self._held:
            self._perform(self._held.popleft()[1])

    return [(Runner, "release", release)]


def _forget(*fields: str) -> Patches:
    before = memory.remember

    def remember(engine: Engine) -> bytes:
        kept = msgspec.json.decode(before(engine))
        blank = {"orders": [], "paused": "", "kill": {"latched": False, "source": "", "reason": "", "since_utc_ns": 0}}
        blank["ledger"] = {"markets": {}, "trades": [], "realised": 0, "settled_fees": 0}
        for field in fields:
            if field == "risk":
                kept["risk"]["equity"] = None
            else:
                kept[field] = blank[field]
        return msgspec.json.encode(kept)

    from daemon import recovery_io  # noqa: PLC0415 - patched where it is used
    from sim import ports  # noqa: PLC0415

    return [(memory, "remember", remember), (recovery_io, "remember", remember), (ports, "remember", remember)]


def _no_redo() -> Patches:
    from daemon import recovery_io  # noqa: PLC0415 - patched where it is used

    return [(recovery_io, "redo", lambda *_: None)]


def _chance() -> Patches:
    before = Engine.step
    odd = [0]

    def step(self: Engine, event: Any, now: Any) -> Any:  # noqa: ANN401 - as the original
        odd[0] += 1
        actions = before(self, event, now)
        return [*actions, Record("note", {"n": odd[0]})] if odd[0] % 1000 == 0 else actions

    return [(Engine, "step", step)]


def _deaf_to_fills() -> Patches:
    from daemon.account import Account  # noqa: PLC0415 - as the others

    def fills_read(self: Account, event: Any, now: Any, _out: Any) -> None:  # noqa: ANN401 - as the original
        self.reads.answered(event.request_id, now.mono_ns)
        from daemon.account import FILLS  # noqa: PLC0415

        self.reconciled.add(FILLS)

    return [(Account, "fills_read", fills_read)]


def _no_cancel_all_marker() -> Patches:
    return [(Observers, "_marker", lambda *_: None)]


def _up_for_ever() -> Patches:
    before = Observers._stream  # noqa: SLF001 - the defect sits there

    def stream(self: Observers, event: Any, now: Any, out: Any) -> None:  # noqa: ANN401 - as the original
        if event.up:
            before(self, event, now, out)

    return [(Observers, "_stream", stream), (Observers, "_books_stale", lambda *_: None)]


def _both_sides() -> Patches:
    before = Converger.quote

    def quote(self: Converger, series: str, want: Any, *args: Any) -> bool:  # noqa: ANN401 - as the original
        hidden = {n: o for n, o in self.book.live.items() if o.series == series and o.unwanted}
        for name in hidden:
            del self.book.live[name]
        try:
            return before(self, series, want, *args)
        finally:
            self.book.live.update(hidden)

    return [(Converger, "quote", quote)]


CATALOGUE: tuple[Defect, ...] = (
    Defect(
        "freshness passes",
        "the sentry votes PASS whatever the age",
        SILENT_INDEX,
        ("cancel late", "place while stale in strict", "not flat in time"),
        lambda: [*_passes(FreshnessSentry, "vote"), (FreshnessSentry, "next_deadline", lambda *_: None)],
    ),
    Defect(
        "window passes",
        "the window's vote never closes",
        QUIET,
        ("cancel late", "place outside its window", "not flat in time", "order without expiry"),
        lambda: _passes(Desk, "window_vote"),
    ),
    Defect(
        "kill passes",
        "the kill latch votes PASS",
        KILL_FILE,
        ("place after halt", "cancel late"),
        lambda: _passes(KillLatch, "vote"),
    ),
    Defect(
        "clock passes",
        "a stepped clock is believed",
        WRONG_CLOCK,
        ("place by a wrong clock",),
        lambda: _passes(ClockTrust, "vote"),
    ),
    Defect(
        "young absence buries",
        "a listing asked too early buries an order",
        LATE_ANSWERS,
        ("exchange's book not in ours", "two orders on one side"),
        lambda: [(orders, "SETTLE_NS", -3 * NS_PER_S)],
    ),
    Defect(
        "unknown place is gone",
        "a place without a sure answer is taken for refused",
        ANSWERS_FAIL,
        ("exchange's book not in ours",),
        lambda: _cell(State.PLACING, Fact.UNKNOWN, State.GONE),
    ),
    Defect(
        "unproven cancel is gone",
        "a cancel's 404 or timeout is taken for done",
        LOST_CANCELS,
        ("exchange's book not in ours",),
        lambda: _cell(State.CANCELLING, Fact.CANCEL_UNPROVEN, State.GONE),
    ),
    Defect("late expiry", "orders expire two seconds later", QUIET, ("order without expiry",), _late_expiry),
    Defect(
        "not post-only", "the wire loses post_only", QUIET, ("order without post-only, group or pause flag",), _crossing
    ),
    Defect(
        "no trigger",
        "groups are never triggered",
        QUIET,
        ("cancel late", "not flat in time", "calm window without quotes"),
        lambda: [(Groups, "trigger", lambda *_: False)],
    ),
    Defect(
        "no second trigger",
        "a lost trigger is not sent again",
        LOST_TRIGGERS,
        ("not flat in time", "cancel late"),
        lambda: [
            (converge, "GROUP_PATIENCE_NS", 60 * NS_PER_S),
            (converge, "CANCEL_RETRY_NS", 60 * NS_PER_S),
            _slow_trigger(),
        ],
    ),
    Defect(
        "fill counts twice", "trade ids are not looked at", DOUBLE_FILLS, ("positions differ", "fills differ"), _twice
    ),
    Defect(
        "short settles wrong",
        "what an ask earns is booked as paid",
        FILLS,
        ("P&L differs from settlement",),
        _unsigned_short,
    ),
    Defect(
        "no limits",
        "risk refuses nothing and the desk sees room for ever",
        FILLS,
        ("limit exceeded",),
        _careless_refusal,
    ),
    Defect("late edges", "phase edges are 80 ms late", QUIET, ("phase late or early",), _late_edge),
    Defect(
        "no wait for the disk",
        "places leave before their record is durable",
        DEATH_PLACING,
        ("exchange's book not in ours",),
        _no_wait_for_disk,
    ),
    Defect(
        "orders forgotten",
        "a restart forgets the live orders",
        DEATH,
        ("exchange's book not in ours",),
        lambda: _forget("orders"),
    ),
    Defect(
        "positions forgotten",
        "a restart forgets positions and trades",
        DEATH,
        ("fills differ", "positions differ"),
        lambda: _forget("ledger"),
    ),
    Defect(
        "limits forgotten",
        "a restart begins a new day's limits",
        DEATH,
        ("limits forgotten by a restart",),
        lambda: _forget("risk"),
    ),
    Defect(
        "kill forgotten",
        "a restart opens the kill latch",
        KILL_FILE_AND_DEATH,
        ("place after halt",),
        lambda: _forget("kill"),
    ),
    Defect(
        "pause forgotten", "a restart lifts a pause", PAUSE_AND_DEATH, ("place after halt",), lambda: _forget("paused")
    ),
    Defect(
        "tail forgotten",
        "what was placed after the snapshot is not entered",
        DEATH_PLACING,
        ("exchange's book not in ours",),
        _no_redo,
    ),
    Defect(
        "no failover",
        "the feed believed is never changed",
        FEED_DEAD,
        ("stale feed kept",),
        lambda: [(DualFeedFailover, "_judge_hot", lambda *_: None)],
    ),
    Defect(
        "flat too soon",
        "one listing, however young, proves flat",
        TERMINATED,
        ("exit not flat", "exchange's book not in ours"),
        lambda: [
            (flatten, "SETTLE_NS", -2 * NS_PER_S),
            (flatten, "EMPTIES_NEEDED", 1),
            (orders, "SETTLE_NS", -5 * NS_PER_S),
        ],
    ),
    Defect(
        "marker ignored",
        "another program's cancel-all is not seen",
        SWEPT,
        ("place in the tail of a cancel-all",),
        _no_cancel_all_marker,
    ),
    Defect(
        "stream for ever up",
        "a lost private stream goes unnoticed",
        STREAM_GONE,
        ("place without private stream",),
        _up_for_ever,
    ),
    Defect(
        "place beside unwanted",
        "a place goes out while the old order may live",
        QUIET,
        ("two orders on one side",),
        _both_sides,
    ),
    Defect("chance in a step", "a step depends on more than its event", REPLAYED, ("replay differs",), _chance),
    Defect(
        "always ready",
        "readiness says yes",
        KILL_FILE,
        ("ready while a gate is red",),
        lambda: [(Status, "ready", property(lambda _self: True))],
    ),
    Defect(
        "groups kept",
        "groups of past windows are not deleted",
        Plan(windows=6, window_s=30),
        ("group leaked", "tables without bound"),
        lambda: [(Groups, "tidy", lambda *_: None)],
    ),
    Defect(
        "no budget",
        "places are always affordable, and quotes restless",
        POOR,
        ("cancel starved of tokens",),
        lambda: [(Budget, "may_place", lambda *_: True), (quoter, "settle_on", lambda _order, price, *_: price)],
    ),
    Defect(
        "listed fills ignored",
        "fills come from the stream alone",
        LOST_FILLS,
        ("fills differ", "positions differ"),
        _deaf_to_fills,
    ),
)


def _slow_trigger() -> tuple[Any, str, Any]:
    from execution import groups  # noqa: PLC0415 - patched where it is used

    return groups, "TRIGGER_RETRY_NS", 60 * NS_PER_S


__all__ = ["CATALOGUE", "Ledger", "OrderBook", "positions"]
