"""The exchange has two fronts, and one script has the same answers, faults and frames on both.

One front is real HTTP and websockets, over TCP in memory on a virtual loop; the other is the port on a timeline. What
may differ is only what travels differently: `Date` and stamps are the same instant on both, for the way takes no time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from domain.clock import NS_PER_S
from execution.kalshi.wire import KalshiRequest
from sim.campaign.ports.exchange import PortServer, ServerClock, StreamEnd
from sim.exchange.book.listing import Template
from sim.exchange.core import Exchange, Plan
from sim.exchange.gateway.auth import OpenDoor
from sim.exchange.gateway.faults import AT_ONCE, MENU
from sim.exchange.gateway.gateway import ROOT, SOCKET_PATH, Gateway
from sim.exchange.http.server import ExchangeServer
from sim.virtual.loop import VirtualLoop
from sim.virtual.network import Network
from sim.virtual.seeded import seeded
from sim.virtual.timeline import Timeline
from tests.sim.exchange.rig import PERIOD_S, START, config, level

PORT = 18_001
ORDERS = "/portfolio/events/orders"
SUBSCRIBE = orjson.dumps(
    {
        "id": 1,
        "cmd": "subscribe",
        "params": {"channels": ["fill", "user_orders", "order_group_updates", "market_lifecycle_v2"]},
    }
).decode()
LOST = (0, None)
AFTER_NS = 3 * NS_PER_S
Step = tuple[Any, ...]
Told = list[Any]
Heard = tuple[Told, Told, dict[str, int]]


def exchange() -> Exchange:
    plan = Plan(template=Template(PERIOD_S, START // NS_PER_S), rungs=3)
    return Exchange(config(list_lag_ms=0), plan, level, 7, START)


class Script:
    """One script: what each step asks of a front, given what the front has answered so far."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        event = next(iter(gateway.exchange.state.events.values()))
        self.ticker = event.markets[1].ticker
        self.ids: list[str] = []
        self.groups: list[str] = []
        self.told: Told = []
        self.frames: Told = []
        self.over = False

    def request(self, step: Step) -> KalshiRequest | None:
        """The request of a step; None for one that asks nothing."""
        match step:
            case ("place", side, price, grouped):
                body = {
                    "ticker": self.ticker,
                    "side": side,
                    "price": price,
                    "count": "5",
                    "time_in_force": "good_till_canceled",
                    "self_trade_prevention_type": "taker_at_cross",
                }
                if grouped and self.groups:
                    body["order_group_id"] = self.groups[-1]
                return KalshiRequest("POST", ROOT + ORDERS, body=orjson.dumps(body))
            case ("cancel", n) if self.ids:
                return KalshiRequest("DELETE", f"{ROOT}{ORDERS}/{self.ids[n % len(self.ids)]}")
            case ("cancel all",):
                return KalshiRequest("DELETE", ROOT + ORDERS)
            case ("group",):
                return KalshiRequest("POST", f"{ROOT}/portfolio/order_groups/create", body=b'{"contracts_limit":40}')
            case ("trigger", n) if self.groups:
                group = self.groups[n % len(self.groups)]
                return KalshiRequest("PUT", f"{ROOT}/portfolio/order_groups/{group}/trigger")
            case ("read", path, query):
                return KalshiRequest("GET", ROOT + path, query)
        return None

    def act(self, step: Step) -> None:
        """What a step does at the exchange itself."""
        exchange, now_ns = self.gateway.exchange, self.gateway.now_ns()
        match step:
            case ("fault", fault):
                self.gateway.inject(fault)
            case ("fill", n) if exchange.member.resting:
                resting = list(exchange.member.resting)
                exchange.force_fill(resting[n % len(resting)], 100, now_ns)

    def answered(self, status: int, body: bytes | None, date_s: int) -> None:
        """Keep an answer, and the names in it."""
        parsed = orjson.loads(body) if body else None
        self.told.append((status, parsed, date_s, self.gateway.now_ns()))
        if isinstance(parsed, dict) and status == 201:
            if "order_id" in parsed:
                self.ids.append(parsed["order_id"])
            if "order_group_id" in parsed:
                self.groups.append(parsed["order_group_id"])

    def lost(self) -> None:
        """The connection ended instead of an answer."""
        self.told.append((*LOST, 0, self.gateway.now_ns()))

    def frame(self, raw: str | bytes) -> None:
        """Keep a frame, and when it came."""
        if not self.over:
            self.frames.append((self.gateway.now_ns(), orjson.loads(raw)))


