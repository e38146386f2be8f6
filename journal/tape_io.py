"""The open end of the journal: segments by UTC day and size, a ballast for the full disk, anchors outside.

A commit is one write and one sync, never tried again after a failure. The one exception is a write refused because
the disk is full: such a write did nothing (POSIX write: no data is transferred with ENOSPC), so the ballast is deleted
and the rest of the same bytes goes on; from then on `low_space` is true and the writer above reports a fault, while
the cancels that follow still find room.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from journal.chain import Anchor
from journal.disk_io import Disk
from journal.layout import anchor_dir, ballast_path, journal_dir, segment_name
from journal.opening_io import Opening
from journal.record import canonical

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_DAY_CHARS: Final = len("2026-03-06")


class Tape:
    """Appends lines to the current segment. Every method may raise OSError, after which nothing more may be written."""

    __slots__ = (
        "_anchor_day",
        "_anchor_file",
        "_day",
        "_disk",
        "_file",
        "_limit_bytes",
        "_size",
        "_state_dir",
        "low_space",
        "place",
    )

    def __init__(self, state_dir: Path, disk: Disk, opening: Opening, segment_limit_bytes: int) -> None:
        """Go on with the last segment of an opening, or wait for the first record to begin one."""
        self.low_space = False
        self._state_dir = state_dir
        self._disk = disk
        self._limit_bytes = segment_limit_bytes
        self._size = opening.size_bytes
        self._day = opening.segment.name[:_DAY_CHARS] if opening.segment else ""
        self._file = disk.append_to(opening.segment) if opening.segment else -1
        if self._file >= 0:
            disk.sync(self._file)  # a killed run may have left bytes that no sync has followed, and we build on them
        self._anchor_day = ""
        self._anchor_file = -1
        # The segment that is written to and the bytes that it must hold, in one piece for who looks from elsewhere.
        self.place: tuple[Path | None, int] = (opening.segment, opening.size_bytes)

    def wants_new_segment(self, day: str, pending_bytes: int) -> bool:
        """Whether a record of this UTC day must begin a new segment. A day before the current one never does."""
        return self._file < 0 or day > self._day or self._size + pending_bytes >= self._limit_bytes

    def begin_segment(self, day: str, first_seq: int) -> None:
        """Close the current segment, whose bytes are all committed, and begin the next."""
        if self._file >= 0:
            self._disk.close(self._file)
            self._file = -1
        path = journal_dir(self._state_dir) / segment_name(day, first_seq)
        self._file = self._disk.append_to(path)
        self._day = max(day, self._day)
        self._size = 0
        self.place = (path, 0)

    def commit(self, data: bytes) -> None:
        """Write these lines and make them durable."""
        self._write(self._file, data)
        self._size += len(data)
        self._disk.sync(self._file)
        self.place = (self.place[0], self._size)

    def anchor(self, head: Anchor) -> None:
        """Write a durable head down outside the journal, durable on return; one file for each UTC day."""
        day = head.ts_utc[:_DAY_CHARS]
        if day != self._anchor_day:
            if self._anchor_file >= 0:
                self._disk.close(self._anchor_file)
                self._anchor_file = -1
            self._anchor_file = self._disk.append_to(anchor_dir(self._state_dir) / f"{day}.jsonl")
            self._anchor_day = day
        self._write(self._anchor_file, canonical(head) + b"\n")
        self._disk.sync(self._anchor_file)

    def close(self) -> None:
        """Give the files back."""
        for file in (self._file, self._anchor_file):
            if file >= 0:
                self._disk.close(file)
        self._file = self._anchor_file = -1

    def _write(self, file: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                written = self._disk.write(file, rest)
            except OSError as error:
                if error.errno not in _FULL or self.low_space:
                    raise
                self._release_ballast()
                continue
            rest = rest[written:]

    def _release_ballast(self) -> None:
        self.low_space = True
        ballast = ballast_path(self._state_dir)
        if ballast.exists():
            self._disk.remove(ballast)
