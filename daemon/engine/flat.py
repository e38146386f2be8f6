"""Flat: empties one series or the whole account, and proves by the exchange's own list that it is empty.

Asked by the engine's decisions and by operators; it asks nobody. Sending is the converger's, the proof is the
flattening's (`execution/flatten.py`).
"""

from __future__ import annotations

from collections.abc import Collection

from daemon.engine.holdings import IN_WINDOW_NS, RESTING, Holdings
from domain.actions import AnyAction, MarkCancelAll
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import CancelAllOutcome, Verdict
from domain.reasons import Reason
from domain.records import CancelAllDoneEntry, TimeToFlatEntry
from execution.cancel_all import Happened, Scope, Stage
from execution.converge import CANCEL_ALL_REFUSED, CANCEL_ALL_UNPROVEN, HTTP_TOO_MANY
from execution.flatten import TAIL_NS, Flattening
from execution.orders import Order
from guards.evidence.controls import CANCEL_ALL, GROUP_TRIGGER, KILL_FILE, SIGUSR1

MARK_EVERY_NS = NS_PER_S
# Whose road to the empty list a request proves, once the exchange has acknowledged and shown it. The kill switch has
# several sources: the step that takes the proof knows which one it was.
HAND_OF = {Reason.OPERATOR_SIGUSR1.value: SIGUSR1, Reason.KILL_SWITCH.value: KILL_FILE}


