"""Websockets without sockets: a link carries messages over the timeline, in order, with latency, and can break.

`Socket` does for a session machine what feeds/socket_io.py does over TCP: attempts and back-off, one timer for the
session's deadlines and the liveness of the transport, a close that is confirmed. Messages of one link keep their order.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent
from feeds.session import CLOSED_AS_TOLD, HangUp, SessionStep, SocketSession
from feeds.socket_io import SocketLimits
from sim.virtual.timeline import MachineClock, Timeline

PING_AFTER_NS = 4 * NS_PER_S
DEAD_AFTER_NS = 10 * NS_PER_S
CLOSE_NS = 2 * NS_PER_MS
BACKOFF = SocketLimits().backoff


class Server(Protocol):
    """Who answers at the other end."""

    def open(self, link: Link, opened: Callable[[Any], None]) -> None:
        """A client is here: `opened(the server's end)`, now or later; with None when it is refused."""
        ...

    def heard(self, end: Any, data: str | bytes) -> None:  # noqa: ANN401 - see open
        """One message of the client."""
        ...

    def left(self, end: Any) -> None:  # noqa: ANN401 - see open
        """The link is gone."""
        ...


class Machine(Protocol):
    """The daemon's machine, as far as a socket needs it: its time, its chance, and whether it is standing still."""

    timeline: Timeline
    clock: MachineClock
    rng: Random

    @property
    def alive(self) -> bool:
        """Whether the process still is."""
        ...

    def inward(self, act: Callable[..., None], *args: object) -> None:
        """Do something inside the process: now, or when it moves again; never when it has died."""
        ...


class Link:
    """One connection."""

    __slots__ = ("_arrives_ns", "_machine", "_sent_ns", "_server", "_socket", "closed", "end", "silent")

    def __init__(self, machine: Machine, server: Server, socket: Socket) -> None:
        self._machine = machine
        self._server = server
        self._socket = socket
        self._arrives_ns = 0
        self._sent_ns = 0
        self.closed = False
        self.silent = False
        self.end: Any = None

    def to_client(self, data: str | bytes, late_ns: int = 0) -> None:
        """Send one message to the daemon's side."""
        if self.closed or self.silent:
            return
        time = self._machine.timeline
        self._arrives_ns = max(self._arrives_ns + 1, time.now_ns + late_ns + self.latency_ns())
        time.at(self._arrives_ns, self._arrive, data)

    def latency_ns(self) -> int:
        """One way, drawn anew."""
        return 200_000 + int(self._machine.rng.random() * 4_000_000)

    def _arrive(self, data: str | bytes) -> None:
        if not self.closed and not self.silent:
            self._machine.inward(self._socket.received, self, data)

    def to_server(self, data: str | bytes) -> None:
        """Send one message to the server's side."""
        time = self._machine.timeline
        self._sent_ns = max(self._sent_ns + 1, time.now_ns + self.latency_ns())
        time.at(self._sent_ns, self._reach, data)

    def _reach(self, data: str | bytes) -> None:
        if not self.closed and not self.silent:
            self._server.heard(self.end, data)

    def cut(self, reason: str) -> None:
        """The server ends it."""
        if self.closed:
            return
        time = self._machine.timeline
        time.at(max(self._arrives_ns, time.now_ns + self.latency_ns()), self._end, reason)

    def _end(self, reason: str) -> None:
        if self.hang_up():
            self._machine.inward(self._socket.lost, self, reason)

    def hang_up(self) -> bool:
        """Both ends are gone; False when they were already."""
        if self.closed:
            return False
        self.closed = True
        self._server.left(self.end)
        return True

    def fall_silent(self) -> None:
        """Half open."""
        self.silent = True


