from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import uvloop
from aiohttp import web

from ops.http.http_guard_io import ConnectionGuard, GuardedConnection, HttpLimits, host_name, own_origin
from tests.ops.conftest import TOKEN, Start, parse

GOOD = {"by": "ada", "cause": "drill"}


def error(body: bytes) -> str:
    assert body.endswith(b"\n")
    assert body.count(b"\n") == 1
    text = json.loads(body)["error"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
async def test_loopback_names_are_served(start: Start, host: str) -> None:
    site = await start()
    assert (await site.get("/health", Host=host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:x", "", "127.0.0.1:80:80"])
@pytest.mark.parametrize("path", ["/health", "/", "/control/kill", "/nothing"])
async def test_a_foreign_host_is_refused(start: Start, host: str, path: str) -> None:
    site = await start()
    status, _, body = await site.get(path, Host=host)
    assert status == 403
    assert "not served here" in error(body)


async def test_a_configured_host_is_served(start: Start) -> None:
    site = await start(hosts=frozenset({"desk-7"}))
    assert (await site.get("/health", Host="desk-7:8080"))[0] == 200


def test_host_names() -> None:
    assert host_name("[::1]") == "[::1]"
    assert host_name("Desk:80") == "desk"


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Authorization": ""}, 401, "bearer token"),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401, "bearer token"),
        ({"Authorization": f"bearer {TOKEN}"}, 401, "bearer token"),
        ({"Authorization": "Bearer \xff"}, 401, "bearer token"),
        ({"Content_Type": "text/plain"}, 415, "application/json"),
        ({"Content_Type": ""}, 415, "application/json"),
    ],
)
async def test_posts_that_may_not(start: Start, headers: dict[str, str], status: int, words: str) -> None:
    site = await start()
    got, _, body = await site.post("kill", GOOD, **headers)
    assert got == status
    assert words in error(body)
    assert site.daemon.commands == []


OWN = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}


@pytest.mark.parametrize(
    "more",
    [{}, {"Host": "localhost:8080", "Origin": "http://localhost:8080"}, {"Host": "desk-7", "Origin": "http://desk-7"}],
)
async def test_a_browser_on_our_own_page_may_ask_with_the_token(start: Start, more: dict[str, str]) -> None:
    site = await start(hosts=frozenset({"desk-7"}))
    assert (await site.post("kill", GOOD, **OWN | more))[0] == 202
    status, _, body = await site.post("kill", GOOD, **OWN | more, Authorization="")
    assert (status, "bearer token" in error(body)) == (401, True)
    status, _, body = await site.post("kill", GOOD, **OWN | more, Content_Type="text/plain")
    assert (status, "application/json" in error(body)) == (415, True)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil",
        "http://127.0.0.1:8080.evil",
        "http://evil.example/http://127.0.0.1:8080",
        "http://evil@127.0.0.1:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8081",
        "http://127.0.0.1",
        "http://localhost:8080",
        "http://127.0.0.1:8080/",
        "127.0.0.1:8080",
        "null",
        "",
    ],
)
async def test_a_browser_anywhere_else_may_not(start: Start, origin: str) -> None:
    site = await start()
    status, _, body = await site.post("kill", GOOD, **OWN | {"Origin": origin})
    assert status == 403
    assert "own page only" in error(body)
    assert site.daemon.commands == []


def test_two_origins_or_hosts_are_none() -> None:
    ours = "http://127.0.0.1:8080"
    assert own_origin((ours,), ("127.0.0.1:8080",), "http")
    assert not own_origin((ours, ours), ("127.0.0.1:8080",), "http")
    assert not own_origin((ours,), ("127.0.0.1:8080", "127.0.0.1:8080"), "http")
    assert not own_origin((ours,), (), "http")


async def test_without_a_configured_token_control_is_off(start: Start) -> None:
    site = await start(token=None)
    for authorization in ("", "Bearer ", "Bearer None"):
        status, _, body = await site.post("kill", GOOD, Authorization=authorization)
        assert status == 403
        assert "no control token is configured" in error(body)


