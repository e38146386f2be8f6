"""What an operator asks of a running daemon from the same machine: one durable file per request.

`ladderd pause`, `resume`, `arm`, `note` and their kin write `state/requests/<id>.json` and wait for the answer beside
it (`<id>.done`). A file survives everything that a socket does not; the daemon takes up what it finds at its next look,
also after a restart. Only who may write into that folder can ask. Who asks may be another account than the daemon's:
nothing that lies here is trusted, and nothing that lies here can end the daemon. `by` is what the asker says of
himself; the file's owner is what the system says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from domain.clock import NS_PER_S
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError
from domain.events import Command
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

MONITORS: Final = "monitors"
ENDED: Final = "ended.json"
HTTP: Final = "http.json"
CONSENT: Final = "ok: "
FRESHNESS: Final = "freshness.json"
KEPT_S: Final = 600
ASKED: Final = ".json"
DONE: Final = ".done"

log = structlog.get_logger("ladderd")


class Request(msgspec.Struct, frozen=True):
    """One request: what, by whom, why."""

    ident: str
    command: Command
    by: str
    cause: str
    asked_utc_ns: int


class FoundRequest(NamedTuple):
    """A request as it lies in the folder, and whose file it is by the file system."""

    request: Request
    owner: str


_read: Final = Door(Request, DOCUMENT_BYTES_MAX).read


def folder(state_dir: Path) -> Path:
    """Where requests lie."""
    return state_dir / "requests"


def ask(state_dir: Path, request: Request) -> Path:
    """Write a request down, whole or not at all, durable on return. Returns the answer's place. Raises OSError."""
    home = folder(state_dir)
    make_folder(home)
    path = home / f"{request.ident}{ASKED}"
    Disk().replace(path, msgspec.json.encode(request), shared=True)
    return path.with_suffix(DONE)


def open_requests_folder(state_dir: Path) -> str:
    """Make the folder usable by this account and its group; what was set aside, in words. Raises OSError."""
    return open_folder(folder(state_dir))


def pending(state_dir: Path) -> list[FoundRequest]:
    """Every request without an answer, oldest first. One that cannot be read is answered as such and left out.

    Raises OSError for a disk that is bad, never for what another account left here.
    """
    found: list[FoundRequest] = []
    for path in _paths(state_dir):
        try:
            checked_ident(path.stem)
            read = read_of_others(path)
            request = _read(read.data)
        except FileNotFoundError:
            continue
        except (OSError, ConfigurationError, Refused) as problem:
            if isinstance(problem, OSError) and problem.errno not in OF_OTHERS:
                raise
            _refuse(path, f"unreadable request: {problem}")
            continue
        # The file's name is the request's: what it says inside must not lead the answer elsewhere.
        found.append(FoundRequest(msgspec.structs.replace(request, ident=path.stem), read.owner))
    return sorted(found, key=lambda each: (each.request.asked_utc_ns, each.request.ident))


def answer(state_dir: Path, request: Request, text: str, note: str = "") -> None:
    """Say what became of a request: empty text is consent, with what `note` adds; else why not.

    Raises OSError for a disk that is bad.
    """
    said = text or (f"{CONSENT}{note}" if note else "")
    _answer(folder(state_dir) / f"{request.ident}{DONE}", said)


def read_answer(text: str) -> tuple[str, str]:
    """Why a request was refused (nothing for consent), and what the consent adds."""
    return ("", text.removeprefix(CONSENT)) if text.startswith(CONSENT) else (text, "")


def remove_answered(state_dir: Path, utc_ns: int) -> None:
    """Remove requests that were answered more than ten minutes ago. Raises OSError for a disk that is bad."""
    before_ns = utc_ns - KEPT_S * NS_PER_S
    for done in entries(folder(state_dir), DONE):
        try:
            old = done.lstat().st_mtime_ns < before_ns
        except OSError:
            continue
        if old:
            # In this order: a request without its answer would be taken up again.
            remove_old(done.with_suffix(ASKED))
            remove_old(done)


def _paths(state_dir: Path) -> Iterator[Path]:
    """The requests without an answer."""
    answered = {path.stem for path in entries(folder(state_dir), DONE)}
    return (path for path in entries(folder(state_dir), ASKED) if path.stem not in answered)


def _refuse(path: Path, why: str) -> None:
    """Answer what is no request; where not even that is possible, set it aside. Said in the log either way."""
    log.warning("request refused", file=ascii(path.name), why=why)
    try:
        _answer(path.with_suffix(DONE), why)
        if path.with_suffix(DONE).exists():
            return
        set_entry_aside(path)
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise


def _answer(path: Path, text: str) -> None:
    """Write an answer; a folder that another account has made unusable is mended first."""
    data = text.encode(errors="backslashreplace")
    try:
        try:
            Disk().replace(path, data, shared=True)
        except PermissionError:
            open_folder(path.parent)
            Disk().replace(path, data, shared=True)
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise
        log.warning("request not answered", file=ascii(path.name), why=str(problem))
