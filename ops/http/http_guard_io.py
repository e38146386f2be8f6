"""What stands between a socket and our routes: aiohttp as shipped would hold a slow connection for an hour.

A connection has HEAD_LIMIT_S to send a request's head, counted from its first byte (or from the connection itself),
and IDLE_LIMIT_S between requests. There are at most CONNECTIONS_MAX; when they are used up the one idle for longest
makes room, then the one that owes us its head for longest, and where all are being served the newcomer is turned away:
some hundred clients that say nothing, or say it slowly, keep nobody from asking for our health. Every refusal is one
JSON line that says what to do. Hosts are checked on every request (a page elsewhere may point its own name at
loopback), and a POST that names an Origin comes from a browser: it is let in from our own page alone, which is where
scheme, host and port of the Origin are those that the request itself was sent to.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from domain.clock import Clock
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from ops.http.rate import RateLimit

HEAD_LIMIT_S = 5.0
BODY_LIMIT_S = 5.0
IDLE_LIMIT_S = 20.0
LINGER_S = 1.0
KEEPALIVE_S = 3600.0  # aiohttp's own timer stays out of the way: ours is shorter
WRITE_LIMIT_S = 5.0
CONNECTIONS_MAX = 64
BODY_BYTES_MAX = 64 * 1024
NAME_CHARS_MAX = 100
CAUSE_CHARS_MAX = 500
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpLimits(msgspec.Struct, frozen=True):
    """The guard's limits; tests make them short."""

    head_s: float = HEAD_LIMIT_S
    body_s: float = BODY_LIMIT_S
    idle_s: float = IDLE_LIMIT_S
    write_s: float = WRITE_LIMIT_S
    connections_max: int = CONNECTIONS_MAX
    body_bytes_max: int = BODY_BYTES_MAX
    streams_max: int = 16


def refuse(status: int, message: str, **more: int) -> web.Response:
    """One clear JSON line; a refused request also closes its connection where its body was not read."""
    text = json.dumps({"error": message, **more}) + "\n"
    return web.Response(status=status, text=text, content_type="application/json")


class GuardedConnection(RequestHandler):
    """One connection, with a deadline on the head of each request and on idleness between them."""

    __slots__ = ("_guard", "_refused", "_timer")

    def __init__(self, server: web.Server, guard: ConnectionGuard, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp tests for None: no access log
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGER_S,
        )
        self._guard = guard
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away when all places are taken by busy ones."""
        if not self._guard.admit(self):
            self._refused = True
            # uvloop's transports can all that asyncio.Transport can, and are none of its kind.
            writer = cast("asyncio.Transport", transport)
            writer.write(FULL)
            writer.close()
            return
        super().connection_made(transport)
        self._arm(self._guard.limits.head_s)

    def data_received(self, data: bytes) -> None:
        """Bytes: where no request is being served they begin a head, whose clock starts with the first."""
        if self._refused:
            return
        if self in self._guard.idle:
            del self._guard.idle[self]
            self._guard.headless[self] = None
            self._arm(self._guard.limits.head_s)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        if self._refused:
            return
        self._disarm()
        self._guard.forget(self)
        super().connection_lost(exc)

    def begin(self) -> None:
        """The head is complete and a route takes over."""
        self._guard.idle.pop(self, None)
        self._guard.headless.pop(self, None)
        self._disarm()

    def end(self) -> None:
        """The answer is made; what follows is idleness or the next head."""
        self._guard.idle[self] = None
        self._arm(self._guard.limits.idle_s)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A request that could not be read, or a bug of ours, as one JSON line."""
        if status >= 500:  # noqa: PLR2004 - HTTP's own border between their fault and ours
            self.log_exception("error while answering %s", request.path, exc_info=exc)
            answer = refuse(status, "internal error; the log has the details")
        else:
            first_line = (message or "bad request").splitlines()[0].rstrip(":")
            answer = refuse(status, f"request not understood: {first_line}")
        answer.force_close()
        return answer

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._guard.refused["slow_head" if self not in self._guard.idle else "idle"] += 1
        self.force_close()


