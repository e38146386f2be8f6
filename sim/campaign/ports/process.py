"""One life of the daemon with its ports cut: engine, runner and inbox unchanged, wired as app_io wires them.

Everything happens synchronously on the timeline, from the recovery to the exit or the death. What app_io does with
tasks, `turn` does in a loop: take an event, step, record, perform, until nothing waits and no deadline is due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from daemon.engine.step import Engine
from daemon.runtime.inbox_io import Inbox
from daemon.runtime.runner_io import STALL_NS, Runner
from daemon.settings.build import build_engine
from domain.actions import (
    Answer,
    AnyAction,
    Ask,
    AskWatcher,
    CancelAll,
    CancelOrders,
    CreateGroup,
    DeleteGroup,
    Exit,
    FeedControl,
    FileIncident,
    MarkCancelAll,
    Place,
    Report,
    RunPreflight,
    SubscribeBooks,
    TriggerGroup,
)
from domain.alert_types.catalogue import Alert
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    Bar,
    CancelAllMarker,
    History,
    IncidentWritten,
    KillSwitch,
    LoopStall,
    PreflightRun,
    RestrictedRead,
    Started,
    Wake,
)
from domain.market import SERIES
from domain.money import IndexValue
from execution.kalshi.wire import KalshiRequest
from feeds.kalshi_stream import KalshiStream
from feeds.massive import MassiveSession
from sim.campaign.ports.disk import KILL_FILE, Mark
from sim.campaign.ports.exchange import PortServer, StreamEnd
from sim.campaign.ports.feed import KEY
from sim.campaign.ports.links import Link, Socket
from sim.campaign.ports.venue import PortVenue

if TYPE_CHECKING:
    from collections import deque
    from random import Random

    from sim.campaign.ports.disk import Disk
    from sim.campaign.ports.outside import Outside
    from sim.virtual.timeline import MachineClock, Timeline

VENUE = (CancelOrders, TriggerGroup, Place, CreateGroup, DeleteGroup, Ask)
MARKER_RELEVANT_NS = 70 * NS_PER_S
BAR_MS = 1_000
BARS = 600
HALTED = "EXECUTION_HALTED"


class Watcher(Protocol):
    """Who looks on from outside, at every step and every request."""

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """The engine took one step."""
        ...

    def writing(self, process: Process, request: KalshiRequest) -> None:
        """A request is about to be written."""
        ...

    def ended(self, process: Process, why: str) -> None:
        """A process is no more."""
        ...

    def journaled(self, body: bytes) -> None:
        """One record was made."""
        ...


class Machine(Protocol):
    """The machine as a process on it sees it."""

    timeline: Timeline
    clock: MachineClock
    rng: Random
    outside: Outside
    watcher: Watcher
    disk: Disk
    process: Process | None
    still_until_ns: int
    wake_ns: int
    waiting: deque[tuple[Process, Callable[..., None], tuple[object, ...]]]

    def ended(self, ended: Exit) -> None:
        """Take note that the process has exited by itself."""
        ...

    def crashed(self, problem: BaseException) -> None:
        """Take note that a bug has ended the process."""
        ...


class StepKeeper:
    """The journal's place: numbers records, says when they are durable, keeps what a recovery would read."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._seq = 0
        self._synced = 0
        self._synced_ns = 0
        self.steps: list[bytes] | None = None

    @property
    def durable_seq(self) -> int:
        """Everything up to here is on disk."""
        return self._synced

    def append(self, record_type: str, payload: object, *, correlation_id: str = "", causation_id: str = "") -> int:
        """Take one record; 0 when the disk takes none."""
        del correlation_id, causation_id
        box = self._process.box
        if box.disk.full:
            return 0
        assert isinstance(payload, bytes)
        self._seq += 1
        box.watcher.journaled(payload)
        if record_type == "step":
            if box.disk.keeping:
                box.disk.tail.append((box.timeline.now_ns, payload))
            if self.steps is not None:
                self.steps.append(payload)
        return self._seq

    def sync_soon(self) -> None:
        """A place waits: have everything so far on disk a sync later."""
        box = self._process.box
        box.timeline.after(box.disk.sync_ns, self._process.inward, self._done, self._seq)

    def _done(self, seq: int) -> None:
        if self._process.box.disk.full:
            return
        self._synced = max(self._synced, seq)
        self._process.runner.release()


