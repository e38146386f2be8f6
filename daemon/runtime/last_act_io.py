"""What a process does when a bug ends it: it marks and empties the account, and only then goes.

Every vital task runs inside `guarded`. The first exception of any of them, or of a callback of the loop, is caught here
while the loop still runs and before anything is torn down: the runner decides nothing any more, no place leaves, the
cancel-all marker is written (it holds whoever starts next back for the tail), and the account-wide cancel-all is sent
past every queue. Both together take a second at most; then the exception goes on, and ends the process with exit
code 1. What no exception tells of (a segmentation fault, SIGKILL) is for ExecStopPost, the watcher and each order's
own expiry.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import structlog

from daemon.runtime.files_out_io import FilesOut
from daemon.runtime.runner_io import Runner
from domain.clock import NS_PER_MS
from domain.door import one_line
from domain.errors import ConfigurationError
from execution.http.http_client_io import Connection
from execution.kalshi.venue_io import KalshiVenue
from journal.marker import Marker
from journal.marker_io import ask_cancel_all

MARKER_LIMIT_S: Final = 1.0
DRAIN_LIMIT_S: Final = 0.5
log = structlog.get_logger("ladderd")

T = TypeVar("T")


class LastAct:
    """Done once, whatever fails how often."""

    def __init__(self, venue: KalshiVenue, runner: Runner, files: FilesOut) -> None:
        self._venue = venue
        self._runner = runner
        self._files = files
        self._clock = files.clock
        self._doing: asyncio.Task[None] | None = None
        self._fault: asyncio.Future[None] | None = None

    async def guarded(self, work: Awaitable[T], name: str) -> T:
        """Do one vital piece of work. What it raises goes on only when the account was seen to."""
        try:
            return await work
        except Exception as bug:
            await self.perform(name, _innermost(bug))
            raise

    async def perform(self, name: str, bug: BaseException) -> None:
        """Mark and empty the account, once; whoever comes later waits for that."""
        if self._doing is None:
            log.critical("a bug ends this process", task=name, problem=f"{type(bug).__name__}: {bug}", exc_info=bug)
            self._runner.halt()
            reason = f"{name} failed: {type(bug).__name__}"
            self._doing = asyncio.get_running_loop().create_task(self._perform(reason), name="last act")
        await asyncio.shield(self._doing)

    async def _perform(self, reason: str) -> None:
        begun_ns = self._clock.now().mono_ns
        marked = self._aside(reason)
        problem = await self._venue.cancel_all_at_last()
        took_ms = (self._clock.now().mono_ns - begun_ns) // NS_PER_MS
        if problem:
            log.critical("the account was not emptied; orders may rest", problem=problem, took_ms=took_ms)
        else:
            log.critical("the exchange has taken the cancel-all of everything", took_ms=took_ms)
        await asyncio.wait((marked,), timeout=max(0.0, MARKER_LIMIT_S - took_ms / 1_000))
        # What the last steps did must be on disk for whoever looks for the bug.
        await self._files.journal.drain(DRAIN_LIMIT_S)

    def _aside(self, reason: str) -> asyncio.Future[None]:
        """Write the marker in a thread that nobody joins: a disk that hangs holds up neither the cancel nor the end."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        run_id, asked_utc_ns = self._files.run_id, self._clock.now().utc_ns
        marker = Marker(f"{run_id}-bug", asked_utc_ns, run_id, one_line(reason), self._files.epoch)

        def write() -> None:
            try:
                ask_cancel_all(self._files.state_dir, marker)
            except (OSError, ConfigurationError) as problem:
                log.critical("the cancel-all marker was not written", problem=str(problem))
            with contextlib.suppress(RuntimeError):  # the loop may have ended first: nobody waits any more
                loop.call_soon_threadsafe(_set, written)

        threading.Thread(target=write, name="last marker", daemon=True).start()
        return written

    # --- callbacks, which belong to no task ---------------------------------------------------------------------------

    async def callbacks(self) -> None:
        """A vital task: raises what a callback of the loop raised, which the loop would only have logged."""
        loop = asyncio.get_running_loop()
        self._fault = loop.create_future()
        loop.set_exception_handler(self._failed)
        await self._fault

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        bug = context.get("exception")
        ours = "handle" in context or isinstance(context.get("protocol"), Connection)
        if isinstance(bug, Exception) and ours and self._fault is not None and not self._fault.done():
            self._fault.set_exception(bug)
        else:
            loop.default_exception_handler(context)


def _set(written: asyncio.Future[None]) -> None:
    if not written.done():
        written.set_result(None)


def _innermost(bug: BaseException) -> BaseException:
    """The first exception inside groups of exceptions: what went wrong, without the tasks around it."""
    while isinstance(bug, BaseExceptionGroup):
        bug = bug.exceptions[0]
    return bug