class _Wire:
    """A link without a way."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.silent = self.ended = False

    def to_client(self, data: bytes) -> None:
        if not self.silent and not self.ended:
            self.script.frame(data)

    def cut(self, reason: str) -> None:
        del reason
        self.ended = True

    def fall_silent(self) -> None:
        self.silent = True


def through_ports(script: list[Step]) -> Heard:
    """A script on the timeline."""
    timeline = Timeline(START)
    server = PortServer(exchange(), timeline)
    acts = Script(server.gateway)
    ends: list[StreamEnd | None] = []

    def wait(ns: int, until: Callable[[], bool] = lambda: False) -> None:
        end_ns = timeline.now_ns + ns
        while not until():
            due_ns = server.gateway.exchange.next_deadline_ns()
            due_ns = None if due_ns is None else due_ns - server.gateway.skew_ns
            next_ns = min((at for at in (due_ns, timeline.next_ns) if at is not None and at <= end_ns), default=None)
            if next_ns is None:
                timeline.now_ns = end_ns
                return
            if next_ns == due_ns:
                timeline.now_ns = max(timeline.now_ns, next_ns)
                server.gateway.exchange.advance(server.gateway.now_ns())
            else:
                timeline.take()

    for step in script:
        acts.told.append(step)
        begun_ns = timeline.now_ns
        if step == ("stream",):
            if ends and ends[0] is not None:
                server.gone(ends[0])
            ends.clear()
            server.connect(_Wire(acts), ends.append)
            wait(AFTER_NS, lambda: bool(ends))
            acts.told.append(("stream", ends[0] is not None))
            if ends[0] is not None:
                server.received(ends[0], SUBSCRIBE)
        elif (request := acts.request(step)) is not None:
            told = len(acts.told)
            server.ask(request, acts.answered, acts.lost)
            wait(AFTER_NS, lambda told=told: len(acts.told) > told)  # type: ignore[misc]
        else:
            acts.act(step)
        wait(begun_ns + AFTER_NS - timeline.now_ns)
    return acts.told, acts.frames, server.gateway.faults.injected


class _Client:
    """A client of the front on sockets."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sockets: list[ClientConnection] = []
        self.reading: list[asyncio.Task[None]] = []

    async def ask(self, request: KalshiRequest) -> None:
        """One request on a connection of its own; aiohttp would send some again by itself."""
        target = f"{request.path}?{request.query}" if request.query else request.path
        head = f"{request.method} {target} HTTP/1.1\r\nHost: sim\r\nContent-Length: {len(request.body)}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + request.body)
        found = b""
        with contextlib.suppress(ConnectionError):
            found = await reader.read()
        writer.close()
        if not found:
            self.script.lost()
            return
        lines, _, body = found.partition(b"\r\n\r\n")
        date = next(line[6:].decode() for line in lines.split(b"\r\n") if line.startswith(b"Date: "))
        self.script.answered(int(lines.split(b" ")[1]), body, int(parsedate_to_datetime(date).timestamp()))

    async def stream(self) -> None:
        """Open a websocket and subscribe; what it says is kept as it comes."""
        try:
            socket = await connect(f"ws://127.0.0.1:{PORT}{SOCKET_PATH}", ping_interval=None, proxy=None)
        except (OSError, EOFError, InvalidHandshake):
            self.script.told.append(("stream", False))
            return
        self.script.told.append(("stream", True))
        await socket.send(SUBSCRIBE)
        self.sockets.append(socket)
        self.reading.append(asyncio.create_task(self._read(socket)))

    def hang_up(self) -> None:
        """Let go of every websocket, also of one that is only silent."""
        for socket in self.sockets:
            socket.transport.abort()

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                self.script.frame(message)


def through_sockets(script: list[Step]) -> Heard:
    """The same on real HTTP and a real websocket."""
    timeline = Timeline(START)
    loop = VirtualLoop(timeline, Random(1))
    path = Network(loop, Random(1)).path(PORT)
    path.latency_ns, path.jitter_ns = 0, 1
    server = ExchangeServer(exchange(), ServerClock(timeline), {})
    server.gateway.door = OpenDoor()
    acts = Script(server.gateway)

    async def live() -> None:
        await server.start(port=PORT)
        client = _Client(acts)
        for step in script:
            acts.told.append(step)
            begun_ns = timeline.now_ns
            if step == ("stream",):
                for connection in list(server.gateway.fan_out.streams.values()):
                    connection.cut(None)
                await client.stream()
            elif (request := acts.request(step)) is not None:
                await client.ask(request)
            else:
                acts.act(step)
            await loop.passing((begun_ns + AFTER_NS - timeline.now_ns) / NS_PER_S)
        acts.over = True
        await server.stop()
        client.hang_up()
        await loop.passing(60)

    with seeded(loop, "1"):
        try:
            loop.run_until_complete(live())
        finally:
            loop.close()
    assert loop.errors == []
    return acts.told, acts.frames, server.gateway.faults.injected


