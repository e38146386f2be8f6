"""The one writer of the journal: cheap on the event loop, durable off it.

`append` only stamps, numbers and gathers; what one turn of the loop gathered is handed over at its end, so that waking
the thread (some 10 us) never stands between a tick and its cancel. The thread prints and chains what has come (group
commit), writes it in one piece, syncs once and tells the loop how far the disk has it. After a failed write or sync
nobody knows what is on the disk, so nothing is tried again: one fault is reported and every later append is refused.
A refused append returns REFUSED, which is no record's number: its places must be given back unsent by whoever asked,
and its cancels go out all the same. A full disk is milder: the ballast makes room, the fault is reported, appends go
on until it is used up. `threaded=False`: the same work inside `append`, for virtual time and injected faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from domain.clock import NS_PER_S, Clock, Now
from journal.chain import Head
from journal.committer_io import Committer, Item, Run
from journal.disk_io import Disk
from journal.opening_io import Hold, Repair, open_tail, prepare, reserve
from journal.tape_io import Tape

REFUSED: Final = 0
_ANCHOR: Final = "anchor"
_CLOSE: Final = "close"

DurableCallback = Callable[[int], None]
FaultCallback = Callable[[str], None]


class JournalUnwritable(Exception):  # noqa: N818 - a state of affairs, named like JournalDamaged
    """The journal's place cannot be written when opening: what, where, what to do."""


class JournalLimits(msgspec.Struct, frozen=True):
    """Every bound of the writer, unit last."""

    queue_records_max: int = 20_000
    batch_records_max: int = 256
    segment_bytes_max: int = 16 * 1024 * 1024
    anchor_period_s: int = 30
    ballast_bytes: int = 1024 * 1024
    close_limit_s: float = 10.0


