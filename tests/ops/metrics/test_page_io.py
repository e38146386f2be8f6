from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import ops.metrics.families
from ops.metrics.families import text_parts
from ops.metrics.page_io import prefers_json, render_in_thread, render_on_loop
from tests.ops.conftest import Start


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/plain, application/json;q=0.5", False),
        ("application/json;q=0", False),
        ("application/json;q=rubbish", False),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", False),
        ("TEXT/PLAIN;q=0.1, Application/JSON;q=0.2", True),
    ],
)
def test_negotiation(accept: str, expected: bool) -> None:  # noqa: FBT001 - a case of the table
    assert prefers_json(accept) is expected


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

    monkeypatch.setattr(ops.metrics.families, "text_parts", spy)
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
