"""The configuration that somebody approved: its hash in `state/config_pin`, with who and why behind it.

`ladderd config pin` writes it, preflight compares it with the configuration in force. Whoever changes a limit has the
preflight against him until the change was approved as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from journal.disk_io import Disk

PIN: Final = "config_pin"


def read_pin(state_dir: Path) -> str | None:
    """The approved hash; None when none ever was. Raises OSError, UnicodeDecodeError."""
    path = state_dir / PIN
    return path.read_text(encoding="utf-8").partition(" ")[0].strip() if path.exists() else None


def write_pin(state_dir: Path, digest: str, by: str, cause: str) -> Path:
    """Approve a configuration, in place of the one before. Durable on return; where it stands. Raises OSError."""
    disk = Disk()
    disk.make_directory(state_dir)
    said = " ".join(f"by {by}: {cause}".split())
    disk.replace(state_dir / PIN, f"{digest} {said}\n".encode())
    return state_dir / PIN
