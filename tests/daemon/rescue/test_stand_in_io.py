from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from daemon.client.living_io import DaemonPage
from daemon.rescue.stand_in_io import StandIn
from domain.errors import UnavailableError
from ops.client_io import fetch, order
from tests.ops.pictures import HandClock

TOKEN = "a-token"


class Obeying:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    async def command(self, name: str, by: str, cause: str) -> str:
        self.heard.append((name, by, cause))
        return ""


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def document() -> dict[str, Any]:
    return {"state": "DEGRADED"}


@pytest.mark.step("K11")
async def test_it_listens_only_while_no_daemon_lives_and_only_with_a_token() -> None:
    obeying, said = Obeying(), list[str]()
    page = DaemonPage(free_port(), 4711)
    address = f"http://127.0.0.1:{page.port}"
    for token in (None, TOKEN):
        stand_in = StandIn(document, HandClock(), token, obeying.command, said.append)
        await stand_in.look(4711, page)
        await stand_in.look(0, None)
        with pytest.raises(UnavailableError):
            await asyncio.to_thread(fetch, address, "/ops/status")
        await stand_in.look(0, page)
        await stand_in.look(0, page)
        if token is None:
            with pytest.raises(UnavailableError):
                await asyncio.to_thread(fetch, address, "/ops/status")
            continue
        for given, status in (("wrong", 401), (TOKEN, 202)):
            answer = await asyncio.to_thread(order, address, "kill", by="ann", cause="fire", token=given)
            assert answer.status == status
        await stand_in.look(4712, page)
        with pytest.raises(UnavailableError):
            await asyncio.to_thread(fetch, address, "/ops/status")
    assert obeying.heard == [("kill", "ann", "fire")]
    assert len(said) == 1


async def test_a_port_that_somebody_else_has_is_left_to_him() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        said: list[str] = []
        stand_in = StandIn(document, HandClock(), TOKEN, Obeying().command, said.append)
        await stand_in.look(0, DaemonPage(other.getsockname()[1], 1))
        assert said == []
        await stand_in.close()
