"""How long the engine takes for one tick over 120 rungs, both series quoting."""

from __future__ import annotations

import math
import time

from bench.stand import Stand
from domain.clock import NS_PER_MS
from domain.events import Wake
from guards.cadence import percentile


def measure(steps: int = 4_000) -> dict[str, float]:
    """p50 and p99 of a tick's step in microseconds of CPU: wall time on a shared machine measures the others.

    As in life the runner looks at the clocks every 250 ms, and that step does the housekeeping. `yardstick_us` is what
    120 bare calls of erfc cost between the ticks: a machine's pace, by which figures of different machines compare.
    """
    stand = Stand()
    assert stand.quoting, f"the stand does not quote: {stand.engine.state.closed}"
    took: list[int] = []
    yardstick: list[int] = []
    for number in range(steps):
        stand.wait(125 * NS_PER_MS)
        series = ("INXU", "NASDAQ100U")[number % 2]
        event = stand.tick(series, (number % 5) * 20_000)
        begun = time.thread_time_ns()
        actions = stand.engine.step(event, stand.now())
        ended = time.thread_time_ns()
        took.append(ended - begun)
        for rung in range(120):
            math.erfc(rung / 50 - 1)
        yardstick.append(time.thread_time_ns() - ended)
        for action in actions:
            for reply in stand.answer(action):
                stand.settle(reply)
        if number % 2:
            stand.settle(Wake())
        if number % 8 == 0:
            stand.settle(stand.tick("INXU", 0, "polygon"))
            stand.settle(stand.tick("NASDAQ100U", 0, "polygon"))
    took.sort()
    yardstick.sort()
    return {
        "p50_us": took[len(took) // 2] / 1000,
        "p99_us": percentile(took, 99) / 1000,
        "yardstick_us": yardstick[len(yardstick) // 2] / 1000,
        # 0 when something paused the stand meanwhile: then the figures are those of steps that quote nothing.
        "quoting_at_end": float(stand.quoting),
    }


if __name__ == "__main__":
    print(measure())
