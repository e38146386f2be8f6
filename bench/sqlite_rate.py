"""The journal's records in SQLite instead: WAL, synchronous=FULL, each row with the hash of the row before it.

Not used by the daemon: it is the other way to keep a journal, measured in the same run beside ours (journal_rate).
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import time
from pathlib import Path

from bench.journal_rate import BODY, CHUNK, RECORDS

TABLE = "create table journal (seq integer primary key, kind text not null, body blob not null, hash blob not null)"


def measure() -> dict[str, float]:
    """Rows on disk a second in transactions of 200, CPU and bytes of each, and rows read back and checked a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        base = sqlite3.connect(path, isolation_level=None)
        for line in ("pragma journal_mode=wal", "pragma synchronous=full", TABLE):
            base.execute(line)
        begun, cpu_ns, digest = time.perf_counter_ns(), time.thread_time_ns(), bytes(32)
        for first in range(0, RECORDS, CHUNK):
            rows = []
            for seq in range(first, first + CHUNK):
                digest = hashlib.sha256(digest + BODY).digest()
                rows.append((seq, "step", BODY, digest))
            base.execute("begin")
            base.executemany("insert into journal values (?, ?, ?, ?)", rows)
            base.execute("commit")
        written_s = (time.perf_counter_ns() - begun) / 1e9
        cpu_us = (time.thread_time_ns() - cpu_ns) / RECORDS / 1000
        base.execute("pragma wal_checkpoint(truncate)")
        begun, digest = time.perf_counter_ns(), bytes(32)
        for body, kept in base.execute("select body, hash from journal order by seq"):
            digest = hashlib.sha256(digest + body).digest()
            assert digest == kept
        read_s = (time.perf_counter_ns() - begun) / 1e9
        base.close()
        size = path.stat().st_size
    return {
        "durable_per_s": RECORDS / written_s,
        "cpu_us": cpu_us,
        "bytes": size / RECORDS,
        "read_per_s": RECORDS / read_s,
    }


if __name__ == "__main__":
    print(measure())
