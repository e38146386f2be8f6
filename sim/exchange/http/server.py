"""`ExchangeServer`: the gateway behind real HTTP and websockets.

All waiting comes from the running loop, so the same object runs under virtual time. One loop timer is armed at the
core's next deadline.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from execution.script import ScriptEnd, go_on
from sim.exchange.background import Background, Crowd
from sim.exchange.gateway.auth import Doorkeeper, PublicKey
from sim.exchange.gateway.calls import Answer, Asked, Operation
from sim.exchange.gateway.gateway import OPERATIONS, ROOT, SOCKET_PATH, SWITCHED, Gateway
from sim.exchange.http import websocket
from sim.exchange.http.sim_routes import SimRoutes
from sim.exchange.wire import rejects

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.clock import Clock
    from sim.exchange.core import Exchange
    from sim.exchange.gateway.gateway import Served

NS_PER_S = 1_000_000_000
BODY_MAX = 8 << 20
TIMER_MAX_S = 3600.0


class LoopTimers:
    """The running loop as the gateway's timers, with one of them at the core's next deadline."""

    def __init__(self) -> None:
        self._gateway: Gateway | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = (0, 0)

    def serve(self, gateway: Gateway) -> None:
        """From now on the loop runs, and this gateway's exchange has deadlines."""
        self._gateway = gateway
        self.arm()

    def later(self, delay_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called so much later."""
        asyncio.get_running_loop().call_later(delay_ns / NS_PER_S, act, *args)

    def arm(self) -> None:
        """Have the loop call back at the core's next deadline, unless it already will."""
        gateway = self._gateway
        due_ns = None if gateway is None else gateway.exchange.next_deadline_ns()
        if gateway is None or due_ns is None:
            return
        wanted_ns = (due_ns, gateway.skew_ns)
        if self._timer is not None and self._armed_ns == wanted_ns:
            return
        self.stop()
        self._armed_ns = wanted_ns
        delay_s = min(TIMER_MAX_S, max(0.0, (due_ns - gateway.now_ns()) / NS_PER_S))
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._due, gateway)

    def _due(self, gateway: Gateway) -> None:
        self._timer = None
        # A loop may wake a hair early (uvloop rounds to 1 ms): then the timer is simply armed again.
        gateway.exchange.advance(gateway.now_ns())
        self.arm()

    def stop(self) -> None:
        """No deadline is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()


class ExchangeServer:
    """Serves one exchange on one address. `port` is the bound port once `start` has returned."""

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        keys: dict[str, PublicKey],
        crowd: Crowd | None = None,
        read_only: frozenset[str] = frozenset(),
    ) -> None:
        door = Doorkeeper(keys, exchange.state.config.clock_tolerance_ms)
        self.timers = LoopTimers()
        self.gateway = Gateway(exchange, clock, self.timers, door, read_only)
        rng, now_ns = exchange.state.rng, self.gateway.now_ns
        self.background = None if crowd is None else Background(exchange, crowd, rng, now_ns)
        self.port = 0
        self._connections: dict[int, websocket.Connection] = {}
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application(client_max_size=BODY_MAX)
        for operation in OPERATIONS:
            app.router.add_route(operation.method, ROOT + operation.path, partial(self._serve, operation))
        app.router.add_get(SOCKET_PATH, self._socket)
        SimRoutes(self.gateway).add_to(app)
        app.router.add_route("*", ROOT + "/{rest:.*}", self._nowhere)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        if self.background is not None:
            self._tasks = [
                asyncio.ensure_future(self.background.run_makers()),
                asyncio.ensure_future(self.background.run_takers()),
            ]
        self.timers.serve(self.gateway)

    async def stop(self) -> None:
        """Close connections and end all tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.timers.stop()
        await asyncio.gather(*(connection.go_away() for connection in list(self._connections.values())))
        if self._runner is not None:
            await self._runner.cleanup()

    # -- requests ------------------------------------------------------------------------------------------------

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        """No such operation."""
        self.gateway.counted("unknown")
        await request.read()
        return self._reply(self.gateway.refusal(rejects.not_found(request.path)))

    async def _serve(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        asked = _asked(request, await request.read())
        answer = await _waited(self.gateway.served(operation, asked))
        return _cut(request) if answer is None else self._reply(answer)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        answer = await _waited(self.gateway.upgraded(_asked(request, b"")))
        if answer is None:
            return _cut(request)
        if answer.status != SWITCHED:
            return self._reply(answer)
        return await websocket.serve(request, self.gateway.session(), self.gateway.fan_out, self._connections)

    def _reply(self, answer: Answer) -> web.Response:
        """An answer as HTTP, with the Date of the exchange's own clock."""
        headers = {"Date": formatdate(self.gateway.now_ns() // NS_PER_S, usegmt=True)}
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        body = orjson.dumps(answer.body)
        return web.Response(status=answer.status, headers=headers, body=body, content_type="application/json")


def _asked(request: web.Request, body: bytes) -> Asked:
    return Asked(request.path, request.match_info, request.query, body, request.headers)


async def _waited(served: Served) -> Answer | None:
    """Wait as long as the gateway says, and go on."""
    wait_ns = go_on(served)
    while not isinstance(wait_ns, ScriptEnd):
        await asyncio.sleep(wait_ns / NS_PER_S)
        wait_ns = go_on(served)
    return wait_ns.value


def _cut(request: web.Request) -> web.Response:
    """Close the connection under the request."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
