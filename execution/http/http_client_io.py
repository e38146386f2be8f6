"""Warm HTTP/1.1 connections to one host, for requests that must be written at once and never twice.

Why our own: a general client gives a request to a task, opens connections when they are needed, and sends DELETE, PUT
and GET again by itself when a kept-alive connection turns out to be dead (aiohttp 3.14 does, `_retry_connection`).
Here a connection is opened ahead of need and again as soon as it is lost, `send` writes in the caller's own turn of the
loop, and a request is written once: what its fate is after that, only an answer tells. One request at a time on each
connection; concurrency is the number of connections.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from domain.backoff import Backoff
from domain.clock import NS_PER_MS
from domain.dial_io import Address, Dialler
from domain.errors import ConfigurationError, ProtocolError
from domain.hosts import Posture, refusal
from execution.http.http_answer import AnswerParser, HttpAnswer

CONNECT_LIMIT_MS: Final = 2_000
RECONNECT: Final = Backoff(50, 2_000)


def seconds(limit_ms: int) -> float:  # tidy: float - what the event loop's timers take; no order ever sees it
    """Return milliseconds as the event loop's timers want them."""
    return limit_ms / 1_000  # tidy: float - as above


class Origin(msgspec.Struct, frozen=True):
    """Where to connect and as what: host, port, TLS or not, the path that every request begins with, the posture.

    One that its posture refuses cannot be made, and is asked again at each connection and each request.
    """

    host: str
    port: int
    tls: bool
    prefix: str
    posture: Posture

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a host that this posture may not even read from."""
        self.permit("GET")

    def permit(self, method: str) -> None:
        """Raise ConfigurationError unless a connection of this posture may send this method to this host."""
        why = refusal(self.posture, self.host, method, tls=self.tls)
        if why:
            raise ConfigurationError(f"exchange address {why}")

    @property
    def authority(self) -> str:
        """The Host field."""
        usual = 443 if self.tls else 80
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == usual else f"{name}:{self.port}"


def parse_origin(base_url: str, posture: Posture) -> Origin:
    """Read "https://host[:port]/prefix". Raises ConfigurationError, also for a host that the posture refuses."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not base_url.isascii():
        raise ConfigurationError(
            f"exchange address {base_url!r}: not of the form https://host/trade-api/v2; set the exchange's base address"
        )
    tls = parts.scheme == "https"
    return Origin(parts.hostname, port or (443 if tls else 80), tls, parts.path.rstrip("/"), posture)


def render(origin: Origin, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> bytes:
    """Print one request. `path` and `query` are already percent-encoded; `headers` hold no line breaks.

    Raises ConfigurationError for a request that the origin's posture does not allow: nothing is sent unrendered.
    """
    origin.permit(method)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    target = f"{path}?{query}" if query else path
    kind = "Content-Type: application/json\r\n" if body else ""
    length = f"Content-Length: {len(body)}\r\n" if body or method != "GET" else ""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: {origin.authority}\r\nUser-Agent: ladderd\r\n"
        f"Accept: application/json\r\n{lines}{kind}{length}\r\n"
    )
    return head.encode("ascii") + body


class Asker(Protocol):
    """Who wants the answer. Exactly one of the two is called, once, for each `send` that is not given up."""

    def answered(self, answer: HttpAnswer) -> None:
        """Take the whole answer."""

    def lost(self, reason: str) -> None:
        """The connection ended first: the request may or may not have been carried out."""


