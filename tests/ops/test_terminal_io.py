from __future__ import annotations

import asyncio
import io
import os
import pty
import termios
from collections.abc import Callable

import pytest
from rich.console import Console

from ops.terminal_io import TerminalView
from tests.ops.conftest import Site, Start


async def watch(site: Site, console: Console, until: Callable[[str], bool]) -> str:
    """Run a view until its output satisfies `until`; every look moves the clock by a second."""
    view = TerminalView(site.server.address, clock=site.daemon.clock, console=console, interval_s=0.001, title="demo")
    assert isinstance(console.file, io.StringIO)
    task = asyncio.create_task(view.run())
    async with asyncio.timeout(60):
        while not until(console.file.getvalue()):
            site.daemon.clock.advance(1)
            await site.get("/health")  # a round trip on real sockets: the view gets its turn
    view.stop()
    await task
    return console.file.getvalue()


def pipe() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=False)


async def test_a_pipe_gets_lines_and_each_settled_window_once(start: Start) -> None:
    site = await start()
    text = await watch(site, pipe(), lambda text: text.count("INXU quoting") >= 3)
    assert text.count("window demo-0951 INXU settled") == 1
    assert "\x1b" not in text
    assert all(len(line.split(" | ")) in {1, 7} for line in text.splitlines())


async def test_a_terminal_that_cannot_move_its_cursor_gets_lines(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    site = await start()
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True, color_system=None)
    text = await watch(site, console, lambda text: text.count("INXU quoting") >= 2)
    assert "\x1b[1A" not in text


async def test_a_terminal_gets_the_screen(start: Start) -> None:
    site = await start()
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True, color_system=None)
    text = await watch(site, console, lambda text: "live orders" in text)
    assert "live orders: 8" in text


async def test_q_ends_the_view_and_the_keyboard_is_as_it_was(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    site = await start()
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with open(theirs, closefd=False) as keyboard:  # noqa: ASYNC230 - a descriptor, not a path
        monkeypatch.setattr("sys.stdin", keyboard)
        console = Console(file=io.StringIO(), width=80, height=25, force_terminal=True, color_system=None)
        view = TerminalView(site.server.address, clock=site.daemon.clock, console=console, interval_s=0.001)
        task = asyncio.create_task(view.run())
        assert isinstance(console.file, io.StringIO)
        async with asyncio.timeout(60):
            while "live orders" not in console.file.getvalue():
                await site.get("/health")
            os.write(ours, b"xq")
            await task
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


async def test_a_daemon_that_is_not_there_is_said_and_waited_for(start: Start) -> None:
    site = await start()
    await site.server.stop()
    view = TerminalView(site.server.address, clock=site.daemon.clock, console=pipe(), interval_s=0.001)
    task = asyncio.create_task(view.run())
    out = view.console.file
    assert isinstance(out, io.StringIO)
    async with asyncio.timeout(60):
        while "no picture for" not in out.getvalue():
            await asyncio.to_thread(lambda: None)
        await site.server.start()
        while "INXU quoting" not in out.getvalue():
            await site.get("/health")
    view.stop()
    await task
