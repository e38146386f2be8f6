"""The index falls silent in the final minute: from the instant it is too old to the last cancel acknowledged.

Two short windows of each of some demos (after more, the silences themselves have taught the daemon a cadence too slow
for the strict limit, and it stands down as planned); in each, both feeds fall silent in the strict phase, so that both
series go stale by timer. The journal's own stamps tell when the newest value became too old, and when the exchange's
answer to the last request that this caused was taken in.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from bench.running import Demo, post
from daemon.cli.views_io import ask_daemon
from domain.actions import CancelOrders, TriggerGroup
from domain.clock import NS_PER_MS
from domain.events import CancelOutcome, GroupOutcome, Verdict
from domain.records import GuardTripEntry
from journal.reader_io import read_steps

DEMOS, WINDOWS = 3, 2
STALE = "final_minute_stale"


def measure() -> dict[str, float]:
    """Median and worst over two series in each window, in milliseconds."""
    took = sorted(wait for _ in range(DEMOS) for wait in _demo())
    return {"p50_ms": took[len(took) // 2] / NS_PER_MS, "worst_ms": took[-1] / NS_PER_MS, "trips": float(len(took))}


def _demo() -> list[int]:
    with Demo("--period-s", "12", "--strict-s", "7", "--cadence-ms", "100") as demo:
        address = urlsplit(demo.card["feeds"][0])
        feed = f"http://{address.netloc}"
        for _ in range(WINDOWS):
            demo.until(lambda: _phases(demo) == {"strict"} and len(demo.picture()["orders"]) >= 2)
            post(f"{feed}/sim/faults", {"fault": "silence"})
            demo.until(lambda: _phases(demo).isdisjoint({"strict", "flattening"}))
            urllib.request.urlopen(urllib.request.Request(f"{feed}/sim/faults", method="DELETE"), timeout=5).close()
            ask_daemon("resume", "bench", "the feeds are back", demo.state)
        return _waits(demo.state)


def _phases(demo: Demo) -> set[str]:
    return {view["phase"] for view in demo.picture()["series"]}


def _waits(state: Path) -> list[int]:
    """Per trip that had something to cancel: too old, to the last acknowledgement, in nanoseconds."""
    caused: dict[int, int] = {}
    last: dict[int, int] = {}
    for step in read_steps(state):
        stale_ns = 0
        for action in step.actions:
            if isinstance(action, GuardTripEntry) and action.age_ms and action.limit_ms:
                late_ns = int((action.age_ms - action.limit_ms) * NS_PER_MS)
                stale_ns = step.now.mono_ns - late_ns
            elif isinstance(action, TriggerGroup | CancelOrders) and action.reason.endswith(STALE):
                begun = stale_ns or max(caused.values(), default=0)
                caused[action.request_id] = begun
        event = step.event
        if isinstance(event, GroupOutcome | CancelOutcome) and event.verdict is Verdict.ACCEPTED:
            begun = caused.get(event.request_id, 0)
            if begun:
                last[begun] = max(last.get(begun, 0), step.now.mono_ns - begun)
    return list(last.values())
