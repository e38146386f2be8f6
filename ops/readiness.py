"""Whether orders may go out: one answer for the page, the terminal, the commands, `/ready` and the metrics.

A gate is a vote. It is *against* unless it passes or the configuration leaves it out. A vote against *waits* when it
says only that this is not the time: no window is open, the final minute is a planned stand-down, the market is closed.
Such a vote turns by itself before the next window, so orders could be sent then.

MAY QUOTE: no vote is against. WAITING: every vote against waits. NOT READY: anything else, and no vote at all.
The account is NOT READY when one of its series is, and MAY QUOTE when at least one series may quote and none is held.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from ops.status import Gate, Status


class Permission(enum.StrEnum):
    """What every screen says, in these words."""

    MAY_QUOTE = "MAY QUOTE"
    WAITING = "WAITING"
    NOT_READY = "NOT READY"


class Readiness(msgspec.Struct, frozen=True):
    """The answer for the account. `held`: the series that are NOT READY; `against`: the gates that explain it.

    When NOT READY, `against` has only the votes that do not wait: those are what somebody must look at.
    """

    verdict: Permission
    ready: bool
    held: tuple[str, ...]
    against: tuple[Gate, ...]


def votes_of(gates: Iterable[Gate], series: str) -> tuple[Gate, ...]:
    """The votes that concern one series: its own and the account's."""
    return tuple(gate for gate in gates if gate.series in {"", series})


def verdict_of(votes: Iterable[Gate]) -> Permission:
    """The verdict of these votes. No vote is no evidence."""
    asked = tuple(votes)
    if not asked or any(gate.holds for gate in asked):
        return Permission.NOT_READY
    return Permission.WAITING if any(gate.against for gate in asked) else Permission.MAY_QUOTE


def readiness(picture: Status) -> Readiness:
    """The account's answer at the instant of the picture."""
    gates = picture.gates
    each = {view.name: verdict_of(votes_of(gates, view.name)) for view in picture.series}
    if not picture.ready:
        held = tuple(name for name, verdict in each.items() if verdict is Permission.NOT_READY)
        return Readiness(Permission.NOT_READY, ready=False, held=held, against=tuple(g for g in gates if g.holds))
    verdict = Permission.MAY_QUOTE if Permission.MAY_QUOTE in each.values() else Permission.WAITING
    return Readiness(verdict, ready=True, held=(), against=tuple(gate for gate in gates if gate.against))
