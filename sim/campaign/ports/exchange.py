"""The simulated exchange without its sockets: requests and frames are the same bytes, carried by the timeline.

A request is served by the server's own path (faults, tokens, operation), minus HTTP heads and signatures; a websocket
is the server's own session and fan-out, minus the handshake. So real wire code meets real wire code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson
from multidict import MultiDict

from domain.clock import NS_PER_MS, NS_PER_S, Now
from execution.kalshi.wire import Request
from sim.exchange.background import Background, Crowd
from sim.exchange.book.notices import Filled, Notice, OrderChanged
from sim.exchange.core import Exchange
from sim.exchange.faults import Fault
from sim.exchange.http.calls import Answer, Operation
from sim.exchange.http.commands import Session, Subscription
from sim.exchange.http.server import OPERATIONS, ROOT, ExchangeServer
from sim.exchange.http.sockets import Hub
from sim.exchange.wire import frames
from sim.exchange.wire.rejects import Reject
from sim.virtual.timeline import Timeline

NO_QUERY: MultiDict[str] = MultiDict()
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
    """The server end of one websocket, in the shape that the fan-out knows."""

    def __init__(self, session: Session, wire: Wire) -> None:
        self.session = session
        self.wire = wire
        self.outbox: tuple[bytes, ...] = ()
        self.late: bytes | None = None

    def put(self, raw: bytes) -> None:
        """Send one frame."""
        self.wire.to_client(raw)

    def fall_silent(self) -> None:
        """Half open from now on."""
        self.wire.fall_silent()

    def abort(self) -> None:
        """Cut it."""
        self.wire.cut("dropped without a Close frame")


class PortHub(Hub):
    """The fan-out, with the timeline where the server has its event loop."""

    def __init__(self, exchange: Exchange, server: ExchangeServer, timeline: Timeline) -> None:
        super().__init__(exchange, server.faults, server.now_ns)
        self.timeline = timeline
        self.deaf_until_ns = 0

    def tell(self, notice: Notice) -> None:
        """As the fan-out does; news of the crowd's own orders has nobody to go to."""
        if isinstance(notice, OrderChanged):
            if not notice.order.account.is_member:
                return
        elif isinstance(notice, Filled) and not notice.fill.order.account.is_member:
            return
        super().tell(notice)

    def hold(self, order_id: str, ms: int) -> None:
        """Have the news of one order sent that much late, for as long."""
        self.hold_ms[order_id] = ms
        self.timeline.after(ms * NS_PER_MS, self._let_go, order_id)

    def _let_go(self, order_id: str) -> None:
        self.hold_ms.pop(order_id, None)

    def _send(self, connection: Any, one: Subscription, kind: str, raw: bytes, *, hold_ms: int = 0) -> None:  # noqa: ANN401 - a StreamEnd in a connection's place
        if self.timeline.now_ns < self.deaf_until_ns and one.channel in ("fill", "user_orders"):
            return  # not numbered: nobody can see that it is missing
        seq = f',"seq":{one.next_seq()}' if one.channel in frames.SEQUENCED else ""
        frame = b"".join((f'{{"type":"{kind}","sid":{one.sid}{seq},"msg":'.encode(), raw, b"}"))
        if self.faults.active:
            now_ns = self.now_ns()
            if seq and self.faults.draw("ws_seq_gap", now_ns, channel=one.channel):
                return
            if self.faults.draw("ws_duplicate", now_ns, channel=one.channel):
                connection.put(frame)
            delay = self.faults.draw("ws_delay", now_ns, channel=one.channel)
            if delay is not None:
                hold_ms += int(delay.params.get("ms", 200))
            if connection.late is None and self.faults.draw("ws_reorder", now_ns, channel=one.channel):
                connection.late = frame
                return
        if hold_ms:
            self.timeline.after(hold_ms * NS_PER_MS, connection.put, frame)
            return
        connection.put(frame)
        if connection.late is not None:
            late, connection.late = connection.late, None
            connection.put(late)


class _Open:
    """Lets everybody in: signatures are tested where they are made."""

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """Nothing is checked."""
        del headers, method, path, now_ms
        return ""


class _Asked:
    """A request in the shape that the server's path reads."""

    __slots__ = ("headers", "match_info", "path", "query")

    def __init__(self, path: str, query: str, match_info: dict[str, str]) -> None:
        self.headers: dict[str, str] = {}
        self.path = path
        self.query = MultiDict(parse_qsl(query, keep_blank_values=True)) if query else NO_QUERY
        self.match_info = match_info


class ServerClock:
    """The exchange's machine runs true; its server adds the skew of a fault."""

    def __init__(self, timeline: Timeline) -> None:
        self._time = timeline

    def now(self) -> Now:
        """Read it."""
        return Now(self._time.now_ns, self._time.now_ns)


