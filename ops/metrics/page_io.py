"""`/metrics`: rendered at most once a second, once for all who ask meanwhile, and never in one piece.

Rendering takes milliseconds of pure Python, and a cancel must not wait for them. On the loop it yields after each
family. In a window's final minute it leaves the loop for a thread; since a thread would keep the interpreter for
5 ms at a time, it too gives way after each family, so that the loop waits for some 50 us at most. The library is
imported in a thread when somebody first asks: no start has to wait for it.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Iterator

from aiohttp import web

from domain.clock import NS_PER_S, Clock
from ops.metrics.view import View

METRICS_CACHE_NS = NS_PER_S
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """Renders metrics at most once a second, once for all who ask meanwhile; off the loop in the final minute."""

    def __init__(self, view: Callable[[], View], clock: Clock, in_final_minute: Callable[[], bool]) -> None:
        self._view, self._clock, self._in_final_minute = view, clock, in_final_minute
        self._parts: Callable[[str], Iterator[bytes]] | None = None
        self._cached: dict[str, tuple[int, bytes]] = {}
        self._lock = asyncio.Lock()

    async def text(self, _: web.Request) -> web.Response:
        """The Prometheus text format, whatever is asked for."""
        return web.Response(body=await self._body("text"), headers={"Content-Type": TEXT_FORMAT})

    async def negotiated(self, request: web.Request) -> web.Response:
        """Text, or JSON where the Accept header names it before text."""
        if prefers_json(request.headers.get("Accept", "")):
            return web.Response(body=await self._body("json"), content_type="application/json")
        return await self.text(request)

    async def _body(self, kind: str) -> bytes:
        async with self._lock:
            now_ns = self._clock.now().mono_ns
            at_ns, body = self._cached.get(kind, (0, b""))
            if body and now_ns - at_ns < METRICS_CACHE_NS:
                return body
            if self._parts is None:
                self._parts = await self._library()
            parts = self._parts(kind)
            if self._in_final_minute():
                body = await asyncio.get_running_loop().run_in_executor(None, render_in_thread, parts)
            else:
                body = await render_on_loop(parts)
            self._cached[kind] = (now_ns, body)
            return body

    async def _library(self) -> Callable[[str], Iterator[bytes]]:
        """How one kind of page is made, in parts, from the view of that moment."""
        await asyncio.to_thread(importlib.import_module, "ops.metrics.families")
        from prometheus_client import ProcessCollector  # noqa: PLC0415 - late

        from ops.metrics.families import json_parts, text_parts  # noqa: PLC0415 - late

        process = ProcessCollector(registry=None)
        return lambda kind: (json_parts if kind == "json" else text_parts)(self._view(), (process,))


async def render_on_loop(parts: Iterator[bytes]) -> bytes:
    """Put the parts together, letting others have their turn after each."""
    done: list[bytes] = []
    for part in parts:
        done.append(part)
        await asyncio.sleep(0)
    return b"".join(done)


def render_in_thread(parts: Iterator[bytes]) -> bytes:
    """The same in a thread, which hands the interpreter back after each part instead of after 5 ms."""
    done: list[bytes] = []
    for part in parts:
        done.append(part)
        time.sleep(0)
    return b"".join(done)


def prefers_json(accept: str) -> bool:
    """Whether an Accept header puts application/json above plain text (RFC 9110, 12.5.1; first wins when equal)."""
    best, best_q = "", 0.0
    for part in accept.split(","):
        kind, *parameters = [text.strip().lower() for text in part.split(";")]
        q_text = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            q = float(q_text)
        except ValueError:
            q = 0.0
        if kind in {"application/json", "text/plain", "text/*", "application/openmetrics-text"} and q > best_q:
            best, best_q = kind, q
    return best == "application/json"
