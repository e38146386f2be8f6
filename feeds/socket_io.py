"""The one reconnecting websocket loop. It carries a session machine and knows nothing of what the messages say.

Per connection: the reader hands each message to the session at once and its events to `emit`, in the same turn of the
loop; a writer sends what the session wants sent; one timer serves the session's deadlines and the liveness of the
transport. Liveness is ours and not the library's: any frame or pong counts, because the vendor has been seen not to
answer pings in busy hours (docs/feed.md 3.2), and every end of a connection, a clean Close included, is only a drop.

`open` and `close` say whether a socket is wanted. `close` returns when the TCP connection is known to have ended, and
the session is then told CLOSED_AS_TOLD, so that a pair under one quota never has two sockets.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S, Clock, Now
from domain.dial_io import Dialler
from domain.events import AnyEvent
from feeds.session import CLOSED_AS_TOLD, HangUp, Outgoing, SessionStep, SocketSession

NO_HEADERS: Final[Mapping[str, str]] = {}
ABNORMAL: Final = 1006
SERVER_ERROR: Final = HTTPStatus.INTERNAL_SERVER_ERROR


class SocketLimits(msgspec.Struct, frozen=True):
    """Budgets of one socket."""

    connect_timeout_ms: int = 2_000
    open_timeout_ms: int = 10_000
    close_timeout_ms: int = 1_000
    ping_after_ms: int = 4_000
    dead_after_ms: int = 10_000
    message_max_bytes: int = 8 << 20
    outbox_max: int = 1_000
    backoff: Backoff = Backoff(250, 30_000)


class _Dial(connect):
    """One attempt, at the address that was given: a redirect would take our signed headers to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Never follow: the answer's status is how the attempt ended."""
        return exc


