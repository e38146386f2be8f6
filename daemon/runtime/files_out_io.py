"""The files that the daemon leaves for others: monitors, its port, markers of its cancel-alls, reports, its farewell.

Disk work goes to a thread. A disk that takes nothing ends the daemon in order, flat first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from daemon.client.own_programs_io import own_command, start_own
from daemon.client.requests_io import ENDED, FRESHNESS, HTTP, MONITORS
from daemon.engine.shown.monitors import gap_monitor, window_monitor
from daemon.engine.state_view import StateView
from daemon.runtime.inbox_io import Inbox
from domain.actions import AskWatcher, Exit, MarkCancelAll, Report
from domain.clock import NS_PER_MS, Clock
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.events import JournalFault
from journal.marker import Marker
from journal.marker_io import ask_cancel_all, finish_open_requests, open_cancel_all
from journal.shared_folder_io import OF_OTHERS
from journal.watcher_request_io import ask_watcher
from journal.writer_io import JournalWriter
from ops.freshness import freshness_document

REPORT_WAIT_S = 5.0
_pages: Final = Door(list[tuple[str, str]], DOCUMENT_BYTES_MAX, bounded=True)
log = structlog.get_logger("ladderd")


class FilesOut:
    """Writes them, for one run."""

    def __init__(
        self, state_dir: Path, run_id: str, epoch: int, clock: Clock, journal: JournalWriter, inbox: Inbox
    ) -> None:
        self.state_dir = state_dir
        self.run_id = run_id
        self.epoch = epoch
        self.clock = clock
        self.journal = journal
        self.inbox = inbox
        self.report_paths: dict[tuple[str, int], str] = {}
        self.unwritable = ""
        self._completed = 0
        self._reporting = asyncio.Lock()
        self._marking = asyncio.Lock()

    def cannot_write(self, problem: OSError) -> None:
        """A full or lost disk: end in order, flat first, as when the journal fails; a crash would strand orders."""
        if self.unwritable:
            return
        self.unwritable = f"the state directory cannot be written: {problem}"
        log.error(self.unwritable)
        self.inbox.emit(JournalFault(self.unwritable))

    # --- monitors ------------------------------------------------------------------------------------------------

    async def write_monitors(self, state: StateView) -> None:
        """What feeds and windows look like now. Raises OSError."""
        await asyncio.to_thread(_write_files, self.state_dir / MONITORS, _monitors(state, self.clock))

    async def tell_port(self, port: int) -> None:
        """Write down where the page is, for scripts that let the system choose the port."""
        folder = self.state_dir / MONITORS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ENDED).unlink(missing_ok=True)
        await asyncio.to_thread(_write_files, folder, {HTTP: msgspec.json.encode({"port": port, "pid": os.getpid()})})

    async def say_goodbye(self, ended: Exit) -> None:
        """Write down that this run ended in order, so that the outside watcher leaves the account alone."""
        if ended.code:
            return
        body = msgspec.json.encode({"code": ended.code, "reason": ended.reason, "run_id": self.run_id})
        await asyncio.to_thread(_write_files, self.state_dir / MONITORS, {ENDED: body})

    # --- markers and reports -------------------------------------------------------------------------------------

    async def mark_cancel_all(self, action: MarkCancelAll) -> None:
        """Write the durable marker of an account-wide cancel-all of ours."""
        ident = f"{self.run_id}-{action.asked_utc_ns // NS_PER_MS}"
        marker = Marker(ident, action.asked_utc_ns, self.run_id, action.reason, self.epoch)
        # One at a time: two requests in one millisecond share their marker, and two threads would share its draft.
        async with self._marking:
            try:
                await asyncio.to_thread(_mark, self.state_dir, marker)
            except OSError as problem:
                self.cannot_write(problem)

    async def ask_watcher(self, action: AskWatcher) -> None:
        """Leave a request for the outside watcher."""
        try:
            await asyncio.to_thread(ask_watcher, self.state_dir, action.asked_utc_ns, action.reason)
        except OSError as problem:
            self.cannot_write(problem)

    async def finish_marks(self, state: StateView) -> None:
        """Once the account was seen flat, every request for it is done: ours, and those of a program that died."""
        completed = state.held.completed_cancel_alls
        if state.empty_reason or completed == self._completed:
            return
        self._completed = completed
        for told in await asyncio.to_thread(finish_open_requests, self.state_dir, self.clock.now().utc_ns):
            log.warning(told)

    async def report(self, action: Report) -> None:
        """A window is settled: write its reports from the journal, once its last record is on disk."""
        async with self._reporting:
            await self.journal.drain(REPORT_WAIT_S)
            paths = await _write_reports(self.state_dir, action.target_ns, action.series)
        reports = self.state_dir / "reports"
        for series, path in paths:
            self.report_paths[series, action.target_ns] = str(Path(path).relative_to(reports))
            log.info("window reported", series=series, label=action.label, report=path)


async def at_the_end(work: Coroutine[Any, Any, None], what: str) -> None:
    """Write the last files of a run; a disk that takes none keeps alerts, journal and log from nothing."""
    try:
        await work
    except OSError as problem:
        log.error("not written at the end", what=what, problem=str(problem))  # noqa: TRY400 - one line


def _monitors(state: StateView, clock: Clock) -> dict[str, bytes]:
    now, desks = clock.now(), state.desks.values()
    rows = [(desk.phase, desk.freshness(now)) for desk in desks]
    files: dict[str, Any] = {
        FRESHNESS: freshness_document(now, os.getpid(), state.failover.active, rows),
        "ev_gap.json": gap_monitor(state.failover, now),
        "ops_window.json": window_monitor(desks, state.ladders.lead_ns, now),
    }
    return {name: msgspec.json.encode(document) for name, document in files.items()}


async def _write_reports(state_dir: Path, target_ns: int, series: str) -> list[tuple[str, str]]:
    """Write a window's pages in a process of its own: folding a long day would hold the interpreter for seconds."""
    words = ("--state-dir", str(state_dir), "--target-ns", str(target_ns), "--series", series)
    process = await start_own(own_command("report", *words))
    out, problem = await process.communicate()
    if process.returncode:
        log.error("report not written", target_ns=target_ns, problem=problem.decode(errors="replace")[-500:])
        return []
    try:
        return _pages.read(out)
    except Refused as odd:
        log.error("report's answer not readable", target_ns=target_ns, problem=str(odd))  # noqa: TRY400 - one line
        return []


def _mark(state_dir: Path, marker: Marker) -> None:
    try:
        ask_cancel_all(state_dir, marker)
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise
        # Another account has made the folder unusable for us: one of our own takes its place.
        log.warning(open_cancel_all(state_dir, marker.asked_utc_ns) or str(problem))
        ask_cancel_all(state_dir, marker)


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        scratch = folder / f".{name}"
        scratch.write_bytes(body)
        scratch.replace(folder / name)
