"""The files by which processes tell each other to stop: `state/cancel_all/<id>` and `state/KILL_SWITCH`.

Any process may write them and every process reads them, so each write is whole or not at all, and durable before the
cancel it announces is sent. Reading fails closed: a folder that cannot be listed, a marker that cannot be read, a kill
file that cannot be looked at, all count as the strongest thing they could be. Nothing here asks who wrote a file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Container
from pathlib import Path

import msgspec

from domain.errors import ConfigurationError
from journal.disk_io import Disk
from journal.marker import Marker, checked_ident, open_requests, parse_marker, unreadable
from journal.record import canonical
from journal.shared_folder_io import (
    OF_OTHERS,
    make_folder,
    open_folder,
    read_of_others,
    remove_old,
    set_entry_aside,
)

FOLDER = "folder"
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
    folder = cancel_all_dir(state_dir)
    make_folder(folder)
    path = folder / checked_ident(marker.ident)
    if not (disk or Disk()).create(path, canonical(marker) + b"\n", shared=True):
        return _read_marker(path, marker.asked_utc_ns) or marker
    return marker


def finish_cancel_all(
    state_dir: Path, marker: Marker, done_utc_ns: int, *, seen_flat_by: str = "", disk: Disk | None = None
) -> Marker:
    """Mark a request done, the account having been seen flat at `done_utc_ns`. Raises OSError."""
    done = msgspec.structs.replace(marker, done=True, done_utc_ns=done_utc_ns, seen_flat_by=seen_flat_by)
    path = cancel_all_dir(state_dir) / checked_ident(marker.ident)
    (disk or Disk()).replace(path, canonical(done) + b"\n", shared=True)
    return done


def finish_open_requests(state_dir: Path, utc_ns: int) -> list[str]:
    """Mark every open request done; what another account left that no marker can be is set aside, and told in a line.

    Raises OSError for a disk that is bad or full.
    """
    told = []
    for marker in open_requests(read_cancel_all(state_dir, utc_ns)):
        try:
            finish_cancel_all(state_dir, marker, utc_ns)
        except (ConfigurationError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno not in OF_OTHERS:
                raise
            told.append(f"{problem}; it was taken for a request to cancel all, and is set aside")
            _set_aside(cancel_all_dir(state_dir) / marker.ident)
    return told


def open_cancel_all(state_dir: Path, utc_ns: int) -> str:
    """Make the folder usable by this account and its group. Raises OSError.

    One that another account had made for itself is set aside; what lay in it counts as one open request of now.
    Returns what was set aside, in words; nothing when all was well.
    """
    told = open_folder(cancel_all_dir(state_dir))
    if told:
        ask_cancel_all(state_dir, unreadable(f"aside-{utc_ns}", utc_ns))
    return told


def remove_done(state_dir: Path, known: Container[str], before_utc_ns: int, utc_ns: int) -> None:
    """Remove the markers with these names that were done before an instant. Raises OSError for a disk that is bad."""
    for marker in read_cancel_all(state_dir, utc_ns):
        newest = max(marker.asked_utc_ns, marker.done_utc_ns)
        if marker.done and marker.ident in known and not before_utc_ns <= newest <= utc_ns:
            remove_old(cancel_all_dir(state_dir) / marker.ident)


def _set_aside(path: Path) -> None:
    """Hide a marker; where the folder does not let us, the folder."""
    try:
        set_entry_aside(path)
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise
        open_folder(path.parent)


def read_cancel_all(state_dir: Path, utc_ns: int) -> tuple[Marker, ...]:
    """Every marker, oldest first. A folder that cannot be listed is one open request, asked at `utc_ns`."""
    folder = cancel_all_dir(state_dir)
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return ()
    except OSError:
        return (unreadable(FOLDER, utc_ns),)
    found = (_read_marker(folder / name, utc_ns) for name in names if not name.startswith("."))
    return tuple(sorted((marker for marker in found if marker), key=lambda marker: (marker.asked_utc_ns, marker.ident)))


def _read_marker(path: Path, utc_ns: int) -> Marker | None:
    """One marker; None when it was deleted meanwhile."""
    try:
        written_utc_ns = path.lstat().st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:
        return unreadable(path.name, utc_ns)
    try:
        return parse_marker(read_of_others(path).data, path.name, written_utc_ns)
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
