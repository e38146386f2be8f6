"""`ladderd ops-run`: what stands before and after a session, captured anew, each file with time and hash.

Every file is taken in this run, by a command of ours or from the running daemon's pages, into a folder that did not
exist before. What could not be read is there too, as UNKNOWN, and the exit code is 1.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from daemon.client.living_io import read_page
from daemon.client.own_programs_io import own_command, own_environment
from daemon.preflight.kept_io import ARTIFACTS, file_stamp
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.printed_io import code_of, markdown, table_of
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.door import Refused
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from domain.stamps import utc_text
from journal.disk_io import Disk
from ops.client_io import HTTP_OK, fetch

PHASES: Final = ("pre_market", "post_session")
COMMAND_LIMIT_S: Final = 90.0


class Source(NamedTuple):
    """Where one file comes from: a command of ours, a page of the daemon, or a file."""

    name: str
    command: tuple[str, ...] = ()
    page: str = ""
    file: Path | None = None


class Taken(NamedTuple):
    """What was read, and whether it says that all is well."""

    body: bytes
    finding: Finding


def sources(settings: Settings) -> tuple[Source, ...]:
    """The files of one capture."""
    return (
        Source("status.json", page="/ops/status"),
        Source("metrics.txt", page="/metrics/prometheus"),
        Source("ready.json", page="/ready"),
        Source("health.json", page="/health"),
        Source("picture.json", page="/picture"),
        Source("preflight.json", ("preflight", "--json")),
        Source("reconcile.json", ("reconcile", "--json")),
        Source("orders.txt", ("orders",)),
        Source("positions.json", ("positions", "--json")),
        Source("windows.json", ("discover", "--json")),
        Source("config.txt", ("config", "show")),
        Source("manifest.json", ("manifest", "--json")),
        Source("feed.json", ("freshness", "--json")),
        Source("alerts.jsonl", file=settings.state_dir / "alert_receipts.jsonl"),
        Source("calendar.csv", file=settings.calendar_file),
    )


def take(source: Source, settings: Settings, options: Sequence[str]) -> Taken:
    """Read one source now."""
    if source.command:
        return _run(source, options)
    if source.page:
        return _fetch(source, settings)
    assert source.file is not None
    try:
        body = source.file.read_bytes()
    except OSError as problem:
        return Taken(b"", Finding(source.name, UNKNOWN, f"{source.file}: {problem.strerror}"))
    return Taken(body, Finding(source.name, PASS if body else UNKNOWN, str(source.file)))


def _run(source: Source, options: Sequence[str]) -> Taken:
    said = f"ladderd {' '.join(source.command)}"
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            own_command(*source.command, *options),
            capture_output=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
            env=own_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return Taken(b"", Finding(source.name, UNKNOWN, f"{said}: {type(problem).__name__}"))
    if done.returncode == EX_OK and done.stdout:
        return Taken(done.stdout, Finding(source.name, PASS, said))
    told = done.stderr.decode(errors="replace").strip().splitlines()
    reason = f"{said}: exit {done.returncode}{f': {told[-1]}' if told else ''}"
    answered = done.returncode == EX_NOT_OK and done.stdout
    return Taken(done.stdout, Finding(source.name, FAIL if answered else UNKNOWN, reason))


def _fetch(source: Source, settings: Settings) -> Taken:
    try:
        answer = fetch(f"http://127.0.0.1:{read_page(settings.state_dir).port}", source.page)
    except (OSError, Refused, UnavailableError) as problem:
        return Taken(b"", Finding(source.name, UNKNOWN, f"{source.page}: {problem}"))
    status = PASS if answer.status == HTTP_OK and answer.text else FAIL
    return Taken(answer.text.encode(), Finding(source.name, status, f"{source.page}: HTTP {answer.status}"))


def ops_run(settings: Settings, phase: str, options: Sequence[str], *, as_json: bool) -> int:
    """Capture everything once; the exit code is 1 when a file is UNKNOWN or says that something is not well."""
    clock, disk = SystemClock(), Disk()
    now_ns = clock.now().utc_ns
    home = settings.state_dir / ARTIFACTS / "ops_runs" / f"{file_stamp(now_ns)}_{phase}"
    disk.make_directory(home.parent)
    home.mkdir()
    findings = []
    for source in sources(settings):
        taken = take(source, settings, options)
        body = taken.body or msgspec.json.encode({"status": "UNKNOWN", "reason": taken.finding.reason})
        path, at = home / source.name, utc_text(clock.now().utc_ns)
        disk.replace(path, body)
        sha256 = hashlib.sha256(body).hexdigest()
        findings.append(msgspec.structs.replace(taken.finding, path=str(path), sha256=sha256, mtime_utc=at))
    checks = tuple(findings)
    table = table_of(f"ops_run {phase}", settings.mode, checks, code_of(checks), ours_of(settings), now_ns)
    document = msgspec.json.encode(msgspec.structs.replace(table, path=str(home / "index.json")))
    disk.replace(home / "index.json", document)
    disk.replace(home / "index.md", markdown(table, ()).encode())
    sys.stdout.write((document.decode() if as_json else markdown(table, ()) + str(home)) + "\n")
    return table.exit_code
