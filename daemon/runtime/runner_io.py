"""The runner: get -> step -> record -> perform -> yield.

One task, and the only caller of the engine. Intent is recorded before the act: a place waits until the journal says
that its step is on disk; a cancel never waits for anything. After every step the loop gets a turn, so that
a flood of ticks cannot keep a signal or a socket waiting. The runner's own progress is what the watchdog is fed with.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from daemon.engine.step import Engine
from daemon.runtime.inbox_io import Inbox
from domain.actions import (
    CANCELS,
    PLACES,
    REQUESTS,
    AnyAction,
    CancelAll,
    CreateGroup,
    DeleteGroup,
    Exit,
    Place,
    TriggerGroup,
)
from domain.clock import NS_PER_MS, Clock, Now
from domain.events import AnyEvent, GroupOp, GroupOutcome, JournalFault, LoopStall, PlaceOutcome, Verdict
from domain.records import Entry

LOOK_AT_CLOCKS_NS = 250 * NS_PER_MS
LOOK_OUTSIDE_WINDOWS_NS = 1_000 * NS_PER_MS
STALL_NS = 100 * NS_PER_MS
# More than can be under way; a request that is never answered must not be remembered for ever.
ASKED_MAX = 4_096
NOBODY_ASKED = ("", "")

# What hears of each step once it was performed: event, time, actions, and how long the engine took in ns.
Fold = Callable[[AnyEvent, Now, Sequence[AnyAction], int], None]


class StepLog(Protocol):
    """Where steps are recorded (journal.writer_io)."""

    @property
    def durable_seq(self) -> int:
        """Everything up to this sequence number is on disk."""
        ...

    def append(self, record_type: str, payload: object, *, correlation_id: str = "", causation_id: str = "") -> int:
        """Queue one record; its sequence number, 0 when the journal refuses because it is broken."""
        ...


class Runner:
    """Drives the engine. `perform` carries out one action; `say` hears each record, `fold` each step. None blocks."""

    def __init__(
        self,
        engine: Engine,
        inbox: Inbox,
        clock: Clock,
        log: StepLog,
        perform: Callable[[AnyAction], None],
        say: Callable[[Entry], None] | None = None,
        fold: Fold | None = None,
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._perform = perform
        self._say = say
        self._fold = fold
        self._encoder = msgspec.json.Encoder()
        self._held: deque[tuple[int, AnyAction]] = deque()
        # Requests under way: in which step each was sent, and in which step began what it belongs to.
        self._asked: dict[int, tuple[str, str]] = {}
        self.progress_mono_ns = clock.now().mono_ns
        self.steps = 0
        self.exit: Exit | None = None
        self.correlation_id = ""
        """The step in which it all began that the step at hand belongs to; empty without a journal."""
        self.seq = 0
        self._halted = False

    async def run(self) -> Exit:
        """Step until the engine says Exit; returns it."""
        due_ns = 0
        while self.exit is None:
            event = await self._inbox.get(due_ns)
            if self._halted:
                await asyncio.get_running_loop().create_future()  # whoever halted us ends this task too
            now = self._clock.now()
            # A long silence of this task, while its timer was due, is a stall: what is buffered only looks fresh.
            if due_ns and now.mono_ns - due_ns > STALL_NS:
                self.step(LoopStall(now.mono_ns - due_ns), now)
            self.step(event, now)
            self.progress_mono_ns = now.mono_ns
            due_ns = self.wake_at(now)
            await asyncio.sleep(0)
        return self.exit

    def halt(self) -> None:
        """A bug ends the process: decide nothing any more, and let no place leave that still waits for the disk."""
        self._halted = True
        self._held.clear()

    def wake_at(self, now: Now) -> int:
        """The engine's next deadline, but never later than the next look at both clocks."""
        latest = now.mono_ns + (LOOK_AT_CLOCKS_NS if self._engine.in_window else LOOK_OUTSIDE_WINDOWS_NS)
        deadline = self._engine.next_deadline(now)
        assert deadline is None or deadline > now.mono_ns, f"deadline not later than now: {deadline - now.mono_ns}"
        return latest if deadline is None else min(latest, deadline)

    def step(self, event: AnyEvent, now: Now) -> None:
        """One step of the engine: decide, record, perform. Every step is recorded, or replay would not be exact."""
        begun = self._clock.now().mono_ns
        actions = self._engine.step(event, now)
        took_ns = self._clock.now().mono_ns - begun
        self.steps += 1
        # A cancel waits for nothing, not even for its own record to be printed.
        for action in actions:
            if isinstance(action, CANCELS):
                self._withdraw(action)
                self._perform(action)
        self._record(event, now, actions)
        for action in actions:
            if isinstance(action, (Entry, *CANCELS)):
                continue
            if isinstance(action, Exit):
                self.exit = action
            elif isinstance(action, PLACES):
                if self.seq:
                    self._held.append((self.seq, action))
                else:
                    self._unsent(action)
            else:
                self._perform(action)
        self.release()
        if self._fold is not None:
            self._fold(event, now, actions, took_ns)

    def _record(self, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """Journal the step: what came in, when, and all that left, its records among it."""
        encode = self._encoder.encode
        body = b'{"event":%b,"now":%b,"actions":%b}' % (encode(event), encode(now), encode(actions))
        asked_in, began_in = self._asked.pop(getattr(event, "request_id", 0), NOBODY_ASKED)
        self.seq = self._log.append("step", body, correlation_id=began_in, causation_id=asked_in)
        self.correlation_id = began_in or (str(self.seq) if self.seq else "")
        for action in actions:
            if isinstance(action, Entry):
                if self._say is not None:
                    self._say(action)
            elif isinstance(action, REQUESTS):
                self._asked[action.request_id] = (str(self.seq), self.correlation_id)
        while len(self._asked) > ASKED_MAX:
            del self._asked[next(iter(self._asked))]

    def release(self, _durable_seq: int = 0) -> None:
        """Perform the places whose records are on disk; called after each step and by the journal's thread."""
        durable = self._log.durable_seq
        while self._held and self._held[0][0] <= durable:
            self._perform(self._held.popleft()[1])

    def _withdraw(self, cancel: AnyAction) -> None:
        """What still waits for the disk must not leave behind the cancel that was meant to end it."""
        group_id = cancel.group_id if isinstance(cancel, TriggerGroup) else None
        if not self._held or not (group_id or isinstance(cancel, CancelAll)):
            return
        held, self._held = self._held, deque()
        for seq, action in held:
            if isinstance(action, Place) and group_id in (None, action.group_id):
                self._unsent(action, "withdrawn: its group or the whole account is being cancelled")
            else:
                self._held.append((seq, action))

    def journal_failed(self, reason: str) -> None:
        """The journal cannot write: nothing held will ever leave, and the engine is told at once."""
        while self._held:
            self._unsent(self._held.popleft()[1])
        self._inbox.emit(JournalFault(reason))

    def _unsent(self, action: AnyAction, why: str = "the journal cannot write") -> None:
        """A request that was held and will never leave comes back as the fact that it did not."""
        if isinstance(action, Place):
            self._inbox.emit(
                PlaceOutcome(action.request_id, Verdict.UNSENT, detail=why, client_order_id=action.client_order_id)
            )
        elif isinstance(action, CreateGroup):
            self._inbox.emit(GroupOutcome(action.request_id, Verdict.UNSENT, detail=why, op=GroupOp.CREATE))
        elif isinstance(action, DeleteGroup):
            self._inbox.emit(
                GroupOutcome(action.request_id, Verdict.UNSENT, detail=why, op=GroupOp.DELETE, group_id=action.group_id)
            )
