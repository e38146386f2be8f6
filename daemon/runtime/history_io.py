"""Past second bars of an index from the vendor's REST side, to know today's volatility at the start.

Tried once for each host in turn; no answer is no error: the estimate then waits for a minute of ticks, and the gate
with it (docs/feed.md 6: aggregates, results {o,h,l,c,t}).
"""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from domain.clock import NS_PER_MS, Clock
from domain.events import Bar, History
from domain.money import IndexValue
from feeds.massive_wire import read_value

BAR_MS = 1_000
SPAN_MS = 30 * 60 * 1_000
TIMEOUT_S = 5.0


class _Row(msgspec.Struct):
    t: int
    o: msgspec.Raw
    c: msgspec.Raw


class _Answer(msgspec.Struct):
    results: list[_Row] = []


async def fetch_history(symbol: str, hosts: tuple[tuple[str, str], ...], clock: Clock) -> History:
    """The last half hour of second bars from the first host (REST base, key) that has them; empty when none has."""
    now_ms = clock.now().utc_ns // NS_PER_MS
    path = f"/v2/aggs/ticker/{symbol}/range/1/second/{now_ms - SPAN_MS}/{now_ms}"
    query = {"sort": "asc", "limit": "50000"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for base, key in hosts:
            address, headers = base.rstrip("/") + path, {"Authorization": f"Bearer {key}"}
            try:
                async with session.get(address, params=query, headers=headers, allow_redirects=False) as answer:
                    if answer.status == 200:  # noqa: PLR2004 - the HTTP status itself
                        return History(symbol, BAR_MS, _bars(await answer.read()))
            except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
                continue
    return History(symbol, BAR_MS, ())


def _bars(body: bytes) -> tuple[Bar, ...]:
    parsed = msgspec.json.decode(body, type=_Answer)
    bars = []
    for row in parsed.results:
        first, last = _value(row.o), _value(row.c)
        if first is not None and last is not None:
            bars.append(Bar(row.t, first, last))
    return tuple(bars)


def _value(raw: Any) -> IndexValue | None:  # noqa: ANN401 - msgspec.Raw, which mypy cannot call bytes
    return read_value(bytes(raw).decode("ascii", "replace"))
