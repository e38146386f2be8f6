from __future__ import annotations

import asyncio
import json

import pytest

from domain.errors import UnavailableError
from ops.client_io import fetch, order
from ops.http.status_server_io import StatusServer
from tests.ops.pictures import HandClock


async def test_one_page_on_loopback_and_no_command() -> None:
    server = StatusServer(lambda: {"state": "OK"}, HandClock(), 0, "--http-port")
    await server.start()
    try:
        assert server.address.startswith("http://127.0.0.1:")
        address = server.address.removesuffix("/ops/status")
        told = await asyncio.to_thread(fetch, address, "/ops/status")
        assert (told.status, json.loads(told.text)) == (200, {"state": "OK"})
        assert (await asyncio.to_thread(fetch, address, "/metrics")).status == 404
        refused = await asyncio.to_thread(order, address, "kill", by="ada", cause="drill", token="guessed")
        assert refused.status == 403
    finally:
        await server.stop()


async def test_a_port_that_is_taken_is_one_line_with_the_option_to_change() -> None:
    first = StatusServer(dict, HandClock(), 0, "--http-port")
    await first.start()
    port = int(first.address.removesuffix("/ops/status").rpartition(":")[2])
    second = StatusServer(dict, HandClock(), port, "--http-port")
    try:
        with pytest.raises(UnavailableError, match="choose another with --http-port"):
            await second.start()
    finally:
        await second.stop()
        await first.stop()
