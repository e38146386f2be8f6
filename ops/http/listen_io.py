"""Listening: the socket under a guarded server, and one line for whoever chose a port that is taken."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from domain.errors import UnavailableError
from ops.http.http_guard_io import ConnectionGuard, GuardedConnection

BACKLOG = 128
LOOK_S = 0.1


async def listen(
    server: web.Server, guard: ConnectionGuard, host: str, port: int, setting: str, waits_s: float = 0.0
) -> asyncio.Server:
    """Bind and listen; port 0 takes a free one. `waits_s`: how long a port that is taken is waited for.

    Raises UnavailableError, which names the setting of the port.
    """
    loop = asyncio.get_running_loop()

    async def bind() -> asyncio.Server:
        return await loop.create_server(
            lambda: GuardedConnection(server, guard, loop), host, port, backlog=BACKLOG, reuse_address=True
        )

    for _ in range(int(waits_s / LOOK_S)):
        # The watcher may be standing in for a dead daemon, and gives the port back when it sees that one lives.
        with contextlib.suppress(OSError):
            return await bind()
        await asyncio.sleep(LOOK_S)
    try:
        return await bind()
    except OSError as error:
        raise UnavailableError(
            f"http: cannot listen on {host}:{port}: {error.strerror}; "
            f"is another ladderd running? choose another with {setting}"
        ) from error
