"""What operators and the outside ask for: cancel-all, pause, kill, resume, arm, stop, and markers of other programs.

Each changes what the engine will find when it decides; the account is emptied by asking `flat`, which asks nobody.
"""

from __future__ import annotations

from msgspec import UNSET

from daemon.engine.operator_gates import Standing, Weighed, account_gates, series_gates, weigh
from daemon.engine.state import State
from daemon.engine.votes import account_votes
from domain.actions import Answer, AnyAction
from domain.clock import Now
from domain.event_types.closing import FLAT
from domain.events import CancelAllMarker, CloseOutTold, Command, KillSwitch, Operator, Stop
from domain.reasons import Reason, Topic
from domain.records import CancelAllMarkerEntry, KillSwitchEntry, NoteEntry, OperatorActionEntry
from execution.flatten import TAIL_NS
from guards.evidence.controls import CLOSE_ALL
from guards.vote import Vote, fail, unknown

CANCEL_ALL_PROGRAM = "cancel-all"
PAUSING = frozenset({CANCEL_ALL_PROGRAM, "unreadable"})
RUN_PREFIX = "run-"
LIFTING = frozenset({Command.RESUME, Command.ARM})
ASKS_THE_EXCHANGE = frozenset({Command.RECONCILE, Command.ADOPT})
ANSWERED_LATER = ASKS_THE_EXCHANGE | {Command.PREFLIGHT}
EVIDENCE = "evidence"
NOT_TAKEN_UP = frozenset({"", Reason.SHUTDOWN, Reason.DRILL})


