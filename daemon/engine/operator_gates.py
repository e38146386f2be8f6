"""Which gates stand against a resume or an arming, which a resume lifts itself, and which only a later time can judge.

A resume is taken only when every check passes except those that it lifts: the pause, the kill latch (its sources must
be off), a pause by risk, a frozen session, a breaker. To know what stands behind one of these, the guard is asked as it
would be after the resume. What no operator can wait for does not stand against him and is named: the tail of a
cancel-all, which ends at a known instant; the ladder and the books, before a window is prepared; the index, while its
market is closed.
The plan's own closures (no window, frozen, a planned stand-down) are no checks. Pure.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from daemon.engine.desk import Desk
from domain.clock import Now
from domain.reasons import Reason
from domain.window import Phase
from guards.killswitch import KillLatch
from guards.limits.account import AccountShape
from guards.risk import RiskGuard
from guards.vote import PASS, Vote

# What the plan itself closes, and the arming that an `arm` brings.
PLANNED: Final = frozenset({Reason.WINDOW_CLOSED, Reason.T_MINUS_2S, Reason.STRICT_STAND_DOWN, Reason.NOT_ARMED})
ENDS_BY_ITSELF: Final = frozenset({"cancel_all_tail"})
PREPARED: Final = frozenset({"markets", "books"})
OF_THE_INDEX: Final = frozenset({"freshness", "volatility", "divergence", "stuck", "first_values"})
PREPARING: Final = frozenset({Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT})


class Weighed(NamedTuple):
    """One gate: its name, what it says now, what it would say after the lifting, and whether it can be judged now."""

    name: str
    now: Vote
    after: Vote
    due: bool


class Standing(NamedTuple):
    """How an operator's resume or arming stands, each gate in one line."""

    against: tuple[str, ...]
    lifted: tuple[str, ...]
    later: tuple[str, ...]

    @property
    def refusal(self) -> str:
        """Every gate that is against it, one a line; nothing when none is."""
        return "\n".join(self.against)

    @property
    def note(self) -> str:
        """What a consent adds: what was lifted, and what will be judged later."""
        lifted = [f"lifted by this resume: {line}" for line in self.lifted]
        return "\n".join([*lifted, *(f"judged later: {line}" for line in self.later)])


def account_gates(
    votes: Iterable[tuple[str, Vote]], kill: KillLatch, risk: RiskGuard, books: AccountShape, now: Now, *, lifts: bool
) -> list[Weighed]:
    """The account's gates. `lifts`: whether pause, kill latch and risk pause are lifted by what is asked."""
    gates = []
    for name, vote in votes:
        after = vote
        if lifts and name in {"pause", "breakers"}:
            after = PASS
        elif lifts and name == "kill_switch":
            opened = copy.copy(kill)
            refused = opened.resume()
            after = Vote(vote.status, vote.reason, refused) if refused else opened.vote(now)
        elif lifts and name == "risk":
            freed = copy.copy(risk)
            freed.resume()
            after = freed.vote(books, now)
        gates.append(Weighed(name, vote, after, name not in ENDS_BY_ITSELF))
    return gates


def series_gates(desk: Desk, more: Mapping[str, Vote], now: Now, *, lifts: bool, market_open: bool) -> list[Weighed]:
    """One series' gates; `more` are those that the desk does not hold itself."""
    gates = []
    for name, vote in (*more.items(), *desk.votes(now)):
        after = vote
        if lifts and name == "freshness":
            thawed = copy.copy(desk.sentry)
            thawed.resume()
            after = thawed.vote(now, desk.phase)
        due = desk.phase in PREPARING if name in PREPARED else market_open or name not in OF_THE_INDEX
        gates.append(Weighed(f"{name} {desk.series.name}", vote, after, due))
    return gates


def weigh(gates: Iterable[Weighed]) -> Standing:
    """Sort the gates: against, lifted, later. A gate that is open, or closed by the plan alone, is none of them."""
    against, lifted, later = [], [], []
    for gate in gates:
        if gate.after.open or gate.after.reason in PLANNED:
            if not gate.now.open and gate.now.reason not in PLANNED:
                lifted.append(_line(gate.name, gate.now))
        elif gate.due:
            against.append(_line(gate.name, gate.after))
        else:
            later.append(_line(gate.name, gate.after))
    return Standing(tuple(against), tuple(lifted), tuple(later))


def _line(name: str, vote: Vote) -> str:
    return f"{name}: {vote.status.value} {vote.detail or vote.reason or ''}".rstrip()