@pytest.mark.parametrize(
    "document",
    [
        {"by": "ada"},
        {"by": "ada", "cause": ""},
        {"by": "  ", "cause": "x"},
        {"by": "ada", "cause": "x" * 501},
        {"by": "a\nb", "cause": "x"},
        {"by": "ada", "cause": "x", "more": 1},
        {"by": 1, "cause": "x"},
        ["by", "cause"],
        None,
    ],
)
async def test_bodies_that_are_not_an_order(start: Start, document: object) -> None:
    site = await start()
    status, _, body = await site.post("kill", document)
    assert status == 400
    assert error(body)
    assert site.daemon.commands == []


async def test_a_body_that_is_not_json(start: Start) -> None:
    site = await start()
    authorization = f"Bearer {TOKEN}"
    for raw in (b"{", b"", b"\xff\xfe", b'{"by": "\xff", "cause": "x"}'):
        status, _, body = await site.ask(
            "POST", "/control/kill", raw, Authorization=authorization, Content_Type="application/json"
        )
        assert status == 400, raw
        assert error(body)


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_refused(start: Start) -> None:
    site = await start()
    empty = len(json.dumps({"by": "ada", "cause": ""}))
    status, _, body = await site.post("kill", {"by": "ada", "cause": "x" * (64 * 1024 - empty)})
    assert status == 400
    assert "500 printable characters" in error(body)
    status, _, body = await site.post("kill", {"by": "ada", "cause": "x" * (64 * 1024 - empty + 1)})
    assert status == 413
    assert "65536" in error(body)


async def test_a_slow_head_is_cut_off(start: Start) -> None:
    site = await start(limits=HttpLimits(head_s=0.05))
    for beginning in (b"", b"GET /health HTTP/1.1\r\nHost: local"):
        assert await site.raw(beginning) == b""


async def test_trickled_bytes_do_not_stretch_the_heads_time(start: Start) -> None:
    site = await start(limits=HttpLimits(head_s=0.1))
    reader, writer = await site.open()
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    end = asyncio.ensure_future(reader.read())
    sent = 0
    async with asyncio.timeout(5):
        while not end.done():
            writer.write(b"X")
            sent += 1
            await asyncio.wait({end}, timeout=0.005)
    assert sent > 3
    if end.exception() is None:
        assert end.result() == b""
    else:  # it closed while a byte of ours was on its way
        assert isinstance(end.exception(), ConnectionResetError)


async def test_a_slow_second_head_is_cut_off_too(start: Start) -> None:
    site = await start(limits=HttpLimits(head_s=0.05, idle_s=30))
    reader, writer = await site.open()
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"}}}")
    writer.write(b"GET /hea")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_trickled_second_head_has_no_more_time_than_the_first(start: Start) -> None:
    site = await start(limits=HttpLimits(head_s=0.1, idle_s=30))
    reader, writer = await site.open()
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"}}}")
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    end = asyncio.ensure_future(reader.read())
    async with asyncio.timeout(5):
        while not end.done():
            writer.write(b"X")
            await asyncio.wait({end}, timeout=0.005)
    assert end.exception() is None or isinstance(end.exception(), ConnectionResetError)


