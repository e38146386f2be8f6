"""The daemon's machine, and the daemon on it: the real application, start to exit, in a host of the virtual loop.

A life begins as `ladderd run` begins one (recovery from the state directory, journal, alerts, `App`) and ends by its
own exit, by a crash, or by SIGKILL: then nothing of it runs any more, the kernel closes its sockets, and what its
journal had not written is lost. systemd starts the next one. The engine is watched at each step.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from daemon.runtime.app_io import App
from daemon.runtime.recovery_io import recover
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.files_io import keep_config
from daemon.settings.tree import Settings, config_hash
from domain.actions import AnyAction, Exit
from domain.clock import NS_PER_S, Now
from domain.events import AnyEvent, PreflightRun, Started
from execution.kalshi.sign import Signer
from ops.alerts.delivery_io import AlertFan
from ops.alerts.policy import Policy
from sim.sockets.disk import LateJournal, StateDisk
from sim.virtual.loop import Host, VirtualLoop, context_of
from sim.virtual.network import Network
from sim.virtual.timeline import MachineClock, Timeline

KEY_ID = "campaign-key"
BUILD = "campaign"
BACK_AFTER_NS = 2 * NS_PER_S
PREFLIGHT_S = 1.5
PRIVATE_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def private_pem() -> bytes:
    """The member's key: always the same, so that signatures are too."""
    return PRIVATE_KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Onlooker(Protocol):
    """Who looks on from outside."""

    def stepped(self, process: Any, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:  # noqa: ANN401 - a Life
        """The engine took one step."""

    def ended(self, process: Any, why: str) -> None:  # noqa: ANN401 - a Life
        """A process is no more."""

    def journaled(self, body: bytes) -> None:
        """One record was made."""

    def logged(self, line: str) -> None:
        """The daemon has something to say."""

    def refused(self, why: str) -> None:
        """The daemon cannot start."""


class _Quiet:
    """Alerts end here."""

    name = "campaign"

    async def send(self, alert: Any) -> str:  # noqa: ANN401 - a message
        """Delivered."""
        del alert
        return "kept"


class StreamSight:
    """Whether the private stream is up, whatever the session believes."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not closed."""
        ws = self._app.stream_socket._ws  # noqa: SLF001 - the truth about it
        return ws is not None and not ws.transport.is_closing()


class Life:
    """One process."""

    def __init__(self, box: SocketBox, number: int) -> None:
        self.box = box
        self.clock = box.clock
        self.host = Host(f"daemon {number}", box.clock)
        self.context = context_of(self.host)
        self.app: App = self.context.run(self._build)
        self.engine, self.inbox, self.runner = self.app.engine, self.app.inbox, self.app.runner
        self.run_id = self.app.recovered.run_id
        self.stream_socket = StreamSight(self.app)
        self.task: asyncio.Task[Exit] | None = None

    def _build(self) -> App:
        """As launch_io does, without signals of the system, logs and secrets."""
        box = self.box
        settings, reference, clock = box.settings, box.reference, box.clock
        # The state directory has another name in every process: it is left out of what is hashed and recorded.
        digest = config_hash(settings.model_copy(update={"state_dir": settings.state_dir.relative_to(box.root)}))
        recovered = recover(settings, reference, clock)._replace(config_hash=digest, build_id=BUILD)
        keep_config(settings, digest)
        run = (recovered.run_id, settings.mode, digest)
        self.journal = LateJournal(box.disk, run, clock, box.loop, box.recorded)
        receipts = settings.state_dir / "alert_receipts.jsonl"
        alerts = AlertFan([(_Quiet(), Policy())], clock=clock, receipts_path=receipts)
        engine = build_engine(settings, reference)
        step = engine.step

        def seen(event: AnyEvent, now: Now) -> list[AnyAction]:
            actions = step(event, now)
            box.onlooker.stepped(self, event, now, actions)
            return actions

        vars(engine)["step"] = seen
        signer = Signer(KEY_ID, private_pem())
        with warnings.catch_warnings():
            # Where systemd is not listening, its library lets go of a socket without closing it.
            warnings.simplefilter("ignore", ResourceWarning)
            return App(settings, engine, signer, clock, self.journal, recovered, alerts, lambda: 0, self._look_ahead)

    async def _look_ahead(self, number: int) -> PreflightRun:
        """The preflight's process: what it looks at is sound here; what is not, the engine's own votes see."""
        await asyncio.sleep(PREFLIGHT_S)
        recovered = self.app.recovered
        return PreflightRun(number, recovered.config_hash, recovered.build_id, 30, (), (), "", "", "", rehearsed=True)

    def begin(self) -> None:
        """Run until it ends."""
        loop = self.box.loop
        self.task = loop.create_task(self.app.run(), name=str(self.host), context=self.context)
        self.task.add_done_callback(self.box.over)

    # --- in the shape of the level with ports cut --------------------------------------------------------------------

    def inward(self, act: Callable[..., None], *args: object) -> None:
        """Do something to this life, if it still is."""
        if self.box.process is self:
            act(*args)

    def look(self) -> None:
        """It looks at its watched files by itself."""

    def disk_fails(self, reason: str) -> None:
        """From now on the disk takes nothing."""
        del reason
        self.box.disk.journal.full = True


class SocketBox:
    """The machine: clock, state directory, and at most one process."""

    def __init__(
        self,
        loop: VirtualLoop,
        timeline: Timeline,
        settings: Settings,
        reference: ReferenceData,
        onlooker: Onlooker,
        rng: Random,
    ) -> None:
        self.loop, self.timeline = loop, timeline
        self.settings, self.reference = settings, reference
        self.root = settings.state_dir.parent
        self.onlooker = onlooker
        self.rng = rng
        self.clock = MachineClock(timeline)
        self.disk = StateDisk(settings.state_dir, self.clock)
        self.process: Life | None = None
        self.still_until_ns = 0
        self.lives = 0
        self.started: list[Started] = []

    @property
    def network(self) -> Network:
        """What it is plugged into."""
        found: Network = self.loop.network
        return found

    def recorded(self, record_type: str, payload: object) -> None:
        """The journal takes a record."""
        del record_type
        if isinstance(payload, bytes):
            self.onlooker.journaled(payload)

    # --- lives -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life."""
        if self.process is not None:
            return
        self.lives += 1
        self.disk.journal.full = False
        try:
            self.process = Life(self, self.lives)
        except Exception as problem:  # noqa: BLE001  # tidy: swallow - a daemon that cannot start is a finding, and recorded
            self.onlooker.refused(_told(problem))
            self.timeline.after(BACK_AFTER_NS, self.start)
            return
        self.process.begin()

    def over(self, task: asyncio.Task[Exit]) -> None:
        """The process has ended by itself: by its exit, or by a bug."""
        process = self.process
        if process is None or task is not process.task:
            return
        problem = asyncio.CancelledError() if task.cancelled() else task.exception()
        if problem is not None:
            self.onlooker.logged(_told(problem))
            self._end(f"crash: {_told(problem)}", BACK_AFTER_NS)
            return
        ended = task.result()
        self._end(f"exit {ended.code}: {ended.reason}", BACK_AFTER_NS)

    def kill(self, *, back_after_ns: int) -> None:
        """SIGKILL, and systemd starts it again."""
        if self.process is not None:
            self._end("SIGKILL", back_after_ns)

    def signal(self, number: int) -> None:
        """Deliver a signal; a process that does not handle it dies of it."""
        process = self.process
        if process is not None and not self.loop.raise_signal(process.host, number):
            self._end(f"crash: nobody handles signal {number}", BACK_AFTER_NS)

    def _end(self, why: str, back_after_ns: int) -> None:
        process, self.process = self.process, None
        assert process is not None, "nothing to end"
        self.loop.bury(process.host)
        self.network.died(process.host)
        process.journal.abandon()
        self.onlooker.ended(process, why)
        self.timeline.after(back_after_ns, self.start)

    def keep_snapshot(self) -> None:
        """It writes its snapshots by itself."""

    # --- standing still ----------------------------------------------------------------------------------------------

    def stand_still(self, for_ns: int) -> None:
        """SIGSTOP, or a loop stall: nothing of the process moves; what comes meanwhile waits in the sockets."""
        self.still_until_ns = max(self.still_until_ns, self.timeline.now_ns + for_ns)
        process = self.process
        if process is not None:
            self.loop.hold(process.host)
            self.timeline.at(self.still_until_ns, self._move_again, process)

    def _move_again(self, process: Life) -> None:
        if self.timeline.now_ns >= self.still_until_ns and not process.host.dead:
            self.loop.release(process.host)


def _told(problem: BaseException) -> str:
    """The innermost of a group, in one line."""
    while isinstance(problem, BaseExceptionGroup) and problem.exceptions:
        problem = problem.exceptions[0]
    return f"{type(problem).__name__}: {problem}"


__all__ = ["BUILD", "KEY_ID", "PRIVATE_KEY", "Life", "SocketBox"]
