"""The commands over tables of evidence: readiness, promote, manifest, secrets-scan. Each gives its exit code."""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

import msgspec

from daemon.client.living_io import read_page
from daemon.preflight.tables.commands_text import decision_text
from daemon.preflight.tables.gates import GATES, Waiver, blockers
from daemon.preflight.tables.gates_io import decide, last_decision, look_at, look_at_gates, waive, waivers_of
from daemon.preflight.tables.manifest_io import look_at_manifest, ours_of, write_manifest
from daemon.preflight.tables.printed_io import code_of, kept, markdown, print_table, table_of, write_report
from daemon.preflight.tables.secrets_io import TABLE as SECRETS
from daemon.preflight.tables.secrets_io import scan
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.door import Refused
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError, UsageError
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from domain.stamps import parse_rfc3339, utc_text
from ops.client_io import HTTP_OK, fetch

READY: Final = "ready"
READINESS: Final = "readiness"
NEEDED: Final = frozenset({"preflight", "reconcile", SECRETS})


class Printed(NamedTuple):
    """How a table is printed."""

    as_json: bool
    as_md: bool = False


class Words(NamedTuple):
    """Who decides, and why."""

    by: str
    cause: str


def ready_finding(settings: Settings, http: str | None) -> Finding:
    """What the running daemon's `/ready` says now; nobody there is UNKNOWN."""
    try:
        address = http or f"http://127.0.0.1:{read_page(settings.state_dir).port}"
        answer = fetch(address, "/ready")
    except (OSError, Refused, UnavailableError) as problem:
        return Finding(READY, UNKNOWN, f"no daemon answers: {problem}")
    document = answer.document if isinstance(answer.document, dict) else None
    if document is None or not isinstance(document.get("gates"), list):
        return Finding(READY, UNKNOWN, f"HTTP {answer.status}, and no document of gates")
    against = [
        f"{gate.get('name')} {gate.get('reason') or gate.get('status')}"
        for gate in document["gates"]
        if isinstance(gate, dict) and gate.get("status") not in {"PASS", "NOT_CONFIGURED"}
    ]
    if answer.status == HTTP_OK and document.get("ready") is True:
        return Finding(READY, PASS, f"ready; {len(document['gates'])} gates", 0.0)
    return Finding(READY, FAIL, f"not ready: {', '.join(dict.fromkeys(against)) or 'no gate says why'}", 0.0)


def readiness(settings: Settings, http: str | None, shape: Printed) -> int:
    """`ladderd readiness`: what must hold before the market opens; `audit_artifacts/readiness_report.{md,json}`."""
    now_ns, ours = SystemClock().now().utc_ns, ours_of(settings)
    ready = ready_finding(settings, http)
    looked = tuple(look_at(gate, settings.state_dir, ours, now_ns) for gate in GATES if gate.name in NEEDED)
    findings = (ready, *looked, look_at_manifest(settings))
    alone = table_of(READY, settings.mode, (ready,), code_of((ready,)), ours, now_ns)
    _, _, failed = kept(settings.state_dir, alone, now_ns)
    table, document, code = kept(
        settings.state_dir, table_of(READINESS, settings.mode, findings, code_of(findings), ours, now_ns), now_ns
    )
    notes = tuple(waiver.line(now_ns) for waiver in waivers_of(settings.state_dir))
    try:
        write_report(settings.state_dir, "readiness_report", table, notes)
    except OSError as problem:
        sys.stderr.write(f"ladderd: readiness: its report cannot be written: {problem}\n")
        code = code or EX_NOT_OK
    if shape.as_json:
        sys.stdout.write(document.decode() + "\n")
    elif shape.as_md:
        sys.stdout.write(markdown(table, notes))
    else:
        print_table(findings, notes)
    return code or (failed if ready.status is PASS else EX_NOT_OK)


def promote(settings: Settings, shape: Printed, *, decision: Words | None) -> int:
    """`ladderd promote --check`, and `--decide`: every gate looked at anew, every waiver printed."""
    now_ns, ours = SystemClock().now().utc_ns, ours_of(settings)
    findings = look_at_gates(settings.state_dir, ours, now_ns)
    waivers = waivers_of(settings.state_dir)
    against = blockers(findings, waivers, now_ns)
    notes = tuple(waiver.line(now_ns) for waiver in waivers)
    code = EX_NOT_OK if against else EX_OK
    if decision is not None:
        made, path = decide(settings.state_dir, findings, ours, decision.by, decision.cause, now_ns)
        notes = (*notes, decision_text(made, str(path)))
    table = table_of("promote", settings.mode, findings, code, ours, now_ns)
    table, _, code = kept(settings.state_dir, table, now_ns)
    if shape.as_json:
        sys.stdout.write(msgspec.json.encode(table).decode() + "\n")
    elif shape.as_md:
        sys.stdout.write(markdown(table, notes))
    else:
        print_table(findings, notes, tuple(line.partition(":")[0] for line in against))
    return code


def check_decision(settings: Settings) -> tuple[int, str]:
    """`ladderd promote --decision`: whether the last GO still counts, by the evidence that lies there now."""
    now_ns = SystemClock().now().utc_ns
    path, why = last_decision(settings.state_dir, ours_of(settings), now_ns)
    if why:
        return EX_NOT_OK, f"decision: NO-GO: {why}{f' ({path})' if path else ''}"
    return EX_OK, f"decision: GO stands ({path})"


def waive_gate(settings: Settings, gate: str, words: Words, until: str) -> tuple[int, str]:
    """`ladderd promote --waive`. Raises UsageError for a gate or an instant that is none."""
    if gate not in {look.name for look in GATES}:
        raise UsageError(f"--waive {gate}: no such gate; gates: {', '.join(look.name for look in GATES)}")
    now_ns = SystemClock().now().utc_ns
    try:
        until_ns = parse_rfc3339(until)
    except ValueError:
        raise UsageError(f"--until {until}: write it like 2026-03-06T14:50:00Z") from None
    if until_ns <= now_ns:
        raise UsageError(f"--until {until}: is over")
    waiver = Waiver(gate, words.by, words.cause, utc_text(until_ns))
    waive(settings.state_dir, waiver)
    return EX_OK, waiver.line(now_ns)


def manifest(settings: Settings, words: Words | None, shape: Printed) -> int:
    """`ladderd manifest`: released with `--by --cause`; else compared with what is here."""
    now_ns, ours = SystemClock().now().utc_ns, ours_of(settings)
    if words is not None:
        made, path = write_manifest(settings, words.by, words.cause, now_ns)
        said = msgspec.json.encode(made).decode()
        sys.stdout.write((said if shape.as_json else f"manifest: {path}: build {made.build_id}") + "\n")
        return EX_OK
    finding = look_at_manifest(settings)
    code = EX_OK if finding.status is PASS else EX_NOT_OK
    table, document, code = kept(
        settings.state_dir, table_of("manifest_check", settings.mode, (finding,), code, ours, now_ns), now_ns
    )
    if shape.as_json:
        sys.stdout.write(document.decode() + "\n")
    else:
        print_table(table.checks, against=() if code == EX_OK else (finding.name,))
    return code


def secrets_scan(settings: Settings, shape: Printed) -> int:
    """`ladderd secrets-scan`: no secret lies where it should not."""
    now_ns = SystemClock().now().utc_ns
    findings = scan(settings)
    table = table_of(SECRETS, settings.mode, findings, code_of(findings), ours_of(settings), now_ns)
    _, document, code = kept(settings.state_dir, table, now_ns)
    if shape.as_json:
        sys.stdout.write(document.decode() + "\n")
    else:
        print_table(findings)
    return code
