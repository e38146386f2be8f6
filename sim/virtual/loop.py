"""An event loop on virtual time: nobody waits, and the same seed gives the same order of everything.

Time is an integer of nanoseconds on a `Timeline`. When nothing is ready, the loop jumps to the next timer; timers due
together fire in the order in which they were armed, and none fires before `time()` has reached what was asked for, not
by one ulp (libraries re-arm a timer that came early, for ever). Tasks and futures are hashed by serial numbers, because
asyncio keeps them in sets and iterates over those. Threads are work done in line after a seeded delay.

A `Host` is one process inside the world. Which host some code belongs to is a context variable, inherited by all that
it starts; so a host can stand still (its callbacks wait, in order) or die (they never come: what a SIGKILL leaves
undone stays undone, and is kept referenced so that no `finally` runs).
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import socket
from asyncio import events
from collections import deque
from collections.abc import Callable
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from domain.clock import NS_PER_S, Clock
from sim.virtual.timeline import MONO_START_NS, Timeline

if TYPE_CHECKING:
    _Loop = Any  # its inside is asyncio's own and has no types
else:
    _Loop = asyncio.BaseEventLoop

THREAD_NS = (20_000, 400_000)
TURNS_AT_ONE_INSTANT_MAX = 200_000
_numbers = count()

Program = Callable[[tuple[str, ...]], tuple[int, bytes, bytes]]


class StandstillError(Exception):
    """Nothing can happen any more, or the same things happen for ever without time going on."""


class Host:
    """One process of the world: its clock, its signals, and whether it moves."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock = clock
        self.signals: dict[int, events.Handle] = {}
        self.held = False
        self.dead = False
        self.kept: list[events.Handle] = []

    def __repr__(self) -> str:
        return f"Host({self.name})"


HOST: contextvars.ContextVar[Host | None] = contextvars.ContextVar("host", default=None)


def context_of(host: Host) -> contextvars.Context:
    """A fresh context in which everything belongs to `host`."""
    context = contextvars.copy_context()
    context.run(HOST.set, host)
    return context


class _Numbered:
    """Kept by sets in one order in every process: hashed by a number, which it gets when it is first asked."""

    number: int

    def __hash__(self) -> int:
        try:
            return self.number
        except AttributeError:
            self.number = next(_numbers)
            return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Task(_Numbered, asyncio.Task[Any]):
    """A task, which knows its host."""

    host: Host | None = None


class _Future(_Numbered, asyncio.Future[Any]):
    """A future."""


def due_of(when: float) -> int:
    """The first nanosecond whose reading in seconds is not before `when`."""
    due_ns = round(when * NS_PER_S)
    return due_ns if due_ns / NS_PER_S >= when else due_ns + 1


