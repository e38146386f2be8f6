"""A hostile wire: stands between the daemon and one simulator, and puts in or spoils what comes from there."""

from __future__ import annotations

import asyncio
import threading
from random import Random
from typing import Final

from tests.fuzz.mutations import mutated

UPGRADED: Final = b"HTTP/1.1 101"


def text_frame(data: bytes) -> bytes:
    """One unmasked websocket text frame, as a server sends it."""
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


class Proxy:
    """Passes everything on. `inject` puts a frame into every open websocket; `spoil` is how many answers to spoil."""

    def __init__(self, upstream: str, rng: Random) -> None:
        host, _, port = upstream.partition("//")[2].partition("/")[0].partition(":")
        self._upstream = (host, int(port))
        self._rng = rng
        self._loop = asyncio.new_event_loop()
        self._sockets: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.spoil = 0
        self.spoilt = 0
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        assert ready.wait(10), "the proxy does not start"

    def inject(self, data: bytes) -> int:
        """Put one text frame into every websocket; into how many."""
        return asyncio.run_coroutine_threadsafe(self._inject(data), self._loop).result(10)

    async def _inject(self, data: bytes) -> int:
        for writer in self._sockets:
            writer.write(text_frame(data))
        return len(self._sockets)

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()

        self._loop.run_until_complete(serve())

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._up(reader, far_writer), self._down(far_reader, writer), return_exceptions=True)
        self._sockets.discard(writer)
        writer.close()
        far_writer.close()

    async def _up(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            far.write(data)
        far.close()

    async def _down(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await far.read(1 << 20):
            if data.startswith(UPGRADED):
                writer.write(data)
                self._sockets.add(writer)
            elif self.spoil and writer not in self._sockets and data.startswith(b"HTTP/1.1 200"):
                self.spoil -= 1
                self.spoilt += 1
                head, _, body = data.partition(b"\r\n\r\n")
                writer.write(head + b"\r\n\r\n" + mutated(self._rng, body))
            else:
                writer.write(data)
        self._sockets.discard(writer)
        writer.close()
