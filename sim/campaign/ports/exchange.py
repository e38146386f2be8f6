"""The gateway without sockets: requests and frames are the same bytes, carried by the timeline.

A request is served by the gateway's own path (faults, tokens, operation), minus HTTP heads and signatures; a websocket
is its own session and fan-out, minus the handshake. So real wire code meets real wire code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson
from multidict import MultiDict

from domain.clock import NS_PER_S, Now
from execution.kalshi.wire import KalshiRequest
from execution.script import ScriptEnd, go_on
from sim.exchange.core import Exchange
from sim.exchange.gateway.auth import OpenDoor
from sim.exchange.gateway.calls import Answer, Asked, Operation
from sim.exchange.gateway.faults import Fault
from sim.exchange.gateway.gateway import OPERATIONS, ROOT, SOCKET_PATH, SWITCHED, Gateway, Served
from sim.exchange.gateway.session import Session
from sim.virtual.timeline import Timeline

NO_QUERY: MultiDict[str] = MultiDict()
NO_WORDS: dict[str, str] = {}
Reply = Callable[[int, bytes, int], None]


class Wire(Protocol):
    """One connection, as the server end of a link sees it."""

    def to_client(self, data: bytes) -> None:
        """Send one message."""
        ...

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        ...

    def fall_silent(self) -> None:
        """Deliver nothing more, in either direction, and close nothing."""
        ...


class StreamEnd:
    """The server end of one websocket: a stream of the fan-out whose frames leave at once."""

    waiting = 0

    def __init__(self, session: Session, wire: Wire) -> None:
        self.session = session
        self.wire = wire
        self.late: bytes | None = None
        self.serial = 0

    def put(self, raw: bytes) -> None:
        """Send one frame."""
        self.wire.to_client(raw)

    overflow = put

    def fall_silent(self) -> None:
        """Half open from now on."""
        self.wire.fall_silent()

    def cut(self, code: int | None) -> None:
        """End it, with a close frame of that code or without one."""
        self.wire.cut("dropped without a Close frame" if code is None else f"closed {code}")


class ServerClock:
    """The exchange's machine runs true; its gateway adds the skew of a fault."""

    def __init__(self, timeline: Timeline) -> None:
        self._time = timeline

    def now(self) -> Now:
        """Read it."""
        return Now(self._time.now_ns, self._time.now_ns)


class LineTimers:
    """The timeline as the gateway's timers. It looks at the exchange's next deadline by itself."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def later(self, delay_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called so much later."""
        self._timeline.after(delay_ns, act, *args)

    def arm(self) -> None:
        """Whoever moves the timeline asks for the deadline before each move."""


class PortServer:
    """The gateway of one exchange on the timeline."""

    def __init__(self, exchange: Exchange, timeline: Timeline) -> None:
        self.timeline = timeline
        self.gateway = Gateway(exchange, ServerClock(timeline), LineTimers(timeline), OpenDoor())
        self._exact = {(o.method, ROOT + o.path): o for o in OPERATIONS if "{" not in o.path}
        self._shaped: dict[tuple[str, int], list[tuple[Operation, list[str]]]] = {}
        for operation in OPERATIONS:
            shape = (ROOT + operation.path).split("/")
            if "{" in operation.path:
                self._shaped.setdefault((operation.method, len(shape)), []).append((operation, shape))

    def strike(self, request: dict[str, Any]) -> Fault:
        """Take one request for a fault, or one that ends what another began."""
        return self.gateway.inject(request)

    # --- requests --------------------------------------------------------------------------------------------------

    def ask(self, request: KalshiRequest, reply: Reply, lost: Callable[[], None]) -> None:
        """One request has arrived: `reply(status, body, date)` now or later, or `lost()` when the connection ends."""
        operation, words = self._find(request)
        query = MultiDict(parse_qsl(request.query, keep_blank_values=True)) if request.query else NO_QUERY
        asked = Asked(request.path, words, query, request.body)

        def answered(answer: Answer | None) -> None:
            if answer is None:
                lost()
                return
            body = b"" if answer.body is None else orjson.dumps(answer.body)
            reply(answer.status, body, self.gateway.now_ns() // NS_PER_S)

        self._go_on(self.gateway.served(operation, asked), answered)

    def _go_on(self, served: Served, answered: Callable[[Answer | None], None]) -> None:
        """Carry out as much as can be now; what has to wait is called again."""
        wait_ns = go_on(served)
        if isinstance(wait_ns, ScriptEnd):
            answered(wait_ns.value)
        else:
            self.timeline.after(wait_ns, self._go_on, served, answered)

    def _find(self, request: KalshiRequest) -> tuple[Operation, dict[str, str]]:
        exact = self._exact.get((request.method, request.path))
        if exact is not None:
            return exact, NO_WORDS
        parts = request.path.split("/")
        for operation, shape in self._shaped.get((request.method, len(parts)), ()):
            if all(s == p or s[:1] == "{" for s, p in zip(shape, parts, strict=True)):
                return operation, {s[1:-1]: p for s, p in zip(shape, parts, strict=True) if s[:1] == "{"}
        raise AssertionError(f"no such operation: {request.method} {request.path}")

    # --- the websocket ---------------------------------------------------------------------------------------------

    def connect(self, wire: Wire, opened: Callable[[StreamEnd | None], None]) -> None:
        """A client wants a websocket: `opened(its end)` now or later, with None when it is refused."""

        def answered(answer: Answer | None) -> None:
            if answer is None or answer.status != SWITCHED:
                opened(None)
                return
            end = StreamEnd(self.gateway.session(), wire)
            end.serial = self.gateway.fan_out.opened(end)
            opened(end)

        self._go_on(self.gateway.upgraded(Asked(SOCKET_PATH, NO_WORDS, NO_QUERY)), answered)

    def received(self, end: StreamEnd, data: bytes | str) -> None:
        """The client sent one message."""
        self.gateway.fan_out.received(end, data)

    def gone(self, end: StreamEnd) -> None:
        """The websocket has ended."""
        self.gateway.fan_out.closed(end.serial)
