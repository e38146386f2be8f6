"""What each event changes: one observer per kind of event, in one total table.

An observer takes in a fact and leaves the decision to the engine: it never places and never cancels, it only changes
what the engine will find when it decides. The few that ask for the whole account to be emptied say so by `ask_empty`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daemon.engine.desk import Desk
from daemon.engine.memory import restore
from domain.actions import Alert, Answer, AnyAction, Record
from domain.clock import NS_PER_MS, Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    BooksStale,
    BookTop,
    CancelAllMarker,
    CancelAllOutcome,
    CancelOutcome,
    ClockSample,
    Command,
    ControlProven,
    ExchangeStatusRead,
    FeedState,
    FeedStatus,
    FeesRead,
    Filled,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    GroupUpdated,
    History,
    JournalFault,
    KillSwitch,
    LimitsRead,
    LoopStall,
    MarketChanged,
    MarketsRead,
    Operator,
    OrdersRead,
    OrderUpdated,
    PlaceOutcome,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
    Started,
    Stop,
    StreamStatus,
    Tick,
    Verdict,
    Wake,
)
from domain.reasons import Reason
from execution.flatten import TAIL_NS
from execution.kalshi.codes import STAMP_EXPIRED
from guards.freshness import Admission
from pricing.fees import agreement, fee_path

if TYPE_CHECKING:
    from daemon.engine.step import Engine

_ACCEPTED = Admission.ACCEPTED
KEY_REFUSED = frozenset({401, 403})
REFUSED_OR_UNKNOWN = frozenset({Verdict.REFUSED, Verdict.UNKNOWN})
CANCEL_ALL_PROGRAM = "cancel-all"
RUN_PREFIX = "run-"
# Changes of a market's life after which what was listed is no longer so.
RELISTS = frozenset({"deactivated", "close_date_updated", "price_level_structure_updated"})
NOT_TAKEN_UP = frozenset({"", Reason.SHUTDOWN, Reason.DRILL})
Observer = Callable[[Any, Now, list[AnyAction]], None]


class Observers:
    """The table, bound to one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.table: dict[type, Observer] = {
            Tick: self._tick,
            Wake: self._nothing,
            FeedStatus: self._feed_status,
            History: self._history,
            BookTop: self._top,
            BooksStale: self._books_stale,
            StreamStatus: self._stream,
            Filled: self._filled,
            OrderUpdated: self.engine.account.updated,
            GroupUpdated: self._group_updated,
            MarketChanged: self._market_changed,
            PlaceOutcome: self._placed,
            CancelOutcome: self.engine.account.cancelled,
            GroupOutcome: lambda e, n, _: self.engine.account.group_answered(e, n),
            CancelAllOutcome: lambda e, n, _: self.engine.account.cancel_all_answered(e, n),
            OrdersRead: self.engine.account.orders_read,
            FillsRead: self.engine.account.fills_read,
            PositionsRead: self.engine.account.positions_read,
            BalanceRead: lambda e, n, _: self.engine.account.balance_read(e, n),
            GroupsRead: lambda e, n, _: self.engine.account.groups_read(e, n),
            LimitsRead: lambda e, n, _: self.engine.account.limits_read(e, n),
            MarketsRead: self.engine.duties.markets_read,
            SettlementsRead: self.engine.duties.settlements_read,
            FeesRead: self._fees_read,
            ExchangeStatusRead: self._status_read,
            ReadFailed: self._read_failed,
            ClockSample: lambda e, n, _: self.engine.clock_trust.observe(e.offset_ns, e.uncertainty_ns, n),
            Started: self._started,
            Operator: self._operator,
            KillSwitch: self._kill_switch,
            CancelAllMarker: self._marker,
            ControlProven: self._control_proven,
            LoopStall: self._loop_stall,
            JournalFault: self._journal_failed,
            Stop: self._stop,
        }

    def observe(self, event: AnyEvent, now: Now, out: list[AnyAction]) -> None:
        """Take one event in."""
        self.table[type(event)](event, now, out)
        self.count_fills()

    def _nothing(self, event: Wake, now: Now, out: list[AnyAction]) -> None:
        """Time has passed; `_advance` saw it."""

    def _tick(self, tick: Tick, now: Now, out: list[AnyAction]) -> None:
        engine = self.engine
        engine.account.count("ticks")
        engine.account.count(f"ticks:{tick.feed}")
        engine.newest[tick.feed, tick.symbol] = tick
        out.extend(engine.failover.observe(tick, now))
        self.follow_failover(now, out)
        desk = engine.by_symbol.get(tick.symbol)
        if desk is None:
            return
        if desk.divergence.observe(tick, now):
            self._divergence_turned(desk, out)
            desk.moved = True
        if tick.feed != engine.failover.active:
            return
        desk.moved = True
        for other in engine.desks.values():
            other.stuck.observe(tick, now)
        engine.duties.printed(desk, tick)
        admission = desk.tick(tick, now)
        if admission is _ACCEPTED:
            engine.stall.agreed(desk.series.name)
        else:
            engine.account.count(f"ticks_rejected:{admission}")

    def _divergence_turned(self, desk: Desk, out: list[AnyAction]) -> None:
        payload = {"symbol": desk.series.symbol, "values": desk.divergence.comparison()}
        if desk.divergence.diverged:
            out.append(Record("guard_trip", payload | {"reason": Reason.FEED_DIVERGENCE.value}))
            out.append(Alert("feed_divergence", "error", payload))
        else:
            out.append(Alert("feed_divergence_over", "info", payload))

    def follow_failover(self, now: Now, out: list[AnyAction]) -> None:
        """On a switch the new feed's newest values count at once."""
        switch = self.engine.failover.last_switch
        if switch is None or self.engine.failover.switches == self.engine.switches_seen:
            return
        self.engine.switches_seen = self.engine.failover.switches
        self.engine.account.count("failovers")
        age_ns = self.engine.failover.age_ns(switch.before, now)
        payload = {
            "from_feed": switch.before,
            "to_feed": switch.after,
            "why": switch.reason,
            "age_ms": None if age_ns is None else age_ns / NS_PER_MS,
        }
        out.append(Record("feed_switch", payload))
        out.append(Alert("feed_switch", "warning", payload))
        for desk in self.engine.desks.values():
            tick = self.engine.failover.value(desk.series.symbol, now)
            if tick is not None:
                desk.tick(tick, now)

    def _feed_status(self, event: FeedStatus, now: Now, out: list[AnyAction]) -> None:
        before = self.engine.feed_states.get(event.feed)
        self.engine.feed_states[event.feed] = event
        payload = {"feed": event.feed, "reason": event.reason}
        if event.state is FeedState.FATAL:
            out.append(Alert("feed_refused", "error", payload))
        elif before is not None and before.state is FeedState.LIVE and event.state is not FeedState.LIVE:
            # Also back to SUBSCRIBED: that is how silence begins, before the socket is given up.
            out.append(Alert("feed_down", "warning", payload))
        out.extend(self.engine.failover.observe(event, now))
        self.follow_failover(now, out)

    def _history(self, event: History, now: Now, out: list[AnyAction]) -> None:
        desk = self.engine.by_symbol.get(event.symbol)
        if desk is not None and desk.sigma.sigma_ppm is None:
            desk.sigma.seed(event)

    def _top(self, event: BookTop, now: Now, out: list[AnyAction]) -> None:
        for desk in self.engine.desks.values():
            if desk.top(event, self.engine.account.book.live.values()):
                return

    def _books_stale(self, event: BooksStale, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.count("books_stale")
        for desk in self.engine.desks.values():
            desk.books_stale(event.tickers)

    def _stream(self, event: StreamStatus, now: Now, out: list[AnyAction]) -> None:
        if not event.up and (self.engine.stream_up or event.reason != self.engine.stream_reason):
            out.append(Alert("private_stream_down", "warning", {"reason": event.reason}))
        self.engine.stream_up, self.engine.stream_reason = event.up, event.reason
        if event.up:
            self.engine.account.reconnected(now)
        else:
            self.engine.account.count("stream_drops")
            for desk in self.engine.desks.values():
                desk.books_stale(())

    def _filled(self, event: Filled, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.filled(event.fill, now, out)

    def count_fills(self) -> None:
        """Tell the windows of the fills that were booked in this step."""
        for fill in self.engine.account.new_fills:
            self.engine.duties.filled(fill)
        self.engine.account.new_fills.clear()

    def _group_updated(self, event: GroupUpdated, now: Now, out: list[AnyAction]) -> None:
        if event.what != "triggered":
            return
        group = self.engine.account.groups.lost(event.group_id, now.mono_ns)
        if group is not None:
            self.engine.account.count("groups_self_triggered")
            payload = {"series": group.series, "group_id": group.group_id, "reason": Reason.ORDER_GROUP_LOST.value}
            out.append(Record("guard_trip", payload))
            out.append(Alert("order_group_lost", "warning", payload))
            self.engine.account.flatten(group.series, Reason.ORDER_GROUP_LOST.value, now)

    def _market_changed(self, event: MarketChanged, now: Now, out: list[AnyAction]) -> None:
        for desk in self.engine.desks.values():
            if event.ticker in desk.markets and event.what in RELISTS:
                desk.books_stale((event.ticker,))
                self.engine.duties.relist(desk, now)

    def _placed(self, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> None:
        order = self.engine.account.placed(event, now, out)
        if order is not None and event.verdict in REFUSED_OR_UNKNOWN:
            out.extend(self.engine.announcer.refused(order.ticker, event.code, now))
        if order is None or event.verdict is not Verdict.REFUSED:
            return
        desk = self.engine.desks.get(order.series)
        if desk is not None:
            until_ns = now.mono_ns + desk.settings.quotes.reject_cooldown_ms * NS_PER_MS
            desk.cooling[order.ticker, order.side] = until_ns
        if "paused" in event.code:
            self.engine.exchange.refused(event.code, now)

    def _fees_read(self, event: FeesRead, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.reads.answered(event.request_id, now.mono_ns)
        desk = self.engine.desks.get(event.series)
        if desk is None:
            return
        agreed = agreement(self.engine.settings.fees, event.series, event.fee_type, event.multiplier_ppm)
        if desk.fees != agreed:
            told = fee_path(self.engine.settings.fees, event.series)
            told |= {"series": event.series, "fee_type": event.fee_type, "multiplier_ppm": event.multiplier_ppm}
            told |= {"problem": agreed.problem, "warning": agreed.warning}
            out.append(Record("fee_path", told))
            if agreed.problem or agreed.warning:
                out.append(Alert("fees_disagree", "error" if agreed.problem else "warning", told))
        desk.fees = agreed

    def _status_read(self, event: ExchangeStatusRead, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.reads.answered(event.request_id, now.mono_ns)
        self.engine.exchange.observe(event)

    def _read_failed(self, event: ReadFailed, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.reads.failed(event.request_id, now.mono_ns)
        self.engine.account.count("read_failures")
        if event.http_status in KEY_REFUSED:
            payload = {"what": event.what, "http_status": event.http_status, "reason": event.reason}
            expired = STAMP_EXPIRED in event.reason
            out.append(Alert("exchange_refuses_clock" if expired else "exchange_refuses_key", "critical", payload))

    def _control_proven(self, event: ControlProven, now: Now, out: list[AnyAction]) -> None:
        # A proof from the future would never grow old.
        if event.utc_ns <= now.utc_ns:
            self.engine.controls.prove(event.control, event.utc_ns)

    def _loop_stall(self, event: LoopStall, now: Now, out: list[AnyAction]) -> None:
        self.engine.account.count("loop_stalls")
        if self.engine.stall.observe(event.lag_ns, self.engine.settings.series, now):
            for desk in self.engine.desks.values():
                desk.sentry.stalled()

    def _journal_failed(self, event: JournalFault, now: Now, out: list[AnyAction]) -> None:
        self.engine.journal_fault = event.reason
        out.append(Alert("journal_fault", "critical", {"reason": event.reason}))
        self.ask_stop(Reason.JOURNAL_FAULT, now)

    def _started(self, event: Started, now: Now, out: list[AnyAction]) -> None:
        self.engine.started = event
        self.engine.account.numbers.epoch = event.boot_epoch
        if event.recovered:
            restore(self.engine, event.recovered, now)
        out.extend(self.engine.failover.start(now))
        out.append(Record("config", {"hash": event.config_hash, "build_id": event.build_id, "mode": event.mode}))

    def _kill_switch(self, event: KillSwitch, now: Now, out: list[AnyAction]) -> None:
        if self.engine.kill.observe(event.active, event.source, event.reason, now):
            self.killed(event.source, now, out)

    def killed(self, source: str, now: Now, out: list[AnyAction]) -> None:
        """The kill latch has just closed: say so, and empty the account."""
        self.engine.account.count("halts")
        out.append(Record("kill_switch", {"source": source, "reason": self.engine.kill.reason}))
        out.append(Alert("kill_switch", "critical", {"reason": self.engine.kill.reason, "source": source}))
        self.ask_empty(Reason.KILL_SWITCH, now)

    def _marker(self, event: CancelAllMarker, now: Now, out: list[AnyAction]) -> None:
        """Some process asked the exchange for an account-wide cancel-all: obey its tail, and make sure that it worked.

        What an operator asked for also pauses us; what a watcher, a shutdown or our own last run asked for does not.
        """
        until_ns = event.asked_utc_ns + TAIL_NS
        self.engine.account.tail_until_utc_ns = max(self.engine.account.tail_until_utc_ns, until_ns)
        out.append(Record("cancel_all_marker", {"by": event.by, "reason": event.reason}))
        if self.engine.started is not None and event.by == self.engine.started.run_id:
            return
        by_operator = event.by == CANCEL_ALL_PROGRAM and event.reason != Reason.SHUTDOWN
        # A restart reads young markers again: one from before somebody resumed pauses nothing any more.
        if by_operator and event.asked_utc_ns > self.engine.resumed_utc_ns:
            self.engine.paused = self.engine.paused or f"cancel-all by an operator: {event.reason}"
        # What the run before asked for as it ended, or its unit after it, is neither an operator's nor the watcher's.
        earlier = event.by == CANCEL_ALL_PROGRAM or event.by.startswith(RUN_PREFIX)
        reason = Reason.OPERATOR_CLI if by_operator else Reason.EARLIER_RUN if earlier else Reason.WATCHER
        self.ask_empty(reason, now, looking=not self.engine.account.book.live)

    def _operator(self, event: Operator, now: Now, out: list[AnyAction]) -> None:
        payload = {"command": event.command.value, "by": event.by, "cause": event.cause, "road": event.road}
        out.append(Record("operator_action", payload))
        refused = self._obey(event, now, out)
        if event.ident:
            out.append(Answer(event.ident, refused))

    def _obey(self, event: Operator, now: Now, out: list[AnyAction]) -> str:
        """Do what the operator asks; why not, or nothing."""
        if event.command is Command.CANCEL_ALL:
            self.engine.paused = f"cancel-all by {event.by}: {event.cause}"
            self.ask_empty(Reason(event.road), now)
        elif event.command is Command.PAUSE:
            self.engine.paused = f"paused by {event.by}: {event.cause}"
        elif event.command is Command.KILL:
            if self.engine.kill.kill(event.road, f"{event.by}: {event.cause}", now):
                self.killed(event.road, now, out)
        elif event.command is Command.RESUME:
            return self._resume(event, now, out)
        elif event.command is Command.ARM:
            self.engine.armed_session = self.engine.session
        elif event.command is Command.NOTE:
            out.append(Record("note", {"text": event.cause, "by": event.by}))
        elif event.command is Command.RECONCILE:
            self.engine.account.read_books(now)
        return ""

    def _resume(self, event: Operator, now: Now, out: list[AnyAction]) -> str:
        """Lift pause, kill latch and frozen sessions, but only when the kill switch itself is off again."""
        refused = self.engine.kill.resume()
        if refused:
            out.append(Alert("resume_refused", "warning", {"by": event.by, "why": refused}))
            return refused
        self.engine.paused, self.engine.resumed_utc_ns = "", now.utc_ns
        self.engine.risk.resume()
        for desk in self.engine.desks.values():
            desk.sentry.resume()
        return ""

    def _stop(self, event: Stop, now: Now, out: list[AnyAction]) -> None:
        out.append(
            Record("operator_action", {"command": "stop", "by": "signal", "cause": event.reason, "road": "signal"})
        )
        self.ask_stop(Reason.SHUTDOWN, now)

    def ask_stop(self, reason: Reason, now: Now) -> None:
        """End the process, flat first; a second asking changes nothing."""
        if self.engine.stopping is None:
            self.engine.stopping, self.engine.stop_asked_ns = reason, now.mono_ns
            # With nothing that may be live there is nothing to cancel, only to look: a cancel-all would cost the next
            # run its first minute. Whatever the listing shows is cancelled all the same.
            self.ask_empty(reason, now, looking=not self.engine.account.book.live)

    def ask_empty(self, reason: Reason, now: Now, *, looking: bool = False) -> None:
        """Empty the account, now and until the exchange's list agrees, whatever else is going on.

        A request that joins another does not take its name, unless that is one which a restart would not take up again.
        """
        if "" not in self.engine.account.flattenings or self.engine.empty_reason in NOT_TAKEN_UP:
            self.engine.empty_reason = reason.value
        self.engine.account.begin_empty(reason.value, now, looking=looking)