async def test_an_idle_connection_is_closed(start: Start) -> None:
    site = await start(limits=HttpLimits(idle_s=0.05))
    reader, writer = await site.open()
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_slow_body_is_refused(start: Start) -> None:
    site = await start(limits=HttpLimits(body_s=0.05))
    head = (
        f"POST /control/kill HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    async with asyncio.timeout(4):  # less than the limit as shipped: the one that was set is the one that counts
        status, headers, body = parse(await site.raw(head.encode()))
    assert status == 408
    assert headers["connection"] == "close"
    assert "body not received" in error(body)


async def test_two_requests_on_one_connection_and_two_at_once(start: Start) -> None:
    site = await start()
    reader, writer = await site.open()
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for data in (request, request, request + request):
        writer.write(data)
        for _ in range(data.count(b"GET")):
            assert (await reader.readuntil(b"}}}")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("beginning", [b"", b"GET"])
async def test_who_owes_its_head_for_longest_makes_room(start: Start, beginning: bytes) -> None:
    site = await start(limits=HttpLimits(connections_max=2, head_s=30))
    slow = []
    for _ in range(5):
        slow.append(await site.open())
        slow[-1][1].write(beginning)
    assert (await site.get("/health"))[0] == 200
    async with asyncio.timeout(5):
        for reader, _ in slow[:3]:
            assert await reader.read() == b""
    for _, writer in slow:
        writer.close()


def test_newcomers_are_turned_away_on_the_loop_that_the_daemon_runs_on() -> None:
    guard = ConnectionGuard(HttpLimits(connections_max=0))
    told: list[dict[str, Any]] = []

    async def nobody(request: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError(request)

    async def turned_away() -> bytes:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        server = await loop.create_server(lambda: GuardedConnection(web.Server(nobody), guard, loop), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        server.close()
        return answer

    assert uvloop.run(turned_away()).startswith(b"HTTP/1.1 503")
    assert told == []


async def test_places_are_given_back(start: Start) -> None:
    site = await start(limits=HttpLimits(connections_max=2, head_s=30))
    for _ in range(6):
        assert (await site.get("/health"))[0] == 200
        assert await site.raw(b"rubbish\r\n\r\n")


async def test_a_screen_is_busy_and_never_makes_room(start: Start) -> None:
    site = await start(limits=HttpLimits(connections_max=1))
    reader, writer = await site.open()
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(request % b"/health" + request % b"/events")  # the second follows with no idle moment between
    await reader.readuntil(b"data: ")
    assert parse(await site.raw(b""))[0] == 503
    await reader.readuntil(b"data: ")


async def test_the_connection_idle_for_longest_makes_room(start: Start) -> None:
    site = await start(limits=HttpLimits(connections_max=2, idle_s=30))
    kept = []
    for _ in range(2):
        reader, writer = await site.open()
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"}}}")
        kept.append((reader, writer))
    assert (await site.get("/health"))[0] == 200
    async with asyncio.timeout(5):
        assert await kept[0][0].read() == b""
    kept[1][1].write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await kept[1][0].readuntil(b"}}}")).startswith(b"HTTP/1.1 200")
    for _, writer in kept:
        writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 400 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_400_as_json(start: Start, raw: bytes) -> None:
    site = await start()
    status, _, body = parse(await site.raw(raw))
    assert status == 400
    assert "not understood" in error(body)


async def test_wrong_pages_and_methods_are_json_too(start: Start) -> None:
    site = await start()
    status, _, body = await site.get("/nothing")
    assert (status, error(body)) == (404, "no such page: /nothing")
    status, headers, body = await site.get("/control/kill")
    assert (status, headers["allow"]) == (405, "POST")
    assert error(body)
    status, _, _ = await site.ask("PUT", "/health", b"{}")
    assert status == 405


async def test_refusals_are_counted_in_the_metrics(start: Start) -> None:
    site = await start()
    await site.get("/health", Host="evil.example")
    await site.post("kill", GOOD, Authorization="Bearer wrong")
    _, _, body = await site.get("/metrics")
    assert b'ladderd_http_refused_total{reason="host"} 1.0' in body
    assert b'ladderd_http_refused_total{reason="token"} 1.0' in body


async def test_the_token_is_never_shown(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    site = await start()
    answers = [await site.post("kill", GOOD), await site.post("kill", GOOD, Origin="x"), await site.get("/metrics")]
    assert all(TOKEN.encode() not in body for _, _, body in answers)
    assert TOKEN not in caplog.text
