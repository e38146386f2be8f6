"""The running daemon on real sockets: frame to cancel, SIGUSR1 to zero, memory, loop lag."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from domain.actions import CancelOrders, TriggerGroup
from domain.events import CancelOutcome, GroupOutcome, Started, Tick
from guards.cadence import percentile
from journal.reader_io import read_steps
from sim.local.child import Child
from sim.local.setting import ROOT
from sim.local.waiting import POLL_S, mono_s

PATIENCE_S = 60.0


def _get(url: str) -> Any:  # noqa: ANN401 - a JSON document
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def post(url: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - a JSON document
    """Ask with a JSON body, and read a JSON answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


class Demo:
    """A demo in a directory of its own, ended on exit."""

    def __init__(self, *options: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ladderd-bench-")
        self.state = Path(self.folder.name)
        words = ("-m", "sim", "demo", "--plain", "--http-port", "0", "--state-dir", self.folder.name, *options)
        self.process = Child(words, self.state / "bench.log", ROOT, dict(os.environ))
        self.card: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self.until((self.state / "demo.json").exists)
        except BaseException:
            self.__exit__()
            raise
        self.card = json.loads((self.state / "demo.json").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end(limit_s=PATIENCE_S)
        self.folder.cleanup()

    def until(self, holds: Callable[[], object]) -> None:
        """Look until it holds."""
        end_s = mono_s() + PATIENCE_S
        while not holds():
            if mono_s() > end_s:
                raise TimeoutError("the demo did not come to it in time")
            time.sleep(POLL_S)

    def picture(self) -> Any:  # noqa: ANN401 - a JSON document
        return _get(self.card["http"] + "/picture")["picture"]

    def loop_lag_p99_s(self) -> float:
        """The upper bound of the bucket in which the 99th percentile of the loop's lag lies."""
        samples = _get(self.card["http"] + "/metrics/json")["metrics"]["ladderd_loop_lag_seconds"]["samples"]
        buckets = [(s["labels"]["le"], s["value"]) for s in samples if s["name"].endswith("_bucket")]
        return next(float(bound) for bound, count in buckets if count >= 0.99 * buckets[-1][1])

    def truth(self) -> Any:  # noqa: ANN401 - a JSON document
        return _get(self.card["exchange"] + "/sim/state")

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.card['daemon_pid']}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6


def frame_to_cancel(*options: str) -> dict[str, float]:
    """Index frame received to the first byte of the cancel that it caused, from the journal of one long window."""
    options = ("--period-s", "60", "--exchange-option=--rungs=120", *options)
    with Demo(*options) as demo:
        demo.until(lambda: len(demo.picture()["orders"]) >= 3)
        time.sleep(25)
        figures = {"rss_mb": demo.rss_mb(), "loop_lag_p99_ms": 1000 * demo.loop_lag_p99_s()}
        waits = _waits(demo.state)
        started = next(s for s in read_steps(demo.state) if isinstance(s.event, Started))
        del started
    if waits:
        figures |= {
            "cancels": float(len(waits)),
            "p50_us": waits[len(waits) // 2] / 1000,
            "p99_us": percentile(waits, 99) / 1000,
        }
    return figures


def _waits(state: Path) -> list[int]:
    """Received stamp of a tick to the sent stamp of each cancel decided in its step, ascending nanoseconds."""
    asked: dict[int, int] = {}
    waits = []
    for step in read_steps(state):
        if isinstance(step.event, Tick):
            for action in step.actions:
                if isinstance(action, CancelOrders | TriggerGroup):
                    asked[action.request_id] = step.event.received_mono_ns
        elif isinstance(step.event, CancelOutcome | GroupOutcome):
            since = asked.pop(step.event.request_id, None)
            if since is not None and step.event.sent_mono_ns:
                waits.append(step.event.sent_mono_ns - since)
    return sorted(waits)


def sigusr1_to_zero(orders: int) -> dict[str, float]:
    """SIGUSR1 with so many resting orders to zero in the exchange's list."""
    with Demo("--period-s", "300", "--exchange-option=--tier=unmetered", "--taker-rate-hz", "0.01") as demo:
        demo.until(lambda: len(demo.picture()["orders"]) >= 1)
        tickers = [row["ticker"] for row in demo.picture()["ladder"]]
        for number in range(orders):
            post(
                demo.card["exchange"] + "/sim/place",
                {
                    "ticker": tickers[number % len(tickers)], "side": "bid", "count": "1.00", "price": "0.0100",
                    "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
                    "post_only": True, "client_order_id": f"bench-{number}",
                },
            )  # fmt: skip
        before = demo.truth()
        requests = sum(before["requests"].values())
        begun = time.perf_counter()
        os.kill(demo.card["daemon_pid"], signal.SIGUSR1)
        demo.until(lambda: not demo.truth()["resting"])
        matched_s = time.perf_counter() - begun
        demo.until(lambda: demo.picture()["cancel_all"]["completed"] >= 1)
        after = demo.picture()
        return {
            "orders": float(len(before["resting"])),
            "book_empty_ms": 1000 * matched_s,
            "time_to_flat_ms": after["cancel_all"]["last_time_to_flat_ms"] or 0.0,
            "requests": float(sum(demo.truth()["requests"].values()) - requests),
        }