PRICES = st.sampled_from(["0.30", "0.40", "0.60", "0.005"])
WRITES = [None, "create_order", ["cancel_order", "cancel_all"], "trigger_group", "ws_connect"]
LASTING = sorted(set(MENU) - AT_ONCE)
"""Every lasting fault of the menu, by its own name: a new one is in the scripts by itself."""


@st.composite
def faults(draw: st.DrawFn) -> Step:
    """One request for a fault."""
    name = draw(st.sampled_from([*LASTING, "ws_drop", "ws_half_open", "ws_terminal", "clock_skew_ms", "trading_pause",
                                 "exchange_pause", "list_lag_ms", "market_deactivate"]))  # fmt: skip
    wanted: dict[str, Any] = {"fault": name}
    if name in AT_ONCE:
        if name.endswith("_pause") or name == "market_deactivate":
            wanted["for_s"] = draw(st.sampled_from([2, 5]))
        elif name.endswith("_ms"):
            wanted["ms"] = draw(st.sampled_from([-300, 0, 400] if name == "clock_skew_ms" else [0, 400]))
        return ("fault", wanted)
    wanted |= {"probability": draw(st.sampled_from([0.5, 1.0])), "for_s": draw(st.sampled_from([4, 12]))}
    if name in {"latency", "late_ack", "ws_delay"}:
        wanted["ms"] = draw(st.sampled_from([20, 700]))
    if name == "http_5xx":
        wanted["processed"] = draw(st.booleans())
    if not name.startswith("ws_"):
        wanted["op"] = draw(st.sampled_from(WRITES))
    return ("fault", {key: value for key, value in wanted.items() if value is not None})


STEPS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["bid", "ask"]), PRICES, st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.just(("cancel all",)),
    st.just(("group",)),
    st.tuples(st.just("trigger"), st.integers(0, 3)),
    st.tuples(st.just("fill"), st.integers(0, 5)),
    st.sampled_from(
        [
            ("read", "/portfolio/orders", "status=resting"),
            ("read", "/portfolio/fills", ""),
            ("read", "/portfolio/balance", ""),
            ("read", "/exchange/status", ""),
            ("read", "/portfolio/orders", "limit=none"),
        ]
    ),
    st.just(("stream",)),
    faults(),
)


WORDS: dict[str, dict[str, Any]] = {
    "price_grid": {"step": "0.001"},
    "fee_type": {"fee_type": "quadratic_with_maker_fees"},
    "clock_skew_ms": {"ms": 250},
    "list_lag_ms": {"ms": 900},
    "latency": {"ms": 700},
    "late_ack": {"ms": 700},
    "ws_delay": {"ms": 700},
}


@pytest.mark.parametrize("name", sorted(MENU))
def test_each_fault_of_the_menu_strikes_alike_on_both_fronts(name: str) -> None:
    """A fault that is added to the menu is asked for here by its name alone, or with what WORDS says of it."""
    order = ("place", "bid", "0.40", True)
    lasts = {} if name in {"ws_half_open", "ws_drop", "ws_terminal"} else {"for_s": 20}
    script = [
        *(("stream",), ("group",), order, order, ("fault", {"fault": name, **lasts, **WORDS.get(name, {})})),
        *(("place", "ask", "0.60", False), ("fill", 0), ("cancel", 1), ("trigger", 0), ("stream",), ("cancel all",)),
        *(("read", "/portfolio/orders", ""), ("read", "/exchange/status", ""), order),
    ]
    ports, sockets = through_ports(script), through_sockets(script)
    assert ports == sockets
    assert ports[2][name] >= 1, "the script gives this fault no chance to strike"


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=18))
def test_one_script_is_answered_alike_on_both_fronts(script: list[Step]) -> None:
    whole = [("stream",), ("group",), ("place", "bid", "0.40", True), *script]
    ports, sockets = through_ports(whole), through_sockets(whole)
    assert ports[0] == sockets[0]
    assert ports[1] == sockets[1]
    assert ports[2] == sockets[2]
