"""Connect to a name that may have several addresses: they are raced (RFC 8305), and what became of them is remembered.

An address that swallows all that is sent to it must not keep a cancel from leaving. The addresses of a name are tried
150 ms apart, and the first that accepts is taken. The next time, the one that was taken is tried first, and one whose
connection came to nothing (it accepted, and then said nothing) last. While the name cannot be resolved, its last known
addresses are dialled.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

APART_S: Final = 0.15
RESOLVE_LIMIT_S: Final = 0.5
Address = tuple[Any, ...]


class Dialled(NamedTuple):
    """A connected socket, not blocking, and the address that it leads to."""

    sock: socket.socket
    address: Address


class Dialler:
    """Connects to one host and port, again and again."""

    def __init__(self, host: str, port: int) -> None:
        """`host`: a name, or an address in digits."""
        self._host: Final = host
        self._port: Final = port
        self._known: Sequence[AddrInfoType] = ()
        # How well each address did, the larger the worse: 0 for one that was not tried yet.
        self._rank: dict[Address, int] = {}
        self._failures = 0

    async def connect(self) -> Dialled:
        """Connect once, to whichever address accepts first. Raises OSError; time is the caller's to limit."""
        found = await self._resolve()
        found.sort(key=lambda info: self._rank.get(info[4], 0))
        made: dict[socket.socket, Address] = {}

        def make(info: AddrInfoType) -> socket.socket:
            sock = socket.socket(family=info[0], type=info[1], proto=info[2])
            made[sock] = info[4]
            return sock

        try:
            sock = await start_connection(found, happy_eyeballs_delay=APART_S, interleave=1, socket_factory=make)
        except RuntimeError as error:  # uvloop raises it where asyncio raises OSError
            raise OSError(str(error)) from error
        self._rank = {address: rank for address, rank in self._rank.items() if rank > 0}
        self._rank[made[sock]] = -1
        return Dialled(sock, made[sock])

    def failed(self, address: Address) -> None:
        """A connection to this address came to nothing: the others are tried first from now on."""
        self._failures += 1
        self._rank[address] = self._failures

    async def _resolve(self) -> list[AddrInfoType]:
        loop = asyncio.get_running_loop()
        limit_s = RESOLVE_LIMIT_S if self._known else None
        try:
            async with asyncio.timeout(limit_s):
                self._known = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            if not self._known:
                raise
        return list(self._known)
