"""A running server on a free port of loopback, around a picture that tests may change."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import UnavailableError
from ops.http.http_guard_io import HttpLimits
from ops.http.http_io import OpsServer
from ops.metrics.registry import Metrics
from ops.metrics.view import Runtime
from ops.status import Status, TaskHealth
from tests.ops.pictures import TASKS, HandClock, picture

TOKEN = "correct-horse"


class Daemon:
    """What the server sees of a daemon, in the hands of a test."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.changes: dict[str, Any] = {}
        self.tasks: tuple[TaskHealth, ...] = TASKS
        self.final_minute = False
        self.drawn = 0
        self.commands: list[tuple[str, str, str]] = []
        self.broken: BaseException | None = None
        self.runtime = Runtime()

    def picture(self) -> Status:
        if self.broken is not None:
            raise self.broken
        self.drawn += 1
        return picture(self.clock.now(), **self.changes)

    async def command(self, command: str, by: str, cause: str) -> str:
        if cause == "no proof":
            raise UnavailableError("the disk does not answer")
        self.commands.append((command, by, cause))
        return "not now" if cause == "refused" else ""


class Site:
    """The server under test and a raw way to talk to it."""

    def __init__(self, daemon: Daemon, server: OpsServer) -> None:
        self.daemon, self.server = daemon, server
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, buffer: int = 2**16) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=buffer)
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        """Stop the server, then close every connection a test has left open."""
        await self.server.stop()
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def raw(self, data: bytes) -> bytes:
        """Send bytes, read until the server closes; tests that keep a connection open do not use this."""
        reader, writer = await self.open()
        writer.write(data)
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        return answer

    async def ask(
        self, method: str, path: str, body: bytes | None = None, /, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on its own connection: status, headers in lower case, body."""
        lines = {"Host": "127.0.0.1", "Connection": "close"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if body is not None:
            lines.setdefault("Content-Length", str(len(body)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        return parse(await self.raw(head.encode() + (body or b"")))

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return await self.ask("GET", path, **headers)

    async def post(self, command: str, document: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
        base = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
        return await self.ask("POST", f"/control/{command}", json.dumps(document).encode(), **base | headers)


def parse(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {key.lower(): value for key, value in pairs}, body


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Gives a function that starts a server; its arguments go to OpsServer."""
    running: list[Site] = []

    async def make(*, limits: HttpLimits | None = None, **more: object) -> Site:
        daemon = Daemon()
        arguments: dict[str, Any] = {
            "picture": daemon.picture,
            "tasks": lambda: daemon.tasks,
            "command": daemon.command,
            "clock": daemon.clock,
            "token": TOKEN,
            "live": False,
            "in_final_minute": lambda: daemon.final_minute,
            "metrics": Metrics(),
            "runtime": lambda: daemon.runtime,
            "port": 0,
            "cadence_s": 0.005,
            "reports_dir": tmp_path / "reports",
            "limits": limits,
        }
        server = OpsServer(**(arguments | more))
        await server.start()
        running.append(Site(daemon, server))
        return running[-1]

    yield make
    for site in running:
        await site.close()
