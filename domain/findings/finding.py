"""A finding: one thing that was looked at, what was found, and the evidence that it rests on.

Absence of evidence is UNKNOWN, and UNKNOWN blocks as FAIL does. NOT_CONFIGURED is only for what the configuration
leaves out. DUE_LATER is for what no look can judge yet, such as the index before its market opens: it blocks no arming,
and it never counts as a pass for an opening window. The table that holds findings names the mode, the host, the
configuration and the build that they were found for, so that another environment's evidence cannot pass for ours.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door


class FindingStatus(enum.StrEnum):
    """What a look may find."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    DUE_LATER = "DUE_LATER"


PASS, FAIL, UNKNOWN = FindingStatus.PASS, FindingStatus.FAIL, FindingStatus.UNKNOWN
NOT_CONFIGURED, DUE_LATER = FindingStatus.NOT_CONFIGURED, FindingStatus.DUE_LATER
BLOCKING: Final = frozenset({FAIL, UNKNOWN})


class Finding(msgspec.Struct, frozen=True):
    """One look's verdict. `reason`: what was seen, in one line.

    `age_s`, `limit_s`: how old the evidence is and may be, None where it has no age. `path`, `sha256`, `mtime_utc`: the
    file that was read and how it lay there, empty where the evidence is no file.
    """

    name: str
    status: FindingStatus
    reason: str
    age_s: float | None = None
    limit_s: float | None = None
    path: str = ""
    sha256: str = ""
    mtime_utc: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this finding is against."""
        return self.status in BLOCKING

    def line(self) -> str:
        """The finding in one line."""
        return f"{self.name}: {self.status.value} {self.reason}".rstrip()


class Findings(msgspec.Struct, frozen=True):
    """A table of findings as it is kept and printed. `environment`: see `environment_of`; `path`: its own file."""

    table: str
    ok: bool
    exit_code: int
    mode: str
    environment: str
    config_hash: str
    build_id: str
    checked_utc: str
    checks: tuple[Finding, ...]
    path: str = ""

    def against(self) -> tuple[Finding, ...]:
        """The findings that block."""
        return tuple(finding for finding in self.checks if finding.blocks)


read_findings: Final = Door(Findings, DOCUMENT_BYTES_MAX).read


def environment_of(mode: str, host: str) -> str:
    """The environment that evidence belongs to: the mode, and the exchange's host."""
    return f"{mode}@{host}"
