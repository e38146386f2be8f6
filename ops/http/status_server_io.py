"""One page, `GET /ops/status`, for a process that has no other: the watcher. Loopback only.

With a token and somebody to obey, `POST /control/...` is taken as by the daemon; without, every POST is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from domain.clock import Clock
from ops.http.control_io import Command, Control
from ops.http.http_guard_io import ConnectionGuard, HttpLimits, RequestGuard
from ops.http.listen_io import listen

LOOPBACK = "127.0.0.1"
STOP_LIMIT_S = 2.0


class StatusServer:
    """Serves what `document` gives at each request, behind the daemon's own guards of connections and requests."""

    def __init__(
        self,
        document: Callable[[], dict[str, Any]],
        clock: Clock,
        port: int,
        setting: str,
        token: str | None = None,
        command: Command | None = None,
    ) -> None:
        self._document, self._port, self._setting = document, port, setting
        self._limits = HttpLimits()
        self._guard = ConnectionGuard(self._limits)
        self._control = None if command is None else Control(command, self._limits)
        self._requests = RequestGuard(
            hosts=frozenset(), token=token, live=False, clock=clock, refused=self._guard.refused
        )
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where the page is, for people."""
        return f"http://{LOOPBACK}:{self._port}/ops/status"

    async def start(self) -> None:
        """Bind and listen. Raises UnavailableError with one line when the port is taken."""
        app = self._requests.application(self._limits)
        app.router.add_get("/ops/status", self._answer)
        if self._control is not None:
            self._control.join(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_LIMIT_S)
        await self._runner.setup()
        assert self._runner.server is not None, "setup makes the server"
        self._server = await listen(self._runner.server, self._guard, LOOPBACK, self._port, self._setting)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close every connection; also after a start that failed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._document()), content_type="application/json")
