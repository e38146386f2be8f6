"""The daemon's HTTP server on loopback: health, readiness, metrics, pictures, the page, and three commands.

It reads frozen pictures and never touches the engine. The three commands go through one function, whose answer stands
behind the disk's own word: 202 is said of what a restart will know of.
A picture is drawn on the loop (it must be: the engine lives there). All listeners of /events
share one frame, drawn four times a second and only while somebody listens; a slow listener skips frames and is dropped
after a few seconds, and never holds up another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from domain.clock import Clock
from domain.errors import UnavailableError
from domain.window import Phase
from ops.freshness import freshness_document
from ops.http.control_io import Command, Control
from ops.http.frame import encode, frame_of, is_healthy
from ops.http.http_guard_io import ConnectionGuard, HttpLimits, RequestGuard
from ops.http.http_stream_io import EventStream
from ops.http.listen_io import listen
from ops.http.pages_io import PageFiles
from ops.metrics.page_io import MetricsPage
from ops.metrics.view import Runtime, View
from ops.ops_status import Identity, ops_status
from ops.readiness import readiness
from ops.status import Status, TaskHealth

if TYPE_CHECKING:
    from ops.metrics.registry import Metrics

STOP_LIMIT_S = 2.0
STAND_IN_S = 3.0


class OpsServer:
    """One server; `start` binds (port 0: any free one), `stop` ends it and every connection."""

    def __init__(  # noqa: PLR0913 - the one seam between the daemon and its screens: every part is named
        self,
        *,
        picture: Callable[[], Status],
        tasks: Callable[[], tuple[TaskHealth, ...]],
        command: Command,
        clock: Clock,
        token: str | None,
        live: bool,
        in_final_minute: Callable[[], bool],
        host: str = "127.0.0.1",
        port: int = 8080,
        metrics: Metrics,
        runtime: Callable[[], Runtime] = Runtime,
        identity: Identity | None = None,
        reports_dir: Path | None = None,
        hosts: frozenset[str] = frozenset(),
        cadence_s: float = 0.25,
        limits: HttpLimits | None = None,
    ) -> None:
        self._picture, self._tasks = picture, tasks
        self._runtime, self._clock, self._in_final_minute = runtime, clock, in_final_minute
        self._host, self._port = host, port
        self._identity = identity or Identity()
        self._limits = limits or HttpLimits()
        self._guard = ConnectionGuard(self._limits)
        self._control = Control(command, self._limits)
        self._request_guard = RequestGuard(
            hosts=hosts, token=token, live=live, clock=clock, refused=self._guard.refused
        )
        self._stream = EventStream(self._event, cadence_s=cadence_s, limits=self._limits)
        self._pages = PageFiles(reports_dir)
        self._metrics = MetricsPage(metrics, self._view, clock, in_final_minute)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self.started = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def address(self) -> str:
        """The page's address for people."""
        return f"http://{self._host}:{self._port}"

    @property
    def listeners(self) -> int:
        """How many screens follow /events."""
        return self._stream.listeners

    async def start(self) -> None:
        """Bind and listen. Raises UnavailableError with one line when the port is taken."""
        await self._pages.load()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=STOP_LIMIT_S)
        await runner.setup()
        assert runner.server is not None, "setup makes the server"
        server = runner.server
        try:
            self._server = await listen(server, self._guard, self._host, self._port, "http.port", STAND_IN_S)
        except UnavailableError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = self._server.sockets[0].getsockname()[1]
        self._stream.start()
        self.started.set()

    async def broken(self) -> None:
        """Wait, after `start`, until the stream of frames breaks; raises what broke it."""
        await self._stream.broken()

    async def run(self) -> None:
        """Serve until cancelled; raises what broke the stream of frames, so that whoever owns this task hears of it."""
        await self.start()
        try:
            await self._stream.broken()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop listening, end the streams, close every connection. May be called twice."""
        self.started.clear()
        await self._stream.stop()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        app = self._request_guard.application(self._limits)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics.negotiated)
        app.router.add_get("/metrics/prometheus", self._metrics.text)
        app.router.add_get("/metrics/json", self._metrics.json)
        app.router.add_get("/ops/status", self._ops_status)
        app.router.add_get("/freshness", self._freshness)
        app.router.add_get("/picture", self._whole_picture)
        app.router.add_get("/events", self._stream.serve, allow_head=False)
        app.router.add_get("/", self._pages.index)
        app.router.add_get("/web/{name}", self._pages.asset)
        app.router.add_get("/docs/{path:.+}", self._pages.doc)
        app.router.add_get("/reports", self._pages.reports)
        app.router.add_get("/reports/{path:.+}", self._pages.report)
        self._control.join(app)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        tasks = self._tasks()
        healthy = is_healthy(tasks)
        ages = {task.name: {"age_s": task.age_s, "limit_s": task.limit_s} for task in tasks}
        return reply({"status": "ok" if healthy else "unhealthy", "tasks": ages}, 200 if healthy else 503)

    async def _ready(self, _: web.Request) -> web.Response:
        picture = self._picture()
        answer = readiness(picture)
        told = {"ready": answer.ready, "verdict": answer.verdict, "held": answer.held, "gates": picture.gates}
        return reply(told, 200 if answer.ready else 503)

    async def _ops_status(self, _: web.Request) -> web.Response:
        return reply(ops_status(self._picture(), self._tasks(), self._identity))

    async def _freshness(self, _: web.Request) -> web.Response:
        """The document of `monitors/freshness.json`, drawn now."""
        picture = self._picture()
        active = next((feed.name for feed in picture.feeds if feed.active), "")
        rows = [(Phase(view.phase), view.freshness) for view in picture.series]
        return reply(freshness_document(picture.now, picture.pid, active, rows))

    async def _whole_picture(self, _: web.Request) -> web.Response:
        return web.Response(body=self._event(), content_type="application/json")

    def _event(self) -> bytes:
        return encode(frame_of(self._picture(), self._tasks(), self._identity))

    def _view(self) -> View:
        runtime = msgspec.structs.replace(self._runtime(), http_refused=dict(self._guard.refused))
        return View(self._picture(), self._tasks(), runtime)


def reply(document: object, status: int = 200) -> web.Response:
    """A document as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