class PortServer(ExchangeServer):
    """The exchange's server on the timeline. `told` hears of every request that is carried out."""

    def __init__(self, exchange: Exchange, timeline: Timeline, crowd: Crowd, rng: Random) -> None:
        super().__init__(exchange, ServerClock(timeline), {}, None)
        self.timeline = timeline
        door: Any = _Open()
        self.doorkeeper = door
        self.port_hub = PortHub(exchange, self, timeline)
        self.hub = self.port_hub
        self.background: Background = Background(exchange, crowd, rng, self.now_ns)
        self.told: Callable[[Operation, Request, int], None] = lambda _operation, _request, _status: None
        self.own_refusals = 0
        self._exact = {(o.method, ROOT + o.path): o for o in OPERATIONS if "{" not in o.path}
        self._shaped: dict[tuple[str, int], list[tuple[Operation, list[str]]]] = {}
        for operation in OPERATIONS:
            shape = (ROOT + operation.path).split("/")
            if "{" in operation.path:
                self._shaped.setdefault((operation.method, len(shape)), []).append((operation, shape))

    def arm(self) -> None:
        """The timeline looks at the exchange's next deadline by itself."""

    # --- requests --------------------------------------------------------------------------------------------------

    def ask(self, request: Request, reply: Reply, lost: Callable[[], None]) -> None:
        """One request has arrived: `reply(status, body, date)` now or later, or `lost()` when the connection ends."""
        operation, match = self._find(request)
        name = operation.name
        if not self.faults.active:
            self._carry_out(operation, request, match, reply, lost)
            return
        slow = self.faults.draw("latency", self.now_ns(), name)
        if slow is not None:
            delay_ns = int(float(slow.params.get("ms", 100)) * NS_PER_MS)
            self.timeline.after(delay_ns, self._spoiled, operation, request, match, reply, lost)
        else:
            self._spoiled(operation, request, match, reply, lost)

    def _find(self, request: Request) -> tuple[Operation, dict[str, str]]:
        exact = self._exact.get((request.method, request.path))
        if exact is not None:
            return exact, {}
        parts = request.path.split("/")
        for operation, shape in self._shaped.get((request.method, len(parts)), ()):
            if all(s == p or s[:1] == "{" for s, p in zip(shape, parts, strict=True)):
                return operation, {s[1:-1]: p for s, p in zip(shape, parts, strict=True) if s[:1] == "{"}
        raise AssertionError(f"no such operation: {request.method} {request.path}")

    def _spoiled(
        self, operation: Operation, request: Request, match: dict[str, str], reply: Reply, lost: Callable[[], None]
    ) -> None:
        """Faults that strike before processing."""
        name, now_ns = operation.name, self.now_ns()
        if self.faults.draw("lost_request", now_ns, name):
            lost()
            return
        if self.faults.draw("http_429", now_ns, name):
            reply(429, b'{"error":"too many requests"}', self._date())
            return
        broken = self.faults.draw("http_5xx", now_ns, name)
        if broken is None:
            self._carry_out(operation, request, match, reply, lost)
            return
        code = int(broken.params.get("code", 503))
        if broken.params.get("processed"):
            self._carry_out(operation, request, match, lambda *_: None, lambda: None)
        reply(code, b'{"error":{"code":"exchange_unavailable","message":"exchange unavailable"}}', self._date())

    def _carry_out(
        self, operation: Operation, request: Request, match: dict[str, str], reply: Reply, lost: Callable[[], None]
    ) -> None:
        asked: Any = _Asked(request.path, request.query, match)
        try:
            answer = self._process(operation, asked, request.body)
        except Reject as refused:
            answer = Answer(refused.status, refused.body)
            self.own_refusals += refused.status == 429 and operation.kind == "write"  # noqa: PLR2004 - HTTP
        self.told(operation, request, answer.status)
        body = b"" if answer.body is None else orjson.dumps(answer.body)
        if self.faults.active:
            name, now_ns = operation.name, self.now_ns()
            late = self.faults.draw("late_ack", now_ns, name)
            if self.faults.draw("lost_answer", now_ns, name):
                lost()
                return
            if late is not None:
                delay_ns = int(float(late.params.get("ms", 200)) * NS_PER_MS)
                self.timeline.after(delay_ns, self._reply_late, reply, answer.status, body)
                return
        reply(answer.status, body, self._date())

    def _reply_late(self, reply: Reply, status: int, body: bytes) -> None:
        reply(status, body, self._date())

    def _date(self) -> int:
        return self.now_ns() // NS_PER_S

    # --- the websocket ---------------------------------------------------------------------------------------------

    def connect(self, wire: Wire) -> StreamEnd:
        """A websocket was opened."""
        self.hub.serial += 1
        end = StreamEnd(Session(self.exchange, self.exchange.member), wire)
        connection: Any = end
        self.hub.connections[self.hub.serial] = connection
        return end

    def received(self, end: StreamEnd, data: bytes | str) -> None:
        """The client sent one message."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        for frame in end.session.receive(data, now_ns):
            end.put(orjson.dumps(frame))

    def gone(self, end: StreamEnd) -> None:
        """The websocket has ended."""
        connection: Any = end
        for serial, known in list(self.hub.connections.items()):
            if known is connection:
                del self.hub.connections[serial]

    def strike(self, request: dict[str, Any]) -> Fault:
        """Take one request for a fault."""
        return self.inject(request)

    def turn_back(self, request: dict[str, Any]) -> None:
        """Take one request that ends what another began."""
        self.inject(request)