class Flat:
    """The flattenings of one account."""

    def __init__(self, held: Holdings) -> None:
        self.held = held

    def flatten(self, series: str, reason: str, now: Now) -> None:
        """A series must be proven flat before it may quote again; nothing to prove while nothing may be live."""
        live = self.held.converger.live_of(series)
        if live:
            self._begin(series, reason, live, now)

    def pull(self, series: str, reason: str, now: Now, out: list[AnyAction]) -> None:
        """Empty one series, and begin to prove that it is empty."""
        held = self.held
        live = held.converger.live_of(series)
        if not live:
            return
        self._begin(series, reason, live, now)
        if held.converger.pull(series, reason, now.mono_ns, out):
            held.flattenings[series].acted(now.mono_ns)
            held.flattenings[series].sent = True

    def retire(self, series: str, target_ns: int, now: Now, out: list[AnyAction]) -> None:
        """A window is over for us: kill its groups, with orders in them or not, so that nothing can travel in late.

        This proves the control in every window, also in one that ended with an empty book.
        """
        held = self.held
        for group in held.groups.ready(series, target_ns):
            held.groups.trigger(group.group_id, group.exchange_index, Reason.T_MINUS_2S.value, now.mono_ns, out)

    def empty(self, reason: str, now: Now, out: list[AnyAction]) -> None:
        """Empty the whole account by cancel-all, and begin to prove that it is empty."""
        held = self.held
        flattening = self._begin(Scope.ACCOUNT, reason, held.book.live.values(), now)
        if not held.cancel_all.to_send:
            return
        if held.converger.cancel_all(reason, now.mono_ns, out):
            flattening.acted(now.mono_ns)
            held.cancel_all.apply(Happened.SEND)
            held.cancel_all.extend_tail(now.utc_ns + TAIL_NS)
            if now.mono_ns >= held.cancel_all.marked_ns + MARK_EVERY_NS:
                # Retries leave several times a second; the tail has room for a marker that is a little older.
                held.cancel_all.marked_ns = now.mono_ns
                out.append(MarkCancelAll(now.utc_ns, reason))

    def begin_empty(self, reason: str, now: Now, *, looking: bool = False) -> None:
        """Take an account-wide request. One that comes while another is under way joins it: its proof begins again.

        `looking`: nothing may be live, so nothing is sent unless a listing shows otherwise.
        """
        held, cancel_all = self.held, self.held.cancel_all
        under_way = held.flattenings.get(Scope.ACCOUNT)
        flattening = under_way or self._begin(Scope.ACCOUNT, reason, held.book.live.values(), now)
        if not cancel_all.under_way or (cancel_all.stage is Stage.LOOKING and not looking):
            held.converger.cancel_all_retry_ns = cancel_all.marked_ns = 0
        cancel_all.apply(Happened.LOOK if looking else Happened.ASK)
        flattening.ask(reason, now.mono_ns)

    def _begin(self, scope: Scope | str, reason: str, orders: Collection[Order], now: Now) -> Flattening:
        held = self.held
        flattening = held.flattenings.get(scope)
        if flattening is None:
            flattening = held.flattenings[scope] = Flattening(scope, reason, now.mono_ns, len(orders), now.mono_ns)
            held.reads.pace(RESTING, IN_WINDOW_NS, now.mono_ns)
        flattening.orders = max(flattening.orders, len(orders))
        flattening.join(orders)
        return flattening

    def cancel_all_answered(self, event: CancelAllOutcome, now: Now) -> None:
        """The answer to the account-wide cancel-all."""
        held, cancel_all = self.held, self.held.cancel_all
        flattening = held.flattenings.get(Scope.ACCOUNT)
        if event.verdict is Verdict.ACCEPTED:
            cancel_all.apply(Happened.ACKNOWLEDGE)
            cancel_all.failures = 0
            if flattening is not None:
                flattening.sent = True
            cancel_all.extend_tail(now.utc_ns + TAIL_NS)
        else:
            cancel_all.failures += int(event.http_status != HTTP_TOO_MANY)
            pace = CANCEL_ALL_REFUSED if event.verdict is Verdict.REFUSED else CANCEL_ALL_UNPROVEN
            held.converger.cancel_all_retry_ns = now.mono_ns + pace.wait_ns(cancel_all.failures)
        if flattening is not None:
            flattening.acted(now.mono_ns)
            if event.verdict is Verdict.ACCEPTED:
                held.reads.soon(RESTING, now.mono_ns)

    def listed(self, resting: dict[str, int], asked: Now, now: Now, out: list[AnyAction]) -> None:
        """A whole listing of what rests, by series: move every flattening on."""
        held = self.held
        for scope, flattening in list(held.flattenings.items()):
            flattening.settle_ns = held.book.lag.settle_ns
            if isinstance(scope, Scope):
                count, live = sum(resting.values()), len(held.book.live)
            else:
                count, live = resting.get(scope, 0), len(held.converger.live_of(scope))
            if count and scope is Scope.ACCOUNT and asked.mono_ns >= flattening.acted_ns + flattening.proof_ns:
                # Something outlived an acknowledged cancel-all: ask for it again.
                held.cancel_all.apply(Happened.OUTLIVED)
            flattening.listed(count, live, asked.mono_ns, now.mono_ns)
            if flattening.done:
                self._proven(scope, flattening, now, out)

    def _proven(self, scope: Scope | str, flattening: Flattening, now: Now, out: list[AnyAction]) -> None:
        held = self.held
        del held.flattenings[scope]
        if scope is Scope.ACCOUNT:
            held.cancel_all.apply(Happened.PROVE)
        took_ns = flattening.time_to_flat_ns or 0
        if flattening.orders:
            held.times_to_flat_ns.append(took_ns)
        if flattening.sent:
            held.proofs.append(CANCEL_ALL if scope is Scope.ACCOUNT else GROUP_TRIGGER)
        for reason, asked_ns in flattening.requests:
            held.cancel_all.completed += 1
            if flattening.sent and reason in HAND_OF:
                held.proofs.append(HAND_OF[reason])
            out.append(CancelAllDoneEntry(reason, (now.mono_ns - asked_ns) / NS_PER_MS))
        name = scope.value if isinstance(scope, Scope) else scope
        out.append(TimeToFlatEntry(name, flattening.trigger, took_ns / NS_PER_MS, flattening.orders))
