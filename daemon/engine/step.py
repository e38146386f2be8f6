"""The daemon as one synchronous function: `step(event, now) -> actions`.

A step observes one event, then decides from scratch what may rest, and lets the converger close the difference. No
guard sends a cancel: a guard's vote closes the gate, a closed gate empties the wanted set, and an empty wanted set is
pursued until the exchange's own list agrees. Operator, kill switch and shutdown empty the whole account the same way.
Nothing here reads a clock, waits, or touches the world; `next_deadline` says when something becomes true by itself.
"""

from __future__ import annotations

import datetime as dt

from daemon.engine.account import Account
from daemon.engine.announcer import Announcer
from daemon.engine.control_ages import CANCEL_ALL, GROUP_TRIGGER, Controls
from daemon.engine.desk import Desk
from daemon.engine.ladders import Duties
from daemon.engine.observe import Observers
from daemon.engine.settings import EngineSettings
from domain.actions import Alert, AnyAction, Cleared, Exit, Record
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BookTop,
    CancelOutcome,
    FeedStatus,
    OrderUpdated,
    PlaceOutcome,
    Started,
    Tick,
    Verdict,
)
from domain.market import SERIES
from domain.reasons import Reason, RungReason
from domain.window import Phase, Window
from execution.orders import Order, State
from feeds.failover import DualFeedFailover
from guards.clock_trust import ClockTrust
from guards.exchange import ExchangeGuard
from guards.freshness import Trip
from guards.gate import Closed, evaluate
from guards.killswitch import KillLatch
from guards.risk import RiskDecision, RiskGuard
from guards.stall import StallGuard
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown
from guards.windows import scheduler_window

STOP_LIMIT_NS = 20 * NS_PER_S
CHORES_NS = 300 * NS_PER_MS
VOTES_HOLD_NS = 300 * NS_PER_MS
CLOCK_DOUBT_NS = 200 * NS_PER_MS
MARKET_DATA = (Tick, BookTop)
ORDER_NEWS = (PlaceOutcome, CancelOutcome, OrderUpdated)
# Members of an enumeration cost a call each to look up (CPython 3.11); these are read in every step.
_STRICT, _FLATTENING = Phase.STRICT, Phase.FLATTENING