class _Seen:
    """The engine as the runner drives it, with a window for whoever looks on."""

    def __init__(self, process: Process, engine: Engine) -> None:
        self._process = process
        self._engine = engine
        self.next_deadline = engine.next_deadline

    @property
    def in_window(self) -> bool:
        """As the engine says."""
        return self._engine.in_window

    def step(self, event: AnyEvent, now: Now) -> list[AnyAction]:
        """As the engine does, and tell."""
        actions = self._engine.step(event, now)
        self._process.box.watcher.stepped(self._process, event, now, actions)
        return actions


class StreamPort:
    """The exchange's websocket, as a socket dials it."""

    def __init__(self, server: PortServer) -> None:
        self.server = server

    def open(self, link: Link, opened: Callable[[StreamEnd | None], None]) -> None:
        """A client dials."""
        self.server.connect(link, opened)

    def heard(self, end: StreamEnd, data: str | bytes) -> None:
        """A client speaks."""
        self.server.received(end, data)

    def left(self, end: StreamEnd | None) -> None:
        """A client has gone."""
        if end is not None:
            self.server.gone(end)


class Process:
    """One life."""

    def __init__(self, box: Machine, memory: str, epoch: int) -> None:
        outside = box.outside
        self.box = box
        self.memory = memory
        self.epoch = epoch
        self.run_id = f"run-{epoch}"
        self.engine = build_engine(outside.settings, outside.reference)
        self.inbox = Inbox(box.clock)
        self.keeper = StepKeeper(self)
        self.clock, self.timeline, self.rng = box.clock, box.timeline, box.rng
        seen: Any = _Seen(self, self.engine)
        self.runner = Runner(seen, self.inbox, box.clock, self.keeper, self.perform)
        self.venue = PortVenue(self, outside.server, self.inbox.emit, self._writing)
        series = outside.settings.windows.series
        self.stream = KalshiStream(SERIES[name].exchange_series for name in series)
        self.stream_socket = Socket(self, StreamPort(outside.server), self.stream, self.inbox.emit)
        feeds = outside.settings.feeds
        self.feeds: dict[str, Socket] = {}
        for host, feed in zip(outside.feed.hosts, (feeds.primary, feeds.secondary), strict=True):
            if feed is not None:
                session = MassiveSession(
                    feed.name,
                    KEY,
                    tuple(SERIES[name].symbol for name in series),
                    expects=lambda now: self.engine.state.plan.market_open(now.utc_ns),
                    beside=outside.settings.vix.symbols,
                )
                self.feeds[feed.name] = Socket(self, host, session, self.inbox.emit)
        self.due_ns = 0
        self.turning = False
        self.seen_marks: set[int] = set()
        self.seen_kill = ""
        self.fills_seen = 0

    @property
    def alive(self) -> bool:
        """Whether it still is."""
        return self.box.process is self

    def inward(self, act: Callable[..., None], *args: object) -> None:
        """Do something of this life, if it still is."""
        box = self.box
        if box.process is not self:
            return
        if self.timeline.now_ns < box.still_until_ns:
            box.waiting.append((self, act, args))
            return
        act(*args)
        if box.process is self and not self.turning:
            self.turn()

    # --- life --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """As app_io does: the start first, a look at the files, then everything at once."""
        settings = self.box.outside.settings
        self.inbox.emit(Started(self.run_id, self.epoch, settings.mode, "config", "build", self.memory))
        self.look(first=True)
        self.stream_socket.open()
        self.timeline.after(self.rng.randrange(50, 400) * NS_PER_MS, self.inward, self._history)
        self.turn()

    def _looked(self, number: int) -> None:
        """The preflight's process is over. What it looks at is sound here: what is not, the engine's own votes see."""
        self.inbox.emit(PreflightRun(number, "config", "build", 30, (), (), "", "", "", rehearsed=True))

    def _history(self) -> None:
        now_ns = self.timeline.now_ns
        for name in self.box.outside.settings.windows.series:
            symbol = SERIES[name].symbol
            paths = self.box.outside.feed.paths
            first = now_ns // NS_PER_S - BARS
            values = [paths.value(symbol, (first + n) * NS_PER_S) for n in range(BARS + 1)]
            bars = tuple(Bar((first + n) * 1000, IndexValue(values[n]), IndexValue(values[n + 1])) for n in range(BARS))
            self.inbox.emit(History(symbol, BAR_MS, bars))

    def hang_up(self) -> None:
        """The kernel closes what a dead process had open."""
        for socket in (self.stream_socket, *self.feeds.values()):
            socket.cut_off()

    def turn(self) -> None:
        """The runner's loop body, for everything that waits."""
        if self.turning:
            return
        self.turning = True
        try:
            self._turn()
        except Exception as problem:  # noqa: BLE001  # tidy: swallow - a bug of the daemon's is a finding, and recorded
            self.box.crashed(problem)
        finally:
            self.turning = False

    def _turn(self) -> None:
        runner, inbox, clock = self.runner, self.inbox, self.clock
        while runner.exit is None:
            event = inbox._pop()  # noqa: SLF001 - the waiting of `get` is the timeline's here
            now = clock.now()
            if event is None:
                if not self.due_ns or now.mono_ns < self.due_ns:
                    return
                event = Wake()
            if self.due_ns and now.mono_ns - self.due_ns > STALL_NS:
                runner.step(LoopStall(now.mono_ns - self.due_ns), now)
            runner.step(event, now)
            if runner._held:  # noqa: SLF001 - whether somebody waits for the disk
                self.keeper.sync_soon()
            self.due_ns = runner.wake_at(now)
            self.box.wake_ns = max(clock.true_ns(self.due_ns), self.box.still_until_ns)
        self.box.ended(runner.exit)

    def perform(self, action: AnyAction) -> None:
        """As app_io does."""
        if isinstance(action, VENUE):
            self.venue.perform(action)
        elif isinstance(action, CancelAll):
            self.venue.perform(action)
            self.venue.purge_places()
        elif isinstance(action, SubscribeBooks):
            self.stream_socket.perform(self.stream.want(action.tickers, self.clock.now(), action.anew))
        elif isinstance(action, FeedControl):
            socket = self.feeds.get(action.feed)
            if socket is not None and action.open:
                socket.open()
            elif socket is not None:
                socket.close()
        elif isinstance(action, MarkCancelAll):
            self.box.disk.marks.append(Mark(action.asked_utc_ns, self.run_id, action.reason))
        elif isinstance(action, FileIncident):
            # The page is a fold over the journal, with tests of its own; here it is written at once.
            self.inbox.emit(IncidentWritten(action.ident, f"reports/incidents/{action.ident}.md", "0", "", ""))
        elif isinstance(action, RunPreflight):
            self.timeline.after(self.rng.randrange(500, 2_500) * NS_PER_MS, self.inward, self._looked, action.number)
        else:
            assert isinstance(action, Alert | Answer | AskWatcher | Report), f"nobody does this: {action!r}"

    def _writing(self, request: KalshiRequest) -> None:
        self.box.watcher.writing(self, request)

    # --- files and signals -------------------------------------------------------------------------------------------

    def look(self, *, first: bool = False) -> None:
        """What sentinels_io sees of the disk."""
        disk, utc_ns = self.box.disk, self.clock.now().utc_ns
        if first:
            self.inbox.emit(KillSwitch(bool(disk.kill_text), KILL_FILE, disk.kill_text))
            self.inbox.emit(KillSwitch(active=False, source=HALTED, reason=""))
            self.inbox.emit(RestrictedRead())
        elif disk.kill_text != self.seen_kill:
            self.inbox.emit(KillSwitch(bool(disk.kill_text), KILL_FILE, disk.kill_text))
        self.seen_kill = disk.kill_text
        for place, mark in enumerate(disk.marks):
            if place not in self.seen_marks:
                self.seen_marks.add(place)
                if mark.by != self.run_id and not (mark.done and utc_ns - mark.asked_utc_ns > MARKER_RELEVANT_NS):
                    self.inbox.emit(CancelAllMarker(mark.asked_utc_ns, mark.by, mark.reason))
        for mark in disk.marks:
            if not mark.done and mark.by == self.run_id and not self.engine.state.empty_reason:
                mark.done = True
        requests, disk.requests = disk.requests, []
        for request in requests:
            self.inbox.emit(request)

    def tell(self, event: AnyEvent) -> None:
        """A signal, or anything else that reaches the process from outside."""
        self.inward(self.inbox_emit, event)

    def inbox_emit(self, event: AnyEvent) -> None:
        """Into the inbox."""
        self.inbox.emit(event)

    def disk_fails(self, reason: str) -> None:
        """The journal cannot write any more."""
        self.box.disk.full = True
        self.runner.journal_failed(reason)
