# long: one observer for each event, in one total table
"""What each event changes: one observer per kind of event, in one total table.

An observer takes in a fact and leaves the decision to the engine: it never places and never cancels, it only changes
what the engine will find when it decides. The few that ask for the whole account to be emptied say so by `ask_empty`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.engine.desk import REJECTED, Desk
from daemon.engine.market.conditions import MarketConditions
from daemon.engine.memory import restore
from daemon.engine.model.watch import ModelWatch
from daemon.engine.operator_requests import OperatorRequests
from daemon.engine.state import State
from domain.actions import Answer, AnyAction, AskWatcher, Read
from domain.alert_types.catalogue import (
    BadPrintAlert,
    ExchangeRefusesClockAlert,
    ExchangeRefusesKeyAlert,
    FeedDivergenceOverAlert,
    FeedDownAlert,
    FeedRefusedAlert,
    JournalFaultAlert,
    PreflightBlocksAlert,
    PrivateStreamDownAlert,
    Severity,
)
from domain.clock import NS_PER_MS, Now
from domain.counts import Counted
from domain.events import (
    AnyEvent,
    BalanceRead,
    BooksStale,
    BookTop,
    CancelAllMarker,
    CancelAllOutcome,
    CancelOutcome,
    ClockSample,
    CloseOutTold,
    ControlProven,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeedState,
    FeedStatus,
    FeesRead,
    Filled,
    FillsRead,
    GroupOp,
    GroupOutcome,
    GroupsRead,
    GroupUpdated,
    History,
    IncidentWritten,
    JobOutcome,
    JobRun,
    JournalFault,
    KillSwitch,
    LimitsRead,
    LoopStall,
    MarketChanged,
    MarketsRead,
    Operator,
    OrdersRead,
    OrderUpdated,
    Outcome,
    PlaceOutcome,
    PositionsRead,
    PreflightRun,
    ReadFailed,
    RestrictedRead,
    SettlementsRead,
    Started,
    Stop,
    StreamStatus,
    Tick,
    Wake,
)
from domain.ids import is_close_out
from domain.reasons import Breach, GateStatus, Reason, Topic
from domain.records import (
    ConfigEntry,
    FeedSwitchEntry,
    FeePathEntry,
    GuardTripEntry,
    JobRunEntry,
    PreflightEntry,
)
from execution.kalshi.codes import STAMP_EXPIRED
from guards.evidence.controls import REHEARSED
from guards.freshness import Admission
from guards.message_age import BOOKS, FILLS, ORDERS, ExchangeTime
from guards.volatility import SYMBOL as VIX
from pricing.fees import agreement, fee_path

HTTP_OK = 200
KEY_REFUSED = frozenset({401, 403})
EXCHANGE_PAUSED = "exchange_is_paused"
# A feed in one of these states has no connection, or a new one.
BEGINNING = frozenset({FeedState.DOWN, FeedState.CONNECTING, FeedState.COOLING, FeedState.FATAL})
LOSES_GROUP = frozenset({"triggered", "deleted"})
# Changes of a market's life after which what was listed is no longer so; and those by which a rung falls out at once.
DELISTS = frozenset({"deactivated", "close_date_updated", "price_level_structure_updated", "determined", "settled"})
RELISTS = DELISTS | {"created", "activated", "metadata_updated"}
Observer = Callable[[Any, Now, list[AnyAction]], None]


class Observers:
    """The table, bound to one state."""

    def __init__(self, state: State, requests: OperatorRequests) -> None:
        self.state = state
        self.requests = requests
        self.conditions = MarketConditions(state)
        self.model = ModelWatch(state)
        self.table: dict[type, Observer] = {
            Tick: self._tick,
            Wake: self._nothing,
            FeedStatus: self._feed_status,
            History: self._history,
            BookTop: self._top,
            BooksStale: self._books_stale,
            StreamStatus: self._stream,
            Filled: self._filled,
            OrderUpdated: self._updated,
            GroupUpdated: self._group_updated,
            MarketChanged: self._market_changed,
            PlaceOutcome: self._placed,
            CancelOutcome: self._cancelled,
            GroupOutcome: self._group_answered,
            CancelAllOutcome: self._cancel_all_answered,
            OrdersRead: self.state.books.orders_read,
            FillsRead: self.state.books.fills_read,
            PositionsRead: self.state.books.positions_read,
            BalanceRead: self.state.books.balance_read,
            GroupsRead: lambda e, n, _: self.state.books.groups_read(e, n),
            LimitsRead: lambda e, n, _: self.state.books.limits_read(e, n),
            MarketsRead: self.conditions.listed,
            RestrictedRead: self.conditions.restricted,
            SettlementsRead: self.state.results.settlements_read,
            FeesRead: self._fees_read,
            ExchangeStatusRead: self._status_read,
            ExchangeScheduleRead: self.conditions.schedule_read,
            ReadFailed: self._read_failed,
            ClockSample: lambda e, n, _: self.state.clock_trust.observe(e.offset_ns, e.uncertainty_ns, n),
            Started: self._started,
            Operator: self.requests.operator,
            KillSwitch: self.requests.kill_switch,
            CancelAllMarker: self.requests.marker,
            CloseOutTold: self.requests.close_out,
            ControlProven: self._control_proven,
            LoopStall: self._loop_stall,
            JournalFault: self._journal_failed,
            JobRun: self._job_run,
            IncidentWritten: lambda e, _, out: self.state.incidents.written(e, out),
            PreflightRun: self._preflight_run,
            Stop: self.requests.stop,
        }

    def observe(self, event: AnyEvent, now: Now, out: list[AnyAction]) -> None:
        """Take one event in."""
        self.table[type(event)](event, now, out)
        self.count_fills(now, out)
        if self.state.unexplained.wanted:
            self.weigh(now, out)

    def weigh(self, now: Now, out: list[AnyAction]) -> None:
        """Look at the cancels that nobody of ours may have asked for, and at traces of others."""
        found = self.state.unexplained.look(now, out)
        if found is not None:
            self.state.pause(*found, out)
        ended, self.state.unexplained.not_taken = self.state.unexplained.not_taken, []
        for order in ended:
            why = self.state.refused.ended_at_once(order, now, out)
            if why:
                self.state.pause(Breach.PLACES_REFUSED, why, out)

    def _nothing(self, event: Wake, now: Now, out: list[AnyAction]) -> None:
        """Time has passed; `_advance` saw it."""

    def _tick(self, tick: Tick, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        if tick.symbol == VIX:
            self.conditions.level(tick, now, out)
            return
        state.held.counts.add(Counted.TICKS_PRIMARY if tick.feed == state.settings.primary else Counted.TICKS_SECONDARY)
        state.newest[tick.feed, tick.symbol] = tick
        out.extend(state.failover.observe(tick, now))
        self.follow_failover(now, out)
        desk = state.by_symbol.get(tick.symbol)
        if desk is None:
            return
        if desk.divergence.observe(tick, now):
            self._divergence_turned(desk, out)
            desk.moved = True
        for other in state.desks.values():
            other.stuck_on(tick.feed).observe(tick, now)
        desk.first.observe(tick, market_open=state.index_expected)
        if tick.feed != state.failover.active:
            return
        state.still.observe(tick, now)
        desk.moved = True
        if desk.stuck_vote(now).status is GateStatus.FAIL:
            state.failover.set_aside(tick.feed, tick.symbol, "stuck", now)
        admission = desk.tick(tick, now)
        for good in desk.judged.good:
            state.results.printed(desk, good)
            self.model.value(desk, good)
        if desk.judged.bad is not None or desk.judged.moved:
            self._jumped(desk, tick, desk.judged.bad, out)
        if admission is Admission.ACCEPTED:
            state.stall.agreed(desk.series.name)
        else:
            state.held.counts.add(REJECTED[admission])

    def _jumped(self, desk: Desk, after: Tick, bad: Tick | None, out: list[AnyAction]) -> None:
        """A jump of the index is decided: a bad print, which is used for nothing, or a move."""
        if bad is None:
            return
        symbol, values = desk.series.symbol, {"bad": bad.value, "after": after.value}
        out.append(GuardTripEntry(reason=Reason.BAD_PRINT.value, symbol=symbol, values=values))
        out.append(BadPrintAlert(Severity.WARNING, symbol, values, bad.feed, bad.raw))

    def _divergence_turned(self, desk: Desk, out: list[AnyAction]) -> None:
        symbol, values = desk.series.symbol, desk.divergence.comparison()
        if desk.divergence.diverged:
            out.append(GuardTripEntry(reason=Reason.FEED_DIVERGENCE.value, symbol=symbol, values=values))
        else:
            out.append(FeedDivergenceOverAlert(Severity.INFO, symbol, values))

    def follow_failover(self, now: Now, out: list[AnyAction]) -> None:
        """On a switch the new feed's newest values count at once."""
        state = self.state
        switch = state.failover.last_switch
        if switch is None or state.failover.switches == state.switches_seen:
            return
        state.switches_seen = state.failover.switches
        if switch.after == state.settings.secondary:
            state.scores.fell_back()
        age_ns = state.failover.age_ns(switch.before, now)
        age_ms = None if age_ns is None else age_ns / NS_PER_MS
        out.append(FeedSwitchEntry(switch.before, switch.after, switch.reason, age_ms))
        for desk in state.desks.values():
            desk.follow(switch.after, state.failover.value(desk.series.symbol, now), now)

    def _feed_status(self, event: FeedStatus, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        before = state.feed_states.get(event.feed)
        state.feed_states[event.feed] = event
        for _ in event.refused:
            state.level.refused(event.feed)
        if event.state in BEGINNING:
            for desk in state.desks.values():
                desk.first.begin(event.feed)
        if event.state is FeedState.FATAL:
            out.append(FeedRefusedAlert(Severity.ERROR, event.feed, event.reason))
        elif before is not None and before.state is FeedState.LIVE and event.state is not FeedState.LIVE:
            # Also back to SUBSCRIBED: that is how silence begins, before the socket is given up.
            out.append(FeedDownAlert(Severity.WARNING, event.feed, event.reason))
        out.extend(state.failover.observe(event, now))
        self.follow_failover(now, out)

    def _history(self, event: History, now: Now, out: list[AnyAction]) -> None:
        desk = self.state.by_symbol.get(event.symbol)
        if desk is not None and desk.sigma.sigma_ppm is None:
            desk.sigma.seed(event)

    def _top(self, event: BookTop, now: Now, out: list[AnyAction]) -> None:
        state, top = self.state, event.top
        arrived = Now(now.mono_ns, now.utc_ns - max(0, now.mono_ns - top.received_mono_ns))
        late = state.ages.observe(BOOKS, top.ticker, top.exchange_ms, arrived, self._exchange_time())
        for desk in state.desks.values():
            if late and top.ticker in desk.markets:
                desk.late(top.ticker, now.mono_ns + state.ages.cool_ns)
            elif desk.top(event, state.held.book.live.values()):
                return

    def _exchange_time(self) -> ExchangeTime | None:
        trust = self.state.clock_trust
        offset_ns, uncertainty_ns = trust.offset_ns, trust.uncertainty_ns
        return None if offset_ns is None or uncertainty_ns is None else ExchangeTime(offset_ns, uncertainty_ns)

    def _books_stale(self, event: BooksStale, now: Now, out: list[AnyAction]) -> None:
        for desk in self.state.desks.values():
            desk.books_stale(event.tickers)

    def _stream(self, event: StreamStatus, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        if not event.up and (state.stream_up or event.reason != state.stream_reason):
            out.append(PrivateStreamDownAlert(Severity.WARNING, event.reason))
        state.stream_up, state.stream_reason = event.up, event.reason
        state.ages.reconnected()
        if event.up:
            state.books.reconnected(now)
        else:
            for desk in state.desks.values():
                desk.books_stale(())

    def _filled(self, event: Filled, now: Now, out: list[AnyAction]) -> None:
        self.state.ages.observe(FILLS, "", event.sent_ms, now, self._exchange_time())
        self.state.account.filled(event.fill, now, out)

    def _updated(self, event: OrderUpdated, now: Now, out: list[AnyAction]) -> None:
        self.state.ages.observe(ORDERS, "", event.sent_ms, now, self._exchange_time())
        self.state.account.updated(event, now, out)

    def count_fills(self, now: Now, out: list[AnyAction]) -> None:
        """Tell the windows of the fills that were booked in this step, and of what was adopted."""
        state = self.state
        for fill in state.held.new_fills:
            state.results.filled(fill)
            self.model.filled(fill)
            if fill.is_taker and not is_close_out(fill.client_order_id):
                why = f"fill {fill.trade_id} of {fill.client_order_id} took liquidity, though it is post-only"
                self.requests.halt(Topic.COMPLIANCE, why, now, out)
        state.held.new_fills.clear()
        for ticker in state.held.adopted:
            state.results.reopen(ticker)
        state.held.adopted.clear()

    def _group_updated(self, event: GroupUpdated, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        if event.what not in LOSES_GROUP:
            return
        group = state.held.groups.lost(event.group_id, now.mono_ns)
        if group is not None:
            out.append(GuardTripEntry(Reason.ORDER_GROUP_LOST.value, group.series, group_id=group.group_id))
            state.flat.flatten(group.series, Reason.ORDER_GROUP_LOST.value, now)

    def _market_changed(self, event: MarketChanged, now: Now, out: list[AnyAction]) -> None:
        self.state.unexplained.halted(event.ticker, event.what, now)
        for desk in self.state.desks.values():
            if event.what in RELISTS and desk.concerns(event.ticker):
                if event.what in DELISTS:
                    desk.delisted(event.ticker, now)
                desk.books_stale((event.ticker,))
                self.state.ladders.relist(desk, now)

    def _placed(self, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        order = state.account.placed(event, now, out)
        if order is None:
            return
        why = state.refused.placed(event, order, now, out)
        if why:
            state.pause(Breach.PLACES_REFUSED, why, out)
        if event.code == EXCHANGE_PAUSED:
            state.exchange.refused(event.code, now)

    def _cancelled(self, event: CancelOutcome, now: Now, out: list[AnyAction]) -> None:
        self.state.account.cancelled(event, now, out)
        self._key_lost("cancel", event, now, out)

    def _group_answered(self, event: GroupOutcome, now: Now, out: list[AnyAction]) -> None:
        self.state.account.group_answered(event, now)
        if event.op is GroupOp.TRIGGER:
            self._key_lost("trigger of a group", event, now, out)

    def _cancel_all_answered(self, event: CancelAllOutcome, now: Now, out: list[AnyAction]) -> None:
        self.state.flat.cancel_all_answered(event, now)
        self._key_lost("cancel-all", event, now, out)

    def _key_lost(self, what: str, event: Outcome, now: Now, out: list[AnyAction]) -> None:
        """A cancel that our key may not send: another key must, at once; ours goes on trying beside it.

        A stamp that was refused has been signed anew by the venue already: what arrives here was refused all the same.
        """
        state = self.state
        if event.http_status not in KEY_REFUSED:
            return
        if state.refused.cancel_refused(what, event.http_status, event.code, now, out):
            out.append(AskWatcher(now.utc_ns, Reason.KEY_REFUSED.value))
            why = f"the exchange refuses our key: {what} answered {event.http_status} {event.code}".rstrip()
            state.pause(Breach.KEY_REFUSED, why, out)
            self.requests.ask_empty(Reason.KEY_REFUSED, now)

    def _fees_read(self, event: FeesRead, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        state.held.reads.answered(event.request_id, now.mono_ns)
        desk = state.desks.get(event.series)
        if desk is None:
            return
        agreed = agreement(state.settings.fees, event.series, event.fee_type, event.multiplier_ppm)
        if desk.fees != agreed:
            path = fee_path(state.settings.fees, event.series)
            told = FeePathEntry(
                series=event.series,
                maker=path.maker,
                maker_coefficient=path.maker_coefficient,
                taker_coefficient=path.taker_coefficient,
                effective=path.effective,
                fee_type=event.fee_type,
                multiplier_ppm=event.multiplier_ppm,
                problem=agreed.problem,
                warning=agreed.warning,
            )
            out.append(told)
        desk.fees = agreed

    def _status_read(self, event: ExchangeStatusRead, now: Now, out: list[AnyAction]) -> None:
        self.state.held.reads.answered(event.request_id, now.mono_ns)
        self.state.exchange.observe(event)

    def _read_failed(self, event: ReadFailed, now: Now, out: list[AnyAction]) -> None:
        key = self.state.held.reads.failed(event.request_id, now.mono_ns)
        self.state.parity.failed(key, event, out)
        if key is not None and key.what is Read.SETTLEMENTS and event.http_status == HTTP_OK:
            self.state.results.unreadable(key, event.reason, now, out)
        if event.http_status in KEY_REFUSED:
            refuses = ExchangeRefusesClockAlert if STAMP_EXPIRED in event.reason else ExchangeRefusesKeyAlert
            out.append(refuses(Severity.CRITICAL, event.what, event.http_status, event.reason))

    def _control_proven(self, event: ControlProven, now: Now, out: list[AnyAction]) -> None:
        # A proof from the future would never grow old.
        if event.utc_ns <= now.utc_ns:
            self.state.controls.prove(event.control, event.utc_ns)

    def _loop_stall(self, event: LoopStall, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        if state.stall.observe(event.lag_ns, state.settings.series, now):
            for desk in state.desks.values():
                desk.sentry.stalled()

    def _journal_failed(self, event: JournalFault, now: Now, out: list[AnyAction]) -> None:
        self.state.journal_fault = event.reason
        out.append(JournalFaultAlert(Severity.CRITICAL, event.reason))
        self.requests.ask_stop(Reason.JOURNAL_FAULT, now)

    def _job_run(self, event: JobRun, now: Now, out: list[AnyAction]) -> None:
        out.append(JobRunEntry(event.job, event.road, event.by, event.outcome, event.duration_ms, event.cause))
        if event.ident:
            told = f"{event.outcome}: {event.cause}" if event.outcome is not JobOutcome.DONE else ""
            out.append(Answer(event.ident, told))

    def _preflight_run(self, event: PreflightRun, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        if not state.evidence.observe(event):
            return
        if event.rehearsed:
            for control in REHEARSED:
                state.controls.prove(control, now.utc_ns)
        for desk in state.desks.values():
            if desk.window is not None:
                state.evidence.judge(desk.series.name, desk.phase, desk.window.target_ns, now)
        told = PreflightEntry(
            event.number,
            event.passed,
            tuple(finding.line() for finding in event.against),
            tuple(finding.line() for finding in event.later),
            *(event.path, event.sha256, event.problem),
        )
        out.append(told)
        standing = state.evidence.standing(now)
        if not standing.open and standing.detail != self.requests.preflight_told:
            severity = Severity.ERROR if state.settings.live else Severity.WARNING
            out.append(PreflightBlocksAlert(severity, told.against, told.path, told.problem))
        self.requests.preflight_told = standing.detail
        self.requests.preflight_over(event.number, standing, out)

    def _started(self, event: Started, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        state.started = event
        state.held.numbers.epoch = event.boot_epoch
        state.held.began = now
        if event.recovered:
            restore(self.state, event.recovered, now)
        if state.armed_for != (event.config_hash, event.build_id):
            # What was armed is this configuration in this build; another one is armed anew.
            state.armed_session = ""
        state.evidence.started(event.config_hash, event.build_id)
        state.held.opened_utc_ns = state.held.opened_utc_ns or now.utc_ns
        out.extend(state.failover.start(now))
        out.append(ConfigEntry(event.config_hash, event.build_id, event.mode))
