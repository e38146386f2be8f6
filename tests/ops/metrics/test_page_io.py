from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import ops.metrics.families
from ops.metrics.families import text_parts
from ops.metrics.page_io import preferred, render_in_thread, render_on_loop
from tests.ops.conftest import Start

PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("application/json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/plain, application/json;q=0.5", "text"),
        ("application/json;q=0", "text"),
        ("application/json;q=rubbish", "text"),
        (PROMETHEUS, "openmetrics"),
        ("application/openmetrics-text", "openmetrics"),
        ("application/openmetrics-text; version=0.0.1", "text"),
        ("TEXT/PLAIN;q=0.1, Application/JSON;q=0.2", "json"),
    ],
)
def test_negotiation(accept: str, expected: str) -> None:
    assert preferred(accept) == expected


async def test_each_format_says_which_it_is(start: Start) -> None:
    site = await start()
    _, headers, body = await site.get("/metrics", Accept=PROMETHEUS)
    assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")
    _, headers, body = await site.get("/metrics", Accept="*/*")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in body
    for path, accept in (("/metrics/json", "*/*"), ("/metrics", "application/json")):
        _, headers, body = await site.get(path, Accept=accept)
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert "errors" in json.loads(body)["metrics"]


@pytest.mark.parametrize("final_minute", [False, True])
async def test_rendering_leaves_the_loop_in_the_final_minute_only(
    start: Start,
    final_minute: bool,  # noqa: FBT001 - a case of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []

    def spy(*arguments: Any) -> Iterator[bytes]:  # noqa: ANN401 - handed on as they are
        threads.append(threading.current_thread())
        yield from text_parts(*arguments)

    monkeypatch.setitem(ops.metrics.families.PARTS, "text", spy)
    site = await start()
    site.daemon.final_minute = final_minute
    await asyncio.gather(*(site.get("/metrics") for _ in range(5)))
    assert len(threads) == 1
    assert (threads[0] is threading.main_thread()) is not final_minute


async def test_others_have_their_turn_between_two_parts() -> None:
    turns: list[str] = []

    def parts() -> Iterator[bytes]:
        for number in range(3):
            turns.append(f"part {number}")
            yield b"%d" % number

    async def other() -> None:
        turns.append("other")

    body, _ = await asyncio.gather(render_on_loop(parts()), other())
    assert (body, turns) == (b"012", ["part 0", "other", "part 1", "part 2"])
    assert render_in_thread(parts()) == b"012"
