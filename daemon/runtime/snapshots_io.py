"""Four times a second: feeds the watchdog, writes snapshots and monitors, and keeps garbage collection out of windows.

Disk work goes to a thread. The snapshot is encoded on the loop, because only there the engine stands still, and written
elsewhere.
"""

from __future__ import annotations

import asyncio
import gc
import threading

from daemon.client.requests_io import MONITORS
from daemon.engine.memory import remember
from daemon.engine.state_view import StateView
from daemon.notify_io import Notifier
from daemon.runtime.files_out_io import FilesOut
from daemon.runtime.runner_io import Runner
from domain.clock import NS_PER_S
from domain.window import Phase
from journal.snapshot_io import write_snapshot

EVERY_S = 0.25
SNAPSHOT_NS = NS_PER_S
SNAPSHOT_WAIT_S = 2.0


class Snapshots:
    """What is written from time to time, whatever trading does."""

    def __init__(self, state: StateView, runner: Runner, files: FilesOut, notifier: Notifier) -> None:
        self.state = state
        self.runner = runner
        self.files = files
        self.notifier = notifier
        self.clock = files.clock
        self.journal = files.journal
        self.progress_mono_ns = self.clock.now().mono_ns
        self._written_mono_ns = 0
        self._phases: dict[str, Phase] = {}
        self._saving = threading.Lock()
        self._saved_seq = 0
        self._missing = ""

    async def run(self) -> None:
        """Every quarter of a second until cancelled."""
        (self.files.state_dir / MONITORS).mkdir(parents=True, exist_ok=True)
        while True:
            now = self.clock.now()
            if now.mono_ns - self.runner.progress_mono_ns < 3 * NS_PER_S:
                # The watchdog is fed with the runner's progress: a wedged engine is killed, whatever else runs.
                self.notifier.notify("WATCHDOG=1")
            phases = {name: desk.phase for name, desk in self.state.desks.items()}
            try:
                await self._look_at_journal()
                if now.mono_ns - self._written_mono_ns >= SNAPSHOT_NS or phases != self._phases:
                    if phases != self._phases and Phase.FROZEN in phases.values():
                        self.journal.anchor()
                    self._phases = phases
                    await self.snapshot()
                await self.files.write_monitors(self.state)
                await self.files.finish_marks(self.state)
                self.progress_mono_ns = self.clock.now().mono_ns
            except OSError as problem:
                self.files.cannot_write(problem)
            self._collect_garbage()
            await asyncio.sleep(EVERY_S)

    async def _look_at_journal(self) -> None:
        """A journal that was taken away under us takes records still, and nobody will find them: the end, in order."""
        missing = await asyncio.to_thread(self.journal.missing)
        if missing and not self._missing:
            self._missing = missing
            self.runner.journal_failed(missing)

    async def snapshot(self) -> None:
        """Write down what a restart would need."""
        if self.state.started is None:
            return
        now = self.clock.now()
        payload, seq = remember(self.state), self.runner.seq
        self._written_mono_ns = now.mono_ns
        if not await self.journal.drain(SNAPSHOT_WAIT_S):
            # A snapshot ahead of the journal would make the next recovery skip records; without one it reads more.
            return
        await asyncio.to_thread(self._save, payload, seq, now.utc_ns)

    def _save(self, payload: bytes, seq: int, utc_ns: int) -> None:
        """Write one snapshot; several threads may come here at once, and an older picture never replaces a newer."""
        with self._saving:
            if seq >= self._saved_seq:
                write_snapshot(self.files.state_dir, payload, seq, utc_ns)
                self._saved_seq = seq

    def _collect_garbage(self) -> None:
        """Inside a window nothing is collected: a collection of everything takes longer than a cancel may."""
        if self.state.in_window:
            gc.disable()
        elif not gc.isenabled():
            gc.enable()
            gc.collect()
