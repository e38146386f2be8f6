"""Where tables of findings are kept: one dated file each, below `audit_artifacts/` of the state directory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from domain.findings.finding import Finding, Findings
from domain.stamps import utc_ms_text, utc_text
from journal.disk_io import Disk

ARTIFACTS: Final = "audit_artifacts"


def folder_of(state_dir: Path, table: str) -> Path:
    """Where a table's files lie."""
    return state_dir / ARTIFACTS / table


def keep(state_dir: Path, findings: Findings, now_ns: int) -> tuple[Findings, bytes]:
    """Keep a table in a file of its own, durable on return: the table with its place, and its bytes. Raises OSError."""
    home = folder_of(state_dir, findings.table)
    path = home / f"{file_stamp(now_ns)}.json"
    kept = msgspec.structs.replace(findings, path=str(path))
    document = msgspec.json.encode(kept)
    disk = Disk()
    disk.make_directory(home)
    disk.replace(path, document)
    return kept, document


def resting_on(finding: Finding, path: Path) -> Finding:
    """The finding with the file that it rests on, its hash and time; as it is where there is no such file."""
    try:
        data, mtime_ns = path.read_bytes(), path.stat().st_mtime_ns
    except OSError:
        return finding
    sha256 = hashlib.sha256(data).hexdigest()
    return msgspec.structs.replace(finding, path=str(path), sha256=sha256, mtime_utc=utc_text(mtime_ns))


def file_stamp(now_ns: int) -> str:
    """An instant as a name that sorts by time: 2026-03-06T14-45-00.123Z."""
    return utc_ms_text(now_ns).replace(":", "-")