class Socket:
    """One reconnecting socket of the daemon."""

    def __init__(
        self,
        machine: Machine,
        server: Server,
        session: SocketSession,
        emit: Callable[[AnyEvent], None],
    ) -> None:
        self._machine = machine
        self._server = server
        self._session = session
        self._emit = emit
        self._failures = 0
        self._wanted = False
        self._life = 0
        self._living = False
        self._link: Link | None = None
        self._hanging_up = ""
        self._heard_ns = 0
        self._timer_ns: int | None = None
        self.attempts = 0

    def _now(self) -> Now:
        return self._machine.clock.now()

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not closed, whatever the session believes."""
        return self._link is not None and not self._link.closed

    def cut_off(self) -> None:
        """The process is dead, and the kernel closes what it had open."""
        if self._link is not None:
            self._link.hang_up()

    # --- control ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Want a connection."""
        self._wanted = True
        if not self._living:
            self._living = True
            self._life += 1
            self._machine.timeline.after(0, self._machine.inward, self._attempt, self._life)

    def close(self) -> None:
        """Want none; the session is told when there is none."""
        self._wanted, self._living = False, False
        self._life += 1
        link, self._link = self._link, None
        if link is not None:
            link.hang_up()
        self._machine.timeline.after(CLOSE_NS, self._machine.inward, self._told_closed, self._life)

    def _told_closed(self, life: int) -> None:
        if life == self._life:
            self.perform(self._session.closed(CLOSED_AS_TOLD, self._now()))

    def perform(self, step: SessionStep) -> None:
        """Carry out a step of the session."""
        for event in step.events:
            self._emit(event)
        for out in step.outgoing:
            if self._link is None or self._hanging_up:
                break
            if isinstance(out, HangUp):
                self._hang_up(out.reason)
            else:
                self._link.to_server(out)
        self._arm()

    def _hang_up(self, reason: str) -> None:
        self._hanging_up = reason
        link = self._link
        assert link is not None, "only a connection is hung up"
        self._machine.timeline.after(CLOSE_NS, self._hung_up, link, reason)

    def _hung_up(self, link: Link, reason: str) -> None:
        if link.hang_up():
            self._machine.inward(self.lost, link, reason)

    # --- attempts --------------------------------------------------------------------------------------------------

    def _attempt(self, life: int) -> None:
        if life != self._life or not self._living:
            return
        self.attempts += 1
        self._hanging_up = ""
        link = Link(self._machine, self._server, self)
        self._machine.timeline.after(2 * link.latency_ns(), self._dialled, life, link)

    def _dialled(self, life: int, link: Link) -> None:
        if not self._machine.alive:
            return
        self._server.open(link, lambda end: self._opened(life, link, end))

    def _opened(self, life: int, link: Link, end: Any) -> None:  # noqa: ANN401 - see Server.open
        link.end = end
        if end is not None and not self._machine.alive:  # died while it waited for the answer
            link.hang_up()
            return
        self._machine.inward(self._answered, life, link)

    def _answered(self, life: int, link: Link) -> None:
        if life != self._life:
            if link.end is not None:
                link.hang_up()
            return
        if link.end is None:
            self._retry("cannot connect: refused", life)
            return
        self._link = link
        now = self._now()
        self._heard_ns = now.mono_ns
        self.perform(self._session.connected(now))

    def received(self, link: Link, data: str | bytes) -> None:
        """One message has come."""
        if link is not self._link or self._hanging_up:
            return
        now = self._now()
        self._heard_ns = now.mono_ns
        step = self._session.received(data, now)
        for event in step.events:
            self._emit(event)
        if step.outgoing or step.sooner:
            self.perform(SessionStep((), step.outgoing))

    def lost(self, link: Link, reason: str) -> None:
        """The connection has ended."""
        if link is not self._link:
            return
        self._link = None
        self._retry(self._hanging_up or reason, self._life)

    def _retry(self, reason: str, life: int) -> None:
        now = self._now()
        if self._session.proven(now):
            self._failures = 0
        self.perform(self._session.closed(reason, now))
        retry_ns = self._session.retry_at(now)
        if retry_ns is None or life != self._life:
            return
        self._failures += 1
        wait_ns = max(BACKOFF.wait_ns(self._failures, self._machine.rng), retry_ns - now.mono_ns)
        self._machine.timeline.after(wait_ns, self._machine.inward, self._attempt, life)

    # --- the timer -------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._link is None:
            return
        now = self._now()
        due_ns = max(self._heard_ns + PING_AFTER_NS, now.mono_ns + NS_PER_MS)
        wanted_ns = self._session.next_deadline(now)
        if wanted_ns is not None:
            due_ns = min(due_ns, wanted_ns)
        if self._timer_ns is None or due_ns < self._timer_ns:
            self._timer_ns = due_ns
            true_ns = self._machine.clock.true_ns(due_ns)
            self._machine.timeline.at(true_ns, self._machine.inward, self._fired, due_ns)

    def _fired(self, due_ns: int) -> None:
        if due_ns != self._timer_ns:
            return
        self._timer_ns = None
        link, now = self._link, self._now()
        if link is None or self._hanging_up:
            return
        self.perform(self._session.tick(now))
        if self._link is link and not self._hanging_up:
            if not link.silent and not link.closed and now.mono_ns - self._heard_ns >= PING_AFTER_NS:
                self._heard_ns = now.mono_ns  # the pong
            elif now.mono_ns - self._heard_ns >= DEAD_AFTER_NS:
                self._hung_up(link, "dead: no frame and no pong for 10 s")
        self._arm()