class JournalWriter:
    """Owns the journal of one state directory from construction to `close`.

    Raises JournalLocked, JournalDamaged or JournalUnwritable when it cannot be opened. All methods are for the loop's
    thread; callbacks are invoked there too.
    """

    def __init__(  # noqa: PLR0913 - a record's fixed fields, and the seams for tests and simulation
        self,
        state_dir: Path,
        run_id: str,
        environment: str,
        config_hash: str,
        clock: Clock,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        threaded: bool = True,
        limits: JournalLimits | None = None,
        disk: Disk | None = None,
        build_id: str = "",
    ) -> None:
        """Open, verify the tail, repair it if torn. Without a `loop` (not threaded only) callbacks come in line."""
        self._limits = limits or JournalLimits()
        self._clock = clock
        self._loop = asyncio.get_running_loop() if threaded and loop is None else loop
        disk = disk or Disk()
        with contextlib.ExitStack() as undo:
            try:
                prepare(state_dir, disk)
                self._hold = Hold(state_dir)
                undo.callback(self._hold.release)
                reserve(state_dir, disk, self._limits.ballast_bytes)
                opening = open_tail(state_dir, disk)
                self._tape = tape = Tape(state_dir, disk, opening, self._limits.segment_bytes_max)
                undo.callback(tape.close)
                self._committer = Committer(tape, opening.head, Run(run_id, environment, config_hash, build_id))
                if opening.anchor is not None and opening.anchor.hash == opening.head.hash:
                    self._committer.anchored = opening.head.seq
                # The very first anchor is that of the empty journal: from then on a missing one can be missed.
                self._committer.anchor(clock.now(), "open")
            except OSError as error:
                raise JournalUnwritable(
                    f"the journal under {state_dir} cannot be opened for writing: {error}; free space or mend the "
                    f"folder's permissions ({self._limits.ballast_bytes} bytes are kept in reserve), then start again"
                ) from error
            undo.pop_all()
        self.repair: Repair | None = opening.repair
        self._next_seq = opening.head.seq + 1
        self._durable_seq = opening.head.seq
        self._anchored_mono_ns = clock.now().mono_ns
        self._refusing = False
        self._broken = False  # nothing more will reach the disk; a full queue refuses, yet what it holds still will
        self._fault = ""
        self._fault_told = False
        self._closed = False
        self._timed: Callable[[float], None] | None = None
        self._delivery_due = False
        self._durable_callbacks: list[DurableCallback] = []
        self._fault_callbacks: list[FaultCallback] = []
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._gathered: list[Item] = []
        self._queue: queue.SimpleQueue[list[Item]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
            self._thread.start()

    # --- on the loop ---------------------------------------------------------------------------------------------

    def append(
        self,
        type: str,  # noqa: A002 - the record's own word
        payload: object,
        *,
        correlation_id: str = "",
        causation_id: str = "",
    ) -> int:
        """Take one record; its number, or REFUSED after a fault. Cheap, and never raises for a bad disk.

        `payload`: JSON as bytes, or anything msgspec can print; it is printed later, so it must not be changed after.
        """
        if self._refusing:
            return REFUSED
        seq = self._next_seq
        if seq - self._durable_seq > self._limits.queue_records_max:
            self._report(f"the journal's queue is full ({self._limits.queue_records_max} records): the disk is stuck")
            self._refusing = True
            return REFUSED
        self._next_seq = seq + 1
        item = (seq, self._clock.now(), type, payload, correlation_id, causation_id)
        if self._thread is not None:
            if not self._gathered:
                assert self._loop is not None, "a writing thread was started with a loop to report to"
                self._loop.call_soon(self._hand_over)
            self._gathered.append(item)
            return seq
        self._serve([item])
        return seq if self._durable_seq >= seq else REFUSED

    @property
    def durable_seq(self) -> int:
        """The number up to which every record is on the disk."""
        return self._durable_seq

    @property
    def head(self) -> Head:
        """The last record that is durable."""
        return self._committer.head

    @property
    def fault(self) -> str:
        """Why the journal is faulty; empty while it is sound."""
        return self._fault

    def missing(self) -> str:
        """What of the journal was deleted, moved or cut under us, in words. Looks at the disk: not for the loop."""
        return "" if self._closed else self._hold.missing(*self._tape.place)

    @property
    def pending(self) -> int:
        """How many records are not yet durable."""
        return self._next_seq - 1 - self._durable_seq

    def on_commit(self, timed: Callable[[float], None]) -> None:
        """Tell how long each group took to print, write and sync, in seconds. Called in the writer's thread."""
        self._timed = timed

    def on_durable(self, callback: DurableCallback) -> None:
        """Call back with the durable number whenever it has grown; several commits may be told as one."""
        self._durable_callbacks.append(callback)

    def on_fault(self, callback: FaultCallback) -> None:
        """Call back once with the reason, when the journal becomes faulty."""
        self._fault_callbacks.append(callback)

    def anchor(self) -> None:
        """Write the head down outside the journal, after all that was appended so far (at a window's end)."""
        self._control(_ANCHOR)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until all that was appended is durable. False when that is not so in time, or the journal failed."""
        last = self._next_seq - 1
        if self._durable_seq >= last:
            return True
        if self._broken or self._closed:
            return False
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.append((last, done))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await done
        return False

    def close(self) -> bool:
        """Commit what is queued, anchor the head, free the lock. False when not all of that could be done in time."""
        if self._closed:
            return self._whole
        self._control(_CLOSE)
        self._refusing = True
        self._closed = True
        if self._thread is not None:
            self._thread.join(self._limits.close_limit_s)
            if self._thread.is_alive():
                return False
        self._let_go()
        return self._whole

    @property
    def _whole(self) -> bool:
        return not self._fault and self._durable_seq == self._next_seq - 1

    def _let_go(self) -> None:
        try:
            self._committer.close()
        except OSError as error:
            self._fail(f"the journal cannot be closed: {error}")
        self._hold.release()

    def abandon(self) -> None:
        """Let go of everything as a kill would, without writing another byte. For simulated kills; not threaded."""
        assert self._thread is None, "a writing thread cannot be abandoned"
        if not self._closed:
            self._refusing = self._closed = True
            self._let_go()

    def _control(self, what: str) -> None:
        item: Item = (0, self._clock.now(), what, None, "", "")
        if self._thread is not None:
            self._gathered.append(item)
            self._hand_over()
        elif not self._refusing:
            self._serve([item])

    def _hand_over(self) -> None:
        """Give the thread what was gathered; nothing when a control item took it along already."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._queue.put(gathered)

    # --- in the writer's thread (or inside append) ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._serve(self._gather()):
                pass
        except BaseException as error:
            self._fail(f"the journal's writer broke: {error!r}")
            raise

    def _gather(self) -> list[Item]:
        """Wait for something, then take all that is there. Empty when only an anchor has come due."""
        try:
            batch = self._queue.get(timeout=self._anchor_due_s())
        except queue.Empty:
            return []
        while len(batch) < self._limits.batch_records_max and not self._queue.empty():
            batch += self._queue.get_nowait()
        return batch

    def _anchor_due_s(self) -> float | None:
        """How long the thread may wait for the next record; for ever when the head is anchored already."""
        if self._committer.head.seq == self._committer.anchored:
            return None
        since_ns = self._clock.now().mono_ns - self._anchored_mono_ns
        return max(0.0, self._limits.anchor_period_s - since_ns / NS_PER_S)

    def _serve(self, batch: list[Item]) -> bool:
        """Commit a batch, in order with the control items in it. False when the writing is over."""
        records: list[Item] = []
        try:
            # Before anything newer is written: after a suspension, records would seem never to have been anchored.
            now = self._clock.now()
            if now.mono_ns - self._anchored_mono_ns >= self._limits.anchor_period_s * NS_PER_S:
                self._anchor(now, "minute")
            for item in batch:
                if item[0]:
                    records.append(item)
                    continue
                self._commit(records)
                records = []
                self._anchor(item[1], "window" if item[2] == _ANCHOR else _CLOSE)
                if item[2] == _CLOSE:
                    return False
            self._commit(records)
        except (OSError, TypeError, ValueError, OverflowError) as error:
            self._fail(f"the journal cannot be written: {type(error).__name__}: {error}")
            return False
        return True

    def _commit(self, records: list[Item]) -> None:
        if not records:
            return
        started = self._clock.now()
        self._committer.commit(records)
        if self._timed is not None:
            self._timed((self._clock.now().mono_ns - started.mono_ns) / NS_PER_S)
        self._durable_seq = self._committer.head.seq
        if self._committer.low_space and not self._fault:
            self._report("the disk is full: the journal's reserve was released and lasts for the cancels only")
        if not self._delivery_due:
            self._delivery_due = True
            self._post(self._deliver)

    def _anchor(self, now: Now, why: str) -> None:
        self._committer.anchor(now, why)
        self._anchored_mono_ns = now.mono_ns

    def _fail(self, reason: str) -> None:
        self._refusing = self._broken = True
        self._report(reason)

    def _report(self, reason: str) -> None:
        self._fault = self._fault or reason
        self._post(self._deliver_fault)

    def _post(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop's thread soon; in line where there is no loop."""
        if self._loop is None:
            call()
        elif self._thread is None:
            self._loop.call_soon(call)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(call)

    # --- on the loop again ---------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        self._delivery_due = False  # before the number is read: a commit from here on posts again
        durable = self._durable_seq
        for callback in self._durable_callbacks:
            callback(durable)
        waiting = []
        for seq, done in self._waiters:
            if done.done():
                continue
            if seq <= durable:
                done.set_result(True)
            else:
                waiting.append((seq, done))
        self._waiters = waiting

    def _deliver_fault(self) -> None:
        if self._broken:
            for _, done in self._waiters:
                if not done.done():
                    done.set_result(False)
        if self._fault_told:
            return
        self._fault_told = True
        for callback in self._fault_callbacks:
            callback(self._fault)