class VirtualLoop(_Loop):  # type: ignore[misc] # as above
    """asyncio's loop without a selector. Networks, threads, signals and programs are whatever the world makes of them.

    `network` is asked for servers and connections (sim/virtual/network.py); `program` carries out
    what a subprocess would.
    """

    def __init__(self, timeline: Timeline, rng: Random) -> None:
        super().__init__()
        self.timeline = timeline
        self.network: Any = None
        self.program: Program | None = None
        self.errors: list[dict[str, Any]] = []
        self.turns = 0
        self.early_ns = 0
        self.grave: list[object] = []
        self._rng = rng
        self._origin_ns = timeline.now_ns - MONO_START_NS
        self._heap: list[tuple[int, int, events.TimerHandle]] = []
        self._serial = 0
        self._at_one_instant = 0
        self._clean = contextvars.copy_context()
        self.set_exception_handler(self._broke)
        self.set_task_factory(self._make_task)

    # --- time --------------------------------------------------------------------------------------------------------

    @property
    def mono_ns(self) -> int:
        """The monotonic clock of every machine in this world."""
        return self.timeline.now_ns - self._origin_ns

    def time(self) -> float:
        """The same in seconds."""
        return (self.timeline.now_ns - self._origin_ns) / NS_PER_S

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Arm a timer, never early; but for a fault, when timers fire up to so much early, as uvloop's do."""
        self._check_closed()
        due_ns = due_of(when) + self._origin_ns
        if self.early_ns:
            # Never all of the delay: whoever asks again for what is left would ask for ever, in no time.
            left_ns = max(0, due_ns - self.timeline.now_ns)
            due_ns -= self._rng.randrange(min(self.early_ns, left_ns // 2) + 1)
        return self._arm(due_ns, callback, args, context)

    async def passing(self, seconds: float) -> None:
        """Let so much time go by."""
        await asyncio.sleep(seconds)

    def call_at_ns(
        self, due_ns: int, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Arm a timer for an instant of the timeline; outside every host unless a context is given."""
        return self._arm(due_ns, callback, args, self._clean.copy() if context is None else context)

    def _arm(
        self, due_ns: int, callback: Callable[..., object], args: Any, context: contextvars.Context | None
    ) -> asyncio.TimerHandle:
        timer = events.TimerHandle(due_ns / NS_PER_S, callback, args, self, context)
        self._serial += 1
        heapq.heappush(self._heap, (max(due_ns, self.timeline.now_ns), self._serial, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer leaves the heap when it comes up."""

    # --- turns -------------------------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        ready: deque[events.Handle] = self._ready
        if not ready and not self._stopping:
            self._jump()
        self._at_one_instant += 1
        if self._at_one_instant > TURNS_AT_ONE_INSTANT_MAX:
            raise StandstillError(
                f"time stands still: {TURNS_AT_ONE_INSTANT_MAX} turns at one instant; next {ready[0]!r}"
            )
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            host = handle._context.get(HOST)  # type: ignore[attr-defined] # asyncio's own
            if host is not None and (host.held or host.dead):
                (self.grave if host.dead else host.kept).append(handle)
                continue
            self.turns += 1
            handle._run()

    def _jump(self) -> None:
        """Move on to the next timer, and take all that are due with it."""
        heap, ready = self._heap, self._ready
        while heap and heap[0][2]._cancelled:
            heapq.heappop(heap)
        if not heap:
            raise StandstillError("nothing is ready and no timer is armed: the world would wait for ever")
        due_ns = heap[0][0]
        if due_ns > self.timeline.now_ns:
            self.timeline.now_ns = due_ns
            self._at_one_instant = 0
        while heap and heap[0][0] <= due_ns:
            timer = heapq.heappop(heap)[2]
            if not timer._cancelled:
                ready.append(timer)

    def _process_events(self, event_list: list[Any]) -> None:
        """There is no selector."""

    def _write_to_self(self) -> None:
        """There is no other thread to wake the loop from."""

    def _broke(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context)

    # --- tasks and threads -------------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """A future with a number."""
        return _Future(loop=self)

    @staticmethod
    def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        task = _Task(work, loop=loop, **more)
        context = more.get("context")
        task.host = HOST.get() if context is None else context.get(HOST)
        return task

    def run_in_executor(self, _executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do the work in line, a little later."""
        done = self.create_future()
        self._arm(self.timeline.now_ns + self._rng.randint(*THREAD_NS), self._work, (done, func, args), None)
        return done

    @staticmethod
    def _work(done: asyncio.Future[Any], func: Callable[..., Any], args: Any) -> None:
        if done.cancelled():
            return
        try:
            result = func(*args)
        except Exception as problem:  # noqa: BLE001  # tidy: swallow - handed on to whoever waits, as a thread pool does
            done.set_exception(problem)
        else:
            done.set_result(result)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # --- hosts -------------------------------------------------------------------------------------------------------

    def hold(self, host: Host) -> None:
        """From now on nothing of this host runs; what comes waits."""
        host.held = True

    def release(self, host: Host) -> None:
        """Let it move again: first what waited, in order."""
        host.held = False
        kept, host.kept = host.kept, []
        self._ready.extendleft(reversed(kept))

    def bury(self, host: Host) -> None:
        """SIGKILL: nothing of this host ever runs again, not even its clean-up."""
        host.dead = True
        self.grave.append(host)
        for task in asyncio.all_tasks(self):
            if isinstance(task, _Task) and task.host is host:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                self.grave.append(task)
        left: list[tuple[int, int, events.TimerHandle]] = []
        for entry in self._heap:
            context: contextvars.Context = entry[2]._context  # type: ignore[attr-defined] # asyncio's own
            (self.grave if context.get(HOST) is host else left).append(entry)
        self._heap = left
        heapq.heapify(left)

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Keep what the running host wants done for a signal."""
        host = HOST.get()
        assert host is not None, "a signal is for a process"
        host.signals[sig] = events.Handle(callback, args, self, None)

    def remove_signal_handler(self, sig: int) -> bool:
        """Forget it."""
        host = HOST.get()
        return host is not None and host.signals.pop(sig, None) is not None

    def raise_signal(self, host: Host, sig: int) -> bool:
        """Deliver a signal; False when the process has nothing for it and would die of it."""
        handle = host.signals.get(sig)
        if handle is not None:
            self._ready.append(handle)
        return handle is not None

    # --- what the network does ---------------------------------------------------------------------------------------

    async def getaddrinfo(self, host: str | None, port: int | None, **_more: Any) -> list[Any]:
        """Addresses are their own names here."""
        found = self.network.addresses(host, port or 0)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in found]

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        """Listen on the network of this world."""
        assert not more.get("ssl"), "nothing in here speaks TLS"
        return self.network.listen(protocol_factory, host, port)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        """Connect over the network of this world."""
        assert not more.get("ssl"), "nothing in here speaks TLS"
        return await self.network.connect(protocol_factory, host, port, more.get("sock"))

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket, which stays a mere name for the connection."""
        await self.network.connect_socket(sock, address)

    async def subprocess_exec(self, protocol_factory: Any, *args: Any, **_more: Any) -> Any:
        """Carry out a program in line."""
        assert self.program is not None, f"nobody can run {args[0]}"
        protocol = protocol_factory()
        return Ran(self, protocol, tuple(args), self.program), protocol


class Ran(asyncio.SubprocessTransport):
    """A program that has run in line: its output and its exit code come after a moment."""

    def __init__(self, loop: VirtualLoop, protocol: Any, words: tuple[str, ...], program: Program) -> None:
        super().__init__()
        self._loop, self._protocol = loop, protocol
        self._code: int | None = None
        self._ended = loop.create_future()
        self._pipes = {1: _Pipe(), 2: _Pipe()}
        protocol.connection_made(self)
        loop.call_later(0.2, self._run, program, words)

    def _run(self, program: Program, words: tuple[str, ...]) -> None:
        code, out, problem = program(words)
        for fd, data in ((1, out), (2, problem)):
            if data:
                self._protocol.pipe_data_received(fd, data)
            self._protocol.pipe_connection_lost(fd, None)
        self._code = code
        self._protocol.process_exited()
        self._ended.set_result(code)

    async def _wait(self) -> int:
        return int(await self._ended)

    def get_pid(self) -> int:
        """No process has this number."""
        return 0

    def get_returncode(self) -> int | None:
        """None while it runs."""
        return self._code

    def get_pipe_transport(self, fd: int) -> Any:
        """Its output."""
        return self._pipes.get(fd)

    def close(self) -> None:
        """Nothing is left open."""


class _Pipe(asyncio.ReadTransport):
    """The reading end of a pipe that is never full."""

    def pause_reading(self) -> None:
        """All of it came at once."""

    def resume_reading(self) -> None:
        """All of it came at once."""

    def close(self) -> None:
        """Nothing is left open."""
