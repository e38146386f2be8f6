"""What the journal costs: an append on the loop, and records made durable a second."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from daemon.system_clock import SystemClock
from journal.writer_io import JournalWriter

RECORDS = 20_000
CHUNK = 200
BODY = b'{"event":{"kind":"tick","feed":"massive","symbol":"I:SPX","value":6650120000,"raw":"6650.12"},"actions":[]}'


async def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), "bench", "paper", "hash", SystemClock())
        took: list[int] = []
        begun = time.perf_counter_ns()
        for number in range(RECORDS):
            before = time.thread_time_ns()
            writer.append("step", BODY)
            took.append(time.thread_time_ns() - before)
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
                await writer.drain(10)
        await writer.drain(30)
        elapsed_s = (time.perf_counter_ns() - begun) / 1e9
        writer.close()
    took.sort()
    return {"append_p50_us": took[len(took) // 2] / 1000, "durable_per_s": RECORDS / elapsed_s}


def measure() -> dict[str, float]:
    """Microseconds of CPU on the loop for one append; records on disk a second in groups of 200."""
    return asyncio.run(_measure())


if __name__ == "__main__":
    print(measure())
