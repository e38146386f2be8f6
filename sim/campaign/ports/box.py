"""The daemon's machine with its ports cut: clocks, disk, and at most one process, without asyncio or sockets.

What a SIGKILL may lose is lost: requests under way go on without their asker, records younger than the last sync are
gone, the next life begins from the last snapshot and the journal's tail behind it. While the machine stands still, what
comes for the process waits, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

import msgspec

from daemon.engine.memory import remember
from daemon.runtime.recovery_io import relive
from domain.actions import AnyAction, Exit
from domain.clock import NS_PER_S, Now
from domain.events import AnyEvent
from sim.campaign.ports.disk import Disk, Mark
from sim.campaign.ports.outside import Outside
from sim.campaign.ports.process import Process, Watcher
from sim.virtual.timeline import MachineClock, Timeline

NEVER_NS = 1 << 62


class _Tail(msgspec.Struct):
    event: AnyEvent
    now: Now
    actions: list[AnyAction]


_tail = msgspec.json.Decoder(_Tail)


class Box:
    """The daemon's machine."""

    def __init__(self, timeline: Timeline, outside: Outside, watcher: Watcher, rng: Random) -> None:
        self.timeline = timeline
        self.clock = MachineClock(timeline)
        self.rng = rng
        self.outside = outside
        self.watcher = watcher
        self.disk = Disk()
        self.process: Process | None = None
        self.still_until_ns = 0
        self.wake_ns = NEVER_NS
        """When the process next wakes by itself."""
        self.waiting: deque[tuple[Process, Callable[..., None], tuple[object, ...]]] = deque()
        self.lives = 0
        self.refusals: list[str] = []

    # --- standing still ----------------------------------------------------------------------------------------------

    def stand_still(self, for_ns: int) -> None:
        """A loop stall, or SIGSTOP: nothing inside moves; what comes meanwhile waits in the sockets."""
        until_ns = self.timeline.now_ns + for_ns
        self.still_until_ns = max(self.still_until_ns, until_ns)
        self.wake_ns = max(self.wake_ns, self.still_until_ns)
        self.timeline.at(self.still_until_ns, self._move_again)

    def _move_again(self) -> None:
        if self.timeline.now_ns < self.still_until_ns:
            return
        waiting, self.waiting = self.waiting, deque()
        for process, act, args in waiting:
            if process is self.process:
                act(*args)
        if self.process is not None:
            self.process.turn()

    def wake(self) -> None:
        """The process's own timer has fired."""
        if self.process is not None:
            self.process.turn()

    # --- lives -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life."""
        if self.process is not None:
            return
        refusal = self.disk.refusal(self.outside.settings)
        if refusal:
            # Exit 78: systemd leaves it at that, and so it stays until a person has mended the files.
            self.refusals.append(refusal)
            return
        self.lives += 1
        now = self.clock.now()
        tail = (_tail.decode(body) for _, body in self.disk.tail)
        memory, epoch, _ = relive(self.outside.settings, self.outside.reference, self.disk.snapshot, tail, now)
        self.disk.epoch = max(now.utc_ns // NS_PER_S, max(epoch, self.disk.epoch) + 1)
        self.disk.full = False
        process = self.process = Process(self, memory, self.disk.epoch)
        process.begin()

    def keep_snapshot(self) -> None:
        """What the daemon writes each second; here when a death is near, because only then it will be read."""
        if self.process is not None and self.process.engine.state.started is not None:
            self.disk.snapshot = remember(self.process.engine.state)
            self.disk.tail.clear()
            self.disk.keeping = True

    def kill(self, *, back_after_ns: int) -> None:
        """SIGKILL, and systemd starts it again.

        Without a snapshot of this life the whole journal would be read: not modelled, so one is made a moment before
        (`keep_snapshot`).
        """
        if self.process is None:
            return
        lost_ns = self.timeline.now_ns - self.disk.sync_ns
        whole = [row for row in self.disk.tail if row[0] <= lost_ns]
        young = self.disk.tail[len(whole) :]
        # The writer had got some way through what was not synced yet: a SIGKILL keeps the page cache.
        self.disk.tail = whole + young[: self.rng.randint(0, len(young))] if young else whole
        self._end("SIGKILL", back_after_ns)

    def ended(self, ended: Exit) -> None:
        """The process has exited by itself; systemd starts it again."""
        self.disk.snapshot = remember(self.process.engine.state) if self.process is not None else None
        self.disk.tail.clear()
        self._end(f"exit {ended.code}: {ended.reason}", 2 * NS_PER_S)

    def crashed(self, problem: BaseException) -> None:
        """A bug: the process is gone."""
        self._end(f"crash: {type(problem).__name__}: {problem}", 2 * NS_PER_S)

    def _end(self, why: str, back_after_ns: int) -> None:
        process, self.process = self.process, None
        assert process is not None, "nothing to end"
        self.wake_ns = NEVER_NS
        self.disk.keeping = False
        for mark in self.disk.marks:
            mark.done = mark.done or (mark.by == process.run_id and not process.engine.state.empty_reason)
        process.hang_up()
        self.watcher.ended(process, why)
        self.timeline.after(back_after_ns, self.start)


__all__ = ["Box", "Disk", "Mark", "Outside", "Process", "Watcher"]
