"""Whether the preflight of this very process passed, and was young enough when it counted.

The daemon runs it by itself: after its start, before each window opens, when it was refused, and when it is asked. Its
age is judged at an arming, at a resume, and once when a window opens: inside the window that it opened the gate's other
votes rule. Nothing of an earlier run counts, so that a restart runs it before its first place. What a preflight cannot
judge yet (DUE_LATER) stands against no arming, and against every opening. Source: docs/contracts.md, Evidence.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from domain.clock import NS_PER_S, Now
from domain.events import PreflightRun
from domain.reasons import Reason
from domain.setting import key
from domain.window import Phase
from guards.vote import PASS as PASSED
from guards.vote import Vote, fail, unknown

ANSWER_LIMIT_NS: Final = 60 * NS_PER_S
AGAIN_NS: Final = 15 * NS_PER_S
AGAIN_SHORT_NS: Final = 2 * NS_PER_S
AGAIN_IDLE_NS: Final = 300 * NS_PER_S
INSIDE: Final = frozenset({Phase.QUOTING, Phase.STRICT})
NEAR: Final = frozenset({Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT})
# What the gate judges by itself in every step, more strictly than one look can: a vote of its own, by this name.
# Fees are judged for each series: one that disagrees is no reason against the other.
JUDGED_LIVE: Final = {
    "kill_switch": "kill_switch",
    "cancel_all_markers": "cancel_all_tail",
    "risk_budget": "risk",
    "fee_agreement": "fees",
}


class PreflightSettings(msgspec.Struct, frozen=True):
    """How old a passed preflight may be when it is asked for: at an arming, a resume, and a window's opening."""

    valid_minutes: Annotated[
        int,
        key("How old a passed preflight may be at an arming, a resume and a window's opening.", "K01 A02", ge=1, le=60),
    ] = 15


