# long: the one function, from event to actions: advance, decide, finish
"""The daemon as one synchronous function: `step(event, now) -> actions`.

A step observes one event, then decides from scratch what may rest, and lets the converger close the difference. No
guard sends a cancel: a guard's vote closes the gate, a closed gate empties the wanted set, and an empty wanted set is
pursued until the exchange's own list agrees. Operator, kill switch and shutdown empty the whole account the same way.
Nothing here reads a clock, waits, or touches the world; `next_deadline` says when something becomes true by itself.
"""

from __future__ import annotations

from daemon.engine.desk import Desk
from daemon.engine.drills.session import SessionDrill
from daemon.engine.money.marks import books_age_ns
from daemon.engine.money.told import told
from daemon.engine.observe import Observers
from daemon.engine.operator_requests import OperatorRequests
from daemon.engine.settings import ROUND_TRIP_NS, EngineSettings
from daemon.engine.shown.figures import figures
from daemon.engine.shown.rungs import UnquotedRungs
from daemon.engine.state import State
from daemon.engine.votes import account_votes, votes_hold_ns
from domain.actions import AnyAction, Cleared, Exit, RunPreflight
from domain.alert_types.catalogue import MarketHaltSuspectedAlert, Severity
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted
from domain.events import AnyEvent, BookTop, CancelOutcome, OrderUpdated, PlaceOutcome, Tick, Verdict
from domain.reasons import Reason, RiskDecision, RiskLimit, RungReason, Topic
from domain.records import GuardTripEntry, RiskDecisionEntry, StrictStandDownEntry, WindowPhaseEntry
from domain.window import Phase, Window
from execution.orders import Order
from execution.orders import OrderStatus as OrderState
from feeds.scores import EXCHANGE, Looked
from guards import killswitch
from guards.evidence.controls import CANCEL_ALL, KILL_FILE, RESTART
from guards.freshness import Trip
from guards.gate import Closed, evaluate
from guards.risk import Judgement
from guards.vote import fail
from guards.windows import scheduler_window

STOP_LIMIT_NS = 20 * NS_PER_S
FIRST_LOOK_NS = 3 * NS_PER_S
HOUSEKEEPING_NS = 300 * NS_PER_MS
CLOCK_DOUBT_NS = 200 * NS_PER_MS
CLOCK_SET_NS = 60 * NS_PER_S
MARKET_DATA = (Tick, BookTop)
ORDER_NEWS = (PlaceOutcome, CancelOutcome, OrderUpdated)


