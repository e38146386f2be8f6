"""A request of the daemon to the outside watcher: `state/watcher_cancel_all`, the newest one alone.

The daemon leaves it when its own key is refused; the watcher has another, and reads the file at each of its looks. It
says nothing but when it was asked, so there is nothing in it that could be believed wrongly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from domain.door import Door, Refused
from journal.disk_io import Disk
from journal.record import canonical

NAME = "watcher_cancel_all"
_BYTES_MAX = 4096


class WatcherRequest(msgspec.Struct, frozen=True):
    """When it was asked (Unix ns), and why."""

    asked_utc_ns: int
    reason: str


_decode: Final = Door(WatcherRequest, _BYTES_MAX).read


def ask_watcher(state_dir: Path, asked_utc_ns: int, reason: str) -> None:
    """Leave a request, durable on return. Raises OSError."""
    Disk().replace(state_dir / NAME, canonical(WatcherRequest(asked_utc_ns, reason)) + b"\n")


def read_request(state_dir: Path) -> int:
    """When the newest request was asked (Unix ns); 0 without one. One that cannot be read counts from its own time."""
    path = state_dir / NAME
    try:
        written_utc_ns = path.lstat().st_mtime_ns
    except OSError:
        return 0
    try:
        with path.open("rb") as file:
            return _decode(file.read(_BYTES_MAX)).asked_utc_ns
    except (OSError, Refused):
        return written_utc_ns
