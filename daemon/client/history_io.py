"""Past second bars of an index from the vendor's REST side, to know today's volatility at the start.

Tried once for each host in turn; no answer is no error: the estimate then waits for a minute of ticks, and the gate
with it (docs/feed.md 6: aggregates, results {o,h,l,c,t}). What came is kept for preflight, which looks at its age.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from domain.clock import NS_PER_MS, Clock
from domain.door import Door, Refused, StampMs, raw_text
from domain.errors import ConfigurationError
from domain.events import Bar, History
from domain.money import IndexValue
from feeds.massive_wire import read_value
from journal.disk_io import Disk

BAR_MS = 1_000
SPAN_MS = 30 * 60 * 1_000
TIMEOUT_S = 5.0
HISTORY: Final = "history.json"
BYTES_MAX: Final = 16 << 20


class _Row(msgspec.Struct):
    t: StampMs
    o: msgspec.Raw
    c: msgspec.Raw


class _Answer(msgspec.Struct):
    results: list[_Row] = []


class KeptHistory(msgspec.Struct, frozen=True):
    """`state/history.json`: the bars that the last start was given, and when it asked for them."""

    asked_utc_ns: int
    histories: tuple[History, ...]


_kept: Final = Door(KeptHistory, BYTES_MAX).read
_answer: Final = Door(_Answer, BYTES_MAX, bounded=True).read


async def fetch_history(symbol: str, hosts: tuple[tuple[str, str], ...], clock: Clock) -> History:
    """The last half hour of second bars from the first host (REST base, key) that has them; empty when none has."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        for base, key in hosts:
            found = await ask_history(session, symbol, base, key, clock)
            if found is not None:
                return found
    return History(symbol, BAR_MS, ())


async def ask_history(session: aiohttp.ClientSession, symbol: str, base: str, key: str, clock: Clock) -> History | None:
    """The last half hour of second bars from one host; None when it does not answer with bars."""
    now_ms = clock.now().utc_ns // NS_PER_MS
    address = f"{base.rstrip('/')}/v2/aggs/ticker/{symbol}/range/1/second/{now_ms - SPAN_MS}/{now_ms}"
    query, headers = {"sort": "asc", "limit": "50000"}, {"Authorization": f"Bearer {key}"}
    try:
        async with session.get(address, params=query, headers=headers, allow_redirects=False) as answer:
            if answer.status == 200:  # noqa: PLR2004 - the HTTP status itself
                return History(symbol, BAR_MS, read_bars(await _body(answer)))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        pass  # the library raises ValueError for addresses and fields of its own; Refused is one too
    return None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The body, as far as a body of bars goes. Raises Refused for a longer one."""
    body = await answer.content.read(BYTES_MAX + 1)
    while len(body) <= BYTES_MAX and (more := await answer.content.read(BYTES_MAX + 1 - len(body))):
        body += more
    if len(body) > BYTES_MAX:
        raise Refused(f"longer than {BYTES_MAX} bytes")
    return body


def keep_history(state_dir: Path, kept: KeptHistory) -> None:
    """Write the cache. Raises OSError."""
    Disk().replace(state_dir / HISTORY, msgspec.json.encode(kept))


def kept_history(state_dir: Path) -> KeptHistory | None:
    """The cache; None when there is none. Raises ConfigurationError for a file that is not one."""
    path = state_dir / HISTORY
    try:
        return _kept(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as problem:
        raise ConfigurationError(f"{path}: not a cache of history ({problem}); delete it") from None


def read_bars(body: bytes) -> tuple[Bar, ...]:
    """The bars of an answer; one that is no number is left out. Raises Refused."""
    parsed = _answer(body)
    bars = []
    for row in parsed.results:
        first, last = _value(row.o), _value(row.c)
        if first is not None and last is not None:
            bars.append(Bar(row.t, first, last))
    return tuple(bars)


def _value(raw: Any) -> IndexValue | None:  # noqa: ANN401 - msgspec.Raw, which mypy cannot call bytes
    try:
        return read_value(raw_text(raw))
    except Refused:
        return None