class ConnectionGuard:
    """Counts connections and knows which are idle and whose head is not complete, oldest first."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self.open: set[GuardedConnection] = set()
        self.idle: dict[GuardedConnection, None] = {}
        self.headless: dict[GuardedConnection, None] = {}
        self.refused: Counter[str] = Counter()

    def admit(self, connection: GuardedConnection) -> bool:
        """Give a place, taking it from one that is not being served when all are taken."""
        if len(self.open) >= self.limits.connections_max:
            oldest = next(iter(self.idle or self.headless), None)
            self.refused["connections"] += oldest is None or oldest in self.headless
            if oldest is None:
                return False
            self.forget(oldest)
            oldest.force_close()
        self.open.add(connection)
        self.headless[connection] = None
        return True

    def forget(self, connection: GuardedConnection) -> None:
        """The connection is gone."""
        self.open.discard(connection)
        self.idle.pop(connection, None)
        self.headless.pop(connection, None)


class RequestGuard:
    """The middleware: who may ask what, how often, and with what body."""

    def __init__(
        self, *, hosts: frozenset[str], token: str | None, live: bool, clock: Clock, refused: Counter[str]
    ) -> None:
        self._hosts = LOOPBACK_NAMES | hosts
        self._token = token
        self._live = live
        self._clock = clock
        self._rate = RateLimit()
        self._refused = refused

    async def answer(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Check the request, run its route, and turn every refusal into one JSON line."""
        connection = request.protocol
        assert isinstance(connection, GuardedConnection)
        connection.begin()
        try:
            answer = self._check(request) or await route(request)
        except web.HTTPException as error:
            answer = self._translate(request, error)
        finally:
            connection.end()
        if not answer.prepared:
            answer.headers.setdefault("X-Content-Type-Options", "nosniff")
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def application(self, limits: HttpLimits) -> web.Application:
        """An application whose every request is guarded."""

        @web.middleware
        async def guard(request: web.Request, handler: Route) -> web.StreamResponse:  # aiohttp gives it by this name
            return await self.answer(request, handler)

        return web.Application(middlewares=[guard], client_max_size=limits.body_bytes_max)

    def _check(self, request: web.Request) -> web.Response | None:
        name = host_name(request.headers.get("Host", ""))
        if name not in self._hosts:
            return self._no("host", 403, f"host {name[:80]!r} is not served here; use 127.0.0.1 or localhost")
        if request.method == "POST":
            return self._check_post(request)
        if self._live and request.path.startswith("/metrics"):
            wait_s = self._rate.ask(request.remote or "", self._clock.now().mono_ns)
            if wait_s:
                answer = self._no("rate", 429, "Too Many Requests", retry_after=wait_s)
                answer.headers["Retry-After"] = str(wait_s)
                return answer
        return None

    def _check_post(self, request: web.Request) -> web.Response | None:
        origins = request.headers.getall("Origin", ())
        if origins and not own_origin(origins, request.headers.getall("Host", ()), request.scheme):
            return self._no("origin", 403, "a browser may ask from this daemon's own page only; use `ladderd` or curl")
        if self._token is None:
            return self._no("no_token", 403, "control over HTTP is off: no control token is configured")
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), f"Bearer {self._token}".encode()):
            answer = self._no("token", 401, "wrong or missing bearer token")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        if request.content_type != "application/json":
            return self._no("content_type", 415, "send Content-Type: application/json")
        return None

    def _no(self, reason: str, status: int, message: str, **more: int) -> web.Response:
        self._refused[reason] += 1
        return refuse(status, message, **more)

    def _translate(self, request: web.Request, error: web.HTTPException) -> web.StreamResponse:
        if error.status < 400:  # noqa: PLR2004 - a redirect is an answer
            return error
        words = {
            404: f"no such page: {request.path[:200]}",
            405: f"{request.method} is not possible here",
            413: f"body over {BODY_BYTES_MAX} bytes",
        }
        answer = self._no(f"http_{error.status}", error.status, words.get(error.status, error.reason))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer


def host_name(host: str) -> str:
    """The name part of a Host header, in lower case: "localhost:8080" -> "localhost", "[::1]:80" -> "[::1]"."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def own_origin(origins: Sequence[str], hosts: Sequence[str], scheme: str) -> bool:
    """Whether a browser's request comes from a page of the very address that it was sent to.

    Compared as they are spelled, for browsers spell both alike: lower case, and a port only where it is not the
    scheme's own. `null`, a second header, another port, scheme or a longer name are other places.
    """
    return len(origins) == len(hosts) == 1 and origins[0] == f"{scheme}://{hosts[0]}"


class ControlOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a control request."""

    by: str
    cause: str


_read: Final = Door(ControlOrder, DOCUMENT_BYTES_MAX).read


async def read_order(request: web.Request, limits: HttpLimits) -> ControlOrder | web.Response:
    """Read and check a control request's body within its limits of time and size; a refusal where it is not sound."""
    try:
        async with asyncio.timeout(limits.body_s):
            raw = await request.read()
    except TimeoutError:
        answer = refuse(408, f"body not received within {limits.body_s:g} s")
        answer.force_close()
        return answer
    try:
        order = _read(raw)
    except Refused as error:
        return refuse(400, f'body is not {{"by": "...", "cause": "..."}}: {error}')
    for field, text, most in (("by", order.by, NAME_CHARS_MAX), ("cause", order.cause, CAUSE_CHARS_MAX)):
        if not text.strip() or len(text) > most or not text.isprintable():
            return refuse(400, f"`{field}` must be 1 to {most} printable characters on one line")
    return order
