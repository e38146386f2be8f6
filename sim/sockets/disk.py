"""The disk of the daemon's machine, where the daemon is the real one: a state directory and its files.

Operators, kill switch and markers are the files that other programs write. The journal is the daemon's own writer; only
its thread is the loop's, so that a sync takes its time, and what a SIGKILL finds unwritten is lost.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.client.requests_io import Request, ask
from domain.clock import Clock
from domain.events import Operator
from journal.committer_io import Item
from journal.disk_io import Disk
from journal.marker import Marker
from journal.marker_io import ask_cancel_all, kill_path
from journal.writer_io import JournalWriter
from sim.campaign.ports.disk import SYNC_NS, Mark
from sim.virtual.loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable


class KnownPath(type(Path())):  # type: ignore[misc] # the path class of this system
    """A path that makes each child once: the daemon asks for the same few names many times a second."""

    _children: dict[str, Path]

    def __truediv__(self, key: str) -> Path:
        try:
            return self._children[key]
        except AttributeError:
            self._children = {}
        except KeyError:
            pass
        child: Path = super().__truediv__(key)
        self._children[key] = child
        return child


class MemoryDisk(Disk):
    """A disk whose syncs cost nothing (what a power failure loses is not simulated), and which can be full."""

    def __init__(self) -> None:
        self.full = False

    def sync(self, file: int) -> None:
        """At once."""

    def sync_directory(self, path: Path) -> None:
        """At once."""

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write, unless the disk is full."""
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(file, data)


class StateDisk:
    """What outlives a process: the state directory, and how long a sync of it takes."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.state_dir = state_dir
        self.sync_ns = SYNC_NS
        self.journal = MemoryDisk()
        self.requests = _Requests(state_dir, clock)
        self.marks = _Marks(state_dir)
        self._kill_text = ""

    @property
    def kill_text(self) -> str:
        """What the kill switch says; empty when there is none."""
        return self._kill_text

    @kill_text.setter
    def kill_text(self, text: str) -> None:
        self._kill_text = text
        path = kill_path(self.state_dir)
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)


class _Requests:
    """Operators' requests, as `ladderd pause` and its kin write them."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._state_dir, self._clock, self._number = state_dir, clock, 0

    def append(self, asked: Operator) -> None:
        """Write one down."""
        self._number += 1
        ident = f"{self._number:06d}-{asked.ident}"
        ask(self._state_dir, Request(ident, asked.command, asked.by, asked.cause, self._clock.now().utc_ns))


class _Marks:
    """Markers of account-wide cancel-alls that other programs made."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def append(self, mark: Mark) -> None:
        """Write one down."""
        done_ns = mark.asked_utc_ns if mark.done else 0
        marker = Marker(
            f"cli-{mark.asked_utc_ns}", mark.asked_utc_ns, mark.by, mark.reason, done=mark.done, done_utc_ns=done_ns
        )
        ask_cancel_all(self._state_dir, marker, disk=MemoryDisk())


class LateJournal(JournalWriter):
    """The daemon's journal writer, whose thread is work on the loop, one sync later."""

    def __init__(
        self,
        disk: StateDisk,
        run: tuple[str, str, str],
        clock: Clock,
        loop: VirtualLoop,
        told: Callable[[str, object], None],
    ) -> None:
        self._batches: list[list[Item]] = []
        self._turning = False
        self._state_disk = disk
        self._told = told
        super().__init__(disk.state_dir, *run, clock, loop=loop, threaded=False, disk=disk.journal)
        worker: Any = self
        self._thread = worker

    def append(
        self,
        type: str,  # noqa: A002 - the record's own word
        payload: object,
        *,
        correlation_id: str = "",
        causation_id: str = "",
    ) -> int:
        """As the writer does, and tell."""
        self._told(type, payload)
        return super().append(type, payload, correlation_id=correlation_id, causation_id=causation_id)

    def _hand_over(self) -> None:
        if not self._gathered:
            return
        self._batches.append(self._gathered)
        self._gathered = []
        if not self._turning:
            self._turning = True
            self._later()

    def _later(self) -> None:
        assert self._loop is not None, "this thread is the loop"
        self._loop.call_later(self._state_disk.sync_ns / 1_000_000_000, self._turn)

    def _turn(self) -> None:
        """What the thread does once it wakes: all that has come, as one group."""
        batch = [item for each in self._batches for item in each]
        self._batches.clear()
        goes_on = self._serve(batch) if batch else True
        self._turning = bool(self._batches) and goes_on
        if self._turning:
            self._later()

    # What the writer asks of its thread.

    def join(self, _limit_s: float) -> None:
        """Do what is left, now."""
        self._turn()

    @staticmethod
    def is_alive() -> bool:
        """It has done what was left."""
        return False

    def abandon(self) -> None:
        """A SIGKILL: what waits is lost, and the kernel frees the lock."""
        self._batches.clear()
        self._gathered = []
        self._refusing = True
        if not self._closed:
            self._closed = True
            self._let_go()
