"""`ladderd promote`: the gates looked at where their evidence lies, waivers, and the decision that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.preflight.kept_io import ARTIFACTS, file_stamp, folder_of
from daemon.preflight.tables.evidence_file import Evidence, FileLook, Ours, judge
from daemon.preflight.tables.gates import (
    DECISION_LIMIT_S,
    GATES,
    Decision,
    Waiver,
    blockers,
    read_decision,
    read_waivers,
    stands,
)
from domain.clock import NS_PER_S
from domain.door import Refused
from domain.errors import ConfigurationError
from domain.findings.finding import UNKNOWN, Finding
from domain.stamps import utc_text
from journal.disk_io import Disk

WAIVERS: Final = "waivers.json"
DECISIONS: Final = "decision"


def look_at(look: FileLook, state_dir: Path, ours: Ours, now_ns: int) -> Finding:
    """One gate: the newest file of its folder, judged."""
    try:
        return judge(look, read_newest(folder_of(state_dir, look.name)), ours, now_ns)
    except OSError as problem:
        return Finding(look.name, UNKNOWN, f"its file cannot be opened: {problem.strerror}", None, look.limit_s)


def look_at_gates(state_dir: Path, ours: Ours, now_ns: int, looks: Sequence[FileLook] = GATES) -> tuple[Finding, ...]:
    """Every gate, from what lies there now."""
    return tuple(look_at(look, state_dir, ours, now_ns) for look in looks)


def read_newest(folder: Path) -> Evidence | None:
    """The file of a folder whose name, a time, is the latest; None where there is none. Raises OSError."""
    try:
        path = max((path for path in folder.iterdir() if path.suffix == ".json"), default=None)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if path is None else Evidence(str(path), path.read_bytes(), path.stat().st_mtime_ns)


def waivers_of(state_dir: Path) -> tuple[Waiver, ...]:
    """Every waiver that was ever given. Raises ConfigurationError for a file that is none."""
    path = state_dir / ARTIFACTS / WAIVERS
    try:
        return read_waivers(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, Refused) as problem:
        raise ConfigurationError(f"{path}: cannot be read ({problem}); delete it and waive again") from None


def waive(state_dir: Path, waiver: Waiver) -> None:
    """Keep one more waiver, durable on return. Raises OSError, ConfigurationError."""
    kept = (*waivers_of(state_dir), waiver)
    disk, home = Disk(), state_dir / ARTIFACTS
    disk.make_directory(home)
    disk.replace(home / WAIVERS, msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")


def decide(
    state_dir: Path, findings: tuple[Finding, ...], ours: Ours, by: str, cause: str, now_ns: int
) -> tuple[Decision, Path]:
    """Decide, and keep it with its evidence. Raises OSError, ConfigurationError."""
    waivers = waivers_of(state_dir)
    against = blockers(findings, waivers, now_ns)
    made = Decision(
        *(not against, against, findings, waivers),
        *(ours.environment, ours.config_hash, ours.build_id),
        *(by, cause, utc_text(now_ns), utc_text(now_ns + DECISION_LIMIT_S * NS_PER_S)),
    )
    disk, home = Disk(), folder_of(state_dir, DECISIONS)
    path = home / f"{file_stamp(now_ns)}.json"
    disk.make_directory(home)
    disk.replace(path, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made, path


def last_decision(state_dir: Path, ours: Ours, now_ns: int) -> tuple[str, str]:
    """Where the last decision lies, and why it counts no more (nothing when it does)."""
    try:
        found = read_newest(folder_of(state_dir, DECISIONS))
    except OSError as problem:
        return "", f"it cannot be opened: {problem.strerror}"
    if found is None:
        return "", "there is none: run ladderd promote --decide --by YOU --cause WHY"
    try:
        decision = read_decision(found.data)
        if (decision.environment, decision.config_hash, decision.build_id) != ours[:3]:
            return found.path, "it is of another environment, configuration or build"
        return found.path, stands(decision, look_at_gates(state_dir, ours, now_ns), now_ns)
    except (Refused, ValueError) as problem:
        return found.path, f"it cannot be read: {problem}"
