"""The gate: the only maker of permission.

Every place needs a `Cleared`, and only this file constructs one (the tidy test looks). The gate takes the votes of all
guards that concern a series; a single FAIL or UNKNOWN closes it. The permission is short: it names the instant after
which it is void (docs/contracts.md, Orders: the least of 250 ms, the start of flattening and the next freshness
deadline), and the venue looks again at the socket.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from domain.actions import Cleared
from domain.clock import NS_PER_MS, Now
from domain.reasons import GateStatus, Reason
from guards.vote import Vote

CLEARED_FOR_NS = 250 * NS_PER_MS
# Bound for speed, as in domain/window.py: every tick reads some twenty votes.
_PASS, _NOT_CONFIGURED = GateStatus.PASS, GateStatus.NOT_CONFIGURED


class Closed(NamedTuple):
    """Why nothing may be placed: the reasons in the order in which the guards are asked, first one first.

    No reason at all means that every guard passes but no time is left to place anything: what rests may rest on.
    """

    reasons: tuple[Reason, ...]


def evaluate(series: str, votes: Iterable[tuple[str, Vote]], until_mono_ns: int, now: Now) -> Cleared | Closed:
    """Permission for a series until at most `until_mono_ns`, or every reason against it.

    No votes at all, or only of guards that are left out, is no evidence at all: closed.
    """
    reasons: list[Reason] = []
    asked = False
    for _, vote in votes:
        status = vote.status
        if status is _NOT_CONFIGURED:
            continue
        asked = True
        if status is _PASS:
            continue
        reason = vote.reason or Reason.QUALITY_GATE
        if reason not in reasons:
            reasons.append(reason)
    not_after = min(until_mono_ns, now.mono_ns + CLEARED_FOR_NS)
    if not asked:
        return Closed((Reason.QUALITY_GATE,))
    if reasons or not_after <= now.mono_ns:
        return Closed(tuple(reasons))
    return Cleared(series, not_after)
