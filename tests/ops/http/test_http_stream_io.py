from __future__ import annotations

import asyncio
import json
from typing import Any

from ops.http.http_guard_io import HttpLimits
from tests.ops.conftest import Site, Start, parse

LISTEN = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def event(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            line = await reader.readuntil(b"\n")
            if line.startswith(b"data: "):
                frame: dict[str, Any] = json.loads(line[6:])
                return frame


async def listen(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await site.open()
    writer.write(LISTEN)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"text/event-stream" in head
    return reader, writer


async def test_frames_keep_coming_and_follow_the_daemon(start: Start) -> None:
    site = await start()
    reader, writer = await listen(site)
    first = await event(reader)
    assert first["picture"]["pid"] == 4711
    assert first["readiness"]["ready"] is True
    site.daemon.changes["gates"] = ()
    site.daemon.clock.advance(1)
    async with asyncio.timeout(5):
        while (await event(reader))["readiness"]["ready"]:
            pass
    writer.close()


async def test_a_screen_outlives_the_limits_on_heads_and_idleness(start: Start) -> None:
    site = await start(limits=HttpLimits(head_s=0.05, idle_s=0.05), cadence_s=0.02)
    reader, _ = await listen(site)
    for _ in range(8):
        assert await event(reader)


async def test_all_listeners_share_one_frame(start: Start) -> None:
    site = await start(cadence_s=30.0)
    first, w1 = await listen(site)
    await event(first)
    drawn = site.daemon.drawn
    second, w2 = await listen(site)
    assert await event(second)
    assert site.daemon.drawn == drawn
    w1.close()
    w2.close()


async def test_nothing_is_drawn_while_nobody_listens(start: Start) -> None:
    site = await start()
    assert site.daemon.drawn == 0
    reader, writer = await listen(site)
    await event(reader)
    writer.close()
    await writer.wait_closed()
    before = -1
    async with asyncio.timeout(5):
        while before != site.daemon.drawn:  # until a whole round of requests passes with no drawing
            before = site.daemon.drawn
            for _ in range(20):
                await site.get("/health")


async def test_the_number_of_listeners_is_bounded(start: Start) -> None:
    site = await start(limits=HttpLimits(streams_max=1))
    _, writer = await listen(site)
    status, _, body = parse(await site.raw(LISTEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    assert status == 503
    assert "close one" in json.loads(body)["error"]
    writer.close()


async def test_a_listener_that_does_not_read_is_cut_off_and_delays_nobody(start: Start) -> None:
    site = await start(limits=HttpLimits(write_s=0.1), cadence_s=0.001)
    site.daemon.changes["run_id"] = "x" * 200_000  # fills the socket's buffers fast
    _, lazy = await site.open(buffer=1024)
    lazy.write(LISTEN)
    reader, _ = await listen(site)
    async with asyncio.timeout(20):
        while site.server.listeners > 1:
            assert await reader.read(65536)


async def test_stopping_is_told(start: Start) -> None:
    site = await start()
    reader, writer = await listen(site)
    await event(reader)
    await site.server.stop()
    async with asyncio.timeout(5):
        rest = await reader.read()
    assert b"event: stopping\ndata: {}\n\n" in rest
    writer.close()