class Connection(asyncio.Protocol):
    """One connection. Idle, or busy with one asker's request."""

    __slots__ = ("_answered", "_asker", "_parser", "_pool", "_transport", "address", "closed")

    def __init__(self, pool: Pool, address: Address) -> None:
        self._pool = pool
        self.address = address
        self._answered = False
        self._parser = AnswerParser()
        self._asker: Asker | None = None
        self._transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio and uvloop both set TCP_NODELAY."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from asyncio's
        self._pool.made(self)

    @property
    def usable(self) -> bool:
        """Whether a request can be written now."""
        return self._asker is None and self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, asker: Asker) -> None:
        """Write one request, now. Must be usable."""
        assert self.usable, "one request at a time, and only on an open connection"
        assert self._transport is not None
        self._asker = asker
        self._transport.write(request)

    def give_up(self) -> None:
        """Nobody waits for the answer any more. The connection goes with it: the answer could still come."""
        self._asker = None
        if not self._answered:
            self._pool.fruitless(self)
        self.abort()

    def abort(self) -> None:
        """Close at once, without flushing."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; end the connection over anything unasked or malformed."""
        if self._asker is None:
            self._fail("HTTP: an answer to nothing")
            return
        try:
            answer = self._parser.feed(data)
        except ProtocolError as error:
            self._fail(str(error))
            return
        if answer is not None:
            self._finish(answer)

    def eof_received(self) -> bool:
        """The other side is done: the end of an answer of unknown length, or a loss. Never stay half open."""
        if self._asker is not None:
            answer = self._parser.end()
            if answer is not None:
                self._finish(answer)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still waits."""
        self._fail(f"connection lost: {exc}" if exc else "connection closed before the answer was whole")
        if not self.closed.done():
            self.closed.set_result(None)
        self._pool.gone(self)

    def _finish(self, answer: HttpAnswer) -> None:
        asker, self._asker = self._asker, None
        assert asker is not None
        assert self._transport is not None
        self._answered = True
        if answer.keep:
            self._pool.free(self)
        else:
            self._transport.close()
        self._pool.told(asker.answered, answer)

    def _fail(self, reason: str) -> None:
        asker, self._asker = self._asker, None
        self.abort()
        if asker is not None:
            if not self._answered:
                self._pool.fruitless(self)
            self._pool.told(asker.lost, reason)


class Pool:
    """Keeps `size` connections open while `run` runs. `on_free` is called when one becomes usable."""

    def __init__(self, origin: Origin, size: int, on_free: Callable[[], None]) -> None:
        self._origin = origin
        self._size = size
        self._on_free = on_free
        self._tls = _tls_context() if origin.tls else None
        self._dialler = Dialler(origin.host, origin.port)
        self._open: list[Connection] = []
        self._idle: deque[Connection] = deque()
        self._fault: asyncio.Future[None] | None = None
        self.problem = "not connected yet"
        self.opened = 0

    @property
    def idle(self) -> int:
        """How many connections could take a request now."""
        return len(self._idle)

    def take(self) -> Connection | None:
        """An idle connection, the most recently used first so that it is warm; None when there is none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def take_coldest(self) -> Connection | None:
        """The idle connection used longest ago, for a keep-alive."""
        while self._idle:
            connection = self._idle.popleft()
            if connection.usable:
                return connection
        return None

    @property
    def connected(self) -> bool:
        """Whether any connection is open, idle or busy."""
        return bool(self._open)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come on any connection."""
        return any(not connection.usable for connection in self._open)

    def put_back(self, connection: Connection) -> None:
        """A connection was taken and not used."""
        if connection.usable:
            self._idle.append(connection)

    def free(self, connection: Connection) -> None:
        """A connection can take a request: it is new, or its answer is here."""
        self.put_back(connection)
        self.told(self._on_free)

    def made(self, connection: Connection) -> None:
        """A connection is open."""
        self.opened += 1
        self.problem = ""
        self._open.append(connection)

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        if connection in self._open:
            self._open.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def fruitless(self, connection: Connection) -> None:
        """A request was made on a connection that never answered any: its address is not the first choice again."""
        self._dialler.failed(connection.address)

    def told(self, call: Callable[..., None], *args: object) -> None:
        """Call out of a protocol callback, where the loop would log an exception and go on; here it ends `run`."""
        try:
            call(*args)
        except Exception as error:
            if self._fault is None or self._fault.done():
                raise
            self._fault.set_exception(error)

    async def run(self) -> None:
        """Open the connections and reopen them as they are lost, until cancelled; then close them all."""
        self._fault = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._size):
                    group.create_task(self._keep())
                group.create_task(_wait(self._fault))
        finally:
            for connection in list(self._open):
                connection.abort()

    async def _keep(self) -> None:
        failures = 0
        while True:
            connection = await self.open_one()
            if connection is None:
                failures += 1
                await asyncio.sleep(seconds(RECONNECT.wait_ns(failures) // NS_PER_MS))
                continue
            failures = 0
            self.free(connection)
            await connection.closed

    async def open_one(self) -> Connection | None:
        """Connect once; None, and `problem` says why, when that fails."""
        origin = self._origin
        origin.permit("GET")
        address: Address | None = None
        try:
            async with asyncio.timeout(seconds(CONNECT_LIMIT_MS)):
                sock, address = await self._dialler.connect()
                name = origin.host if self._tls else None
                _, connection = await asyncio.get_running_loop().create_connection(
                    functools.partial(Connection, self, address), sock=sock, ssl=self._tls, server_hostname=name
                )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            if address is not None:
                self._dialler.failed(address)
            self.problem = f"{origin.authority}: {type(error).__name__}: {error}"
            return None
        return connection


async def _wait(fault: asyncio.Future[None]) -> None:
    await fault


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
