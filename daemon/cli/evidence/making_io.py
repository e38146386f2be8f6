"""`ladderd promote --make GATE`: makes the evidence of one gate from what lies in the state directory, and keeps it.

A table of findings goes into `audit_artifacts/<gate>/`, dated, with the file that it rests on by hash. Gates whose
evidence nothing here can make (soak, funded window, calibration) have no maker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from daemon.cli.evidence.making import Gaps, alert_receipt, smoke
from daemon.cli.replay_io import replay_state
from daemon.preflight.kept_io import resting_on
from daemon.preflight.rehearsal_io import look_at_controls
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.printed_io import code_of, emit_kept, table_of
from daemon.settings.build import build_plan
from daemon.settings.files_io import read_reference_data
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.clock import Now
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError, UsageError
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from journal.facts import facts
from journal.reader_io import JournalDamaged, read_proven, segment_paths
from journal.record import Record, parse_utc
from journal.reports.fold import Fold
from ops.alerts.policy import Receipt

RECEIPTS: Final = "alert_receipts.jsonl"
EXPECTED: Final = (OSError, ConfigurationError, JournalDamaged, Refused)
_receipt: Final = Door(Receipt, DOCUMENT_BYTES_MAX).read


def make(settings: Settings, gate: str, *, as_json: bool) -> int:
    """Make one gate's evidence; the exit code is 1 when it is against. Raises UsageError for a gate without a maker."""
    if gate not in MAKERS:
        message = f"--make {gate}: nothing here makes it; what can be made: {', '.join(MAKERS)}"
        raise UsageError(message)
    now = SystemClock().now()
    findings = _looked(gate, settings, now)
    table = table_of(gate, settings.mode, findings, code_of(findings), ours_of(settings), now.utc_ns)
    return emit_kept(settings.state_dir, table, now.utc_ns, as_json=as_json)


def _looked(gate: str, settings: Settings, now: Now) -> tuple[Finding, ...]:
    try:
        return MAKERS[gate](settings, now)
    except EXPECTED as problem:
        return (Finding(gate, UNKNOWN if isinstance(problem, ConfigurationError) else FAIL, str(problem)),)


def _event_store(settings: Settings, now: Now) -> tuple[Finding, ...]:
    gaps, count = Gaps(now.utc_ns), 0
    for record in _records(settings.state_dir):
        gaps.take(parse_utc(record.ts_utc))
        count += 1
    return (_on_journal(Finding("chain", PASS, f"{count} records, each in its place"), settings), gaps.finding())


def _parity(settings: Settings, _now: Now) -> tuple[Finding, ...]:
    verdict, said = replay_state(settings.state_dir)
    status = PASS if verdict.ok and verdict.steps else UNKNOWN if verdict.ok or verdict.refused else FAIL
    return (_on_journal(Finding("replay", status, said), settings),)


def _smoke(settings: Settings, now: Now) -> tuple[Finding, ...]:
    fold = Fold().take_all(facts(_records(settings.state_dir)))
    return (_on_journal(smoke(fold, ours_of(settings), now.utc_ns), settings),)


def _daily_report(settings: Settings, now: Now) -> tuple[Finding, ...]:
    day = build_plan(settings, read_reference_data(settings)).session_date(now.utc_ns).isoformat()
    pages = settings.state_dir / "reports"
    return tuple(_on_file(name, pages / name / f"{day}.md") for name in settings.windows.series)


def _alerts(settings: Settings, _now: Now) -> tuple[Finding, ...]:
    path = settings.state_dir / RECEIPTS
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return (resting_on(alert_receipt(_receipt(line) for line in lines), path),)


def _breach_drill(settings: Settings, now: Now) -> tuple[Finding, ...]:
    return (look_at_controls(settings, now),)


MAKERS: Final[dict[str, Callable[[Settings, Now], tuple[Finding, ...]]]] = {
    "event_store": _event_store,
    "parity": _parity,
    "smoke": _smoke,
    "daily_report": _daily_report,
    "alerts": _alerts,
    "breach_drill": _breach_drill,
}


def _records(state_dir: Path) -> Iterator[Record]:
    if not segment_paths(state_dir):
        message = f"{state_dir}: no journal there"
        raise ConfigurationError(message)
    return read_proven(state_dir)


def _on_journal(finding: Finding, settings: Settings) -> Finding:
    paths = segment_paths(settings.state_dir)
    return resting_on(finding, paths[-1]) if paths else finding


def _on_file(name: str, path: Path) -> Finding:
    there = path.is_file() and path.stat().st_size > 0
    return resting_on(Finding(name, PASS if there else UNKNOWN, "written" if there else f"{path} is not there"), path)
