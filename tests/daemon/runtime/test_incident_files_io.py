"""An incident's files on a real disk: the state of the breach at once, the page by a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from daemon.runtime.incident_files_io import IncidentFiles
from domain.actions import FileIncident
from domain.events import IncidentWritten
from domain.reasons import Breach
from domain.records import Entry, IncidentOpenedEntry, NoteEntry, payload_of, type_of
from journal.writer_io import JournalWriter
from tests.daemon.scenes import drawn, quoting
from tests.daemon.timepiece import Timepiece

IDENT = "20260306T150000.000Z-risk_limit"
OPENED = IncidentOpenedEntry(IDENT, Breach.RISK_LIMIT, "daily loss", ())


class Shell:
    """What the files are handed by the process."""

    def __init__(self, state_dir: Path, *entries: Entry) -> None:
        writer = JournalWriter(state_dir, "run", "paper", "hash", Timepiece(), threaded=False, build_id="build")
        for entry in entries:
            writer.append(type_of(type(entry)), payload_of(entry))
        writer.close()
        self.events: list[IncidentWritten] = []
        self.troubles: list[OSError] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        files: Any = SimpleNamespace(
            state_dir=state_dir,
            journal=SimpleNamespace(drain=self.drain),
            inbox=SimpleNamespace(emit=self.events.append),
            cannot_write=self.troubles.append,
        )
        self.table: dict[type, Any] = {}
        performer: Any = SimpleNamespace(files=files, spawn=self.work.append, table=self.table)
        stand = quoting()
        self.files = IncidentFiles(performer, ("Ann, +1 555", "--odd"), stand.engine.state, lambda: drawn(stand))

    async def drain(self, _limit_s: float) -> bool:
        await asyncio.sleep(0)
        return True

    async def do(self) -> None:
        while self.work:
            await self.work.pop(0)


@pytest.mark.step("G08")
async def test_state_and_page_are_written_and_told_with_their_hashes(tmp_path: Path) -> None:
    shell = Shell(tmp_path, OPENED)
    shell.files.heard(NoteEntry("lunch", "ann"))
    assert shell.work == []
    shell.files.heard(OPENED)
    await shell.do()
    shell.table[FileIncident](FileIncident(IDENT, 150_000_000))
    await shell.do()
    (event,) = shell.events
    assert (event.ident, event.problem) == (IDENT, "")
    for path, sha256 in ((event.path, event.sha256), (event.state_path, event.state_sha256)):
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == sha256
    kept = json.loads((tmp_path / event.state_path).read_text())
    assert len(kept["memory"]["orders"]) > 0, "orders that rested at the breach"
    assert kept["picture"]["mode"] == "paper"
    page = (tmp_path / event.path).read_text()
    assert "| nothing live | 150 ms after the breach |" in page
    assert "| on call | Ann, +1 555; --odd |" in page


async def test_a_page_that_cannot_be_made_is_told_with_the_reason(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.table[FileIncident](FileIncident(IDENT, None))
    await shell.do()
    (event,) = shell.events
    assert "no incident" in event.problem
    assert event.path == ""


async def test_a_folder_that_takes_no_state_is_told_and_ends_no_daemon(tmp_path: Path) -> None:
    shell = Shell(tmp_path, OPENED)
    (tmp_path / "reports").write_text("a file where a folder should be")
    shell.files.heard(OPENED)
    with structlog.testing.capture_logs() as told:
        await shell.do()
    assert [line["event"] for line in told] == ["incident state not written"]
    assert shell.troubles == [], "a folder in the way of incidents is no fault of the journal"


@pytest.mark.parametrize("said", [b"", b'{"path":', b"[" * 2_000, b'{"path":"x","sha256":"' + b"0" * 2_000_000 + b'"}'])
async def test_an_answer_of_its_process_that_cannot_be_read_is_told_and_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    async def start(_command: object) -> SimpleNamespace:
        await asyncio.sleep(0)
        return SimpleNamespace(returncode=0, communicate=answer)

    async def answer() -> tuple[bytes, bytes]:
        await asyncio.sleep(0)
        return said, b""

    monkeypatch.setattr("daemon.runtime.incident_files_io.start_own", start)
    shell = Shell(tmp_path, OPENED)
    shell.table[FileIncident](FileIncident(IDENT, None))
    await shell.do()
    (event,) = shell.events
    assert event.problem.startswith("what the process answered cannot be read: ")
    assert event.path == ""
