"""Controls that must be proven, not believed: when each one last worked, and the drills that keep the proofs young.

The list, and what proves what, stands in `guards/evidence/controls.py`. The exchange's own answer proves a group
trigger (each window's end does) and an account-wide cancel-all; the latter costs a minute in which nothing may be
placed (the exchange goes on killing new orders), so it is drilled between windows, or at once when it was never proven.
Each session drills it with an order too (`drills/session.py`). A proof that is missing or older than its limit closes
the gate.
"""

from __future__ import annotations

from typing import Final

from domain.actions import AnyAction
from domain.clock import NS_PER_S, Now
from domain.reasons import GateStatus, Reason
from execution.drill import DRILL, ControlSettings
from execution.groups import GroupPhase, Groups
from guards.evidence.controls import CANCEL_ALL, CANCEL_ALL_ORDER, CONTROLS, GROUP_TRIGGER, NAMED, ProvenBy
from guards.vote import NOT_CONFIGURED, Vote, fail, unknown

LIVE_PHASES = frozenset({GroupPhase.READY, GroupPhase.TRIGGERING})
# A cancel-all's tail, and some time to become quotable again.
ROOM_NS = 90 * NS_PER_S
# These vote by themselves, and the session's drill does not vote: it comes after the daemon has to be ready.
APART: Final = frozenset({GROUP_TRIGGER, CANCEL_ALL, CANCEL_ALL_ORDER})
TOGETHER: Final = tuple(control.name for control in CONTROLS if control.name not in APART)
LOOK_NS = NS_PER_S


class Controls:
    """The proofs. `proven` maps a control to Unix nanoseconds and survives a restart."""

    def __init__(self, settings: ControlSettings, *, hurried: bool = False, live: bool = False) -> None:
        """`hurried`: the windows are short ones. `live`: what people's hands do must be proven too."""
        self.settings = settings
        drilled, hands = settings.drill_cancel_all, settings.drill_hands
        self.drilled = not hurried if drilled is None else drilled
        self.hands = live if hands is None else hands
        self.proven: dict[str, int] = {}
        self.drills = 0
        self._together: Vote | None = None
        self._look_ns = 0

    def prove(self, control: str, utc_ns: int) -> None:
        """A control worked."""
        self.proven[control] = max(utc_ns, self.proven.get(control, 0))
        self._together = None

    def restore(self, proven: dict[str, int]) -> None:
        """Take over the proofs of the run before."""
        self.proven.update(proven)
        self._together = None

    def _age_ns(self, control: str, now: Now) -> int | None:
        since = self.proven.get(control)
        return None if since is None else now.utc_ns - since

    def asked(self, control: str) -> bool:
        """Whether the configuration wants this control proven."""
        if NAMED[control].by is ProvenBy.HAND:
            return self.hands
        return self.drilled or control not in {CANCEL_ALL, CANCEL_ALL_ORDER}

    def limit_ns(self, control: str) -> int:
        """How old its proof may be: a hand's and a start's come seldom."""
        seldom = NAMED[control].by in {ProvenBy.HAND, ProvenBy.START}
        return (self.settings.hand_limit_s if seldom else self.settings.proof_limit_s) * NS_PER_S

    def vote(self, control: str, now: Now) -> Vote:
        """PASS while the proof is young enough."""
        if not self.asked(control):
            return NOT_CONFIGURED
        age_ns, limit_ns = self._age_ns(control, now), self.limit_ns(control)
        if age_ns is None:
            return unknown(Reason.PROOF_TOO_OLD, f"{control}: never proven here; {NAMED[control].drill}")
        if age_ns > limit_ns:
            detail = f"{control}: last proven {age_ns // NS_PER_S} s ago; {NAMED[control].drill}"
            return fail(Reason.PROOF_TOO_OLD, detail, age_ns=age_ns, limit_ns=limit_ns)
        return Vote(GateStatus.PASS, age_ns=age_ns, limit_ns=limit_ns)

    def together(self, now: Now) -> Vote:
        """One vote of all controls that do not vote apart; its age is that of the proof nearest its limit.

        Worked out when a proof comes, and once a second: proofs age by days.
        """
        if self._together is None or not 0 <= now.mono_ns - self._look_ns < LOOK_NS:
            self._together, self._look_ns = self._weighed(now), now.mono_ns
        return self._together

    def _weighed(self, now: Now) -> Vote:
        votes = [(name, self.vote(name, now)) for name in TOGETHER if self.asked(name)]
        against = [vote for _, vote in votes if not vote.open]
        if against:
            worst = next((vote for vote in against if vote.status is GateStatus.FAIL), against[0])
            detail = "; ".join(vote.detail for vote in against)
            return Vote(worst.status, Reason.PROOF_TOO_OLD, detail, worst.age_ns, worst.limit_ns)
        name, oldest = max(votes, key=lambda each: (each[1].age_ns or 0) / (each[1].limit_ns or 1))
        detail = f"the proof nearest its limit is that of {name}"
        return Vote(GateStatus.PASS, detail=detail, age_ns=oldest.age_ns, limit_ns=oldest.limit_ns)

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
