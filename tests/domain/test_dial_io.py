"""A name with several addresses, on real sockets: a dead one costs a moment once, and never a connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from domain.dial_io import Dialler
from tests.domain.swallowing import GOOD, SWALLOWING, infos, resolves_to, swallowing

LIMIT_S = 1.0


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), GOOD, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def where(dialler: Dialler) -> str:
    """Connect, and say to which host."""
    async with asyncio.timeout(LIMIT_S):
        sock, address = await dialler.connect()
    sock.close()
    return str(address[0])


async def test_an_address_that_swallows_does_not_keep_us_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as port:
        resolves_to(monkeypatch, SWALLOWING, "127.0.0.3", GOOD)
        with swallowing(port):
            assert await where(Dialler("exchange.example", port)) == GOOD


async def test_what_worked_is_tried_first_and_what_came_to_nothing_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as port:
        other = socket.create_server(("127.0.0.3", port))
        resolves_to(monkeypatch, "127.0.0.3", GOOD)
        dialler = Dialler("exchange.example", port)
        assert await where(dialler) == "127.0.0.3"
        resolves_to(monkeypatch, GOOD, "127.0.0.3")
        assert await where(dialler) == "127.0.0.3", "the one that worked is the first choice, whatever the order"
        dialler.failed(("127.0.0.3", port))
        assert await where(dialler) == GOOD
        dialler.failed((GOOD, port))
        assert await where(dialler) == "127.0.0.3", "both failed: the one that failed longest ago"
        other.close()


async def test_a_resolver_that_fails_does_not_take_known_addresses_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as port:
        resolves_to(monkeypatch, GOOD)
        dialler = Dialler("exchange.example", port)
        assert await where(dialler) == GOOD

        async def fails(*_args: object, **_more: object) -> list[Any]:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", fails)
        assert await where(dialler) == GOOD
        with pytest.raises(OSError, match="no name server"):
            await where(Dialler("never.seen", port))


def test_on_the_event_loop_of_the_daemon() -> None:
    class Loop(uvloop.Loop):
        async def getaddrinfo(self, host, port, **_more):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202 - as uvloop has it
            return infos(port, host) if host[0].isdigit() else infos(port, SWALLOWING, GOOD)

    async def run() -> str:
        async with listening() as port:
            with swallowing(port):
                return await where(Dialler("exchange.example", port))

    loop = Loop()
    try:
        assert loop.run_until_complete(run()) == GOOD
    finally:
        loop.close()
