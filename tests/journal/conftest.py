"""What the journal's tests share: a clock that is set by hand, chains made in memory, a bad disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.clock import NS_PER_MS, Now
from domain.stamps import utc_ns_text
from journal.chain import EMPTY, Head
from journal.disk_io import Disk
from journal.record import Body, seal
from journal.writer_io import JournalLimits, JournalWriter

NOON_NS = 1_772_805_000_000_000_000  # 2026-03-06T13:50:00Z


class HandClock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.mono_ns = 1_000_000_000
        self.utc_ns = NOON_NS

    def now(self) -> Now:
        return Now(self.mono_ns, self.utc_ns)

    def advance_ms(self, milliseconds: float) -> None:
        self.mono_ns += int(milliseconds * NS_PER_MS)
        self.utc_ns += int(milliseconds * NS_PER_MS)


class BadDisk(Disk):
    """A disk that fails as told: room in bytes for segments, an errno for write or sync from the n-th call on."""

    def __init__(self) -> None:
        self.room_bytes: int | None = None
        self.sync_errno = 0
        self.write_errno = 0
        self.writes_only_bytes: int | None = None
        self.synced = 0
        self.wrote = 0
        self.calls_after_failure = 0
        self.ballast_bytes = 4096
        self._failed = False

    def write(self, file: int, data: bytes | memoryview) -> int:
        self.calls_after_failure += self._failed
        if self.write_errno:
            self._failed = True
            raise OSError(self.write_errno, os.strerror(self.write_errno))
        size = len(data) if self.writes_only_bytes is None else min(len(data), self.writes_only_bytes)
        if self.room_bytes is not None:
            if self.room_bytes == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            size = min(size, self.room_bytes)
            self.room_bytes -= size
        self.wrote += 1
        return super().write(file, data[:size])

    def sync(self, file: int) -> None:  # noqa: ARG002 - a simulated disk has nothing to sync
        self.calls_after_failure += self._failed
        if self.sync_errno:
            self._failed = True
            raise OSError(self.sync_errno, os.strerror(self.sync_errno))
        self.synced += 1

    def remove(self, path: Path) -> None:
        if self.room_bytes is not None:
            self.room_bytes += self.ballast_bytes
        super().remove(path)


def make_lines(
    count: int,
    start: Head = EMPTY,
    salt: str = "",
    run_of: Callable[[int], str] = lambda _: "run",
    mono_of: Callable[[int], int] = lambda seq: seq,
) -> list[bytes]:
    """A sound chain of `count` records after `start`, as lines; run and monotonic stamp by the record's number."""
    lines = []
    head = start
    for _ in range(count):
        body = Body(
            causation_id="",
            config_hash=hashlib.sha256(b"configuration").hexdigest(),
            correlation_id="",
            environment="simulation",
            event_id=f"run:{head.seq + 1}",
            mono_ns=mono_of(head.seq),
            payload={"z": salt, "a": [head.seq, '\u00fc\n"quoted","mono_ns":7']},
            prev_hash=head.hash,
            run_id=run_of(head.seq),
            seq=head.seq + 1,
            ts_utc=utc_ns_text(NOON_NS + head.seq),
            type="note",
        )
        line, digest = seal(body)
        lines.append(line)
        head = Head(head.seq + 1, digest, head.count + 1)
    return lines


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def disk() -> BadDisk:
    return BadDisk()


@pytest.fixture
def chain_lines() -> Callable[..., list[bytes]]:
    return make_lines


OpenWriter = Callable[..., JournalWriter]


@pytest.fixture
def open_writer(tmp_path: Path, clock: HandClock) -> OpenWriter:
    """Open an in-line writer in this test's state directory; keyword arguments are those of JournalWriter."""

    def open_it(disk: Disk | None = None, run_id: str = "run", limits: JournalLimits | None = None) -> JournalWriter:
        limits = limits or JournalLimits(ballast_bytes=4096)
        return JournalWriter(
            tmp_path, run_id, "simulation", "c" * 64, clock, threaded=False, limits=limits, disk=disk or BadDisk()
        )

    return open_it
