"""The files by which a close-all tells the daemon what it does: `state/close_out/<id>.json`, one for each run.

The run writes its file before it touches anything, and again before each order it sends and after each answer, whole
and durable each time. A daemon that lives reads it within a look, one that starts later at its start: both book what
was filled as ours, and record who asked, why, and what was left. Nothing here asks who wrote a file; its owner is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError
from domain.events import CloseOutTold
from journal.disk_io import Disk
from journal.marker import checked_ident
from journal.shared_folder_io import (
    OF_OTHERS,
    entries,
    make_folder,
    open_folder,
    read_of_others,
    remove_old,
    set_entry_aside,
)

SUFFIX: Final = ".json"

_read: Final = Door(CloseOutTold, DOCUMENT_BYTES_MAX).read
_encode: Final = msgspec.json.Encoder().encode


def close_outs_folder(state_dir: Path) -> Path:
    """Where they lie."""
    return state_dir / "close_out"


def open_close_outs(state_dir: Path) -> str:
    """Make the folder usable by this account and its group; what was set aside, in words. Raises OSError."""
    return open_folder(close_outs_folder(state_dir))


def write_close_out(state_dir: Path, told: CloseOutTold) -> None:
    """Write down what a run has done so far, durable on return. Raises OSError, ConfigurationError for a bad name."""
    home = close_outs_folder(state_dir)
    make_folder(home)
    Disk().replace(home / f"{checked_ident(told.ident)}{SUFFIX}", _encode(told), shared=True)


def read_close_outs(state_dir: Path) -> tuple[CloseOutTold, ...]:
    """Every run's file, oldest first; one that cannot be read is set aside. Raises OSError for a disk that is bad."""
    found: list[CloseOutTold] = []
    for path in entries(close_outs_folder(state_dir), SUFFIX):
        try:
            file = read_of_others(path)
            told = _read(file.data)
            # The file's name is the run's, whatever is said inside; and whose file it is, the system says.
            found.append(msgspec.structs.replace(told, ident=checked_ident(path.stem), owner=file.owner))
        except FileNotFoundError:
            continue
        except (OSError, Refused, ConfigurationError) as problem:
            if isinstance(problem, OSError) and problem.errno not in OF_OTHERS:
                raise
            _set_aside(path)
    return tuple(sorted(found, key=lambda told: (told.asked_utc_ns, told.ident)))


def remove_close_outs(state_dir: Path, idents: frozenset[str]) -> None:
    """Remove the files of runs that are over and in the journal. Raises OSError for a disk that is bad."""
    for ident in idents:
        remove_old(close_outs_folder(state_dir) / f"{ident}{SUFFIX}")


def _set_aside(path: Path) -> None:
    try:
        set_entry_aside(path)
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise
