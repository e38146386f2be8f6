"""Whether a daemon lives in a state directory: one that does holds a lock there, whatever it is doing, hung or not.

Locks are read from the kernel's own list, so that looking takes none and needs no right on the files. Where that list
cannot be read, the process that wrote down its page is looked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from daemon.client.requests_io import HTTP, MONITORS
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from journal.layout import journal_dir, lock_path

LOCKS: Final = Path("/proc/locks")
KIND, PID, PLACE = 1, 4, 5
FIELDS_MIN: Final = 6


class DaemonPage(msgspec.Struct):
    """`monitors/http.json`: where a daemon of this state directory listens, or did."""

    port: int
    pid: int


_read: Final = Door(DaemonPage, DOCUMENT_BYTES_MAX).read


def read_page(state_dir: Path) -> DaemonPage:
    """What the last daemon wrote down of itself. Raises OSError, Refused."""
    return _read((state_dir / MONITORS / HTTP).read_bytes())


def page_of(state_dir: Path) -> DaemonPage | None:
    """The same; None when it cannot be read."""
    try:
        return read_page(state_dir)
    except (OSError, Refused):
        return None


def daemon_pid(state_dir: Path) -> int:
    """The process that holds this state directory's journal; 0 when none does."""
    try:
        listed = LOCKS.read_text(encoding="utf-8").splitlines()
    except OSError:
        page = page_of(state_dir)
        return page.pid if page is not None and Path(f"/proc/{page.pid}").exists() else 0
    ours = {_inode(path) for path in (lock_path(state_dir), journal_dir(state_dir), state_dir)} - {""}
    for line in listed:
        words = line.replace("->", "").split()
        if len(words) >= FIELDS_MIN and words[KIND] == "FLOCK" and words[PLACE].rpartition(":")[2] in ours:
            return int(words[PID])
    return 0


def nobody_there(state_dir: Path) -> str:
    """Why nothing in this state directory will hear what is asked, in words; nothing when a daemon lives there."""
    if not state_dir.is_dir():
        return f"{state_dir} is no directory: no daemon lives there; give --state-dir or --config"
    if daemon_pid(state_dir):
        return ""
    if not journal_dir(state_dir).is_dir():
        return f"no daemon lives in {state_dir}, and none ever has; give --state-dir or --config"
    return f"no daemon lives in {state_dir} now"


def _inode(path: Path) -> str:
    try:
        return str(path.stat().st_ino)
    except OSError:
        return ""