class PreflightGuard:
    """What the last preflight said, and the windows that it opened."""

    def __init__(self, settings: PreflightSettings, *, hurried: bool) -> None:
        """Know nothing: closed. `hurried`: windows come every minute, and share a preflight."""
        self.settings = settings
        self.hurried = hurried
        self.config_hash = self.build_id = ""
        self.last: PreflightRun | None = None
        self.votes: dict[str, Vote] = {}
        self.asked = 0
        self._taken_ns = 0  # when the last one that ended had been asked for
        self._asked_ns = 0
        self._waiting = False
        self._wanted = ""
        self._opened: dict[str, int] = {}
        self._looked_for: set[int] = set()

    # --- what happens ------------------------------------------------------------------------------------------------

    def started(self, config_hash: str, build_id: str) -> None:
        """This process runs this configuration and build."""
        self.config_hash, self.build_id = config_hash, build_id
        self.want("the start")

    def observe(self, event: PreflightRun) -> bool:
        """A preflight is over. Returns whether it is the one that was asked for last; another one says nothing."""
        if event.number != self.asked or not self._waiting:
            return False
        self._waiting = False
        self.last, self._taken_ns = event, self._asked_ns
        return True

    def want(self, why: str) -> None:
        """Have one run soon; one that has begun already says nothing of what comes after this."""
        self._wanted = self._wanted or why

    def due(self, now: Now, windows: dict[int, Phase]) -> str:
        """Why a preflight should begin now, or nothing. `windows`: each target near, and the phase of its window."""
        if self._waiting:
            if now.mono_ns - self._asked_ns <= ANSWER_LIMIT_NS:
                return ""
            self._waiting = False
            self.last = _silent(self.asked, self.config_hash, self.build_id)
        near = {target for target, phase in windows.items() if phase in NEAR}
        fresh = near - self._looked_for
        if fresh:
            self._looked_for = near
            if not self.hurried or self._age_ns(now) > self._limit_ns() // 3:
                self.want("a window is about to open")
        if not self._wanted and self.last is not None and self._against(self.last, opens=bool(near)) is not None:
            again_ns = (AGAIN_SHORT_NS if self.hurried else AGAIN_NS) if near else AGAIN_IDLE_NS
            if now.mono_ns - self._asked_ns >= again_ns:
                self.want("the last one did not pass")
        return self._wanted

    def begun(self, now: Now) -> int:
        """One begins: its number."""
        self.asked += 1
        self._asked_ns, self._waiting, self._wanted = now.mono_ns, True, ""
        return self.asked

    # --- what it says ------------------------------------------------------------------------------------------------

    def judge(self, series: str, phase: Phase, target_ns: int, now: Now) -> None:
        """Work out the vote of a series; a window is opened by evidence once, and stays so."""
        if phase is not Phase.CLOSED and phase is not Phase.PREFLIGHT and self._opened.get(series) == target_ns:
            vote = PASSED
        else:
            vote = self.standing(now, opens=phase in INSIDE)
            if phase in INSIDE and vote.open:
                self._opened[series] = target_ns
        if self.votes.get(series) != vote:
            self.votes[series] = vote

    def vote(self, series: str) -> Vote:
        """The vote as it was last worked out."""
        return self.votes.get(series, _NOT_YET)

    def standing(self, now: Now, *, opens: bool = False, lifted: frozenset[str] = frozenset()) -> Vote:
        """Whether the evidence is there at this instant, without what is `lifted`. `opens`: for a window."""
        if self.last is None:
            return _NOT_YET
        against = self._against(self.last, opens=opens, lifted=lifted)
        if against is not None:
            return against
        age_ns, limit_ns = self._age_ns(now), self._limit_ns()
        if age_ns > limit_ns:
            return fail(Reason.NO_EVIDENCE, f"the last preflight is {age_ns // NS_PER_S} s old", limit_ns=limit_ns)
        return PASSED

    def later(self) -> tuple[str, ...]:
        """What the last preflight could not judge yet, each in one line."""
        return () if self.last is None else tuple(f"{one.name}: {one.reason}" for one in self.last.later)

    def waits(self, phase: Phase) -> bool:
        """Whether a vote against turns by itself before the next window opens: its age does, by the next preflight."""
        if phase in NEAR or self.last is None:
            return False
        return self._against(self.last, opens=False) is None

    def age_ns(self, now: Now) -> int | None:
        """How old the last preflight is."""
        return None if self.last is None else self._age_ns(now)

    def _age_ns(self, now: Now) -> int:
        return now.mono_ns - self._taken_ns if self.last is not None else self._limit_ns() + 1

    def _limit_ns(self) -> int:
        return self.settings.valid_minutes * 60 * NS_PER_S

    def _against(self, last: PreflightRun, *, opens: bool, lifted: frozenset[str] = frozenset()) -> Vote | None:
        """What is against, whatever the age; None when nothing is."""
        if last.problem:
            return unknown(Reason.NO_EVIDENCE, f"preflight: {last.problem}")
        for what, found, ours in (
            ("configuration", last.config_hash, self.config_hash),
            ("build", last.build_id, self.build_id),
        ):
            if found != ours:
                return fail(Reason.NO_EVIDENCE, f"the preflight was of {what} {found[:12]}, not of {ours[:12]}")
        blocking = [f"{one.name}: {one.reason}" for one in last.against if one.name not in JUDGED_LIVE.keys() | lifted]
        if blocking:
            return fail(Reason.NO_EVIDENCE, f"preflight {'; '.join(blocking)}")
        if not last.passed:
            return unknown(Reason.NO_EVIDENCE, "the preflight passed nothing")
        if opens and last.later:
            return unknown(Reason.NO_EVIDENCE, f"preflight judges later: {'; '.join(self.later())}")
        return None


_NOT_YET: Final = unknown(Reason.NO_EVIDENCE, "no preflight of this run has ended yet")


def _silent(number: int, config_hash: str, build_id: str) -> PreflightRun:
    said = f"no answer in {ANSWER_LIMIT_NS // NS_PER_S} s"
    return PreflightRun(number, config_hash, build_id, 0, (), (), "", "", said)
