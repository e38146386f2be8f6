"""One client's websocket: a reader, a writer with its outbox, and the ways a connection can be made ill."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any, Final, Protocol

from aiohttp import WSMsgType, web

from domain.clock import NS_PER_MS, NS_PER_S, Clock, Now
from sim.index_feed import wire
from sim.index_feed.faults import FaultBoard
from sim.index_feed.outbox import Outbox
from sim.index_feed.session import Close, Drop, Out, Send, Session

CLOSE_REPLY_WITHIN_S: Final = 1.0
MESSAGE_MAX_BYTES: Final = 1 << 20
SLOW_STEP_MS: Final = 100
NO_LINGER: Final = struct.pack("ii", 1, 0)
POLICY: Final = 1008


class AfterMessage(Protocol):
    """Called when a client's message has been answered."""

    def __call__(self, connection: Connection, *, authed: bool, subscribed: bool) -> None:
        """`authed`, `subscribed`: what this message brought about."""


class Connection:
    """One websocket. The server puts things in; the writer sends them in order."""

    def __init__(self, session: Session, clock: Clock, board: FaultBoard) -> None:
        """Carry `session` once `serve` is given a request."""
        self.session: Final = session
        self._clock: Final = clock
        self._board: Final = board
        self._outbox: Final = Outbox()
        self._transport: asyncio.Transport | None = None
        self._half_open = False
        self._finishing = False
        self._slow_ms: float | None = None
        self._slow_now_ms = 0.0
        self._opened_ns = clock.now().mono_ns
        self._frames = 0
        self._pings = 0
        self._pongs = 0

    async def serve(self, request: web.Request, auth_timeout_s: float, after: AfterMessage) -> web.WebSocketResponse:
        """Run the connection to its end."""
        ws = web.WebSocketResponse(
            autoping=False, compress=False, timeout=CLOSE_REPLY_WITHIN_S, max_msg_size=MESSAGE_MAX_BYTES
        )
        await ws.prepare(request)
        transport = request.transport
        assert transport is not None, "a request that was upgraded has its transport"
        self._transport = transport
        loop = asyncio.get_running_loop()
        writer = loop.create_task(self._write(ws), name=f"feed writer {self.session.ident}")
        overdue = loop.call_later(auth_timeout_s, self._auth_overdue)
        self._queue(self.session.opened(self._clock.now()))
        try:
            await self._read(ws, after)
        finally:
            overdue.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    def send(self, out: Out, due_ns: int) -> None:
        """Queue something for its time. A reader too slow for the buffer is told so and closed."""
        if self._half_open or self._finishing:
            return
        if self._slow_ms is not None:
            self._slow_now_ms = min(self._slow_now_ms + SLOW_STEP_MS, self._slow_ms)
            due_ns += int(self._slow_now_ms * NS_PER_MS)
            if self._slow_now_ms >= self._slow_ms:
                self._slow_consumer()
                return
        if not self._outbox.put(out, due_ns):
            self._slow_consumer()

    def finish(self, outs: tuple[Out, ...]) -> None:
        """Send these and nothing after them; what waits is thrown away."""
        if not self._half_open:
            self._outbox.replace(outs)
            self._finishing = True

    def go_half_open(self) -> None:
        """Neither send nor read any more, but keep the TCP connection."""
        self._half_open = True
        self._outbox.replace(())
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_slow(self, most_ms: float) -> None:
        """Let each frame be later than the one before, up to `most_ms`; then slow_consumer and 1008."""
        self._slow_ms = most_ms

    def drop(self, *, reset: bool) -> None:
        """End the TCP connection without a Close frame: RST at once, or FIN after what was written."""
        if self._transport is None:
            return
        if reset:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """End the TCP connection now, whatever is still unsent."""
        if self._transport is not None:
            self._transport.abort()

    def describe(self, now: Now) -> dict[str, Any]:
        """What `GET /sim/state` shows of it."""
        return {
            "id": self.session.ident,
            "host": self.session.host,
            "authenticated": self.session.authed_key is not None,
            "topics": [str(topic) for topic in self.session.topics],
            "age_s": round((now.mono_ns - self._opened_ns) / NS_PER_S, 3),
            "frames_sent": self._frames,
            "waiting": len(self._outbox),
            "pings": self._pings,
            "pongs": self._pongs,
            "half_open": self._half_open,
        }

    async def _read(self, ws: web.WebSocketResponse, after: AfterMessage) -> None:
        async for message in ws:
            if self._half_open:
                continue
            if message.type is WSMsgType.PING:
                self._pings += 1
                if self._board.strike("pong_missing", self._clock.now().mono_ns, self.session.host) is None:
                    self._pongs += 1
                    await ws.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._answer(message.data, after)

    def _answer(self, data: str | bytes, after: AfterMessage) -> None:
        before, topics = self.session.authed_key, len(self.session.topics)
        self._queue(self.session.received(data, self._clock.now()))
        after(
            self,
            authed=before is None and self.session.authed_key is not None,
            subscribed=len(self.session.topics) > topics,
        )

    def _queue(self, outs: tuple[Out, ...]) -> None:
        now_ns = self._clock.now().mono_ns
        for out in outs:
            late = int(out.late_ms * NS_PER_MS) if isinstance(out, Send) else 0
            self.send(out, now_ns + late)

    def _auth_overdue(self) -> None:
        self._queue(self.session.auth_overdue())

    def _slow_consumer(self) -> None:
        text = wire.frame([wire.status("slow_consumer", "Client is reading too slowly.")])
        self.finish((Send(text), Close(POLICY)))

    async def _write(self, ws: web.WebSocketResponse) -> None:
        while True:
            entry = await self._outbox.get()
            wait_ns = entry.due_ns - self._clock.now().mono_ns
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / NS_PER_S)
            if self._half_open:
                continue
            if isinstance(entry.out, Drop):
                self.drop(reset=entry.out.reset)
                return
            try:
                if isinstance(entry.out, Close):
                    await ws.close(code=entry.out.code, message=entry.out.reason.encode())
                    return
                await ws.send_str(entry.out.text)
            except ConnectionError:
                return  # the client went first; the reader ends the connection
            self._frames += 1