class OperatorRequests:
    """Takes requests in."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.preflight_told = ""
        self._preflights: list[tuple[str, int]] = []

    def kill_switch(self, event: KillSwitch, now: Now, out: list[AnyAction]) -> None:
        """What a kill file or the configuration says about the kill switch."""
        if self.state.kill.observe(event.active, event.source, event.reason, now):
            self.killed(event.source, now, out)

    def halt(self, topic: Topic, why: str, now: Now, out: list[AnyAction]) -> None:
        """A part of the daemon stops trading; the first reason is kept, and only a person's resume opens the latch."""
        if self.state.kill.kill(topic, why, now):
            self.killed(topic, now, out)

    def killed(self, source: str, now: Now, out: list[AnyAction]) -> None:
        """The kill latch has just closed: say so, and empty the account."""
        state = self.state
        out.append(KillSwitchEntry(source, state.kill.reason))
        self.ask_empty(Reason.KILL_SWITCH, now)

    def marker(self, event: CancelAllMarker, now: Now, out: list[AnyAction]) -> None:
        """Some process asked the exchange for an account-wide cancel-all: obey its tail, and make sure that it worked.

        What an operator asked for also pauses us; what a watcher, a shutdown or our own last run asked for does not.
        """
        state = self.state
        until_ns = event.asked_utc_ns + TAIL_NS
        state.held.cancel_all.extend_tail(until_ns)
        out.append(CancelAllMarkerEntry(event.by, event.reason))
        if state.started is not None and event.by == state.started.run_id:
            return
        # One that cannot be read may be an operator's, and is taken for it.
        by_operator = event.by in PAUSING and event.reason != Reason.SHUTDOWN
        # A restart reads young markers again: one from before somebody resumed pauses nothing any more.
        if by_operator and event.asked_utc_ns > state.resumed_utc_ns:
            state.paused = state.paused or f"cancel-all by an operator: {event.reason}"
        # What the run before asked for as it ended, or its unit after it, is neither an operator's nor the watcher's.
        earlier = event.by == CANCEL_ALL_PROGRAM or event.by.startswith(RUN_PREFIX)
        reason = Reason.OPERATOR_CLI if by_operator else Reason.EARLIER_RUN if earlier else Reason.WATCHER
        self.ask_empty(reason, now, looking=not state.held.book.live)

    def close_out(self, event: CloseOutTold, now: Now, out: list[AnyAction]) -> None:
        """A close-all told what it does. One that nobody has resumed since pauses us: what it closes stays closed."""
        state = self.state
        new = state.close_outs.told(event, out)
        if event.outcome.startswith(FLAT):
            state.controls.prove(CLOSE_ALL, min(event.asked_utc_ns, now.utc_ns))
        if new and event.asked_utc_ns > state.resumed_utc_ns:
            state.paused = state.paused or f"close-all by {event.by}: {event.cause}"

    def operator(self, event: Operator, now: Now, out: list[AnyAction]) -> None:
        """An operator asks for something, by any road; what he asked and what came of it are recorded."""
        owner = event.owner or UNSET
        asked = OperatorActionEntry(event.command.value, event.by, event.cause, event.road, owner=owner)
        refused = note = ""
        if event.command in LIFTING:
            standing = self.standing(now, lifts=event.command is Command.RESUME)
            asked = OperatorActionEntry(
                *(event.command.value, event.by, event.cause, event.road),
                owner=owner,
                refused=standing.against,
                lifted=standing.lifted,
                later=standing.later,
            )
            refused, note = standing.refusal, standing.note
            if any(line.startswith(f"{EVIDENCE}: ") for line in standing.against):
                self.state.evidence.want(f"{event.command} was refused")
        out.append(asked)
        if not refused:
            self._obey(event, now, out)
        if event.command in ANSWERED_LATER:
            return  # answered once everything has been asked
        if event.ident:
            out.append(Answer(event.ident, refused, note))

    def standing(self, now: Now, *, lifts: bool) -> Standing:
        """Every gate that is against a resume (`lifts`) or an arming at this instant."""
        state = self.state
        gates = account_gates(account_votes(state, now), state.kill, state.risk, state.held, now, lifts=lifts)
        evidence = state.evidence.standing(now)
        gates.append(Weighed(EVIDENCE, evidence, evidence, due=True))
        if state.evidence.later():
            told = unknown(Reason.NO_EVIDENCE, "; ".join(state.evidence.later()))
            gates.append(Weighed(EVIDENCE, told, told, due=False))
        market_open = state.plan.market_open(now.utc_ns)
        for name, desk in state.desks.items():
            more = {"loop": state.stall.vote(name, now)}
            pulled = state.held.flattenings.get(name)
            if pulled is not None:
                more["flat"] = fail(Reason(pulled.trigger), "not proven flat yet")
            gates += series_gates(desk, more, now, lifts=lifts, market_open=market_open)
        return weigh(gates)

    def _obey(self, event: Operator, now: Now, out: list[AnyAction]) -> None:
        """Do what the operator asks, once nothing is against it."""
        state = self.state
        if event.command is Command.CANCEL_ALL:
            state.paused = f"cancel-all by {event.by}: {event.cause}"
            self.ask_empty(Reason(event.road), now)
        elif event.command is Command.PAUSE:
            state.paused = f"paused by {event.by}: {event.cause}"
        elif event.command is Command.KILL:
            if state.kill.kill(event.road, f"{event.by}: {event.cause}", now):
                self.killed(event.road, now, out)
        elif event.command is Command.RESUME:
            self._resume(now)
        elif event.command is Command.ARM:
            state.armed_session = state.session
            if state.started is not None:
                state.armed_for = (state.started.config_hash, state.started.build_id)
        elif event.command is Command.NOTE:
            out.append(NoteEntry(event.cause, event.by))
        elif event.command is Command.PREFLIGHT:
            state.evidence.want(f"asked by {event.by}")
            self._preflights.append((event.ident, state.evidence.asked))
        elif event.command in ASKS_THE_EXCHANGE:
            state.parity.ask(event, now, adopt=event.command is Command.ADOPT)

    def preflight_over(self, number: int, standing: Vote, out: list[AnyAction]) -> None:
        """A preflight is over: answer who asked for one before it began."""
        served = [(ident, after) for ident, after in self._preflights if number > after]
        self._preflights = [each for each in self._preflights if each not in served]
        out.extend(Answer(ident, standing.detail) for ident, _ in served if ident)

    def _resume(self, now: Now) -> None:
        """Lift pause, kill latch and frozen sessions."""
        state = self.state
        refused = state.kill.resume()
        assert not refused, f"the kill switch was asked before: {refused}"
        state.paused, state.resumed_utc_ns = "", now.utc_ns
        state.risk.resume()
        state.breakers.resume()
        state.refused.resumed()
        state.unexplained.resumed()
        state.incidents.resumed()
        for desk in state.desks.values():
            desk.sentry.resume()

    def stop(self, event: Stop, now: Now, out: list[AnyAction]) -> None:
        """SIGTERM or SIGINT."""
        out.append(OperatorActionEntry(command="stop", by="signal", cause=event.reason, road="signal"))
        self.ask_stop(Reason.SHUTDOWN, now)

    def ask_stop(self, reason: Reason, now: Now) -> None:
        """End the process, flat first; a second asking changes nothing."""
        state = self.state
        if state.stopping is None:
            state.stopping, state.stop_asked_ns = reason, now.mono_ns
            # With nothing that may be live there is nothing to cancel, only to look: a cancel-all would cost the next
            # run its first minute. Whatever the listing shows is cancelled all the same.
            self.ask_empty(reason, now, looking=not state.held.book.live)

    def ask_empty(self, reason: Reason, now: Now, *, looking: bool = False) -> None:
        """Empty the account, now and until the exchange's list agrees, whatever else is going on.

        A request that joins another does not take its name, unless that is one which a restart would not take up again.
        """
        state = self.state
        cancel_all = state.held.cancel_all
        if not cancel_all.under_way or cancel_all.reason in NOT_TAKEN_UP:
            cancel_all.reason = reason.value
        state.flat.begin_empty(reason.value, now, looking=looking)
