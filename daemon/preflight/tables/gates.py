"""The gates of a promotion, one line each: what evidence it wants, how old that may be, and which command makes it.

A gate passes by a kept table of findings (`audit_artifacts/<table>/`) that is whole, young, ours, and without a line
against it; a warning is one. A gate may be waived by a person until an instant: that never makes it pass, and it is
printed with every table from then on. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from daemon.preflight.tables.evidence_file import FileLook, of_findings
from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.findings.finding import Finding
from domain.stamps import parse_rfc3339

MINUTES: Final = 60
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
SESSION: Final = DAY  # one session, whichever hour it is looked at
DECISION_LIMIT_S: Final = DAY


def _gate(name: str, limit_s: int, remedy: str, *, same_build: bool = False) -> FileLook:
    return FileLook(name, limit_s, remedy, same_build, of_findings(name))


GATES: Final[tuple[FileLook, ...]] = (
    _gate("preflight", 20 * MINUTES, "run ladderd preflight", same_build=True),
    _gate("reconcile", 20 * MINUTES, "run ladderd reconcile --full"),
    _gate("ready", 20 * MINUTES, "run ladderd readiness"),
    _gate("alerts", 20 * MINUTES, "run ladderd promote --make alerts"),
    _gate("secrets_scan", DAY, "run ladderd secrets-scan"),
    _gate("parity", SESSION, "run ladderd promote --make parity"),
    _gate("daily_report", SESSION, "run ladderd promote --make daily_report"),
    _gate("event_store", DAY, "run ladderd promote --make event_store"),
    _gate("smoke", DAY, "run a whole window in paper mode, then ladderd promote --make smoke", same_build=True),
    _gate("breach_drill", 30 * DAY, "run ladderd promote --make breach_drill", same_build=True),
    _gate("model", 14 * DAY, "run ladderd preflight --model"),
    _gate("calibration", 14 * DAY, "calibrate the model"),
    _gate("soak", 30 * DAY, "soak this build", same_build=True),
    _gate("funded_window", 30 * DAY, "run a funded window", same_build=True),
)


class Waiver(msgspec.Struct, frozen=True):
    """A person lets one gate be, until an instant."""

    gate: str
    by: str
    cause: str
    until_utc: str

    def holds(self, now_ns: int) -> bool:
        """Whether it still does."""
        return now_ns < parse_rfc3339(self.until_utc)

    def line(self, now_ns: int) -> str:
        """The waiver in one line."""
        word = "waived" if self.holds(now_ns) else "waiver over"
        return f"{self.gate}: {word} until {self.until_utc} by {self.by}: {self.cause}"


class Decision(msgspec.Struct, frozen=True):
    """GO or NO-GO, with every gate's evidence by hash; void after `expires_utc`."""

    go: bool
    blockers: tuple[str, ...]
    gates: tuple[Finding, ...]
    waivers: tuple[Waiver, ...]
    environment: str
    config_hash: str
    build_id: str
    by: str
    cause: str
    decided_utc: str
    expires_utc: str


read_waivers: Final = Door(tuple[Waiver, ...], DOCUMENT_BYTES_MAX).read
read_decision: Final = Door(Decision, DOCUMENT_BYTES_MAX).read


def blockers(findings: Iterable[Finding], waivers: Sequence[Waiver], now_ns: int) -> tuple[str, ...]:
    """The gates that block: neither passed nor waived."""
    waived = {waiver.gate for waiver in waivers if waiver.holds(now_ns)}
    return tuple(one.line() for one in findings if one.blocks and one.name not in waived)


def stands(decision: Decision, now: Sequence[Finding], now_ns: int) -> str:
    """Why a decision counts no more, or nothing. `now`: the same gates, looked at again."""
    if not decision.go:
        return f"it was NO-GO: {'; '.join(decision.blockers)}"
    if now_ns >= parse_rfc3339(decision.expires_utc):
        return f"it expired at {decision.expires_utc}"
    then = {finding.name: finding.sha256 for finding in decision.gates}
    changed = [finding.name for finding in now if then.get(finding.name) != finding.sha256]
    if changed or len(then) != len(now):
        return f"other evidence lies there now: {', '.join(changed) or 'gates were added'}"
    against = blockers(now, decision.waivers, now_ns)
    return "; ".join(against)
