"""The files by which processes tell each other to stop: `state/cancel_all/<id>` and `state/KILL_SWITCH`.

Any process may write them and every process reads them, so each write is whole or not at all, and durable before the
cancel it announces is sent. Reading fails closed: a folder that cannot be listed, a marker that cannot be read, a kill
file that cannot be looked at, all count as the strongest thing they could be. Nothing here asks who wrote a file.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from journal.disk_io import Disk
from journal.marker import Marker, checked_ident, parse_marker, unreadable
from journal.record import canonical

_KILL_TEXT_BYTES_MAX = 4096


class KillFile(msgspec.Struct, frozen=True):
    """What `state/KILL_SWITCH` says. Any content, or a file that cannot be read, is active."""

    active: bool
    reason: str


def cancel_all_dir(state_dir: Path) -> Path:
    """The folder of the cancel-all markers."""
    return state_dir / "cancel_all"


def kill_path(state_dir: Path) -> Path:
    """The kill switch's file."""
    return state_dir / "KILL_SWITCH"


# --- cancel-all --------------------------------------------------------------------------------------------------


def ask_cancel_all(state_dir: Path, marker: Marker, *, disk: Disk | None = None) -> Marker:
    """Write a marker down, durable on return. One with the same id stays as it is: the first asking counts.

    Returns the marker that now stands. Raises OSError, and ConfigurationError for an id that cannot be a file's name.
    """
    disk = disk or Disk()
    folder = cancel_all_dir(state_dir)
    disk.make_directory(folder)
    path = folder / checked_ident(marker.ident)
    if not disk.create(path, canonical(marker) + b"\n"):
        return _read_marker(path) or marker
    return marker


def finish_cancel_all(state_dir: Path, marker: Marker, done_utc_ns: int, *, disk: Disk | None = None) -> Marker:
    """Mark a request done, the account having been seen flat at `done_utc_ns`. Raises OSError."""
    done = msgspec.structs.replace(marker, done=True, done_utc_ns=done_utc_ns)
    (disk or Disk()).replace(cancel_all_dir(state_dir) / checked_ident(marker.ident), canonical(done) + b"\n")
    return done


def read_cancel_all(state_dir: Path, utc_ns: int) -> tuple[Marker, ...]:
    """Every marker, oldest first. A folder that cannot be listed is one open request, asked at `utc_ns`."""
    folder = cancel_all_dir(state_dir)
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return ()
    except OSError:
        return (unreadable("folder", utc_ns),)
    found = (_read_marker(folder / name) for name in names if not name.startswith("."))
    return tuple(sorted((marker for marker in found if marker), key=lambda marker: (marker.asked_utc_ns, marker.ident)))


def _read_marker(path: Path) -> Marker | None:
    """One marker; None when it was deleted meanwhile."""
    try:
        written_utc_ns = path.lstat().st_mtime_ns
    except FileNotFoundError:
        return None
    try:
        return parse_marker(path.read_bytes(), path.name, written_utc_ns)
    except OSError:
        return unreadable(path.name, written_utc_ns)


# --- the kill switch ---------------------------------------------------------------------------------------------


def read_kill_file(state_dir: Path) -> KillFile:
    """Whether the kill file is there. Cheap enough for every 250 ms; never raises."""
    path = kill_path(state_dir)
    try:
        path.lstat()
    except FileNotFoundError:
        return KillFile(active=False, reason="")
    except OSError as error:
        return KillFile(active=True, reason=f"{path} cannot be looked at: {os.strerror(error.errno or errno.EIO)}")
    try:
        # Not to be held up by a pipe of that name, which has no end until somebody writes into it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
            text = (file.read(_KILL_TEXT_BYTES_MAX) or b"").decode("utf-8", "replace")
    except OSError as error:
        return KillFile(active=True, reason=f"{path} cannot be read: {os.strerror(error.errno or errno.EIO)}")
    # The reason is shown on terminals and pages: what would steer them is left out.
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return KillFile(active=True, reason=" ".join(shown.split()) or "no reason given")
