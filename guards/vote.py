"""What every guard answers: may orders go out as far as I know?

A guard that has seen nothing says UNKNOWN, and UNKNOWN keeps the gate closed; only a guard that the configuration
leaves out says NOT_CONFIGURED and does not vote. A vote carries its age and its limit so that screens can show how
close a passing guard stands to its edge.
"""

from __future__ import annotations

import msgspec

from domain.reasons import GateStatus, Reason


class Vote(msgspec.Struct, frozen=True):
    """One guard's answer at one instant; ages and limits in nanoseconds, None where the guard has none."""

    status: GateStatus
    reason: Reason | None = None
    detail: str = ""
    age_ns: int | None = None
    limit_ns: int | None = None

    @property
    def open(self) -> bool:
        """Whether this guard lets orders out."""
        return self.status is GateStatus.PASS or self.status is GateStatus.NOT_CONFIGURED


PASS = Vote(GateStatus.PASS)
NOT_CONFIGURED = Vote(GateStatus.NOT_CONFIGURED)


def fail(reason: Reason, detail: str, *, age_ns: int | None = None, limit_ns: int | None = None) -> Vote:
    """Closed, and we know why."""
    return Vote(GateStatus.FAIL, reason, detail, age_ns, limit_ns)


def unknown(reason: Reason, detail: str) -> Vote:
    """Closed, because nothing is known."""
    return Vote(GateStatus.UNKNOWN, reason, detail)
