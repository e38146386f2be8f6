"""`/metrics`: rendered at most once a second, once for all who ask meanwhile, and never in one piece.

Rendering takes milliseconds of pure Python, and a cancel must not wait for them. On the loop it yields after each
family. In a window's final minute it leaves the loop for a thread; since a thread would keep the interpreter for
5 ms at a time, it too gives way after each family, so that the loop waits for some 50 us at most.
The library is imported in a thread while the daemon starts: no start has to wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from domain.clock import NS_PER_S, Clock
from ops.metrics.view import View

if TYPE_CHECKING:
    from ops.metrics.registry import Metrics

METRICS_CACHE_NS = NS_PER_S
FORMATS = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
KINDS = {
    "application/json": "json",
    "application/openmetrics-text": "openmetrics",
    "text/plain": "text",
    "text/*": "text",
    "*/*": "text",
}


class MetricsPage:
    """Renders metrics at most once a second, once for all who ask meanwhile; off the loop in the final minute."""

    def __init__(
        self, metrics: Metrics, view: Callable[[], View], clock: Clock, in_final_minute: Callable[[], bool]
    ) -> None:
        self._metrics, self._view = metrics, view
        self._clock, self._in_final_minute = clock, in_final_minute
        self._cached: dict[str, tuple[int, bytes]] = {}
        self._lock = asyncio.Lock()

    async def text(self, request: web.Request) -> web.Response:
        """The Prometheus text format, or OpenMetrics where the Accept header prefers it."""
        kind = preferred(request.headers.get("Accept", ""))
        return await self._answer("openmetrics" if kind == "openmetrics" else "text")

    async def json(self, _: web.Request) -> web.Response:
        """JSON, whatever is asked for."""
        return await self._answer("json")

    async def negotiated(self, request: web.Request) -> web.Response:
        """What the Accept header prefers; text where it does not say."""
        return await self._answer(preferred(request.headers.get("Accept", "")))

    async def _answer(self, kind: str) -> web.Response:
        return web.Response(body=await self._body(kind), headers={"Content-Type": FORMATS[kind]})

    async def _body(self, kind: str) -> bytes:
        async with self._lock:
            now_ns = self._clock.now().mono_ns
            at_ns, body = self._cached.get(kind, (0, b""))
            if body and now_ns - at_ns < METRICS_CACHE_NS:
                return body
            from ops.metrics.families import PARTS  # noqa: PLC0415 - late

            parts = PARTS[kind](self._metrics.collect(self._view()))
            if self._in_final_minute():
                body = await asyncio.get_running_loop().run_in_executor(None, render_in_thread, parts)
            else:
                body = await render_on_loop(parts)
            self._cached[kind] = (now_ns, body)
            return body


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


def preferred(accept: str) -> str:
    """Which format an Accept header wants most: "text", "json" or "openmetrics" (RFC 9110, 12.5.1; first when equal).

    OpenMetrics of another version than ours (1.0.0) is not offered.
    """
    best, best_q = "text", 0.0
    for part in accept.split(","):
        name, *parameters = [text.strip().lower() for text in part.split(";")]
        q = _quality(parameters)
        version = next((text[8:] for text in parameters if text.startswith("version=")), "1.0.0")
        unknown = name == "application/openmetrics-text" and version != "1.0.0"
        if name in KINDS and q > best_q and not unknown:
            best, best_q = KINDS[name], q
    return best


def _quality(parameters: list[str]) -> float:
    try:
        return float(next((text[2:] for text in parameters if text.startswith("q=")), "1"))
    except ValueError:
        return 0.0
