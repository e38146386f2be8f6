"""Run by the tests with the vendor's client on its path: what that client makes of the simulated feed, as JSON.

`official_massive.py stream PORT KEY SECONDS TOPIC...`: one client; its messages and how it ended.
`official_massive.py faults PORT,PORT,... KEY SECONDS`: one client per port at once; what each caller was handed.
`official_massive.py rest BASE KEY`: every read that users of indices make.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from massive import RESTClient, WebSocketClient  # type: ignore[import-not-found]
from massive.websocket.models import EquityAgg, IndexValue  # type: ignore[import-not-found]

PING_S = 1


def client(port: int, key: str, topics: list[str]) -> Any:  # noqa: ANN401 - the client ships no types
    return WebSocketClient(api_key=key, feed=f"127.0.0.1:{port}", market="indices", secure=False, subscriptions=topics)


async def carry(port: int, key: str, topics: list[str], seconds: float) -> dict[str, Any]:
    """One client for some seconds: every message with its arrival (seconds since the start), and how it ended."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    seen: list[list[Any]] = []

    async def take(messages: list[Any]) -> None:
        at = round(loop.time() - began, 3)
        for m in messages:
            if isinstance(m, IndexValue):
                seen.append([at, m.event_type, m.ticker, m.value, m.timestamp])
            elif isinstance(m, EquityAgg):
                prices = [m.official_open_price, m.open, m.close, m.high, m.low]
                seen.append([at, m.event_type, m.symbol, *prices, m.start_timestamp, m.end_timestamp])

    life = loop.create_task(
        client(port, key, topics).connect(take, proxy=None, ping_interval=PING_S, ping_timeout=PING_S)
    )
    await asyncio.wait({life}, timeout=seconds)
    if not life.done():
        return {"ended": "running", "seen": seen}  # left alone: its wait_for may swallow a cancellation on 3.11
    error = life.exception()
    return {"ended": "returned" if error is None else f"{type(error).__name__}: {error}", "seen": seen}


async def carry_all(ports: list[int], key: str, seconds: float) -> list[dict[str, Any]]:
    return await asyncio.gather(*(carry(port, key, ["V.I:SPX", "V.I:NDX"], seconds) for port in ports))


def plain(found: Any) -> Any:  # noqa: ANN401 - models of the client
    """A model of the client as plain data."""
    if isinstance(found, (list, tuple)):
        return [plain(one) for one in found]
    if hasattr(found, "__dict__"):
        return {name: plain(value) for name, value in vars(found).items()}
    return found


def reads(base: str, key: str) -> dict[str, Any]:
    good, bad = RESTClient(key, base=base), RESTClient("wrong", base=base)
    calls: dict[str, Callable[[], Any]] = {
        "snapshot": lambda: good.get_snapshot_indices(ticker_any_of=["I:SPX", "I:NDX", "I:NOPE"]),
        "minutes": lambda: list(good.list_aggs("I:SPX", 1, "minute", "2026-11-19", "2026-11-19", limit=100)),
        "seconds": lambda: good.get_aggs("I:NDX", 1, "second", 1795100400000, 1795100459999),
        "previous": lambda: good.get_previous_close_agg("I:NDX"),
        "open_close": lambda: good.get_daily_open_close_agg("I:NDX", "2026-11-19"),
        "status": good.get_market_status,
        "holidays": good.get_market_holidays,
        "wrong_key": lambda: bad.get_snapshot_indices(ticker_any_of=["I:SPX"]),
        "bad_ticker": lambda: good.get_aggs("SPX", 1, "minute", "2026-11-19", "2026-11-19"),
        "bad_range": lambda: good.get_aggs("I:SPX", 1, "minute", "2026-11-20", "2026-11-19"),
        "no_session": lambda: good.get_daily_open_close_agg("I:NDX", "2026-11-21"),
    }
    found: dict[str, Any] = {}
    for name, call in calls.items():
        try:
            found[name] = plain(call())
        except Exception as error:  # noqa: BLE001 - a refusal is a finding
            found[name] = f"{type(error).__name__}: {error}"
    return found


def main(argv: list[str]) -> None:
    what, where, key, *rest = argv
    loop = asyncio.new_event_loop()
    if what == "stream":
        result: Any = loop.run_until_complete(carry(int(where), key, rest[1:], float(rest[0])))
    elif what == "faults":
        ports = [int(port) for port in where.split(",")]
        result = loop.run_until_complete(carry_all(ports, key, float(rest[0])))
    else:
        result = reads(where, key)
    # The client logs to stdout, so the answer is the last line; and clients may still be running.
    sys.stdout.write("\n" + json.dumps(result, default=str) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
