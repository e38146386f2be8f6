"""Runs the preflight that the engine asks for in a process of its own: its looks are heavy, the loop must not wait.

The child is `ladderd preflight --for-daemon` with the options that this daemon was started with, so it reads the same
configuration. What it says is one JSON document of findings, and its file's place and hash. A child that ends badly,
says nothing readable, or takes too long is no evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from daemon.client.own_programs_io import own_command, start_own
from daemon.preflight.checks import REHEARSAL
from domain.actions import RunPreflight
from domain.door import Refused, one_line
from domain.events import AnyEvent, PreflightRun
from domain.findings.finding import DUE_LATER, PASS, read_findings

RUN_LIMIT_S: Final = 45.0
log = structlog.get_logger("ladderd")

Preflighter = Callable[[int], Awaitable[PreflightRun]]


class PreflightProcess:
    """Starts one child for each preflight. `options`: those of this daemon's own command line."""

    def __init__(self, options: Sequence[str], mask: Callable[[str], str] = str) -> None:
        """`mask` hides secrets in what the child says, before it is an event."""
        self._command = own_command("preflight", "--for-daemon", "--json", *options)
        self._mask = mask

    async def __call__(self, number: int) -> PreflightRun:
        """Run one, and say what it found. Cancelled, it leaves no child behind."""
        try:
            process = await start_own(self._command)
        except OSError as problem:
            return no_evidence(number, f"its process cannot be started: {problem}")
        try:
            async with asyncio.timeout(RUN_LIMIT_S):
                said, told = await process.communicate()
        except TimeoutError:
            return no_evidence(number, f"not over in {RUN_LIMIT_S:.0f} s")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()  # to the end of its pipes, so that nothing of it is left
        return self._read(number, said, told)

    def _read(self, number: int, said: bytes, told: bytes) -> PreflightRun:
        text = self._mask(said.decode(errors="replace")).strip()
        try:
            return found(number, text.encode())
        except Refused as problem:
            last = self._mask(told.decode(errors="replace")).strip()
            return no_evidence(number, one_line(f"its answer cannot be read: {problem}; {last[-120:]}"))


class Preflights:
    """The preflights under way, beside the loop."""

    def __init__(self, run: Preflighter, emit: Callable[[AnyEvent], None]) -> None:
        self._run = run
        self._emit = emit
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, action: RunPreflight) -> None:
        """Begin one; its end is an event."""
        task = asyncio.get_running_loop().create_task(self._look(action), name="preflight")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End those under way, and wait until nothing of them is left."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, action: RunPreflight) -> None:
        log.info("preflight", number=action.number, cause=action.cause)
        try:
            outcome = await self._run(action.number)
        except Exception as problem:  # tidy: swallow - a fault of its own is no evidence, and ends nothing else
            log.exception("preflight failed")
            outcome = no_evidence(action.number, f"{type(problem).__name__}: {problem}")
        self._emit(outcome)


def found(number: int, document: bytes) -> PreflightRun:
    """What a document of findings says. Raises Refused for one that is none."""
    table = read_findings(document)
    return PreflightRun(
        number=number,
        config_hash=table.config_hash,
        build_id=table.build_id,
        passed=sum(finding.status is PASS for finding in table.checks),
        against=table.against(),
        later=tuple(finding for finding in table.checks if finding.status is DUE_LATER),
        path=table.path,
        sha256=hashlib.sha256(document).hexdigest(),
        problem="",
        rehearsed=any(finding.name == REHEARSAL and finding.status is PASS for finding in table.checks),
    )


def no_evidence(number: int, why: str) -> PreflightRun:
    """Nothing is known, and why."""
    return PreflightRun(number, "", "", 0, (), (), "", "", why)
