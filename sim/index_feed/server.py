"""The sockets of the simulated vendor: one or two hosts, each websocket and REST on its own port, one account.

One task walks the tape and hands each value to every connection that wants it; each connection has a reader (the
request's own coroutine) and a writer. Nothing here reads a clock: time comes from the injected one, waiting from the
running loop, so the same object runs in virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from domain.clock import NS_PER_MS, NS_PER_S, Clock, Now
from sim.index_feed import wire
from sim.index_feed.connection import Connection
from sim.index_feed.faults import INSTANT, MENU, Active, Fault, FaultBoard, FaultError, read_fault
from sim.index_feed.hours import Hours
from sim.index_feed.quota import Evict, Quota
from sim.index_feed.rest import Reads
from sim.index_feed.rest_routes import RestRoutes
from sim.index_feed.session import PLANS, Close, Drop, Plan, Send, Session
from sim.index_feed.spoil import ALWAYS, Bars, Host, Piece
from sim.index_feed.tape import Shown, Tape

WAKE_MAX_NS: Final = 1 * NS_PER_S
EVICT_AFTER_S: Final = 0.02
STOP_WITHIN_S: Final = 1.0
UNAVAILABLE: Final = 503


class FeedConfig(msgspec.Struct, frozen=True):
    """What the simulated vendor is like. Ports: one per host, 0 for a free one."""

    keys: tuple[str, ...]
    ports: tuple[int, ...] = (0,)
    bind: str = "127.0.0.1"
    seed: int = 1
    quota: int = 1
    evict: Evict = Evict.OLDEST
    plan: str = "advanced"
    auth_timeout_s: float = 10.0
    always_open: bool = True


class FeedServer:
    """The simulated vendor. `start`, then `ports`; `stop` ends every connection and task."""

    def __init__(self, config: FeedConfig, tape: Tape, clock: Clock, faults: tuple[Fault, ...] = ()) -> None:
        """Serve `tape` on `clock`; `faults` (checked) are at work from the start."""
        self._config: Final = config
        self._tape: Final = tape
        self._clock: Final = clock
        self.board: Final = FaultBoard()
        websocket, channels = PLANS[config.plan]
        self._plan: Final = Plan(config.keys, websocket, channels)
        self._hours: Final = Hours(always=config.always_open)
        rng = random.Random(config.seed)
        self._quotas: Final = {key: Quota(config.quota, config.evict, rng) for key in config.keys}
        self._hosts: Final = [Host(n + 1, tape, self.board) for n in range(len(config.ports))]
        self._bars: Final = Bars()
        self._connections: dict[int, Connection] = {}
        self._next_ident = 1
        self._values_shown = 0
        self._upgrades = [0] * len(config.ports)
        self._runners: list[web.AppRunner] = []
        self._walker: asyncio.Task[None] | None = None
        self.ports: tuple[int, ...] = ()
        self._first_faults: Final = faults
        self._reads: Final = Reads(tape, self._hours, delayed=config.plan == "starter")

    async def start(self) -> None:
        """Listen on every port and start the tape. Raises OSError when a port is taken."""
        ports = []
        for number, port in enumerate(self._config.ports, 1):
            app = self._application(number)
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_WITHIN_S)
            await runner.setup()
            self._runners.append(runner)
            site = web.TCPSite(runner, self._config.bind, port)
            await site.start()
            ports.append(int(runner.addresses[0][1]))
        self.ports = tuple(ports)
        for fault in self._first_faults:
            self.inject(fault)
        self._walker = asyncio.get_running_loop().create_task(self._walk(), name="feed tape")

    async def stop(self) -> None:
        """End all connections (without a Close frame), stop listening, end the tape."""
        if self._walker is not None:
            self._walker.cancel()
            await asyncio.gather(self._walker, return_exceptions=True)
        for connection in tuple(self._connections.values()):
            connection.abort()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def inject(self, fault: Fault) -> None:
        """Put a checked fault to work now; instant ones strike the open connections at once."""
        now = self._clock.now()
        lasting = fault.count is not None or fault.for_s is not None
        active = self.board.add(fault, now.mono_ns)
        if fault.fault not in INSTANT:
            return
        for connection in tuple(self._connections.values()):
            if fault.host in (None, connection.session.host) and (active.left is None or active.left > 0):
                self._strike(connection, active)
        if not lasting:
            self.board.end(active)

    def state(self) -> dict[str, Any]:
        """What `GET /sim/state` shows: connections, what was sent, which faults struck."""
        now = self._clock.now()
        return {
            "now_ms": now.utc_ns // NS_PER_MS,
            "connections": [c.describe(now) for c in self._connections.values()],
            "values_shown": self._values_shown,
            "upgrades": self._upgrades,
            "quota_held": {key: len(quota.held) for key, quota in self._quotas.items()},
            "last": {
                ticker: {"val": shown.text, "t": shown.utc_ns // NS_PER_MS}
                for ticker in self._tape.tickers
                if (shown := self._tape.last(ticker, now.utc_ns)) is not None
            },
            "faults": self.board.listing(now.mono_ns),
            "faults_struck": self.board.counts(),
        }

    # --- the tape ---

    async def _walk(self) -> None:
        while True:
            now = self._clock.now()
            for tick in self._tape.due(now.utc_ns):
                if self._hours.is_open(tick.utc_ns):
                    self._publish(tick, now)
            following = self._tape.next_ns()
            wait_ns = WAKE_MAX_NS if following is None else following - self._clock.now().utc_ns
            # Rounded up to the loop's next millisecond: a wake before its time only costs another turn.
            await asyncio.sleep(min(max(wait_ns, 0), WAKE_MAX_NS) / NS_PER_S)

    def _publish(self, tick: Shown, now: Now) -> None:
        self._values_shown += 1
        bars = self._bars.add(tick, self._tape)
        for number, host in enumerate(self._hosts, 1):
            pieces = host.pieces(tick, now) + ([] if self.board.find("silence", now.mono_ns, number) else bars)
            if not pieces:
                continue
            delayed = self.board.strike("delay", now.mono_ns, number, tick.ticker)
            due = now.mono_ns + (int((delayed.fault.ms or 0) * NS_PER_MS) if delayed else 0)
            for connection in tuple(self._connections.values()):
                if connection.session.host == number:
                    self._deliver(connection, pieces, due)

    @staticmethod
    def _deliver(connection: Connection, pieces: list[Piece], due_ns: int) -> None:
        wants = connection.session.wants
        texts = [piece.text for piece in pieces if piece.channel == ALWAYS or wants(piece.channel, piece.ticker)]
        if texts and any(piece.channel != ALWAYS and wants(piece.channel, piece.ticker) for piece in pieces):
            connection.send(Send(wire.frame(texts)), due_ns)

    # --- connections ---

    def _application(self, host: int) -> web.Application:
        app = web.Application()
        app.router.add_get("/indices", self._on(host, self._upgrade))
        app.router.add_get("/sim/state", self._on(host, self._show_state))
        app.router.add_get("/sim/faults", self._on(host, self._show_faults))
        app.router.add_post("/sim/faults", self._on(host, self._add_fault))
        app.router.add_delete("/sim/faults", self._on(host, self._clear_faults))
        RestRoutes(host, self._config.keys, self._reads, self._tape, self._clock, self.board).add_to(app)
        return app

    @staticmethod
    def _on(
        host: int, answer: Callable[[int, web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def bound(request: web.Request) -> web.StreamResponse:
            return await answer(host, request)

        return bound

    async def _upgrade(self, host: int, request: web.Request) -> web.StreamResponse:
        now = self._clock.now()
        self._upgrades[host - 1] += 1
        refused = self.board.strike("refuse", now.mono_ns, host)
        if refused is not None:
            if refused.fault.status is not None:
                return web.Response(status=refused.fault.status, text="no healthy upstream")
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=UNAVAILABLE)
        session = Session(self._next_ident, host, self._plan, self.board)
        self._next_ident += 1
        connection = Connection(session, self._clock, self.board)
        self._connections[session.ident] = connection
        try:
            return await connection.serve(request, self._config.auth_timeout_s, self._after_message)
        finally:
            self._connections.pop(session.ident, None)
            if session.authed_key is not None:
                self._quotas[session.authed_key].release(session.ident)

    def _after_message(self, connection: Connection, *, authed: bool, subscribed: bool) -> None:
        """A client's message was answered: count it against the quota, and let lasting instant faults strike."""
        session = connection.session
        now = self._clock.now()
        if authed and session.authed_key is not None:
            for ident in self._quotas[session.authed_key].admit(session.ident):
                victim = self._connections.get(ident)
                if victim is not None:
                    # The newcomer still gets its acks: counting starts at auth, the axe falls a little later.
                    asyncio.get_running_loop().call_later(EVICT_AFTER_S, victim.finish, Session.evicted())
        if subscribed:
            for name in sorted(INSTANT):
                active = self.board.find(name, now.mono_ns, session.host)
                if active is not None:
                    self._strike(connection, active)

    def _strike(self, connection: Connection, active: Active) -> None:
        fault = active.fault
        self.board.spend(active)
        if fault.fault == "close":
            connection.finish((Close(fault.code or 1000, fault.reason or ""),))
        elif fault.fault in ("rst", "drop"):
            connection.finish((Drop(reset=fault.fault == "rst"),))
        elif fault.fault == "half_open":
            connection.go_half_open()
        elif fault.fault == "evict":
            connection.finish(Session.evicted())
        else:
            connection.go_slow(fault.ms or 0.0)

    # --- the simulator's own record and menu ---

    async def _show_state(self, _host: int, _request: web.Request) -> web.Response:
        return web.json_response(self.state())

    async def _show_faults(self, _host: int, _request: web.Request) -> web.Response:
        menu = {name: {"takes": sorted(takes), "what": what} for name, (takes, what) in MENU.items()}
        return web.json_response({"active": self.board.listing(self._clock.now().mono_ns), "menu": menu})

    async def _add_fault(self, _host: int, request: web.Request) -> web.Response:
        try:
            fault = read_fault(await request.read())
        except FaultError as error:
            return web.json_response({"error": str(error)}, status=400)
        self.inject(fault)
        return web.json_response({"active": self.board.listing(self._clock.now().mono_ns)}, status=201)

    async def _clear_faults(self, _host: int, request: web.Request) -> web.Response:
        host = request.query.get("host")
        ended = self.board.clear(request.query.get("fault"), int(host) if host and host.isdigit() else None)
        return web.json_response({"ended": ended})
