"""What the journal costs: an append on the loop, and records made durable a second."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from daemon.system_clock import SystemClock
from journal.reader_io import read_records
from journal.writer_io import JournalWriter

RECORDS = 20_000
CHUNK = 200
BODY = b'{"event":{"kind":"tick","feed":"massive","symbol":"I:SPX","value":6650120000,"raw":"6650.12"},"actions":[]}'


async def _write(folder: Path) -> dict[str, float]:
    writer = JournalWriter(folder, "bench", "paper", "hash", SystemClock())
    took: list[int] = []
    begun, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    for number in range(RECORDS):
        before = time.thread_time_ns()
        writer.append("step", BODY)
        took.append(time.thread_time_ns() - before)
        if number % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
            await writer.drain(10)
    await writer.drain(30)
    elapsed_s = (time.perf_counter_ns() - begun) / 1e9
    cpu_us = (time.process_time_ns() - cpu_ns) / RECORDS / 1000
    writer.close()
    took.sort()
    return {
        "append_p50_us": took[len(took) // 2] / 1000,
        "durable_per_s": RECORDS / elapsed_s,
        "cpu_us": cpu_us,
    }


def measure() -> dict[str, float]:
    """CPU of one append on the loop, records on disk a second in groups of 200, CPU and bytes of each; the way back."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = asyncio.run(_write(folder))
        size = sum(path.stat().st_size for path in (folder / "journal").glob("*.jsonl"))
        begun = time.perf_counter_ns()
        assert sum(1 for _ in read_records(folder)) >= RECORDS
        read_s = (time.perf_counter_ns() - begun) / 1e9
    return found | {"bytes": size / RECORDS, "read_per_s": RECORDS / read_s}


if __name__ == "__main__":
    print(measure())
