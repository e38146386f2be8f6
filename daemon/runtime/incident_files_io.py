"""An incident's files, beside the loop: the state as it stood at the breach, and the page, by a process of its own.

The engine is told how it went, and asks again for what was not written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from daemon.client.own_programs_io import own_command, start_own
from daemon.engine.memory import remember
from daemon.engine.state_view import StateView
from daemon.runtime.perform_io import Performer
from domain.actions import FileIncident
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.events import IncidentWritten
from domain.records import Entry, IncidentOpenedEntry
from ops.incidents.files_io import Kept, keep
from ops.status import Status

DRAIN_S = 5.0
WRITE_LIMIT_S = 60.0
PROBLEM_CHARS = 500
NONE_KEPT: Final = Kept("", "")
_kept: Final = Door(Kept, DOCUMENT_BYTES_MAX)
log = structlog.get_logger("ladderd")


class IncidentFiles:
    """Writes them, for one run, by the performer's hand. `picture`: what the page shows."""

    def __init__(
        self, performer: Performer, on_call: Sequence[str], state: StateView, picture: Callable[[], Status]
    ) -> None:
        self.files = performer.files
        self.spawn = performer.spawn
        self.on_call = on_call
        self.state = state
        self.picture = picture
        performer.table[FileIncident] = self.file
        self._states: dict[str, Kept] = {}
        self._writing = asyncio.Lock()

    def heard(self, entry: Entry) -> None:
        """A record was made: an incident's state is taken down as it stands, and written elsewhere."""
        if isinstance(entry, IncidentOpenedEntry):
            log.error("incident opened", incident=entry.ident, breach=entry.breach, why=entry.why)
            kept = {"memory": msgspec.Raw(remember(self.state)), "picture": self.picture()}
            self.spawn(self._keep(entry.ident, msgspec.json.encode(kept, enc_hook=str)))

    def file(self, action: FileIncident) -> None:
        """Write the page."""
        self.spawn(self._file(action))

    async def _keep(self, ident: str, body: bytes) -> None:
        try:
            self._states[ident] = await asyncio.to_thread(keep, self.files.state_dir, ident, ".state.json", body)
        except OSError as problem:
            # The page is asked for until it is written; the daemon's own records do not need this folder.
            log.error("incident state not written", incident=ident, problem=str(problem))  # noqa: TRY400 - one line

    async def _file(self, action: FileIncident) -> None:
        async with self._writing:
            await self.files.journal.drain(DRAIN_S)
            try:
                kept, problem = await _write(self.files.state_dir, action, self.on_call)
            except OSError as failed:
                kept, problem = NONE_KEPT, f"its process cannot be started: {failed}"
        if problem:
            log.error("incident not written", incident=action.ident, problem=problem)
        else:
            log.error("incident written", incident=action.ident, path=kept.path)
        state = self._states.get(action.ident, NONE_KEPT)
        self.files.inbox.emit(
            IncidentWritten(action.ident, kept.path, kept.sha256, state.path, state.sha256, problem=problem)
        )


async def _write(state_dir: Path, action: FileIncident, on_call: Sequence[str]) -> tuple[Kept, str]:
    """The page as written, or why not."""
    flat = () if action.flat_ns is None else ("--flat-ns", str(action.flat_ns))
    people = [word for who in on_call for word in ("--on-call", who)]
    words = ("--state-dir", str(state_dir), *flat, *people, "--", action.ident)
    process = await start_own(own_command("incident-file", *words))
    try:
        async with asyncio.timeout(WRITE_LIMIT_S):
            out, problem = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return NONE_KEPT, f"not done within {WRITE_LIMIT_S:.0f} s"
    if process.returncode:
        said = problem.decode(errors="replace")[-PROBLEM_CHARS:].strip()
        return NONE_KEPT, said or f"the process ended with {process.returncode}"
    try:
        return _kept.read(out), ""
    except Refused as odd:
        return NONE_KEPT, f"what the process answered cannot be read: {odd}"