class Engine:
    """All decisions. One instance per process, driven by one runner."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.plan = settings.plan
        self.desks = {name: Desk(SERIES[name], settings.plan, settings.desk) for name in settings.series}
        self.by_symbol = {desk.series.symbol: desk for desk in self.desks.values()}
        self.failover = DualFeedFailover(
            settings.primary,
            settings.secondary,
            settings.feed_mode,
            settings.failover,
            lambda now: self.plan.market_open(now.utc_ns),
        )
        self.switches_seen = 0
        self.session = ""
        self.day: dt.date | None = None
        self.last_now = Now(0, 0)
        self.clock_trust = ClockTrust()
        self.stall = StallGuard(settings.series)
        self.kill = KillLatch()
        self.exchange = ExchangeGuard(settings.exchange)
        self.risk = RiskGuard(settings.risk)
        self.account = Account(exclusive=settings.exclusive, contracts_limit=settings.per_window_contracts)
        self.duties = Duties(settings, self.account, self.desks)
        self.controls = Controls(settings.controls)
        self.started: Started | None = None
        self.stream_up = False
        self.stream_reason = "not connected yet"
        self.paused = ""
        self.resumed_utc_ns = 0
        self.armed_session = ""
        self.journal_fault = ""
        self.empty_reason = ""
        self.stopping: Reason | None = None
        self.stop_asked_ns = 0
        self.gates: dict[str, list[tuple[str, Vote]]] = {}
        self.account_votes: list[tuple[str, Vote]] = []
        self.account_votes_until_ns = 0
        self.closed: dict[str, tuple[Reason, ...]] = {}
        self.chores_ns = 0
        self.newest: dict[tuple[str, str], Tick] = {}
        self.fee_file = settings.fees.path.rpartition("/")[2] if settings.fees else "unreadable"
        self.index_expected = False
        self.feed_states: dict[str, FeedStatus] = {}
        self.announcer = Announcer(settings.plan)
        self.observers = Observers(self)

    # --- the one function ----------------------------------------------------------------------------------------

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        """Observe, decide, converge. The same events at the same times give the same actions, byte for byte."""
        out: list[AnyAction] = []
        self._advance(now, out)
        self.observers.observe(event, now, out)
        if self.started is not None:
            self._decide(event, now, out)
        return out

    def next_deadline(self, now: Now) -> int | None:
        """The next monotonic instant at which something becomes true with no event to say so; always later than now."""
        if self.started is None:
            return None
        mono = now.mono_ns
        found = [
            self.failover.next_deadline(now),
            self.clock_trust.next_deadline(now),
            self.stall.next_deadline(now),
            self.exchange.next_deadline(now),
            self.account.next_deadline(now),
        ]
        for desk in self.desks.values():
            found.append(desk.next_deadline(now))
            edge = self.plan.next_edge(desk.series.name, now.utc_ns, self.duties.lead_ns)
            if edge is not None:
                found.append(mono + edge - now.utc_ns)
        if self.account.tail_until_utc_ns > now.utc_ns:
            found.append(mono + self.account.tail_until_utc_ns - now.utc_ns)
        if self.stopping is not None:
            found.append(self.stop_asked_ns + STOP_LIMIT_NS)
        return min([at for at in found if at is not None and at > mono], default=None)

    @property
    def in_window(self) -> bool:
        """Whether any window is open or about to be."""
        return any(desk.phase is not Phase.CLOSED for desk in self.desks.values())

    # --- time ----------------------------------------------------------------------------------------------------

    def _advance(self, now: Now, out: list[AnyAction]) -> None:
        """What the passing of time alone has changed, before the event is looked at."""
        if self.clock_trust.look(now):
            for desk in self.desks.values():
                desk.sentry.clock_stepped()
        day = self.plan.session_date(now.utc_ns)
        if day is not self.day:
            self.day, self.session = day, day.isoformat()
        for desk in self.desks.values():
            phase = desk.advance(now, self.duties.lead_ns)
            if phase is not None:
                desk.moved = True
                if desk.window is not None:
                    self._entered(desk, phase, desk.window, now, out)
            target = desk.window.target_ns if desk.window is not None else None
            trip = desk.sentry.advance(now, desk.phase, target, self.session)
            if trip is not None:
                desk.moved = True
                self._tripped(desk, trip, out)
        self.last_now = now
        self.index_expected = self.plan.market_open(now.utc_ns)
        decision = self.risk.advance(self.session, self.account)
        if decision is not None:
            self._judged(decision, now, out)
        out.extend(self.failover.tick(now))
        self.observers.follow_failover(now, out)

    def _judged(self, decision: RiskDecision, now: Now, out: list[AnyAction]) -> None:
        """The day's realised loss reached a new level: a pause lasts until resumed, a hard stop is the kill switch."""
        payload = {"decision": decision.value, "approved": False, "reason": self.risk.paused}
        out.append(Record("risk_decision", payload))
        out.append(Alert("daily_loss", "critical", payload))
        if decision is RiskDecision.HARD_STOP and self.kill.kill("risk.kill_switch", self.risk.paused, now):
            self.observers.killed("risk.kill_switch", now, out)

    def _entered(self, desk: Desk, phase: Phase, window: Window, now: Now, out: list[AnyAction]) -> None:
        """A desk has entered another phase of its window: retire its groups when that ends the quoting; tell it."""
        if phase is _FLATTENING:
            self.account.retire(desk.series.name, window.target_ns, now, out)
        described = scheduler_window(window, window.freeze_ns - self.duties.lead_ns)
        payload = {
            "series": desk.series.name,
            "label": window.label,
            "phase": phase.value,
            "target_ns": window.target_ns,
            "scheduler_window": described,
        }
        out.append(Record("window_phase", payload))
        self.duties.entered(desk, phase, now)
        if phase is _STRICT and desk.sentry.cadence_too_slow:
            told = {
                "series": desk.series.name,
                "cadence_p99_ms": desk.sentry.cadence_p99_ms,
                "limit_ms": desk.sentry.limit_ms(phase),
            }
            out.append(Record("strict_stand_down", told))
            out.append(Alert("strict_stand_down", "info", told))

    def _tripped(self, desk: Desk, trip: Trip, out: list[AnyAction]) -> None:
        self.account.count("trips")
        self.duties.tripped(desk)
        payload = {
            "series": desk.series.name,
            "reason": Reason.FINAL_MINUTE_STALE.value,
            "age_ms": None if trip.age_ns is None else trip.age_ns / NS_PER_MS,
            "limit_ms": trip.limit_ns / NS_PER_MS,
            "window": trip.target_ns,
            "count": trip.count,
            "session_frozen": trip.session_frozen,
            "feeds": {
                feed: t.received_utc_ns for (feed, symbol), t in self.newest.items() if symbol == desk.series.symbol
            },
        }
        out.append(Record("guard_trip", payload))
        out.append(Alert("final_minute_stale", "critical" if trip.session_frozen else "warning", payload))

    # --- decide --------------------------------------------------------------------------------------------------

    def _decide(self, event: AnyEvent, now: Now, out: list[AnyAction]) -> None:
        if self.empty_reason and "" not in self.account.flattenings:
            self.empty_reason = ""
        narrow = isinstance(event, MARKET_DATA) or self._ordinary(event)
        if not narrow or now.mono_ns >= self.account_votes_until_ns:
            self.account_votes = self._account_votes(now)
            self.account_votes_until_ns = self._account_votes_hold(now)
        if self.empty_reason:
            self.account.empty(self.empty_reason, now, out)
        for desk in self.desks.values():
            # News of the other series cannot turn this gate before the next deadline of one of its guards.
            moved = desk.moved or desk.series.name in self.account.touched
            if narrow and not moved and now.mono_ns < desk.hold_ns:
                continue
            self._decide_series(desk, now, out, requote=moved or not narrow)
            desk.moved = False
        self.account.touched.clear()
        # What comes many times a second does no chores: the look at the clocks every 250 ms does, unless crowded out.
        if self.chores_ns <= now.mono_ns or not narrow:
            self.chores_ns = now.mono_ns + CHORES_NS
            doubt_ns = self.clock_trust.uncertainty_ns
            self.duties.chores(
                now,
                out,
                clock_doubted=doubt_ns is None or doubt_ns > CLOCK_DOUBT_NS,
                ahead_ns=self.clock_trust.ahead_ns,
            )
            self._drill(now, out)
            out.extend(self.announcer.look(self.desks.values(), self.failover, self.paused or self.risk.paused, now))
            self._finish(now, out)

    def _ordinary(self, event: AnyEvent) -> bool:
        """Whether an event is the exchange's expected word on one order, while nothing is pursued to its end."""
        if not isinstance(event, ORDER_NEWS) or self.account.flattenings or self.stopping is not None:
            return False
        return isinstance(event, OrderUpdated) or event.verdict is Verdict.ACCEPTED

    def _drill(self, now: Now, out: list[AnyAction]) -> None:
        """Keep the proofs of our controls young; nothing is drilled before the books were read, or on the way out."""
        for control in self.account.proofs:
            self.controls.prove(control, now.utc_ns)
        self.account.proofs.clear()
        if self.stopping is not None or not self.account.recovered or not self.account.budget.known:
            return
        self.controls.drill_group(self.account.groups, now, out)
        if self.empty_reason or self.account.book.live:
            return
        if self.controls.wants_cancel_all(now, self._room_ns(now)):
            self.controls.drills += 1
            self.observers.ask_empty(Reason.DRILL, now)

    def _room_ns(self, now: Now) -> int | None:
        """How long until the next window opens; none while one is open, None when none is in sight."""
        if self.in_window:
            return 0
        following = [self.plan.next_window(name, now.utc_ns) for name in self.desks]
        return min((w.opens_ns - now.utc_ns for w in following if w is not None), default=None)

    def _account_votes_hold(self, now: Now) -> int:
        """Until when the account's votes stand, if nothing but market data comes in: none of it moves them."""
        turns = (
            self.clock_trust.next_deadline(now),
            self.exchange.next_deadline(now),
            now.mono_ns + self.account.tail_until_utc_ns - now.utc_ns,
            now.mono_ns + VOTES_HOLD_NS,
        )
        return min(at for at in turns if at is not None and at > now.mono_ns)

    def _decide_series(self, desk: Desk, now: Now, out: list[AnyAction], *, requote: bool) -> None:
        """Evaluate the gate of a series in every step; work out its quotes when something has moved."""
        name = desk.series.name
        votes = [*self.account_votes, ("loop", self.stall.vote(name, now)), *desk.votes(now)]
        pulled = self.account.flattenings.get(name)
        if pulled is not None:
            votes.append(("flat", fail(Reason(pulled.trigger), "not proven flat yet")))
        self.gates[name] = votes
        window, until_ns = desk.window, now.mono_ns
        if window is not None:
            until_ns = now.mono_ns + window.freeze_ns - self.duties.lead_ns - self.settings.round_trip_ns - now.utc_ns
            fresh_until = desk.sentry.next_deadline(now, desk.phase)
            until_ns = until_ns if fresh_until is None else min(until_ns, fresh_until)
        verdict = evaluate(name, votes, until_ns, now)
        turns_ns, held_ns = desk.next_deadline(now), self.account_votes_until_ns
        desk.hold_ns = held_ns if turns_ns is None else min(held_ns, turns_ns)
        before = self.closed.get(name)
        if isinstance(verdict, Closed):
            if not verdict.reasons:
                # Within a round trip of the next edge: too late to place, too early to pull.
                return
            self.closed[name] = verdict.reasons
            self.account.count("strategy_cycles_skipped")
            if before == ():
                self._gate_turned(desk, verdict.reasons, out)
            self.account.pull(name, verdict.reasons[0].value, now, out)
            return
        self.closed[name] = ()
        if before != ():
            self._gate_turned(desk, (), out)
        if requote or before != ():
            self._quote(desk, verdict, now, out)

    def _gate_turned(self, desk: Desk, reasons: tuple[Reason, ...], out: list[AnyAction]) -> None:
        decision = {
            "series": desk.series.name,
            "approved": not reasons,
            "decision": "soft_pause" if reasons else "allow",
            "reason": ",".join(reasons),
        }
        out.append(Record("risk_decision", decision))

    def _quote(self, desk: Desk, cleared: Cleared, now: Now, out: list[AnyAction]) -> None:
        assert desk.window is not None, "cleared without a window"
        live = self.account.converger.live_of(desk.series.name)
        want = desk.want(live, self.account.ledger.open_positions(), now, self.risk.confined_to(self.account))
        self.account.count("strategy_cycles")

        def allow(order: Order) -> bool:
            if self.risk.refuses(order, self.account, now):
                self.account.count("risk_refusals")
                desk.unquoted[order.ticker, order.side] = RungReason.RISK_REFUSED
                return False
            self.duties.quoted(desk)
            return True

        desk.waiting_for_group = not self.account.quote(
            desk.series.name, want, cleared, desk.window.target_ns, desk.window.freeze_ns, now, out, allow
        )

    def _account_votes(self, now: Now) -> list[tuple[str, Vote]]:
        account = self.account
        stop = fail(Reason.SHUTDOWN, f"{self.stopping}") if self.stopping else PASS
        journal = fail(Reason.JOURNAL_FAULT, self.journal_fault) if self.journal_fault else PASS
        pause = fail(Reason.PAUSED, self.paused) if self.paused else PASS
        unarmed = fail(Reason.NOT_ARMED, "live and not armed: ladderd arm --by --cause")
        armed = PASS if self.armed_session == self.session else unarmed
        active = fail(Reason.CANCEL_ALL_ACTIVE, self.empty_reason) if self.empty_reason else PASS
        tail_ns = account.tail_until_utc_ns - now.utc_ns
        tail = fail(Reason.CANCEL_ALL_TAIL, f"{tail_ns / NS_PER_S:.0f} s left") if tail_ns > 0 else PASS
        stream = PASS if self.stream_up else fail(Reason.PRIVATE_STREAM_DOWN, self.stream_reason)
        if account.drift:
            books = fail(Reason.RECONCILE_DRIFT, account.drift)
        else:
            books = PASS if account.recovered else unknown(Reason.NOT_RECONCILED, "books of record not read yet")
        limits = PASS if account.budget.known else unknown(Reason.LIMITS_UNKNOWN, "rate limits not read yet")
        return [
            ("kill_switch", self.kill.vote(now)),
            ("shutdown", stop),
            ("journal", journal),
            ("pause", pause),
            ("execution", self.settings.execution_vote()),
            ("armed", armed if self.settings.live else NOT_CONFIGURED),
            ("cancel_all", active),
            ("cancel_all_tail", tail),
            ("clock", self.clock_trust.vote(now)),
            ("exchange", self.exchange.vote(now)),
            ("private_stream", stream),
            ("reconciliation", books),
            ("limits", limits),
            ("risk", self.risk.vote(account, now)),
            (f"proof_{GROUP_TRIGGER}", self.controls.vote(GROUP_TRIGGER, now)),
            (f"proof_{CANCEL_ALL}", self.controls.vote(CANCEL_ALL, now)),
        ]

    def _finish(self, now: Now, out: list[AnyAction]) -> None:
        """End the process when asked to and flat, or when the limit for that has run out."""
        if self.stopping is None:
            return
        if not self.empty_reason and not self.account.book.live:
            code = 0 if self.stopping is Reason.SHUTDOWN else 1
            out.append(Exit(code, self.stopping.value))
        elif now.mono_ns >= self.stop_asked_ns + STOP_LIMIT_NS:
            live = [o.client_order_id for o in self.account.book.live.values() if o.state is not State.GONE]
            out.append(Exit(1, f"not proven flat; may still be live: {', '.join(live) or 'nothing known'}"))