class ReconnectingSocket:
    """One socket, kept up while it is wanted. `run` is its life and belongs in a task group."""

    def __init__(
        self,
        url: str,
        session: SocketSession,
        emit: Callable[[AnyEvent], None],
        clock: Clock,
        rng: random.Random,
        *,
        headers: Callable[[Now], Mapping[str, str]] | None = None,
        limits: SocketLimits | None = None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        """Dial `url` (ws or wss). `headers` are made anew for each attempt.

        `rng` spreads the attempts. Only a connection that has proven itself (10 s of values; docs/feed.md 10, rule 2)
        forgets the failures: an authentication that succeeds and is evicted at once would else become a hot loop.
        `crowded` says that more events wait than the engine keeps up with: then the far side is hung up on. That
        closes the gate and loses nothing that a new connection does not ask for, where a full inbox ends the process.
        """
        self._url: Final = url
        parts = urlsplit(url)
        self._dialler: Final = Dialler(parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80))
        self._session: Final = session
        self._emit: Final = emit
        self._clock: Final = clock
        self._rng: Final = rng
        self.failures = 0  # attempts that ended since the last proven connection
        self._headers: Final = headers
        self._limits: Final = limits or SocketLimits()
        self._crowded: Final = crowded
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._ws: ClientConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_ns = 0
        self._outbox: deque[Outgoing] = deque()
        self._outbox_filled = asyncio.Event()
        self._hanging_up = ""
        self._heard_ns = 0
        self._pinged_ns = 0
        self._pinger: asyncio.Task[None] | None = None
        self.attempts = 0
        self.messages = 0

    # --- control ---

    def open(self) -> None:
        """Want a connection; no effect when one is wanted already."""
        self._unwanted.clear()
        self._wanted.set()

    async def close(self) -> None:
        """Want no connection; returns when none is left, after the session was told so."""
        self._wanted.clear()
        self._unwanted.set()
        if self._life is None:
            self._perform(self._session.closed(CLOSED_AS_TOLD, self._clock.now()))
            return
        self._life.cancel()
        await self._ended.wait()

    def perform(self, step: SessionStep) -> None:
        """Carry out a step that the session made on someone else's call (new subscriptions, for example)."""
        self._perform(step)
        self._arm(self._clock.now())

    async def run(self) -> None:
        """Keep the socket up while it is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            if not self._wanted.is_set():
                continue  # closed again before this task had its turn
            self._ended.clear()
            self._life = asyncio.get_running_loop().create_task(self._live(), name=f"socket {self._url}")
            try:
                await self._life
                await self._unwanted.wait()  # the session gave up (a refused key): nothing to do until told
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
            self._life = None
            self._perform(self._session.closed(CLOSED_AS_TOLD, self._clock.now()))
            self._ended.set()

    # --- one life: attempts and the waits between them ---

    async def _live(self) -> None:
        while True:
            reason = await self._attempt()
            now = self._clock.now()
            if self._session.proven(now):
                self.failures = 0
            self._perform(self._session.closed(reason, now))
            retry_ns = self._session.retry_at(now)
            if retry_ns is None:
                return
            self.failures += 1
            wait_ns = self._limits.backoff.wait_ns(self.failures, self._rng)
            await asyncio.sleep(max(wait_ns, retry_ns - now.mono_ns) / NS_PER_S)

    async def _attempt(self) -> str:
        """Make one connection and see it to its end; return why it ended."""
        self.attempts += 1
        self._hanging_up = ""
        try:
            ws = await self._dial()
        except (OSError, TimeoutError, EOFError, WebSocketException) as error:
            return f"cannot connect: {_told(error)}"
        self._ws = ws
        writer = asyncio.get_running_loop().create_task(self._write(ws), name=f"writer {self._url}")
        writer.add_done_callback(lambda _task: ws.transport.abort())  # a writer that ended leaves no half connection
        try:
            now = self._clock.now()
            self._heard_ns = self._pinged_ns = now.mono_ns
            self._perform(self._session.connected(now))
            self._arm(now)
            await self._read(ws)
        except ConnectionClosed as closed:
            return self._hanging_up or _ending(closed)
        finally:
            await self._end(ws, writer)
        raise AssertionError("reading ends only with the connection")

    async def _dial(self) -> ClientConnection:
        headers = NO_HEADERS if self._headers is None else self._headers(self._clock.now())
        limits = self._limits
        async with asyncio.timeout(limits.connect_timeout_ms / 1_000):
            sock, address = await self._dialler.connect()
        try:
            return await _Dial(
                self._url,
                additional_headers=headers,
                compression=None,
                open_timeout=limits.open_timeout_ms / 1_000,
                close_timeout=limits.close_timeout_ms / 1_000,
                ping_interval=None,
                max_size=limits.message_max_bytes,
                proxy=None,
                sock=sock,
            )
        except (OSError, TimeoutError, EOFError, WebSocketException) as error:
            if not (isinstance(error, InvalidStatus) and error.response.status_code < SERVER_ERROR):
                self._dialler.failed(address)
            raise

    async def _read(self, ws: ClientConnection) -> None:
        now_of, received, emit = self._clock.now, self._session.received, self._emit
        crowded = self._crowded
        while True:
            data = await ws.recv(decode=False)
            now = now_of()
            self._heard_ns = now.mono_ns
            self.messages += 1
            if self._hanging_up:
                continue
            step = received(data, now)
            for event in step.events:
                emit(event)
            if step.outgoing:
                self._send(step.outgoing)
            if step.sooner:
                self._arm(now)
            if crowded():
                self._hang_up("flood: more messages than can be worked through")

    async def _write(self, ws: ClientConnection) -> None:
        """Send what waits, in order, until the socket is to be hung up."""
        while True:
            while self._outbox:
                out = self._outbox.popleft()
                if isinstance(out, HangUp):
                    await ws.close()
                    return
                try:
                    await ws.send(out)
                except ConnectionClosed:
                    return  # the reader learns why
            self._outbox_filled.clear()
            await self._outbox_filled.wait()

    async def _end(self, ws: ClientConnection, writer: asyncio.Task[None]) -> None:
        """Leave nothing behind: no timer, no writer, no TCP connection."""
        self._ws = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outbox.clear()
        try:
            await ws.close()
        finally:
            ws.transport.abort()
            ours = [writer] if self._pinger is None else [writer, self._pinger]
            for task in ours:
                task.cancel()
            await asyncio.gather(*ours, return_exceptions=True)
            self._pinger = None

    # --- in and out of the session ---

    def _perform(self, step: SessionStep) -> None:
        for event in step.events:
            self._emit(event)
        if step.outgoing:
            self._send(step.outgoing)

    def _send(self, outgoing: tuple[Outgoing, ...]) -> None:
        """Queue for the writer; without a connection there is nobody to send to, and the session begins anew anyway."""
        if self._ws is None or self._hanging_up:
            return
        for out in outgoing:
            if isinstance(out, HangUp):
                self._hang_up(out.reason)
                return
            if len(self._outbox) >= self._limits.outbox_max:
                self._hang_up(f"{self._limits.outbox_max} messages are waiting to be sent")
                return
            self._outbox.append(out)
        self._outbox_filled.set()

    def _hang_up(self, reason: str) -> None:
        self._hanging_up = reason
        self._outbox.append(HangUp(reason))
        self._outbox_filled.set()

    # --- the timer ---

    def _arm(self, now: Now) -> None:
        """Have the timer fire no later than the next deadline. One that fires too early finds nothing to do."""
        if self._ws is None:
            return
        due_ns = self._liveness_due_ns()
        wanted_ns = self._session.next_deadline(now)
        if wanted_ns is not None and wanted_ns < due_ns:
            due_ns = wanted_ns
        if self._timer is not None:
            if self._timer_due_ns <= due_ns:
                return
            self._timer.cancel()
        self._timer_due_ns = due_ns
        delay_s = max(due_ns - now.mono_ns, 0) / NS_PER_S
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._clock.now()
        if self._ws is None or self._hanging_up:
            return
        self._perform(self._session.tick(now))
        self._check_liveness(self._ws, now)
        self._arm(now)

    def _liveness_due_ns(self) -> int:
        quiet_ns = max(self._heard_ns, self._pinged_ns) + self._limits.ping_after_ms * NS_PER_MS
        return min(quiet_ns, self._heard_ns + self._limits.dead_after_ms * NS_PER_MS)

    def _check_liveness(self, ws: ClientConnection, now: Now) -> None:
        """Ping after some quiet; give the connection up when neither a frame nor a pong has come for too long."""
        quiet_ns = now.mono_ns - self._heard_ns
        if quiet_ns >= self._limits.dead_after_ms * NS_PER_MS:
            self._hanging_up = f"dead: no frame and no pong for {self._limits.dead_after_ms / 1_000:g} s"
            ws.transport.abort()
        elif now.mono_ns - max(self._heard_ns, self._pinged_ns) >= self._limits.ping_after_ms * NS_PER_MS:
            self._pinged_ns = now.mono_ns
            if self._pinger is None or self._pinger.done():
                self._pinger = asyncio.get_running_loop().create_task(self._ping(ws), name=f"ping {self._url}")

    async def _ping(self, ws: ClientConnection) -> None:
        try:
            await (await ws.ping())
        except ConnectionClosed:
            return
        self._heard_ns = self._clock.now().mono_ns


def _told(error: BaseException) -> str:
    """One line for the operator."""
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code} on the upgrade"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _ending(closed: ConnectionClosed) -> str:
    """How a connection ended, by the other side's Close frame if there was one."""
    frame = closed.rcvd
    if frame is None or frame.code == ABNORMAL:
        return "dropped without a Close frame"
    return f"closed {int(frame.code)}{f' {frame.reason}' if frame.reason else ''}"
