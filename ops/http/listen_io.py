"""Listening: the socket under a guarded server, and one line for whoever chose a port that is taken."""

from __future__ import annotations

import asyncio

from aiohttp import web

from domain.errors import UnavailableError
from ops.http.http_guard_io import ConnectionGuard, GuardedConnection

BACKLOG = 128


async def listen(server: web.Server, guard: ConnectionGuard, host: str, port: int, setting: str) -> asyncio.Server:
    """Bind and listen; port 0 takes a free one. Raises UnavailableError, which names the setting of the port."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            lambda: GuardedConnection(server, guard, loop), host, port, backlog=BACKLOG, reuse_address=True
        )
    except OSError as error:
        raise UnavailableError(
            f"http: cannot listen on {host}:{port}: {error.strerror}; "
            f"is another ladderd running? choose another with {setting}"
        ) from error
