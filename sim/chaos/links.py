"""A wire that can be spoiled: a small TCP proxy between the daemon and one server, on real sockets.

It carries bytes both ways and knows nothing of what they mean. What goes wrong is set while it runs: `hold` (a cable
pulled out: nothing arrives, nothing is refused, and what was sent arrives late when it is mended, as TCP would have
it), `refuse` (nobody listens any more), `delay_s` (a long way round), `half_open` (what is open now never says another
word; new connections work) and `reset` (both ends of all connections get an RST).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

CHUNK_BYTES = 65_536
# SO_LINGER on, zero seconds: close() sends RST instead of FIN (socket(7)).
RST = struct.pack("ii", 1, 0)


class _Wire:
    """One connection through the link: two streams, and whether it was silenced for good."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.ends = (near, far)
        self.silent = False

    def reset(self) -> None:
        """Tear it down hard."""
        for end in self.ends:
            made: socket.socket | None = end.get_extra_info("socket")
            if made is not None:
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            end.transport.abort()


class Link:
    """The proxy in front of one server; `port` is where the daemon connects."""

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self.target_port = target_port
        self.port = 0
        self.delay_s = 0.0
        self._whole = asyncio.Event()
        self._whole.set()
        self._refusing = False
        self._wires: set[_Wire] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Pull the cable out."""
        self._whole.clear()

    def refuse(self) -> None:
        """Reset what is open and what comes."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """RST on every connection."""
        for wire in tuple(self._wires):
            wire.reset()

    def half_open(self) -> None:
        """Silence what is open now, without closing it."""
        for wire in self._wires:
            wire.silent = True

    def mend(self) -> None:
        """As new; what was held goes on its way. Silenced connections stay silent until somebody closes them."""
        self._refusing = False
        self.delay_s = 0.0
        self._whole.set()

    async def stop(self) -> None:
        """Stop listening and drop everything."""
        if self._server is not None:
            self._server.close()
        self.mend()
        self.reset()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        wire = _Wire(near, near)
        self._wires.add(wire)
        try:
            await self._whole.wait()
            if self._refusing:
                wire.reset()
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target_port)
            wire.ends = (near, far)
            ways = [
                asyncio.create_task(self._carry(wire, reader, far)),
                asyncio.create_task(self._carry(wire, far_reader, near)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            wire.reset()
        finally:
            for end in wire.ends:
                end.close()
            self._wires.discard(wire)

    async def _carry(self, wire: _Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if wire.silent:
                    continue
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._whole.wait()
                if not wire.silent:
                    writer.write(data)
                    await writer.drain()
