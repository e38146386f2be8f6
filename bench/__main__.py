"""`make bench`: every figure from one run on this machine, beside its floor. Ratios travel; times do not."""

from __future__ import annotations

import math
import os
import time

from bench import chain, delivery, engine_step, journal_rate, running, sqlite_rate, stale, start_up


def yardstick_us() -> float:
    """CPU of pricing 120 rungs with a bare erfc loop: about 8 us on an idle core of the reference machine."""
    took = []
    for _ in range(3_000):
        before = time.thread_time_ns()
        [math.erfc((bound - 50.0) * 0.03) for bound in range(120)]
        took.append(time.thread_time_ns() - before)
    return sorted(took)[len(took) // 2] / 1000


def line(name: str, figures: dict[str, float]) -> None:
    """One row."""
    print(f"{name:34}" + "  ".join(f"{key} {value:,.2f}" for key, value in figures.items()), flush=True)


def main() -> None:
    """Measure everything once."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start; medians of one run")
    line("yardstick: 120 rungs, bare erfc", {"cpu_us": yardstick_us()})
    line("engine step, tick, 2 x 120 rungs", engine_step.measure())
    line("feed delivery against bare loop", delivery.measure())
    line("journal", journal_rate.measure())
    line("the same rows in SQLite", sqlite_rate.measure())
    line("frame to cancel, one tight loop", chain.measure())
    line("the same, RSA-2048", chain.measure(rsa=True))
    line("frame to cancel, as it runs", running.frame_to_cancel())
    line("the same, RSA-2048", running.frame_to_cancel("--rsa"))
    line("stale to last cancel acknowledged", stale.measure())
    line("SIGUSR1 to zero, 100 orders", running.sigusr1_to_zero(100))
    line("SIGUSR1 to zero, 400 orders", running.sigusr1_to_zero(400))
    line("start to /health 200", start_up.measure())


if __name__ == "__main__":
    main()
