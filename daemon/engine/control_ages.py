"""Controls that must be proven, not believed: when each one last worked, and the drills that keep the proofs young.

A proof is the exchange's own answer: a group trigger that was accepted for a group of ours, an account-wide cancel-all
after which the exchange's list read empty. Each window's end proves the first anyway; the second costs a minute in
which nothing may be placed (the exchange goes on killing new orders), so it is drilled between windows, or at once when
it was never proven. Each session drills it with an order too (`drills/session.py`). A proof that is missing or older
than its limit closes the gate.
"""

from __future__ import annotations

from domain.actions import AnyAction
from domain.clock import NS_PER_S, Now
from domain.reasons import Reason
from execution.drill import DRILL, ControlSettings
from execution.groups import GroupPhase, Groups
from guards.vote import NOT_CONFIGURED, Vote, fail, unknown
from guards.vote import PASS as PASSED

GROUP_TRIGGER = "group_trigger"
CANCEL_ALL = "cancel_all"
# The session's drill with an order of its own (drills/session.py). It closes no gate; its age is shown and alerted.
CANCEL_ALL_ORDER = "cancel_all_order"
LIVE_PHASES = frozenset({GroupPhase.READY, GroupPhase.TRIGGERING})
# A cancel-all's tail, and some time to become quotable again.
ROOM_NS = 90 * NS_PER_S


class Controls:
    """The proofs. `proven` maps a control to Unix nanoseconds and survives a restart."""

    def __init__(self, settings: ControlSettings, *, hurried: bool = False) -> None:
        """`hurried`: the windows are short ones."""
        self.settings = settings
        drilled = settings.drill_cancel_all
        self.drilled = not hurried if drilled is None else drilled
        self.proven: dict[str, int] = {}
        self.drills = 0

    def prove(self, control: str, utc_ns: int) -> None:
        """A control worked."""
        self.proven[control] = max(utc_ns, self.proven.get(control, 0))

    def _age_ns(self, control: str, now: Now) -> int | None:
        since = self.proven.get(control)
        return None if since is None else now.utc_ns - since

    def vote(self, control: str, now: Now) -> Vote:
        """PASS while the proof is young enough."""
        if control == CANCEL_ALL and not self.drilled:
            return NOT_CONFIGURED
        age_ns, limit_ns = self._age_ns(control, now), self.settings.proof_limit_s * NS_PER_S
        if age_ns is None:
            return unknown(Reason.PROOF_TOO_OLD, f"{control}: never proven here; its drill is due")
        if age_ns > limit_ns:
            detail = f"{control}: last proven {age_ns // NS_PER_S} s ago"
            return fail(Reason.PROOF_TOO_OLD, detail, age_ns=age_ns, limit_ns=limit_ns)
        return Vote(PASSED.status, age_ns=age_ns, limit_ns=limit_ns)

    def _due(self, control: str, now: Now) -> bool:
        age_ns = self._age_ns(control, now)
        return age_ns is None or age_ns > self.settings.proof_limit_s * NS_PER_S // 2

    def drill_group(self, groups: Groups, now: Now, out: list[AnyAction]) -> None:
        """Make a group of no window and trigger it, when the proof is due. `Groups` deletes it afterwards."""
        if not self._due(GROUP_TRIGGER, now):
            return
        drilled = (g for g in groups.known.values() if g.series == DRILL and not g.target_ns)
        standing = [g for g in drilled if g.phase in LIVE_PHASES]
        for group in standing:
            groups.trigger(group.group_id, group.exchange_index, DRILL, now.mono_ns, out)
        if not standing:
            groups.keep_ahead(DRILL, 0, 0, now.mono_ns, out, ahead=1)

    def wants_cancel_all(self, now: Now, room_ns: int | None) -> bool:
        """Whether to drill the cancel-all now, with nothing live and so much room before the next window opens."""
        if not self.drilled or not self._due(CANCEL_ALL, now):
            return False
        return CANCEL_ALL not in self.proven or room_ns is None or room_ns > ROOM_NS
