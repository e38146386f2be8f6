"""Keeps what the vendor really sent: raw frames with their arrival, one JSON object a line, one file a UTC day.

    {"ns": 1795233262708123456, "frame": [{"ev":"V","val":6650.13,"T":"I:SPX","t":1795233262708}]}

Such a file can be played by the simulated feed. The recorder hangs on a socket's `tap`, on the loop's own thread, so
`take` only appends to a queue; a thread writes about once a second. It is a convenience and must never hurt: when the
disk is slow or full, frames are dropped and counted, and the first trouble is kept in `trouble` for the status page.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from domain.clock import NS_PER_S, Now

PENDING_MAX_FRAMES: Final = 100_000
FLUSH_EVERY_S: Final = 1.0


class FrameRecorder:
    """Records one feed's frames into `folder/<feed>-YYYY-MM-DD.jsonl`. `start`, hand `take` to a socket, `stop`."""

    def __init__(self, folder: Path, feed: str, pending_max: int = PENDING_MAX_FRAMES) -> None:
        """Record under `folder` (made when missing); at most `pending_max` frames wait for the disk."""
        self._folder: Final = folder
        self._feed: Final = feed
        self._pending_max: Final = pending_max
        self._pending: deque[tuple[int, bytes]] = deque()  # appended here, popped there: safe between two threads
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: BinaryIO | None = None
        self._day = ""
        self.recorded = 0
        self.dropped = 0
        self.trouble = ""

    def take(self, data: bytes, now: Now) -> None:
        """Keep one frame; never blocks, never raises."""
        if len(self._pending) >= self._pending_max:
            self.dropped += 1
        else:
            self._pending.append((now.utc_ns, data))

    def start(self) -> None:
        """Begin to write, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=f"recorder {self._feed}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and close the file; blocks for one write."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_EVERY_S):
            self._flush()
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        left = len(self._pending)
        try:
            while left:
                left -= 1
                ns, data = self._pending.popleft()
                self._file_of(ns).write(line_of(ns, data))
                self.recorded += 1
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            self.dropped += 1 + left
            for _ in range(left):
                self._pending.popleft()
            self.trouble = self.trouble or f"recording of {self._feed}: {error}; frames are not being kept"

    def _file_of(self, ns: int) -> BinaryIO:
        day = dt.datetime.fromtimestamp(ns // NS_PER_S, dt.UTC).date().isoformat()
        if self._file is None or day != self._day:
            if self._file is not None:
                self._file.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / f"{self._feed}-{day}.jsonl").open("ab")
            self._day = day
        return self._file


def line_of(ns: int, data: bytes) -> bytes:
    """One line for one frame; what is not JSON is kept as text, so that every line can be read."""
    try:
        frame = msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode({"ns": ns, "text": data.decode("utf-8", "replace")}) + b"\n"
    return b'{"ns":%d,"frame":%s}\n' % (ns, b"".join(bytes(frame).splitlines()))
