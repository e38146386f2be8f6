"""The shell's own chores: snapshots, freshness file, watchdog, markers, reports, garbage.

Disk work goes to a thread. The snapshot is encoded on the loop, because only there the engine stands still, and written
elsewhere.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from daemon.client.requests_io import ENDED, FRESHNESS, HTTP, MONITORS
from daemon.engine.memory import remember
from daemon.engine.monitors import gap_monitor, window_monitor
from domain.actions import Exit, MarkCancelAll, Report
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import JournalFault
from domain.window import Phase
from journal.marker import Marker, open_requests
from journal.marker_io import ask_cancel_all, finish_cancel_all, read_cancel_all
from journal.snapshot_io import write_snapshot
from ops.freshness import freshness_document

if TYPE_CHECKING:
    from daemon.runtime.app_io import App

EVERY_S = 0.25
SNAPSHOT_NS = NS_PER_S
SNAPSHOT_WAIT_S = 2.0
ROOT = str(Path(__file__).resolve().parents[2])
log = structlog.get_logger("ladderd")


class Chores:
    """Whatever has to be done from time to time and is not trading."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.progress_mono_ns = app.clock.now().mono_ns
        self.snapshot_mono_ns = 0
        self.phases: dict[str, Phase] = {}
        self.report_paths: dict[tuple[str, int], str] = {}
        self.completed = 0
        self.reporting = asyncio.Lock()
        self.marking = asyncio.Lock()
        self.saving = threading.Lock()
        self.saved_seq = 0
        self.unwritable = ""

    async def run(self) -> None:
        """Every quarter of a second until cancelled."""
        app = self.app
        (app.settings.state_dir / MONITORS).mkdir(parents=True, exist_ok=True)
        while True:
            now = app.clock.now()
            if now.mono_ns - app.runner.progress_mono_ns < 3 * NS_PER_S:
                # The watchdog is fed with the runner's progress: a wedged engine is killed, whatever else runs.
                app.notifier.notify("WATCHDOG=1")
            phases = {name: desk.phase for name, desk in app.engine.state.desks.items()}
            try:
                if now.mono_ns - self.snapshot_mono_ns >= SNAPSHOT_NS or phases != self.phases:
                    if phases != self.phases and Phase.FROZEN in phases.values():
                        app.journal.anchor()
                    self.phases = phases
                    await self.snapshot()
                await asyncio.to_thread(_write_monitors, app.settings.state_dir / MONITORS, self._monitors())
                await self._finish_marks()
                self.progress_mono_ns = app.clock.now().mono_ns
            except OSError as problem:
                self._cannot_write(problem)
            self._collect_garbage()
            await asyncio.sleep(EVERY_S)

    def _cannot_write(self, problem: OSError) -> None:
        """A full or lost disk: end in order, flat first, as when the journal fails; a crash would strand orders."""
        if self.unwritable:
            return
        self.unwritable = f"the state directory cannot be written: {problem}"
        log.error(self.unwritable)
        self.app.inbox.emit(JournalFault(self.unwritable))

    async def tell_port(self, port: int) -> None:
        """Write down where the page is, for scripts that let the system choose the port."""
        folder = self.app.settings.state_dir / MONITORS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ENDED).unlink(missing_ok=True)
        body = msgspec.json.encode({"port": port, "pid": self.app.process().pid})
        await asyncio.to_thread(_write_monitors, folder, {HTTP: body})

    async def say_goodbye(self, ended: Exit) -> None:
        """Write down that this run ended in order, so that the outside watcher leaves the account alone."""
        if ended.code:
            return
        body = msgspec.json.encode({"code": ended.code, "reason": ended.reason, "run_id": self.app.recovered.run_id})
        await asyncio.to_thread(_write_monitors, self.app.settings.state_dir / MONITORS, {ENDED: body})

    async def snapshot(self) -> None:
        """Write down what a restart would need."""
        app = self.app
        if app.engine.state.started is None:
            return
        now = app.clock.now()
        payload, seq = remember(app.engine.state), app.runner.seq
        self.snapshot_mono_ns = now.mono_ns
        if not await app.journal.drain(SNAPSHOT_WAIT_S):
            # A snapshot ahead of the journal would make the next recovery skip records; without one it reads more.
            return
        await asyncio.to_thread(self._save, payload, seq, now.utc_ns)

    def _save(self, payload: bytes, seq: int, utc_ns: int) -> None:
        """Write one snapshot; several threads may come here at once, and an older picture never replaces a newer."""
        with self.saving:
            if seq >= self.saved_seq:
                write_snapshot(self.app.settings.state_dir, payload, seq, utc_ns)
                self.saved_seq = seq

    def _monitors(self) -> dict[str, bytes]:
        app = self.app
        now, state = app.clock.now(), app.engine.state
        desks = state.desks.values()
        rows = [(desk.phase, desk.freshness(now)) for desk in desks]
        files: dict[str, Any] = {
            FRESHNESS: freshness_document(now, os.getpid(), state.failover.active, rows),
            "ev_gap.json": gap_monitor(state.failover, now),
            "ops_window.json": window_monitor(desks, state.ladders.lead_ns, now),
        }
        return {name: msgspec.json.encode(document) for name, document in files.items()}

    def _collect_garbage(self) -> None:
        """Inside a window nothing is collected: a collection of everything takes longer than a cancel may."""
        if self.app.engine.in_window:
            gc.disable()
        elif not gc.isenabled():
            gc.enable()
            gc.collect()

    # --- markers and reports -------------------------------------------------------------------------------------

    async def mark_cancel_all(self, action: MarkCancelAll) -> None:
        """Write the durable marker of an account-wide cancel-all of ours."""
        app = self.app
        ident = f"{app.recovered.run_id}-{action.asked_utc_ns // NS_PER_MS}"
        marker = Marker(ident, action.asked_utc_ns, app.recovered.run_id, action.reason, app.recovered.epoch)
        # One at a time: two requests in one millisecond share their marker, and two threads would share its draft.
        async with self.marking:
            try:
                await asyncio.to_thread(ask_cancel_all, app.settings.state_dir, marker)
            except OSError as problem:
                self._cannot_write(problem)

    async def _finish_marks(self) -> None:
        """Once the account was seen flat, every request for it is done: ours, and those of a program that died."""
        completed = self.app.engine.state.held.completed_cancel_alls
        if self.app.engine.state.empty_reason or completed == self.completed:
            return
        self.completed = completed
        await asyncio.to_thread(_finish_all, self.app.settings.state_dir, self.app.clock.now().utc_ns)

    async def report(self, action: Report) -> None:
        """A window is settled: write its reports from the journal, once its last record is on disk."""
        app = self.app
        async with self.reporting:
            await app.journal.drain(5.0)
            paths = await _write_reports(app.settings.state_dir, action.target_ns, action.series)
        reports = app.settings.state_dir / "reports"
        for series, path in paths:
            self.report_paths[series, action.target_ns] = str(Path(path).relative_to(reports))
            log.info("window reported", series=series, label=action.label, report=path)


async def _write_reports(state_dir: Path, target_ns: int, series: str) -> list[tuple[str, str]]:
    """Write a window's pages in a process of its own: folding a long day would hold the interpreter for seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon",
        "report",
        "--state-dir",
        str(state_dir),
        "--target-ns",
        str(target_ns),
        "--series",
        series,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": ROOT},
    )
    out, problem = await process.communicate()
    if process.returncode:
        log.error("report not written", target_ns=target_ns, problem=problem.decode(errors="replace")[-500:])
        return []
    return msgspec.json.decode(out, type=list[tuple[str, str]])


def _finish_all(state_dir: Path, utc_ns: int) -> None:
    for marker in open_requests(read_cancel_all(state_dir, utc_ns)):
        finish_cancel_all(state_dir, marker, utc_ns)


def _write_monitors(folder: Path, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        scratch = folder / f".{name}"
        scratch.write_bytes(body)
        scratch.replace(folder / name)
