"""An address on loopback that swallows every SYN, as a dead host behind a good name does: its backlog is full."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

SWALLOWING = "127.0.0.2"
GOOD = "127.0.0.1"


@contextlib.contextmanager
def swallowing(port: int) -> Iterator[None]:
    """Nobody ever accepts at 127.0.0.2:port, and nobody can knock any more."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server((SWALLOWING, port), backlog=0))
        for _ in range(4):
            knock = held.enter_context(socket.socket())
            knock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                knock.connect(listener.getsockname())
        yield


def infos(port: int, *hosts: str) -> list[Any]:
    """What a resolver says of a name with these addresses, in this order."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)) for host in hosts]


def resolves_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Every name has these addresses for the time of a test."""

    async def getaddrinfo(_loop: object, _host: str, port: int, **_more: object) -> list[Any]:
        return infos(port, *hosts)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
