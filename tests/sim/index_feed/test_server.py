"""The simulated vendor on real loopback sockets: one account over two hosts, its record, its menu, its bad manners."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.system_clock import SystemClock
from sim.index_feed.faults import Fault, check
from sim.index_feed.quota import Evict
from sim.index_feed.server import FeedConfig, FeedServer
from sim.index_feed.tape import LiveTape

KEY = "KEY"
WITHIN_S = 10
SUBSCRIBE = '{"action":"subscribe","params":"V.I:SPX,V.I:NDX"}'


@asynccontextmanager
async def feed(*faults: Fault, evict: Evict = Evict.OLDEST, auth_timeout_s: float = 10.0) -> AsyncIterator[FeedServer]:
    config = FeedConfig(keys=(KEY,), ports=(0, 0), evict=evict, auth_timeout_s=auth_timeout_s)
    tape = LiveTape(2, ["I:SPX", "I:NDX"], 20, 0.2, 1.0)
    server = FeedServer(config, tape, SystemClock(), tuple(check(fault) for fault in faults))
    await server.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            yield server
    finally:
        await server.stop()


def dial(server: FeedServer, host: int = 1, **settings: Any) -> connect:  # noqa: ANN401 - passed on
    url = f"ws://127.0.0.1:{server.ports[host - 1]}/indices"
    return connect(url, proxy=None, ping_interval=None, close_timeout=0.2, **settings)


async def handshake(ws: ClientConnection) -> None:
    await ws.recv()
    await ws.send(json.dumps({"action": "auth", "params": KEY}))
    await ws.recv()
    await ws.send(SUBSCRIBE)
    await ws.recv()


async def objects(ws: ClientConnection) -> list[dict[str, Any]]:
    found = json.loads(await ws.recv())
    assert isinstance(found, list)
    return found


async def ending(ws: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """Everything until the end, and the code of its Close frame (None: there was none)."""
    seen: list[dict[str, Any]] = []
    try:
        while True:
            seen.extend(await objects(ws))
    except ConnectionClosed as closed:
        return seen, None if closed.rcvd is None else closed.rcvd.code


@asynccontextmanager
async def web(server: FeedServer, host: int = 1) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.ports[host - 1]}") as session:
        yield session


async def test_values_of_both_indices_flow_and_nothing_is_compressed() -> None:
    async with feed() as server, dial(server) as ws:
        assert ws.response is not None
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
        await handshake(ws)
        tickers: set[str] = set()
        while len(tickers) < 2:
            tickers |= {o["T"] for o in await objects(ws)}


async def test_go_and_javascript_do_not_wait_for_the_greeting() -> None:
    async with feed() as server, dial(server) as ws:
        await ws.send(json.dumps({"action": "auth", "params": KEY}))
        await ws.send(SUBSCRIBE)
        statuses = [o["status"] for _ in range(3) for o in await objects(ws)]
        assert statuses == ["connected", "auth_success", "success", "success"]


@pytest.mark.parametrize(("rule", "survivor"), [(Evict.OLDEST, 1), (Evict.NEWEST, 0)])
async def test_one_account_over_two_hosts(rule: Evict, survivor: int) -> None:
    async with feed(evict=rule) as server, dial(server, 1) as first, dial(server, 2) as second:
        await handshake(first)
        await handshake(second)
        pair = [first, second]
        seen, code = await ending(pair[1 - survivor])
        assert code == 1008
        assert seen[-1]["status"] == "max_connections"
        assert await objects(pair[survivor])
        assert server.state()["quota_held"] == {KEY: 1}


async def test_the_place_of_a_client_that_left_is_free() -> None:
    async with feed(evict=Evict.NEWEST) as server:
        async with dial(server, 1) as first:
            await handshake(first)
        while server.state()["connections"]:  # noqa: ASYNC110 - the server has no reason to announce it
            await asyncio.sleep(0)
        async with dial(server, 2) as second:
            await handshake(second)
            for _ in range(4):
                assert (await objects(second))[0]["ev"] == "V"
            assert server.state()["quota_held"] == {KEY: 1}


async def test_no_auth_in_time_is_told_and_closed() -> None:
    async with feed(auth_timeout_s=0.02) as server, dial(server) as ws:
        seen, code = await ending(ws)
        assert [o["status"] for o in seen] == ["connected", "auth_timeout"]
        assert code == 1008


async def test_a_wrong_key_ends_without_a_close_frame() -> None:
    async with feed() as server, dial(server) as ws:
        await ws.send('{"action":"auth","params":"NO"}')
        seen, code = await ending(ws)
        assert [o["status"] for o in seen] == ["connected", "auth_failed"]
        assert code is None


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012])
async def test_close_codes(code: int) -> None:
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        server.inject(check(Fault("close", code=code)))
        assert (await ending(ws))[1] == code
        assert server.board.counts() == {"close": 1}


@pytest.mark.parametrize("name", ["rst", "drop"])
async def test_ends_without_a_close_frame(name: str) -> None:
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        server.inject(check(Fault(name)))
        assert (await ending(ws))[1] is None


async def test_a_reset_is_a_reset_on_the_wire() -> None:
    async with feed() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        writer.write(
            b"GET /indices HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
        )
        await reader.readuntil(b'Successfully"}]')
        server.inject(check(Fault("rst")))
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)
        writer.close()


async def test_a_half_open_connection_neither_speaks_nor_answers() -> None:
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        server.inject(check(Fault("half_open")))
        pong = asyncio.ensure_future(await ws.ping())
        sent = server.state()["connections"][0]["frames_sent"]
        for _ in range(3):
            shown = server.state()["values_shown"]
            while server.state()["values_shown"] == shown:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)  # tidy: test-sleep - the proof is that nothing comes meanwhile
        assert server.state()["connections"][0]["frames_sent"] == sent
        assert not pong.done()


async def test_pongs_and_their_absence() -> None:
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        await (await ws.ping())
        server.inject(check(Fault("pong_missing", count=1)))
        lost = asyncio.ensure_future(await ws.ping())
        answered = await ws.ping()
        await answered
        (shown,) = server.state()["connections"]
        assert (shown["pings"], shown["pongs"]) == (3, 2)
        assert lost.done()  # a later pong answers the earlier pings too (RFC 6455, 5.5.3)


async def test_a_slow_consumer_is_told_and_closed() -> None:
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        server.inject(check(Fault("slow_consumer", ms=200)))
        seen, code = await ending(ws)
        assert seen[-1]["status"] == "slow_consumer"
        assert code == 1008


async def test_the_upgrade_can_be_refused() -> None:
    async with feed(Fault("refuse", status=502, count=1), Fault("refuse", count=1)) as server:
        with pytest.raises(InvalidStatus):
            async with dial(server):
                pass
        with pytest.raises((OSError, EOFError, ConnectionClosed, Exception), match=r"(?i)response|reset|closed"):
            async with dial(server):
                pass
        async with dial(server) as ws:
            await handshake(ws)
        assert server.state()["upgrades"] == [3, 0]


async def test_a_lasting_close_strikes_each_connection_once_it_is_subscribed() -> None:
    async with feed() as server:
        async with dial(server) as ws:
            await handshake(ws)
            server.inject(check(Fault("close", code=1012, count=2)))
            assert (await ending(ws))[1] == 1012
        async with dial(server) as ws:
            await ws.recv()
            await ws.send(json.dumps({"action": "auth", "params": KEY}))
            await ws.send(SUBSCRIBE)
            assert (await ending(ws))[1] == 1012
        async with dial(server) as ws:
            await handshake(ws)
            assert await objects(ws)


async def test_a_fault_of_one_host_leaves_the_other_alone() -> None:
    async with feed(Fault("silence", host=1)) as server, dial(server, 2) as ws:
        await handshake(ws)
        assert await objects(ws)
        assert server.board.counts()["silence"] >= 1


async def test_the_menu_over_http() -> None:
    async with feed() as server, web(server) as http, web(server, 2) as other:
        async with http.post("/sim/faults", data=b'{"fault":"silence","host":2}') as answer:
            assert answer.status == 201
            assert (await answer.json())["active"][0]["fault"] == "silence"
        async with http.post("/sim/faults", data=b'{"fault":"silense"}') as answer:
            assert answer.status == 400
            assert "not on the menu" in (await answer.json())["error"]
        async with other.get("/sim/faults") as answer:
            body = await answer.json()
            assert [fault["host"] for fault in body["active"]] == [2]
            assert "half_open" in body["menu"]
        async with http.delete("/sim/faults", params={"fault": "silence"}) as answer:
            assert await answer.json() == {"ended": 1}
        async with http.get("/sim/state") as answer:
            state = await answer.json()
            assert state["faults"] == []
            assert set(state["last"]) == {"I:SPX", "I:NDX"}


async def test_reads_want_a_key_by_header_or_query_and_faults_reach_them() -> None:
    path = "/v3/snapshot/indices"
    async with feed() as server, web(server) as http:
        async with http.get(path) as answer:
            assert (answer.status, (await answer.json())["error"]) == (401, "Unknown API Key")
        async with http.get(path, params={"apiKey": KEY}) as answer:
            assert answer.status == 200
        async with http.get(path, headers={"Authorization": f"Bearer {KEY}"}) as answer:
            assert len((await answer.json())["results"]) == 2
        server.inject(check(Fault("rest_error", status=429, count=1)))
        async with http.get(path, params={"apiKey": KEY}) as answer:
            assert answer.status == 429
        async with http.get(path, params={"apiKey": KEY, "limit": "999"}) as answer:
            assert answer.status == 400


async def test_stop_leaves_nothing_behind_even_with_ill_connections() -> None:
    before = asyncio.all_tasks()
    async with feed() as server, dial(server) as ws:
        await handshake(ws)
        server.inject(check(Fault("half_open")))
        await server.stop()
        await ending(ws)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
