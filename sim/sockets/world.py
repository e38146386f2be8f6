"""A campaign's world with the sockets left in: real bytes of HTTP and websockets, in memory, on virtual time.

The daemon's whole application, the simulated exchange and both hosts of the vendor run on one virtual loop, joined by
TCP in memory. Plan, faults and checks are those of the level with its ports cut (sim/campaign/world.py); what the
checks hear of requests is read off the wire, what they hear of `/ready` is the answer of the daemon's own HTTP server.
On top come the faults that only connections have (sim/sockets/faults.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog

from daemon.client.watched_files_io import HALTED_FILE_VARIABLE, HALTED_VARIABLE
from daemon.settings.build import build_engine
from daemon.settings.tree import Settings
from domain.actions import AnyAction
from domain.clock import NS_PER_S, Now
from domain.events import AnyEvent, Started
from domain.window import Window
from execution.kalshi.wire import KalshiRequest
from journal.reader_io import read_steps, verify_state
from journal.replay import replay
from sim.campaign.faults import Fault, WindowSpan
from sim.campaign.ports.exchange import ServerClock
from sim.campaign.unit import HOUR_S, Outcome, settings_of
from sim.campaign.world import READY_LOOK_NS, World
from sim.sockets import faults as wires
from sim.sockets.box import BUILD, KEY_ID, PRIVATE_KEY, SocketBox
from sim.sockets.disk import KnownPath
from sim.sockets.servers import EXCHANGE_PORT, FEED_KEY, FEED_PORTS, SocketExchange, SocketFeed, TwoPaces
from sim.virtual.connection import End
from sim.virtual.loop import StandstillError, VirtualLoop, context_of
from sim.virtual.network import Network
from sim.virtual.seeded import seeded
from sim.virtual.timeline import MONO_START_NS, Timeline

OPS_PORT = 8080
SYSTEMD = "NOTIFY_SOCKET"
SHM = Path("/dev/shm")  # noqa: S108 - memory, where there is some; the files are thrown away
GRAVES: list[object] = []
"""What was killed stays referenced for as long as this process lives, so that no clean-up of it ever runs."""
ctypes.pythonapi.Py_IncRef(ctypes.py_object(GRAVES))  # also when the interpreter ends and lets go of everything


class LoopTime(Timeline):
    """The timeline of a world that lives on a loop."""

    __slots__ = ("loop",)

    loop: VirtualLoop

    def at(self, when_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called at an instant; one that has passed is now."""
        self.loop.call_at_ns(when_ns, act, *args)

    def after(self, delay_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called so much later."""
        self.loop.call_at_ns(self.now_ns + delay_ns, act, *args)


class WorldClock(ServerClock):
    """A machine that runs true."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._timeline, self._origin_ns = timeline, timeline.now_ns - MONO_START_NS

    def now(self) -> Now:
        """Read it."""
        now_ns = self._timeline.now_ns
        return Now(now_ns - self._origin_ns, now_ns)


class SocketWorld(World):
    """Everything there is, for one unit."""

    loop: VirtualLoop
    net: Network
    root: Path
    server: Any
    feed: Any
    box: Any

    # --- what it is made of ------------------------------------------------------------------------------------------

    def _time(self) -> Timeline:
        timeline = LoopTime(self.start_ns)
        name = f"{self.unit.seed}|{self.unit.number}"
        timeline.loop = self.loop = VirtualLoop(timeline, Random(f"{name}|threads"))
        self.net = Network(self.loop, Random(f"{name}|network"))
        self.net.tap = self._written
        self.loop.program = self._program
        self.root = Path(tempfile.mkdtemp(prefix="ladderd-sim-", dir=SHM if SHM.is_dir() else None))
        weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)  # a world that is never run too
        return timeline

    def _settings(self) -> Settings:
        tree = settings_of(self.unit, self.anchor_s).model_dump(exclude_unset=True)
        first, second = FEED_PORTS
        tree |= {
            "state_dir": self.root / "state",
            "exchange": {
                "rest_url": f"http://127.0.0.1:{EXCHANGE_PORT}/trade-api/v2",
                "ws_url": f"ws://127.0.0.1:{EXCHANGE_PORT}/trade-api/ws/v2",
                "api_key_id": KEY_ID,
            },
            "http": {"port": OPS_PORT},
        }
        tree["feeds"] |= {
            "primary": {"name": "massive", "url": f"ws://127.0.0.1:{first}/indices", "rest_url": _http(first)},
            "secondary": {"name": "polygon", "url": f"ws://127.0.0.1:{second}/indices", "rest_url": _http(second)},
            "api_key": FEED_KEY,
        }
        (self.root / "state").mkdir()
        return Settings(**tree).model_copy(update={"state_dir": KnownPath(self.root) / "state"})

    def _server(self) -> Any:  # noqa: ANN401 - in the place of a PortServer
        keys: Any = {KEY_ID: PRIVATE_KEY.public_key()}
        return SocketExchange(self.exchange, WorldClock(self.timeline), keys)

    def _feed(self, symbols: tuple[str, ...], quota: int, rng: Random) -> Any:  # noqa: ANN401 - in the place of a FeedPort
        del rng
        seed = self.unit.seed * 1_000 + self.unit.number
        tape = TwoPaces(seed, symbols, self._in_window)
        # Short windows begin with the day, and want the half hour before it.
        short = self.unit.window_s != HOUR_S
        return SocketFeed(seed, quota, tape, WorldClock(self.timeline), always_open=short)

    def _box(self, rng: Random) -> Any:  # noqa: ANN401 - in the place of a Box
        self.kinds = wires.ALL
        return SocketBox(self.loop, self.timeline, self.settings, self.reference, self, rng)

    def _operator_acts(self) -> wires.WireOperatorActs:
        return wires.WireOperatorActs(self, self.net, self.rng)

    def _drawn(self, spans: list[WindowSpan], dealt: int) -> list[Fault]:
        return wires.schedule(str(self.unit.seed), self.unit.mode, spans, dealt)

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Live through the unit."""
        try:
            with seeded(self.loop, f"{self.unit.seed}|{self.unit.number}"), self._logs(), _alone():
                try:
                    self.loop.run_until_complete(self._live())
                except StandstillError as problem:
                    self.checks.breach("engine crashed", str(problem))
                return self._outcome()
        finally:
            GRAVES.append((self.loop, self.loop.grave))
            shutil.rmtree(self.root, ignore_errors=True)

    async def _live(self) -> None:
        server, feed, loop = self.server, self.feed, self.loop
        await loop.create_task(server.open(), context=context_of(server.host))
        await loop.create_task(feed.server.start(), context=context_of(feed.host))
        self._arrange()
        self.box.start()
        await loop.passing((self.end_ns - self.timeline.now_ns) / NS_PER_S)
        # The day is over: everything stops where it stands, so that nothing is left to clean up.
        box = self.box
        if box.process is not None:
            loop.bury(box.process.host)
            box.process.journal.close()
        for host in (server.host, feed.host):
            loop.bury(host)
        for context in loop.errors:
            problem = context.get("exception")
            self.checks.breach("engine crashed", f"{context.get('message')}: {type(problem).__name__}: {problem}")

    @contextlib.contextmanager
    def _logs(self) -> Iterator[None]:
        """What the daemon logs as an error becomes part of the story."""
        before = structlog.get_config()
        structlog.configure(processors=[self._log], cache_logger_on_first_use=False)
        try:
            yield
        finally:
            structlog.configure(**before)

    def _log(self, _logger: object, method: str, fields: Any) -> Any:  # noqa: ANN401 - structlog's own
        if method in {"error", "exception", "critical"}:
            self.logged(" ".join(f"{key}={value}" for key, value in fields.items() if key != "exc_info"))
        raise structlog.DropEvent

    def logged(self, line: str) -> None:
        """The daemon has something to say."""
        self.checks.tell(f"log: {line[:300]}")

    def refused(self, why: str) -> None:
        """The daemon cannot start."""
        self.checks.breach("engine crashed", f"cannot start: {why[:300]}")

    def stepped(self, process: Any, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:  # noqa: ANN401 - a Life
        """One step: to the checks."""
        self.checks.stepped(process, event, now, actions)

    def _program(self, words: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        """Reports and incidents are folds over the journal, with tests of their own; here they only take their time."""
        if "incident-file" in words:
            return 0, b'{"path":"reports/incidents/here.md","sha256":"0"}', b""
        assert "report" in words, f"no such program: {' '.join(words)}"
        return 0, b"[]", b""

    # --- what the wire tells -----------------------------------------------------------------------------------------

    def _written(self, end: End, data: bytes) -> None:
        """Somebody writes: into the trace, and to whoever wants to know."""
        self.hash.update(b"%d %d %d " % (self.timeline.now_ns, end.serial, len(data)))
        self.hash.update(data)
        if end.port == EXCHANGE_PORT and not end.serves:
            process = self.box.process
            if process is not None and end.host is process.host and data[:1] in b"PD":
                self.writing(process, _request(data))
        elif end.port == OPS_PORT and end.serves and data.startswith(b"HTTP/1.1 "):
            self._answered(data)

    def _answered(self, data: bytes) -> None:
        """The daemon answers `GET /ready`: right now the gates must be as it says."""
        process: Any = self.box.process
        if process is not None and process.engine.state.started is not None:
            self.checks.readiness(process, ready=data.startswith(b"HTTP/1.1 200"))

    def _look_ready(self, window: Window) -> None:
        if self.box.process is not None and self.timeline.now_ns >= self.box.still_until_ns:
            asked = self.loop.create_task(self._ask_ready())
            asked.add_done_callback(lambda task: None if task.cancelled() else task.exception())
        if self.timeline.now_ns < window.target_ns:
            self.timeline.after(READY_LOOK_NS, self._look_ready, window)

    async def _ask_ready(self) -> None:
        """One `GET /ready`, as a watcher asks; whoever does not answer in time is not ready."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", OPS_PORT)
                writer.write(f"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:{OPS_PORT}\r\nConnection: close\r\n\r\n".encode())
                await reader.read()
                writer.close()

    # --- the end -----------------------------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        chain = verify_state(self.settings.state_dir)
        self.checks.counts["records verified"] += chain.head.count
        if not chain.ok:
            self.checks.breach("journal chain broken", str(chain.first_fault))
        return super()._outcome()

    def _replay(self) -> None:
        """The journal on the disk: every life of it is stepped through once more."""
        state_dir = self.settings.state_dir
        encode = msgspec.json.Encoder().encode

        def fresh(_started: Started) -> Callable[[AnyEvent, Now], bytes]:
            engine = build_engine(self.settings, self.reference)
            return lambda event, now: encode(engine.step(event, now))

        verdict = replay(read_steps(state_dir), fresh, BUILD)
        self.checks.counts["steps replayed"] += verdict.steps
        if not verdict.ok:
            self.checks.breach("replay differs", verdict.refused or str(verdict.first_divergence))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """What this process was told by its environment is not for the daemon of the world."""
    kept = {
        name: os.environ.pop(name) for name in (HALTED_VARIABLE, HALTED_FILE_VARIABLE, SYSTEMD) if name in os.environ
    }
    try:
        yield
    finally:
        os.environ.update(kept)


def _http(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _request(data: bytes) -> KalshiRequest:
    """The request that one write of the daemon's own client holds whole."""
    head, _, body = data.partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    path, _, query = target.partition("?")
    return KalshiRequest(method, path, query, body)
