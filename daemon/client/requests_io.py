"""What an operator asks of a running daemon from the same machine: one durable file per request.

`ladderd pause`, `resume`, `arm`, `note` and `kill` write `state/requests/<id>.json` and wait for the answer beside it
(`<id>.done`). A file survives everything that a socket does not; the daemon takes up what it finds at its next look,
also after a restart. Only who may write into the state directory can ask.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from domain.events import Command

MONITORS = "monitors"
ENDED = "ended.json"
HTTP = "http.json"
CONSENT = "ok: "
FRESHNESS = "freshness.json"


class Request(msgspec.Struct, frozen=True):
    """One request: what, by whom, why."""

    ident: str
    command: Command
    by: str
    cause: str
    asked_utc_ns: int


_read: Final = msgspec.json.Decoder(Request).decode


def folder(state_dir: Path) -> Path:
    """Where requests lie."""
    return state_dir / "requests"


def ask(state_dir: Path, request: Request) -> Path:
    """Write a request down, whole or not at all, durable on return. Returns where the answer will be."""
    home = folder(state_dir)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{request.ident}.json"
    _write(path, msgspec.json.encode(request))
    return path.with_suffix(".done")


def pending(state_dir: Path) -> list[Request]:
    """Every request without an answer, oldest first. One that cannot be read is answered as such and left out."""
    home = folder(state_dir)
    if not home.is_dir():
        return []
    found: list[Request] = []
    for path in sorted(home.glob("*.json")):
        if path.with_suffix(".done").exists():
            continue
        try:
            read = _read(path.read_bytes())
            # The file's name is the request's: what it says inside must not lead the answer elsewhere.
            found.append(msgspec.structs.replace(read, ident=path.stem))
        except (OSError, msgspec.MsgspecError) as problem:
            _write(path.with_suffix(".done"), f"unreadable request: {problem}".encode())
    return sorted(found, key=lambda request: (request.asked_utc_ns, request.ident))


def answer(state_dir: Path, request: Request, text: str, note: str = "") -> None:
    """Say what became of a request: empty text is consent, with what `note` adds; else why not."""
    said = text or (f"{CONSENT}{note}" if note else "")
    _write(folder(state_dir) / f"{request.ident}.done", said.encode())


def read_answer(text: str) -> tuple[str, str]:
    """Why a request was refused (nothing for consent), and what the consent adds."""
    return ("", text.removeprefix(CONSENT)) if text.startswith(CONSENT) else (text, "")


def _write(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
