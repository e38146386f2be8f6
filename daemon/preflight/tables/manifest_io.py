"""`ladderd manifest`: written, and compared with what is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from daemon.preflight.kept_io import file_stamp, folder_of
from daemon.preflight.tables.evidence_file import Ours
from daemon.preflight.tables.manifest import NAME, Manifest, manifest_finding
from daemon.settings.build_id_io import build_id, lock_hash
from daemon.settings.files_io import read_optional
from daemon.settings.tree import Settings, config_hash
from domain.findings.finding import Finding, environment_of
from domain.stamps import utc_text
from journal.disk_io import Disk

FILE: Final = "manifest.json"


def ours_of(settings: Settings) -> Ours:
    """What runs here with these settings."""
    host = urlsplit(settings.exchange.rest_url).hostname or ""
    return Ours(environment_of(settings.mode, host), config_hash(settings), build_id(), lock_hash())


def risk_of(settings: Settings) -> dict[str, Any]:
    """The limits on money and contracts, by name."""
    risk: dict[str, Any] = msgspec.to_builtins(settings.risk)
    return risk


def write_manifest(settings: Settings, by: str, cause: str, now_ns: int) -> tuple[Manifest, Path]:
    """Release what is here, in place of the manifest before; a dated copy is kept. Raises OSError."""
    ours = ours_of(settings)
    made = Manifest(
        *(ours.build_id, ours.lock_hash, ours.config_hash, ours.environment),
        risk=risk_of(settings),
        made_utc=utc_text(now_ns),
        by=by,
        cause=cause,
    )
    document = msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"
    disk, home = Disk(), folder_of(settings.state_dir, NAME)
    disk.make_directory(home)
    disk.replace(home / f"{file_stamp(now_ns)}.json", document)
    path = settings.state_dir / FILE
    disk.replace(path, document)
    return made, path


def look_at_manifest(settings: Settings) -> Finding:
    """The preflight's line. A file that is there and cannot be opened is no manifest."""
    path = settings.state_dir / FILE
    data = read_optional(path)
    if data is None and path.exists():
        data = b""
    return manifest_finding(data, ours_of(settings), risk_of(settings), live=settings.mode == "live")
