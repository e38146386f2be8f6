"""Cancels of our orders that nobody of ours asked for, and other signs that somebody else trades this account.

A cancel is explained (docs/contracts.md, Quoting) by what any process of ours asked for, at any time before: the order
itself, its group, the whole account; by its expiry, its market's close or halt, the exchange's pause; or by the reason
that the exchange gives. A cancel of ours that found the order gone explains nothing: it came too late to have ended it;
nor does what we ask for later, or an expiry that was still to come. Two that nothing explains within five seconds say
that somebody wants us out: quoting pauses, an alert goes out, and nothing is placed for the tail of a cancel-all, as
the exchange may still be killing. News of the exchange may arrive out of order, so its explanation may come a little
later than the cancel; meanwhile nothing new is placed.

An order that ends as soon as it was placed, and not by us, is a place that was not taken, whatever explains it.

An order under our prefix that no run of ours sent, or a group that none made, is another process on the same account.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from daemon.engine.holdings import GROUPS, STATUS, Holdings
from domain.actions import AnyAction
from domain.alert_types.catalogue import AnotherTraderAlert, Severity, UnexplainedCancelsAlert
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.ids import Ticker
from domain.reasons import Breach
from execution.flatten import TAIL_NS
from execution.groups import Group, GroupPhase
from execution.orders import Order

SPAN_NS = 5 * NS_PER_S
# How long a trigger, a marker or the exchange's status may come after the cancel that it explains.
GRACE_NS = 1_500 * NS_PER_MS
EXPIRY_SLACK_NS = 2 * NS_PER_S
INACTIVE_SPAN_NS = 10 * NS_PER_S
# An order that does not live so long was not taken.
YOUNG_NS = 2 * NS_PER_S
EXPLAINED = frozenset(
    {"expirycancel", "closecancel", "haltcancel", "selftradecancel", "postonlycrosscancel", "decrease", "amend"}
)
HALTS = frozenset({"deactivated", "activated", "close_date_updated", "determined", "settled"})
ANOTHER_AGAIN_NS = 60 * NS_PER_S
ANOTHER = "another process trades this account"


class Cancelled(NamedTuple):
    """One order that ended, when we heard of it, and the group that it was in."""

    at_ns: int
    utc_ns: int
    order: Order
    group: Group | None


class Unexplained:
    """The cancels of one account. `active`: whether the exchange is known to trade now.

    `not_taken`: orders that ended as soon as they were placed; whoever counts those takes them from here.
    """

    def __init__(self, held: Holdings, active: Callable[[Now], bool]) -> None:
        self.held = held
        self.active = active
        self.not_taken: list[Order] = []
        self._seen: deque[Cancelled] = deque(maxlen=64)
        self._inactive_ns: int | None = None
        self._another_told_ns: int | None = None
        self._halted_ns: dict[Ticker, int] = {}

    def _ended(self, order: Order, reason: str, now: Now) -> None:
        """The exchange says that an order was cancelled, and perhaps why."""
        cancelled = Cancelled(now.mono_ns, now.utc_ns, order, self.held.groups.known.get(order.group_id))
        if reason.lower().replace("_", "") in EXPLAINED or self._ours(cancelled):
            return
        if now.mono_ns - order.created_ns <= YOUNG_NS:
            self.not_taken.append(order)
        if self._explained(cancelled, now):
            return
        self._seen.append(cancelled)
        for key in (STATUS, GROUPS):
            self.held.reads.soon(key, now.mono_ns)

    def halted(self, ticker: Ticker, what: str, now: Now) -> None:
        """A market's life has changed."""
        if what in HALTS:
            self._halted_ns[ticker] = now.mono_ns

    def look(self, now: Now, out: list[AnyAction]) -> tuple[Breach, str] | None:
        """Weigh what was seen; why quoting must pause until somebody resumes, or None."""
        if not self.active(now):
            self._inactive_ns = now.mono_ns
        self._halted_ns = {t: at for t, at in self._halted_ns.items() if now.mono_ns - at <= INACTIVE_SPAN_NS}
        others, self.held.others = self.held.others, []
        if others:
            self._tell_another([what for what, _ in others], now, out)
            lasting = next((what for what, drifts in others if not drifts), "")
            if lasting:
                self.held.contested = True
                return Breach.ANOTHER_TRADER, f"{ANOTHER}: {lasting}"
        for order, reason in self.held.cancelled:
            self._ended(order, reason, now)
        self.held.cancelled.clear()
        if not self._seen:
            return None
        patience_ns = SPAN_NS + GRACE_NS
        kept = [c for c in self._seen if now.mono_ns - c.at_ns <= patience_ns and not self._explained(c, now)]
        self._seen = deque(kept, maxlen=64)
        second_ns = self._second_ns()
        if second_ns is None or now.mono_ns - second_ns < GRACE_NS:
            return None
        self._seen.clear()
        names = tuple(cancelled.order.client_order_id for cancelled in kept)
        out.append(UnexplainedCancelsAlert(Severity.CRITICAL, len(names), names[:10]))
        self.held.cancel_all.extend_tail(now.utc_ns + TAIL_NS)
        why = f"{len(names)} orders of ours were cancelled, and nobody of ours asked for it"
        return Breach.UNEXPLAINED_CANCELS, why

    def _tell_another(self, told: list[str], now: Now, out: list[AnyAction]) -> None:
        """Say so, again every minute while it lasts: it may well trade several times a second."""
        if self._another_told_ns is None or now.mono_ns - self._another_told_ns >= ANOTHER_AGAIN_NS:
            self._another_told_ns = now.mono_ns
            out.append(AnotherTraderAlert(Severity.CRITICAL, f"{ANOTHER}: {'; '.join(told[:5])}"))

    @property
    def wanted(self) -> bool:
        """Whether there is something to weigh."""
        return bool(self._seen or self.held.cancelled or self.held.others)

    @property
    def suspicious(self) -> bool:
        """Whether enough was cancelled without an explanation that nothing new may be placed."""
        return self._second_ns() is not None

    def _second_ns(self) -> int | None:
        """When the second of two came that are near enough; None when there are no such two."""
        return next((b.at_ns for a, b in pairwise(self._seen) if b.at_ns - a.at_ns <= SPAN_NS), None)

    def next_deadline(self, now: Now) -> int | None:
        """When what was seen is to be weighed."""
        second_ns = self._second_ns()
        return None if second_ns is None else max(second_ns + GRACE_NS, now.mono_ns + 1)

    def _ours(self, cancelled: Cancelled) -> bool:
        """Whether we had asked for it, or its time was up."""
        order, group = cancelled.order, cancelled.group
        if order.cancels or group is None or 0 < group.asked_ns <= cancelled.at_ns:
            return True
        expiry_ns = order.expiration_s * NS_PER_S
        return 0 < expiry_ns <= cancelled.utc_ns + EXPIRY_SLACK_NS or 0 < order.target_ns <= cancelled.utc_ns

    def _explained(self, cancelled: Cancelled, now: Now) -> bool:
        """Whether something that the exchange says, or another program of ours has asked for, accounts for it."""
        held, order, group = self.held, cancelled.order, cancelled.group
        if group is not None and not group.asked_ns and group.phase is not GroupPhase.READY:
            return True
        if order.ticker in self._halted_ns:
            return True
        if self._inactive_ns is not None and now.mono_ns - self._inactive_ns <= INACTIVE_SPAN_NS:
            return True
        born_utc_ns = now.utc_ns - (now.mono_ns - order.created_ns)
        return held.tail_until_utc_ns > born_utc_ns

    def resumed(self) -> None:
        """An operator has looked. Groups that the other has left behind are deleted, as those of a run before."""
        self._seen.clear()
        self._another_told_ns = None
        if self.held.contested:
            self.held.contested = self.held.groups.listed = False
