"""`ExchangeServer`: the core behind real HTTP and websocket, with signatures, tokens and faults.

One request, in order: faults before processing, signature, body, tokens, the handler (synchronous), faults after
processing. All time comes from the injected clock, all waiting from the running loop, all chance from the seeded
generator, so the same object runs under virtual time. One loop timer is armed at the core's next deadline.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from sim.exchange import faults as menu
from sim.exchange.background import Background, Crowd
from sim.exchange.faults import FaultDesk
from sim.exchange.http import rest_portfolio, rest_public, rest_trade
from sim.exchange.http.auth import Doorkeeper, PublicKey
from sim.exchange.http.buckets import Meter
from sim.exchange.http.calls import WRITE, Answer, Call, Operation
from sim.exchange.http.races import fill_around_cancel
from sim.exchange.http.sim_routes import SimRoutes
from sim.exchange.http.sockets import Hub
from sim.exchange.wire import rejects, requests
from sim.exchange.wire.rejects import Reject

if TYPE_CHECKING:
    from domain.clock import Clock
    from sim.exchange.core import Exchange

ROOT = "/trade-api/v2"
SOCKET_PATH = "/trade-api/ws/v2"
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
BODY_MAX = 8 << 20
OPERATIONS = (*rest_trade.OPERATIONS, *rest_portfolio.OPERATIONS, *rest_public.OPERATIONS)
TIMER_MAX_S = 3600.0
BROKEN = web.RequestKey("broken", int)


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
        self.exchange = exchange
        self.clock = clock
        self.skew_ns = 0
        self.read_only = read_only
        config = exchange.state.config
        self.doorkeeper = Doorkeeper(keys, config.clock_tolerance_ms)
        self.meter = Meter(config.tier, config.shards, self.now_ns())
        self.faults = FaultDesk(exchange.state.rng)
        self.hub = Hub(exchange, self.faults, self.now_ns)
        self.counts: dict[str, int] = {}
        self.background = None if crowd is None else Background(exchange, crowd, exchange.state.rng, self.now_ns)
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ns = 0
        self._tasks: list[asyncio.Task[None]] = []

    def now_ns(self) -> int:
        """The exchange's own clock: the injected one, off by whatever a fault says."""
        return self.clock.now().utc_ns + self.skew_ns

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application(client_max_size=BODY_MAX)
        for operation in OPERATIONS:
            app.router.add_route(operation.method, ROOT + operation.path, partial(self._serve, operation))
        app.router.add_get(SOCKET_PATH, self._socket)
        SimRoutes(self).add_to(app)
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
        self.arm()

    async def stop(self) -> None:
        """Close connections and end all tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        await self.hub.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- the one timer -------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Have the loop call back at the core's next deadline, unless it already will."""
        due_ns = self.exchange.next_deadline_ns()
        if due_ns is None or (self._timer is not None and self._timer_at_ns == due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_ns = due_ns
        delay_s = min(TIMER_MAX_S, max(0.0, (due_ns - self.now_ns()) / NS_PER_S))
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _due(self) -> None:
        self._timer = None
        now_ns = self.now_ns()
        # A loop may wake a hair early (uvloop rounds to 1 ms): then the timer is simply armed again.
        self.exchange.advance(now_ns)
        self.arm()

    # -- REST ----------------------------------------------------------------------------------------------------

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        """No such operation."""
        self.counts["unknown"] = self.counts.get("unknown", 0) + 1
        await request.read()
        return self._reply(Answer(404, self._error_body(rejects.not_found(request.path).body)))

    async def _serve(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        self.counts[operation.name] = self.counts.get(operation.name, 0) + 1
        try:
            body = await request.read()
            early = await self._before(operation, request)
            if early is not None:
                return early
            answer = self._process(operation, request, body)
        except Reject as refused:
            answer = Answer(refused.status, self._error_body(refused.body))
        self.arm()
        if BROKEN in request:
            answer = self._unavailable(request[BROKEN])
        if self.faults.active:
            late = await self._after(operation, request)
            if late is not None:
                return late
        return self._reply(answer)

    def _process(self, operation: Operation, request: web.Request, body: bytes) -> Answer:
        """Signature, tokens, handler: no waiting in here."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        signed = operation.signed or "KALSHI-ACCESS-KEY" in request.headers
        if signed:
            key_id = self.doorkeeper.check(request.headers, operation.method, request.path, now_ns // NS_PER_MS)
            if operation.kind == WRITE and key_id in self.read_only:
                raise rejects.forbidden()
        parsed = requests.decode(body) if body else None
        if signed:
            self._pay(operation, request, parsed, now_ns)
        if operation.name in ("create_order", "batch_create"):
            self._refuse_orders(operation, now_ns)
        elif operation.name == "trigger_group":
            self._refuse_trigger(now_ns)
        call = Call(
            operation=operation.name,
            path=dict(request.match_info),
            query=request.query,
            json=parsed,
            account=self.exchange.member,
            now_ns=now_ns,
            tier=self.meter.tier,
        )
        claimed = fill_around_cancel(self.exchange, self.faults, self.hub, call) if self.faults.active else None
        if claimed is not None:
            return claimed
        return operation.handler(self.exchange, call)

    def _pay(self, operation: Operation, request: web.Request, parsed: Any, now_ns: int) -> None:  # noqa: ANN401 - JSON
        """Take the tokens, or refuse whole."""
        cost = operation.cost
        if operation.batch and isinstance(parsed, dict) and isinstance(parsed.get("orders"), list):
            cost *= max(1, len(parsed["orders"]))
        if operation.kind != WRITE:
            paid = self.meter.pay_read(cost, now_ns)
        else:
            paid = self.meter.pay_write(cost, now_ns, self._billed_shard(operation, request, parsed))
        if not paid:
            raise rejects.too_many()

    def _billed_shard(self, operation: Operation, request: web.Request, parsed: Any) -> int | None:  # noqa: ANN401 - JSON
        """Which write bucket pays: the named shard's, shard 0's, or (None) every one."""
        if operation.batch:
            return 0
        shard = request.query.get("exchange_index") if "exchange_index" in request.query else None
        ticker = request.query.get("market_ticker")
        if isinstance(parsed, dict):
            shard = parsed.get("exchange_index", shard)
            ticker = ticker or parsed.get("ticker") or parsed.get("market_ticker")
        text = str(shard)
        if shard is not None and text.isdigit():
            return int(text)
        return None if text == "-1" or ticker else 0

    def _reply(self, answer: Answer) -> web.Response:
        """An answer as HTTP, with the Date of the exchange's own clock."""
        headers = {"Date": formatdate(self.now_ns() // NS_PER_S, usegmt=True)}
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        body = orjson.dumps(answer.body)
        return web.Response(status=answer.status, headers=headers, body=body, content_type="application/json")

    def _error_body(self, body: dict[str, Any]) -> dict[str, Any]:
        """As it goes over the wire, or flat as the OpenAPI says, when that is switched on."""
        inner = body.get("error")
        return inner if self.exchange.state.config.flat_errors and isinstance(inner, dict) else body

    # -- faults --------------------------------------------------------------------------------------------------

    async def _before(self, operation: Operation, request: web.Request) -> web.StreamResponse | None:
        """Faults that strike before processing."""
        if not self.faults.active:
            return None
        name, now_ns = operation.name, self.now_ns()
        slow = self.faults.draw("latency", now_ns, name)
        if slow is not None:
            await asyncio.sleep(float(slow.params.get("ms", 100)) / 1000)
        if self.faults.draw("lost_request", now_ns, name):
            return self._cut(request)
        if self.faults.draw("http_429", now_ns, name):
            raise rejects.too_many()
        broken = self.faults.draw("http_5xx", now_ns, name)
        if broken is not None:
            if broken.params.get("processed"):
                request[BROKEN] = int(broken.params.get("code", 503))
            else:
                return self._reply(self._unavailable(int(broken.params.get("code", 503)), name))
        return None

    async def _after(self, operation: Operation, request: web.Request) -> web.StreamResponse | None:
        """Faults that strike when the deed is done."""
        name, now_ns = operation.name, self.now_ns()
        late = self.faults.draw("late_ack", now_ns, name)
        if late is not None:
            await asyncio.sleep(float(late.params.get("ms", 200)) / 1000)
        if self.faults.draw("lost_answer", now_ns, name):
            return self._cut(request)
        return None

    def _unavailable(self, code: int, operation: str = "") -> Answer:
        if operation == "exchange_status":  # documented: the same body as with 200 may come with 5xx
            return Answer(code, rest_public.status_body(self.exchange))
        return Answer(code, self._error_body(rejects.nested(code, "exchange_unavailable").body))

    @staticmethod
    def _cut(request: web.Request) -> web.Response:
        """Close the connection under the request."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _refuse_orders(self, operation: Operation, now_ns: int) -> None:
        fault = self.faults.draw("refuse_orders", now_ns, operation.name)
        if fault is not None:
            code, details = str(fault.params.get("code", "invalid_order")), fault.params.get("details")
            raise rejects.nested(int(fault.params.get("status", 400)), code, details)

    def _refuse_trigger(self, now_ns: int) -> None:
        fault = self.faults.draw("group_trigger_refused", now_ns, "trigger_group")
        if fault is not None:
            code = str(fault.params.get("code", "exchange_unavailable"))
            raise rejects.nested(int(fault.params.get("status", 503)), code)

    def set_skew(self, ms: float) -> None:
        """Move the exchange's clock; its timers follow."""
        self.skew_ns = int(ms * NS_PER_MS)
        self._timer_at_ns = 0
        self.arm()

    def inject(self, request: object) -> menu.Fault:
        """Take one request for a fault, and do at once what is done at once."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        fault = self.faults.add(request, now_ns)
        name, params, life = fault.name, fault.params, self.exchange.life
        if name.startswith("ws_") and name in menu.AT_ONCE:
            self.hub.strike(fault, now_ns)
        elif name == "clock_skew_ms":
            self.set_skew(float(params.get("ms", 0)))
        elif name == "list_lag_ms":
            self.exchange.state.config.list_lag_ms = int(params.get("ms", 400))
        elif name in ("exchange_pause", "trading_pause"):
            life.pause(name.removesuffix("_pause"), "fault", now_ns, fault.until_ns)
        elif name == "fee_type":
            life.change_fee(params, now_ns)
        elif name == "price_grid":
            life.change_grid(params, now_ns)
        elif name == "market_deactivate":
            life.halt(params, now_ns, fault.until_ns)
        self.arm()
        return fault

    def clear_faults(self) -> None:
        """End every fault, pauses and skew included; halted markets are activated."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        self.faults.clear()
        self.set_skew(0)
        self.exchange.life.resume("fault")
        for market in self.exchange.state.markets.values():
            self.exchange.life.activate(market, now_ns)

    # -- websocket -----------------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.counts["ws_connect"] = self.counts.get("ws_connect", 0) + 1
        now_ns = self.now_ns()
        try:
            early = await self._before(Operation("ws_connect", "GET", SOCKET_PATH, rest_public.status), request)
            if early is not None:
                return early
            self.doorkeeper.check(request.headers, "GET", request.path, now_ns // NS_PER_MS)
        except Reject as refused:
            return self._reply(Answer(refused.status, self._error_body(refused.body)))
        return await self.hub.serve(request, self.exchange.member)
