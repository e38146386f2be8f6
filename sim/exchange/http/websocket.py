"""A websocket as a stream of the fan-out: an outbox, and one writer task that sends from it.

Pings go out every 10 s with the body `heartbeat`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from sim.exchange.gateway.fan_out import FanOut
    from sim.exchange.gateway.session import Session

HEARTBEAT_S = 10.0
CLOSE_S = 1.0


class Connection:
    """One websocket: its session, its outbox, and what faults do to it."""

    def __init__(self, session: Session, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.session = session
        self.socket = socket
        self.request = request
        self.outbox: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.silent = False
        self.late: bytes | None = None

    @property
    def waiting(self) -> int:
        """How many frames were not sent yet."""
        return len(self.outbox)

    def put(self, raw: bytes) -> None:
        """Queue one frame; silence swallows it."""
        if self.silent:
            return
        self.outbox.append(raw)
        self.wake.set()

    def overflow(self, raw: bytes) -> None:
        """Forget what was not sent yet, and send this."""
        self.outbox.clear()
        self.put(raw)

    def fall_silent(self) -> None:
        """Half open: nothing is sent or read any more, and nothing is closed."""
        self.silent = True
        self.outbox.clear()
        transport = self.request.transport
        if transport is not None:
            transport.pause_reading()

    def cut(self, code: int | None) -> None:
        """End it at once: with a close frame of that code, or without one."""
        if code is not None:
            asyncio.ensure_future(self.socket.close(code=code))  # noqa: RUF006 - ends with the connection
            return
        transport = self.request.transport
        if transport is not None:
            transport.abort()

    async def go_away(self) -> None:
        """The server ends (1001)."""
        if self.silent:
            self.cut(None)
        else:
            await self.socket.close(code=1001, message=b"going away")

    async def write(self) -> None:
        """Send what is queued, for ever."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.outbox:
                await self.socket.send_str(self.outbox.popleft().decode())

    async def beat(self) -> None:
        """Ping every 10 s, for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if not self.silent:
                await self.socket.ping(b"heartbeat")


async def serve(
    request: web.Request, session: Session, fan_out: FanOut, connections: dict[int, Connection]
) -> web.WebSocketResponse:
    """Hold one websocket until it ends; it is among `connections` for as long."""
    socket = web.WebSocketResponse(timeout=CLOSE_S, autoping=True, compress=False, max_msg_size=1 << 22)
    await socket.prepare(request)
    connection = Connection(session, socket, request)
    serial = fan_out.opened(connection)
    connections[serial] = connection
    tasks = [asyncio.ensure_future(connection.write()), asyncio.ensure_future(connection.beat())]
    try:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            fan_out.received(connection, message.data)
    finally:
        del connections[serial]
        fan_out.closed(serial)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return socket
