"""Server-Sent Events: one frame drawn for all listeners, the latest only.

Each listener waits for the next frame and writes it; one whose socket does not drain within the write limit is cut
off. Nothing is drawn while nobody listens. A stopped daemon says so with a last event, `stopping`, so that the page
can tell a shutdown from a lost connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from ops.http.http_guard_io import HttpLimits, refuse

RETRY_MS = 500
SOCKET_BUFFER_BYTES = 64 * 1024


class EventStream:
    """The `/events` route. `draw` makes one frame, called on the loop."""

    def __init__(self, draw: Callable[[], bytes], *, cadence_s: float, limits: HttpLimits) -> None:
        self._draw, self._cadence_s, self._limits = draw, cadence_s, limits
        self.listeners = 0
        self._wanted = asyncio.Event()
        self._changed = asyncio.Condition()
        self._frame = b""
        self._number = 0
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin drawing whenever somebody listens."""
        self._ended = False
        self._task = asyncio.create_task(self._pump(), name="http_events")

    async def stop(self) -> None:
        """Show the listeners the last picture, tell them that it is the last, and end."""
        if self._task is None:
            return
        sound = not self._task.done()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        async with self._changed:
            if sound and self.listeners:
                # Whether it is proven that nothing rests is known only now; a screen keeps it after we are gone.
                self._frame, self._number = self._draw(), self._number + 1
            self._ended = True
            self._changed.notify_all()

    async def broken(self) -> None:
        """Wait for ever, or raise what ended the drawing of frames."""
        assert self._task is not None, "start comes first"
        await asyncio.shield(self._task)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One listener, until it goes or the daemon stops."""
        if self.listeners >= self._limits.streams_max:
            return refuse(503, f"{self._limits.streams_max} screens are open already; close one")
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self.listeners += 1
        self._wanted.set()
        try:
            await answer.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=SOCKET_BUFFER_BYTES)
            await self._write(answer, f"retry: {RETRY_MS}\n\n".encode())
            await self._feed(answer)
        except (ConnectionError, TimeoutError):
            answer.force_close()
            if request.transport is not None:
                request.transport.abort()
        finally:
            self.listeners -= 1
            if not self.listeners:
                self._wanted.clear()
        return answer

    async def _feed(self, answer: web.StreamResponse) -> None:
        seen = 0
        while True:
            async with self._changed:
                while self._number == seen and not self._ended:
                    await self._changed.wait()
                newer, ended = self._number != seen, self._ended
                seen, frame = self._number, self._frame
            if newer:
                await self._write(answer, b"data: " + frame + b"\n\n")
            if ended:
                await self._write(answer, b"event: stopping\ndata: {}\n\n")
                return

    async def _write(self, answer: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._limits.write_s):
            await answer.write(data)

    async def _pump(self) -> None:
        while True:
            await self._wanted.wait()
            frame = self._draw()
            async with self._changed:
                self._frame, self._number = frame, self._number + 1
                self._changed.notify_all()
            await asyncio.sleep(self._cadence_s)
