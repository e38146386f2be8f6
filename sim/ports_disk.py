"""What outlives a process on the machine: its last snapshot, the journal behind it, and the files of others."""

from __future__ import annotations

import msgspec

from domain.clock import NS_PER_MS
from domain.events import Operator

SYNC_NS = 2 * NS_PER_MS
KILL_FILE = "state/KILL_SWITCH"


class Mark(msgspec.Struct):
    """A cancel-all marker on the disk."""

    asked_utc_ns: int
    by: str
    reason: str
    done: bool = False


class Disk:
    """What outlives a process."""

    def __init__(self) -> None:
        self.snapshot: bytes | None = None
        self.tail: list[tuple[int, bytes]] = []
        self.keeping = False
        self.marks: list[Mark] = []
        self.kill_text = ""
        self.requests: list[Operator] = []
        self.epoch = 0
        self.sync_ns = SYNC_NS
        self.full = False