class Engine:
    """All decisions. One instance per process, driven by one runner."""

    def __init__(self, settings: EngineSettings) -> None:
        self.state = State(settings)
        self.requests = OperatorRequests(self.state)
        self.observers = Observers(self.state, self.requests)
        self.session_drill = SessionDrill(self.state, self.requests)
        self.unquoted = UnquotedRungs()
        self._read_in = False  # whether this start has read the exchange's lists and limits

    # --- the one function ----------------------------------------------------------------------------------------

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        """Observe, decide, converge. The same events at the same times give the same actions, byte for byte."""
        state = self.state
        out: list[AnyAction] = []
        self._advance(now, out)
        self.observers.observe(event, now, out)
        if state.started is not None:
            self._decide(event, now, out)
        if out:
            state.incidents.look(out, now, lambda: figures(state))
        return out

    def next_deadline(self, now: Now) -> int | None:
        """The next monotonic instant at which something becomes true with no event to say so; always later than now."""
        state = self.state
        if state.started is None:
            return None
        mono = now.mono_ns
        found = [
            state.failover.next_deadline(now),
            state.clock_trust.next_deadline(now),
            state.stall.next_deadline(now),
            state.exchange.next_deadline(now),
            state.schedule.next_deadline(now),
            state.ages.next_deadline(now),
            state.account.next_deadline(now),
            state.unexplained.next_deadline(now),
            state.still.next_deadline(now),
            state.level.next_deadline(now),
        ]
        for desk in state.desks.values():
            found.append(desk.next_deadline(now))
            edge = state.plan.next_edge(desk.series.name, now.utc_ns, state.ladders.lead_ns)
            if edge is not None:
                found.append(mono + edge - now.utc_ns)
        if state.held.cancel_all.in_tail(now.utc_ns):
            found.append(mono + state.held.tail_until_utc_ns - now.utc_ns)
        if state.stopping is not None:
            found.append(state.stop_asked_ns + STOP_LIMIT_NS)
        return min([at for at in found if at is not None and at > mono], default=None)

    @property
    def in_window(self) -> bool:
        """Whether any window is open or about to be."""
        return self.state.in_window

    # --- time ----------------------------------------------------------------------------------------------------

    def _advance(self, now: Now, out: list[AnyAction]) -> None:
        """What the passing of time alone has changed, before the event is looked at."""
        state = self.state
        stepped_ns = state.clock_trust.look(now)
        if stepped_ns:
            for desk in state.desks.values():
                desk.sentry.clock_stepped()
            if abs(stepped_ns) >= CLOCK_SET_NS:
                # Nobody's NTP does that: windows, expiries and the records' order all stand on this clock.
                why = f"the wall clock was set by {stepped_ns / NS_PER_S:+.1f} s while we ran"
                self.requests.halt(Topic.RUNTIME, why, now, out)
        day = state.plan.session_date(now.utc_ns)
        if day is not state.day:
            state.day, state.session = day, day.isoformat()
        state.scores.turn(state.session)
        for desk in state.desks.values():
            phase = desk.advance(now, state.ladders.lead_ns)
            if phase is not None:
                desk.moved = True
                if desk.window is not None:
                    self._entered(desk, phase, desk.window, now, out)
                    state.evidence.judge(desk.series.name, phase, desk.window.target_ns, now)
            target = desk.window.target_ns if desk.window is not None else None
            trip = desk.sentry.advance(now, desk.phase, target, state.session)
            if trip is not None:
                desk.moved = True
                self._tripped(desk, trip, out)
        state.last_now = now
        self._watch_market(now, out)
        judgement = state.risk.advance(state.session, state.held)
        if judgement is not None:
            self._judged(judgement, now, out)
        out.extend(state.failover.tick(now))
        self.observers.follow_failover(now, out)
        if state.index_expected and state.started is not None and state.scores.due(now):
            feeds = state.failover.expected()
            state.scores.look(Looked(feed, state.failover.fresh(feed, now)) for feed in feeds)
            state.scores.look([Looked(EXCHANGE, state.stream_up)])

    def _watch_market(self, now: Now, out: list[AnyAction]) -> None:
        """Notice that a session begins, that no index moves in it, and that news of a book has become too old."""
        state = self.state
        for ticker in state.ages.turned(now):
            for desk in state.desks.values():
                if ticker in desk.markets:
                    desk.late(ticker, now.mono_ns + state.ages.cool_ns)
        before, state.index_expected = state.index_expected, state.plan.market_open(now.utc_ns)
        self.observers.conditions.passing(now, before=before, out=out)
        if state.still.advance(now, market_open=state.index_expected):
            symbols = tuple(sorted(desk.series.symbol for desk in state.desks.values()))
            out.append(MarketHaltSuspectedAlert(Severity.ERROR, symbols, state.still.vote(now).detail))

    def _weigh_money(self, now: Now, out: list[AnyAction]) -> None:
        """Look at what is held at its marks: what has turned worse closes the gate by the next step's votes."""
        state = self.state
        age_ns = books_age_ns((desk.phase for desk in state.desks.values()), state.books, now)
        for judgement in state.risk.judge(state.marks.now(now), age_ns, state.held, state.outlook, now):
            self._judged(judgement, now, out)
            state.account_votes_until_ns = 0

    def _judged(self, judgement: Judgement, now: Now, out: list[AnyAction]) -> None:
        """Risk has decided: a pause lasts until resumed, a stopped event until it is over, a hard stop is the kill."""
        out.append(told(judgement))
        if judgement.decision is RiskDecision.HARD_STOP:
            self.requests.halt(Topic.RISK, judgement.why, now, out)

    def _entered(self, desk: Desk, phase: Phase, window: Window, now: Now, out: list[AnyAction]) -> None:
        """A desk has entered another phase of its window: retire its groups when that ends the quoting; tell it."""
        state = self.state
        if phase is Phase.FLATTENING:
            state.flat.retire(desk.series.name, window.target_ns, now, out)
        described = scheduler_window(window, window.freeze_ns - state.ladders.lead_ns)
        out.append(WindowPhaseEntry(desk.series.name, window.label, phase, window.target_ns, described))
        if desk.limits_target_ns != window.target_ns:
            desk.limits_target_ns = window.target_ns
            out.append(state.settings.limits(desk.series.name, window.target_ns))
        state.ladders.entered(desk, phase, now)
        if phase is Phase.STRICT and desk.sentry.cadence_too_slow:
            p99_ms, limit_ms = desk.sentry.cadence_p99_ms, desk.sentry.limit_ms(phase)
            out.append(StrictStandDownEntry(desk.series.name, p99_ms, limit_ms))

    def _tripped(self, desk: Desk, trip: Trip, out: list[AnyAction]) -> None:
        state = self.state
        state.results.tripped(desk)
        newest = state.newest.items()
        tripped = GuardTripEntry(
            reason=Reason.FINAL_MINUTE_STALE.value,
            series=desk.series.name,
            age_ms=None if trip.age_ns is None else trip.age_ns / NS_PER_MS,
            limit_ms=trip.limit_ns / NS_PER_MS,
            window=trip.target_ns,
            count=trip.count,
            session_frozen=trip.session_frozen,
            feeds={feed: tick.received_utc_ns for (feed, symbol), tick in newest if symbol == desk.series.symbol},
        )
        out.append(tripped)

    # --- decide --------------------------------------------------------------------------------------------------

    def _decide(self, event: AnyEvent, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        narrow = isinstance(event, MARKET_DATA) or self._ordinary(event)
        if not narrow or now.mono_ns >= state.account_votes_until_ns:
            state.account_votes = account_votes(state, now)
            state.account_votes_until_ns = votes_hold_ns(state, now)
        if state.empty_reason:
            state.flat.empty(state.empty_reason, now, out)
        for desk in state.desks.values():
            # News of the other series cannot turn this gate before the next deadline of one of its guards.
            moved = desk.moved or desk.series.name in state.held.touched
            if narrow and not moved and now.mono_ns < desk.hold_ns:
                continue
            self._decide_series(desk, now, out, requote=moved or not narrow)
            desk.moved = False
        state.held.touched.clear()
        # Events that come many times a second do no housekeeping; the look at the clocks every 250 ms does, unless
        # it is crowded out.
        if state.housekeeping_ns <= now.mono_ns or not narrow:
            state.housekeeping_ns = now.mono_ns + HOUSEKEEPING_NS
            doubt_ns = state.clock_trust.uncertainty_ns
            state.ladders.housekeeping(
                now,
                out,
                clock_doubted=doubt_ns is None or doubt_ns > CLOCK_DOUBT_NS,
                ahead_ns=state.clock_trust.ahead_ns,
                anew=tuple(state.refused.stale_books),
            )
            state.refused.stale_books.clear()
            self.observers.weigh(now, out)
            self._weigh_money(now, out)
            self.observers.model.look(now, out)
            self._drill(now, out)
            if state.incidents.owed:
                state.incidents.chase(now, out, live=bool(state.held.book.live))
            self._look_ahead(now, out)
            paused = state.paused or state.risk.paused
            out.extend(state.announcer.look(state.desks.values(), state.failover, paused, now))
            out.extend(self.unquoted.look(state, now))
            self._finish(now, out)

    def _ordinary(self, event: AnyEvent) -> bool:
        """Whether an event is the exchange's expected word on one order, while nothing is pursued to its end."""
        state = self.state
        if not isinstance(event, ORDER_NEWS) or state.held.flattenings or state.stopping is not None:
            return False
        if state.held.untold:
            # A fill that was told and not booked: the read of fills is due at once, and housekeeping asks for it.
            return False
        return isinstance(event, OrderUpdated) or event.verdict is Verdict.ACCEPTED

    def _drill(self, now: Now, out: list[AnyAction]) -> None:
        """Keep the proofs of our controls young; nothing is drilled before the books were read, or on the way out."""
        state = self.state
        cancelled = CANCEL_ALL in state.held.proofs
        for control in state.held.proofs:
            if control != KILL_FILE or state.kill.source == killswitch.KILL_FILE:
                state.controls.prove(control, now.utc_ns)
        state.held.proofs.clear()
        if state.stopping is not None or not state.books.recovered or not state.held.budget.known:
            return
        if not self._read_in:
            self._read_in = True
            state.controls.prove(RESTART, now.utc_ns)
        state.controls.drill_group(state.held.groups, now, out)
        self.session_drill.look(now, proven=cancelled, out=out)
        if state.empty_reason or state.held.book.live:
            return
        if self.session_drill.wanted(now) and state.controls.vote(CANCEL_ALL, now).open:
            # The session's drill proves the same within minutes; two would cost two tails.
            return
        if state.controls.wants_cancel_all(now, self._room_ns(now)):
            state.controls.drills += 1
            self.requests.ask_empty(Reason.DRILL, now)

    def _look_ahead(self, now: Now, out: list[AnyAction]) -> None:
        """Have the preflight run when it is due, the first time once the start's own reads are in, or are late."""
        state = self.state
        if state.stopping is not None or (not state.evidence.asked and not self._settled_in(now)):
            return
        windows: dict[int, Phase] = {}
        for desk in state.desks.values():
            if desk.window is not None:
                windows[desk.window.target_ns] = desk.phase
                state.evidence.judge(desk.series.name, desk.phase, desk.window.target_ns, now)
        if cause := state.evidence.due(now, windows):
            out.append(RunPreflight(state.evidence.begun(now), cause))

    def _settled_in(self, now: Now) -> bool:
        state = self.state
        read = state.books.recovered and state.held.budget.known
        seen = not state.index_expected or all(desk.sentry.last is not None for desk in state.desks.values())
        return (read and seen) or now.mono_ns - state.held.began.mono_ns > FIRST_LOOK_NS

    def _room_ns(self, now: Now) -> int | None:
        """How long until the next window opens; none while one is open, None when none is in sight."""
        state = self.state
        if state.in_window:
            return 0
        following = [state.plan.next_window(name, now.utc_ns) for name in state.desks]
        return min((w.opens_ns - now.utc_ns for w in following if w is not None), default=None)

    def _decide_series(self, desk: Desk, now: Now, out: list[AnyAction], *, requote: bool) -> None:
        """Evaluate the gate of a series in every step; work out its quotes when something has moved."""
        state = self.state
        name = desk.series.name
        own = (("loop", state.stall.vote(name, now)), ("evidence", state.evidence.vote(name)))
        votes = [*state.account_votes, *own, *desk.votes(now)]
        if desk.window is not None:
            votes.append(("event_loss", state.risk.event_vote(name, desk.window.target_ns)))
        pulled = state.held.flattenings.get(name)
        if pulled is not None:
            votes.append(("flat", fail(Reason(pulled.trigger), "not proven flat yet")))
        state.gates[name] = votes
        window, until_ns = desk.window, now.mono_ns
        if window is not None:
            left_ns = window.freeze_ns - state.ladders.lead_ns - ROUND_TRIP_NS - now.utc_ns
            until_ns = now.mono_ns + left_ns
            fresh_until = desk.sentry.next_deadline(now, desk.phase)
            until_ns = until_ns if fresh_until is None else min(until_ns, fresh_until)
        verdict = evaluate(name, votes, until_ns, now)
        turns_ns = desk.next_deadline(now)
        held_ns = state.account_votes_until_ns
        desk.hold_ns = held_ns if turns_ns is None else min(held_ns, turns_ns)
        before = state.closed.get(name)
        if isinstance(verdict, Closed):
            if not verdict.reasons:
                # Within a round trip of the next edge: too late to place, too early to pull.
                return
            state.closed[name] = verdict.reasons
            desk.held_back(verdict.reasons, before or (), state.held.counts)
            if before == ():
                self._gate_turned(desk, verdict.reasons, out)
            state.flat.pull(name, verdict.reasons[0].value, now, out)
            return
        state.closed[name] = ()
        if before != ():
            self._gate_turned(desk, (), out)
        if requote or before != ():
            self._quote(desk, verdict, now, out)

    def _gate_turned(self, desk: Desk, reasons: tuple[Reason, ...], out: list[AnyAction]) -> None:
        decision = RiskDecision.SOFT_PAUSE if reasons else RiskDecision.ALLOW
        out.append(RiskDecisionEntry(decision, not reasons, ",".join(reasons), desk.series.name))

    def _quote(self, desk: Desk, cleared: Cleared, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        assert desk.window is not None, "cleared without a window"
        live = state.held.converger.live_of(desk.series.name)
        want = desk.want(live, state.held.positions(), now, state.risk.confined_to(state.held))
        state.held.counts.add(Counted.CYCLES)

        def allow(order: Order) -> bool:
            state.held.counts.add(Counted.PROPOSALS)
            if self._must_wait(order, now):
                desk.unquoted[order.ticker, order.side] = RungReason.COOLING
                return False
            refusal = state.risk.refusal(order, state.held, state.outlook, now)
            if refusal is not None:
                state.held.counts.add(Counted.RISK_REFUSALS)
                spent = refusal.limit is RiskLimit.SIGNALS
                why = RungReason.SIGNALS_LIMIT if spent else RungReason.RISK_REFUSED
                desk.unquoted[order.ticker, order.side] = why
                refused = desk.refused_anew(order, refusal.why, refusal.limit)
                if refused is not None:
                    out.append(refused)
                return False
            state.risk.sent(order.ticker)
            desk.refused.pop((order.ticker, order.side), None)
            state.results.quoted(desk)
            return True

        desk.waiting_for_group = not state.account.quote(
            desk.series.name, want, cleared, desk.window.target_ns, desk.window.freeze_ns, now, out, allow
        )

    def _must_wait(self, order: Order, now: Now) -> bool:
        """Whether what the exchange last told keeps any new order waiting, this one or all."""
        state = self.state
        behind = state.held.book.lag.behind(now.mono_ns)
        return behind or state.unexplained.suspicious or state.refused.holds(order.series, now)

    def _finish(self, now: Now, out: list[AnyAction]) -> None:
        """End the process when asked to and flat, or when the limit for that has run out."""
        state = self.state
        if state.stopping is None:
            return
        if not state.empty_reason and not state.held.book.live:
            code = 0 if state.stopping is Reason.SHUTDOWN else 1
            out.append(Exit(code, state.stopping.value))
        elif now.mono_ns >= state.stop_asked_ns + STOP_LIMIT_NS:
            live = [o.client_order_id for o in state.held.book.live.values() if o.state is not OrderState.GONE]
            out.append(Exit(1, f"not proven flat; may still be live: {', '.join(live) or 'nothing known'}"))
