"""TCP in memory: ports, connections, and what a network does to them.

A connection is two `End`s (connection.py). What can happen to the path to a port: latency, jitter, fragments,
little bandwidth, refused and unanswered connects; to one connection: reset, or half open, when neither bytes nor ends
of anything arrive any more; to a process: SIGKILL, when the kernel closes what it had open and nobody there is told.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain.clock import NS_PER_S
from sim.virtual.connection import End, Path, Sock
from sim.virtual.loop import HOST, Host, VirtualLoop

if TYPE_CHECKING:
    import socket
    from random import Random

EPHEMERAL_FIRST = 40_000
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
Tap = Callable[[End, bytes], None]


class Listener(asyncio.AbstractServer):
    """A port that somebody listens on."""

    def __init__(self, network: Network, factory: Callable[[], Any], name: tuple[str, int]) -> None:
        self.network, self.factory, self.name = network, factory, name
        self.host = HOST.get()
        self.context = contextvars.copy_context()
        self.sockets: tuple[Sock, ...] = (Sock(name),)

    def close(self) -> None:
        """Nobody gets in any more; who is in stays."""
        self.network.listeners.pop(self.name[1], None)
        self.sockets = ()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The world's."""
        return self.network.loop

    async def serve_forever(self) -> None:
        """It does without being asked."""

    def is_serving(self) -> bool:
        """Whether it is open."""
        return bool(self.sockets)

    async def start_serving(self) -> None:
        """It does from the beginning."""

    async def wait_closed(self) -> None:
        """Closing takes no time."""


class Network:
    """All ports and connections of a world. `tap` sees each write, before anything happens to it."""

    def __init__(self, loop: VirtualLoop, rng: Random) -> None:
        self.loop, self.rng = loop, rng
        self.listeners: dict[int, Listener] = {}
        self.ends: dict[int, End] = {}
        self.paths: dict[int, Path] = {}
        self.tap: Tap | None = None
        # Ports that are reached by the second address of their host alone: the first, the one known, swallows all.
        self.first_dead: set[int] = set()
        self.connected = self.refused = 0
        self._serial = 0
        self._port = EPHEMERAL_FIRST
        self._sockets: dict[int, End] = {}
        loop.network = self

    def next_serial(self) -> int:
        """A number that only grows."""
        self._serial += 1
        return self._serial

    def path(self, port: int) -> Path:
        """The way to a server's port."""
        return self.paths.setdefault(port, Path())

    @staticmethod
    def address(host: str | None) -> str:
        """The address of this world, by any of its names; or its second one."""
        if host == SECOND:
            return SECOND
        assert host in {None, "", "127.0.0.1", "localhost", "0.0.0.0"}, f"no way to {host} from here"  # noqa: S104 - a name
        return FIRST

    def addresses(self, host: str | None, port: int) -> list[tuple[str, int]]:
        """What the name of a host resolves to, for one port."""
        found = [(self.address(host), port)]
        return [*found, (SECOND, port)] if port in self.first_dead else found

    def listen(self, factory: Callable[[], Any], host: str | None, port: int) -> Listener:
        """Open a port; 0 takes a free one. Raises OSError when it is taken."""
        if not port:
            port = next(free for free in range(20_000, EPHEMERAL_FIRST) if free not in self.listeners)
        if port in self.listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        found = self.listeners[port] = Listener(self, factory, (self.address(host), port))
        return found

    async def connect(
        self, factory: Callable[[], Any], host: str | None, port: int, sock: socket.socket | None
    ) -> tuple[End, Any]:
        """Connect (or take the connection of a connected socket) and give it to a protocol."""
        end = self._sockets.pop(sock.fileno()) if sock is not None else await self._dial(self.address(host), port)
        end.raw = sock
        made = self.loop.create_future()
        protocol = factory()
        self.loop.call_soon(self._make, end, protocol, made)
        await made
        return end, protocol

    async def connect_socket(self, sock: socket.socket, address: tuple[str, int]) -> None:
        """Connect a socket that is only a name here."""
        self._sockets[sock.fileno()] = await self._dial(self.address(address[0]), address[1])

    @staticmethod
    def _make(end: End, protocol: Any, made: asyncio.Future[None]) -> None:
        end.begin(protocol)
        if not made.done():
            made.set_result(None)

    async def _dial(self, host: str, port: int) -> End:
        path = self.path(port)
        way_s = (path.latency_ns + self.rng.randrange(path.jitter_ns)) / NS_PER_S
        await asyncio.sleep(way_s)
        if path.unanswered or (host == SECOND) is not (port in self.first_dead):
            await self.loop.create_future()
        listener = self.listeners.get(port)
        if listener is None or path.refuses:
            await asyncio.sleep(way_s)
            self.refused += 1
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ('{host}', {port})")
        self._port = self._port + 1 if self._port < 65_000 else EPHEMERAL_FIRST  # noqa: PLR2004 - the last ports
        mine, theirs = (host, self._port), (host, port)
        end = End(self, path, port, (mine, theirs), serves=False)
        other = listener.context.copy().run(End, self, path, port, (theirs, mine), serves=True)
        end.peer, other.peer = other, end
        self.ends[end.serial], self.ends[other.serial] = end, other
        self.loop.call_at_ns(self.loop.timeline.now_ns, self._accept, listener, other, context=other.context)
        await asyncio.sleep(way_s)
        self.connected += 1
        return end

    @staticmethod
    def _accept(listener: Listener, end: End) -> None:
        end.begin(listener.factory())

    def forget(self, end: End) -> None:
        """It is over."""
        self.ends.pop(end.serial, None)

    def died(self, host: Host) -> None:
        """A process was killed: its ports close and its connections end, as the kernel ends them."""
        for listener in [each for each in self.listeners.values() if each.host is host]:
            listener.close()
        for end in [each for each in self.ends.values() if each.host is host]:
            end.died()

    def to_port(self, port: int) -> list[End]:
        """The client ends of all connections to a port, oldest first."""
        return [end for end in self.ends.values() if end.port == port and not end.serves]
