"""What outlives a process on the machine: its last snapshot, the journal behind it, and the files of others."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import ValidationError

from daemon.settings.tree import Settings
from domain.clock import NS_PER_MS
from domain.events import Operator
from journal.chain import ChainVerdict, verify
from journal.record import GENESIS, Body, canonical_json, seal

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
        self.lines: list[bytes] | None = None
        """The journal's tail as lines of the chain, once a fault has touched them."""
        self.edited: dict[str, Any] = {}
        """What a person has written into the configuration since the process read it."""

    def chained(self) -> list[bytes]:
        """The tail as the journal holds it: sealed records, each naming the one before."""
        lines, hash_before = [], GENESIS
        for number, (at_ns, payload) in enumerate(self.tail, start=1):
            raw = msgspec.Raw(canonical_json(payload))
            stamp = f"{at_ns}"
            line, hash_before = seal(
                Body("", "config", "", "paper", f"e{number}", at_ns, raw, hash_before, "run", number, stamp, "step")
            )
            lines.append(line)
        return lines

    def verdict(self) -> ChainVerdict:
        """What the journal's own verifier says about the lines."""
        return verify([("tail", self.lines or [])])

    def refusal(self, settings: Settings) -> str:
        """Why a start on these files is refused; empty when it is not."""
        if self.edited:
            try:
                Settings(**settings.model_dump(exclude_unset=True) | self.edited)
            except ValidationError as problem:
                return f"configuration: {problem.errors(include_url=False)[0]['msg']}"
        if self.lines is not None:
            fault = self.verdict().first_fault
            return "" if fault is None else f"journal: {fault}"
        return ""
