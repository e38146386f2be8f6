"""The files that an engine is made with, read once and kept beside the journal that they explain."""

from __future__ import annotations

from pathlib import Path

import msgspec

from daemon.build import Papers
from daemon.settings import Settings, shown


def read_optional(path: Path) -> bytes | None:
    """A file's bytes, or None when it cannot be read: whoever needs it says so at the gate."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_papers(settings: Settings) -> Papers:
    """The files that the engine is made with; None for one that cannot be read."""
    return Papers(read_optional(settings.fees_file), read_optional(settings.calendar_file))


def keep_config(settings: Settings, digest: str) -> None:
    """Keep the effective configuration beside the journal that it explains, so that replay can build its engine."""
    folder = settings.state_dir / "config"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest}.json"
    if not path.exists():
        path.write_bytes(msgspec.json.format(msgspec.json.encode(shown(settings), order="sorted")))
        papers = read_papers(settings)
        if papers.fees is not None:
            (folder / f"{digest}.fees.json").write_bytes(papers.fees)
        if papers.calendar is not None:
            (folder / f"{digest}.days.csv").write_bytes(papers.calendar)
