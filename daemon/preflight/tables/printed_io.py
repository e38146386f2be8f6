"""A table of findings, printed and kept: a screen for people, JSON for programs, Markdown; one exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from daemon.preflight.kept_io import ARTIFACTS, keep
from daemon.preflight.tables.evidence_file import Ours
from domain.errors import EX_NOT_OK, EX_OK
from domain.findings.finding import DUE_LATER, FAIL, NOT_CONFIGURED, PASS, UNKNOWN, Finding, Findings
from domain.stamps import utc_text
from journal.disk_io import Disk

COLOURS: Final = {FAIL: "bold red", UNKNOWN: "yellow", PASS: "green", NOT_CONFIGURED: "dim", DUE_LATER: "cyan"}
PLAIN_WIDTH: Final = 160


def table_of(table: str, mode: str, findings: tuple[Finding, ...], code: int, ours: Ours, now_ns: int) -> Findings:
    """A table as it is kept."""
    checked = utc_text(now_ns)
    environment, config, build, _ = ours
    return Findings(table, code == EX_OK, code, mode, environment, config, build, checked, findings)


def code_of(findings: tuple[Finding, ...]) -> int:
    """0 when there is a line and none blocks."""
    return EX_NOT_OK if not findings or any(finding.blocks for finding in findings) else EX_OK


def kept(state_dir: Path, table: Findings, now_ns: int) -> tuple[Findings, bytes, int]:
    """Keep a table; the exit code is 1 when even a good one cannot be kept, for then nothing proves it."""
    try:
        told, document = keep(state_dir, table, now_ns)
    except OSError as problem:
        sys.stderr.write(f"ladderd: {table.table}: its file cannot be kept: {problem}\n")
        return table, msgspec.json.encode(table), table.exit_code or EX_NOT_OK
    return told, document, table.exit_code


def emit_kept(state_dir: Path, table: Findings, now_ns: int, *, as_json: bool) -> int:
    """Keep a table, print it for people or programs; the exit code."""
    told, document, code = kept(state_dir, table, now_ns)
    if as_json:
        sys.stdout.write(document.decode() + "\n")
    else:
        print_table(told.checks)
    return code


def write_report(state_dir: Path, name: str, table: Findings, notes: tuple[str, ...]) -> None:
    """The same as `audit_artifacts/<name>.json` and `.md`, in place of those before. Raises OSError."""
    disk, home = Disk(), state_dir / ARTIFACTS
    disk.make_directory(home)
    disk.replace(home / f"{name}.json", msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")
    disk.replace(home / f"{name}.md", markdown(table, notes).encode())


def markdown(table: Findings, notes: tuple[str, ...]) -> str:
    """The table as Markdown."""
    verdict = "GO" if table.ok else "NO-GO"
    lines = [
        f"# {table.table}: {verdict}",
        "",
        f"{table.checked_utc}, {table.environment}, configuration {table.config_hash[:12]}, build {table.build_id}",
        "",
        "| finding | status | what was seen | age s | limit s | file | SHA-256 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in table.checks:
        cells = (one.name, one.status.value, one.reason, _figure(one.age_s), _figure(one.limit_s), one.path, one.sha256)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def print_table(findings: tuple[Finding, ...], notes: tuple[str, ...] = (), against: tuple[str, ...] = ()) -> None:
    """The table on a screen. `against`: the names that block where that is not every finding that does."""
    table = Table(box=None, pad_edge=False)
    for title in ("check", "verdict", "evidence", "age"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        age = "" if finding.age_s is None else f"{finding.age_s:.1f} s"
        verdict = f"[{COLOURS[finding.status]}]{finding.status}[/]"
        table.add_row(finding.name, verdict, finding.reason.replace("[", "\\["), age)
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(table)
    for note in notes:
        console.print(note, markup=False)
    blocking = against or tuple(finding.name for finding in findings if finding.blocks)
    passed = sum(finding.status is PASS for finding in findings)
    if blocking:
        console.print(f"[bold red]NO-GO[/]: {passed} of {len(findings)} pass; blocked by {', '.join(blocking)}")
    else:
        console.print(f"[green]GO[/]: {passed} of {len(findings)} pass, nothing blocks")
