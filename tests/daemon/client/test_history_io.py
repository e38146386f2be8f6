"""The vendor's past bars, from a server in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.client.history_io import BAR_MS, SPAN_MS, fetch_history
from domain.events import Bar
from tests.daemon.timepiece import Timepiece

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
GOOD = b'{"results":[{"t":1000,"o":6700.25,"c":6700.5},{"t":2000,"o":6700.5,"c":6701}]}'


def text(body: bytes, status: int = 200) -> Answering:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status)

    return answer


async def server(answer: Answering, seen: list[web.Request] | None = None) -> TestServer:
    async def noted(request: web.Request) -> web.StreamResponse:
        if seen is not None:
            seen.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", noted)
    made = TestServer(app)
    await made.start_server()
    return made


async def test_bars_come_with_exact_values_for_the_last_half_hour() -> None:
    seen: list[web.Request] = []
    host = await server(text(GOOD), seen)
    clock = Timepiece()
    found = await fetch_history("I:SPX", ((str(host.make_url("/")), "key"),), clock)
    await host.close()
    assert (found.symbol, found.bar_ms) == ("I:SPX", BAR_MS)
    assert found.bars == (Bar(1000, 6_700_250_000, 6_700_500_000), Bar(2000, 6_700_500_000, 6_701_000_000))  # type: ignore[arg-type]
    now_ms = clock.utc_ns // 10**6
    assert seen[0].path == f"/v2/aggs/ticker/I:SPX/range/1/second/{now_ms - SPAN_MS}/{now_ms}"
    assert seen[0].headers["Authorization"] == "Bearer key"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"<html>", 200),
        (b"[]", 200),
        (b'{"results":[{"t":"x"}]}', 200),
        (GOOD, 403),
        (b'{"results":' + b"[" * 2_000 + b"]" * 2_000 + b"}", 200),
        (b'{"more":' + b"[" * 2_000 + b"]" * 2_000 + b"}", 200),
        (b'{"results":[{"t":' + b"9" * 30 + b',"o":1,"c":1}]}', 200),
        (b'{"results":"\xff"}', 200),
        (b" " * (16 << 20) + GOOD, 200),
    ],
    ids=range(10),
)
async def test_a_host_without_an_answer_is_passed_over_for_the_next(body: bytes, status: int) -> None:
    bad, good = await server(text(body, status)), await server(text(GOOD))
    hosts = tuple((str(host.make_url("/")), "key") for host in (bad, good))
    assert len((await fetch_history("I:SPX", hosts, Timepiece())).bars) == 2
    await bad.close()
    await good.close()


async def test_no_answer_anywhere_is_no_history_and_no_error() -> None:
    gone = await server(text(GOOD))
    url = str(gone.make_url("/"))
    await gone.close()
    assert (await fetch_history("I:SPX", ((url, "key"),), Timepiece())).bars == ()
    assert (await fetch_history("I:SPX", (), Timepiece())).bars == ()


async def test_a_bar_that_is_no_number_is_left_out() -> None:
    host = await server(text(b'{"results":[{"t":1,"o":null,"c":1},{"t":2,"o":1,"c":"x"},{"t":3,"o":1,"c":2}]}'))
    found = await fetch_history("I:SPX", ((str(host.make_url("/")), "key"),), Timepiece())
    await host.close()
    assert [bar.start_ms for bar in found.bars] == [3]


async def test_a_redirect_is_not_followed_with_our_key() -> None:
    seen: list[web.Request] = []
    elsewhere = await server(text(GOOD), seen)

    async def moved(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(str(elsewhere.make_url("/")))

    host = await server(moved)
    assert not (await fetch_history("I:SPX", ((str(host.make_url("/")), "key"),), Timepiece())).bars
    assert not seen
    await host.close()
    await elsewhere.close()
