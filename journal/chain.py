"""The hash chain, and the verifier that finds where it breaks.

Each record names the hash of the one before it, the first names 64 zeros, and the chain runs on across files. That
alone finds any changed byte, removed line, repeated line or wrong number. It cannot find a cut tail, nor a history
rewritten from some point on with fresh hashes: for these the head (seq, hash, count) is anchored outside the files
from time to time, and every anchor must be met again on the way.

A last line without its newline is not damage but a write that the power or a kill cut short: it was never
acknowledged, and is reported apart as `torn_tail`. It becomes damage when an anchor says that it had been durable.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from journal.record import GENESIS, Record, RecordError, decode_record, digest_of


class Head(msgspec.Struct, frozen=True):
    """The last record of a chain: its number, its hash, and how many records the chain holds up to it."""

    seq: int
    hash: str
    count: int


EMPTY: Final = Head(seq=0, hash=GENESIS, count=0)


class Anchor(msgspec.Struct, frozen=True):
    """A head that was durable once, written down outside the journal. `why`: minute, window, rotate, open, close."""

    seq: int
    hash: str
    count: int
    ts_utc: str
    why: str


class FaultKind(enum.StrEnum):
    """What is wrong with a journal."""

    MALFORMED = "malformed"
    ALTERED = "altered"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    WRONG_SEQ = "wrong_seq"
    BROKEN_LINK = "broken_link"
    CUT_LINE = "cut_line"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"


class Fault(msgspec.Struct, frozen=True):
    """The first place where a journal cannot be believed. `line` counts from 1, `offset` in bytes from 0."""

    kind: FaultKind
    file: str
    line: int
    offset: int
    sentence: str

    def __str__(self) -> str:
        """What, where: one line."""
        return f"{self.file}:{self.line} (byte {self.offset}): {self.sentence}"


class Verdict(msgspec.Struct, frozen=True):
    """What a verification found. `ok` allows for a torn tail, which is reported and can be repaired."""

    ok: bool
    head: Head
    first_fault: Fault | None
    torn_tail: bytes | None
    torn_file: str
    torn_offset: int
    anchors_met: int


class Verifier:
    """Feed it lines in order, each with its file; it stops at the first fault. Pure: reads no file itself."""

    __slots__ = ("_anchors", "_file", "_line", "_met", "_offset", "_torn", "fault", "head")

    def __init__(self, anchors: Iterable[Anchor] = (), start: Head = EMPTY) -> None:
        """Expect the record after `start`. Anchors at or before `start` cannot be met here and are left out."""
        self.head = start
        self.fault: Fault | None = None
        self._anchors = {anchor.seq: anchor.hash for anchor in anchors if anchor.seq > start.seq}
        self._met = 0
        self._file = ""
        self._line = 0
        self._offset = 0
        self._torn: tuple[bytes, str, int] | None = None

    def open_file(self, file: str) -> None:
        """The lines that follow stand in this file."""
        if self._torn is not None:
            self._fail(FaultKind.CUT_LINE, "the line has no end, and the journal goes on in a later file")
        self._file, self._line, self._offset = file, 0, 0

    def feed(self, line: bytes) -> bool:
        """Check one line, newline included. False once a fault is known: nothing after it can be judged."""
        if self.fault is not None:
            return False
        if self._torn is not None:
            self._fail(FaultKind.CUT_LINE, "the line has no end, and more lines follow it")
            return False
        self._line += 1
        if not line.endswith(b"\n"):
            self._torn = (line, self._file, self._offset)
            return True
        self._check(line)
        self._offset += len(line)
        return self.fault is None

    def finish(self) -> Verdict:
        """No more lines: judge what the anchors say about the end."""
        beyond = sorted(seq for seq in self._anchors if seq > self.head.seq)
        if self.fault is None and beyond:
            self._line += self._torn is None
            lost = beyond[-1] - self.head.seq
            self._fail(
                FaultKind.TRUNCATED,
                f"the journal ends at record {self.head.seq}, but record {beyond[-1]} was anchored as durable: "
                f"at least {lost} record(s) were cut off its end",
            )
        torn, file, offset = self._torn or (None, "", 0)
        return Verdict(
            ok=self.fault is None,
            head=self.head,
            first_fault=self.fault,
            torn_tail=torn,
            torn_file=file,
            torn_offset=offset,
            anchors_met=self._met,
        )

    def _check(self, line: bytes) -> None:
        try:
            claimed, actual = digest_of(line)
            record = decode_record(line)
        except RecordError as error:
            self._fail(FaultKind.MALFORMED, f"the line cannot be read: {error}; a byte of it was changed")
            return
        if claimed != actual or record.hash != claimed:
            self._fail(FaultKind.ALTERED, f"the line (it says record {record.seq}) does not have the hash it carries")
            return
        if fault := misplaced(self.head, record):
            self._fail(*fault)
            return
        expected = self._anchors.get(record.seq)
        if expected is not None and expected != record.hash:
            self._fail(
                FaultKind.REWRITTEN,
                f"record {record.seq} is not the one that was anchored: the journal was rewritten here or before",
            )
            return
        self._met += expected is not None
        self.head = Head(record.seq, record.hash, self.head.count + 1)

    def _fail(self, kind: FaultKind, sentence: str) -> None:
        if self.fault is None:
            self.fault = Fault(kind, self._file, self._line, self._offset, sentence)


def misplaced(head: Head, record: Record) -> tuple[FaultKind, str] | None:
    """Why a record that is sound in itself cannot stand after `head`, or None when it can."""
    wanted = head.seq + 1
    linked = record.prev_hash == head.hash
    if record.seq == wanted and linked:
        return None
    if linked:
        return FaultKind.WRONG_SEQ, f"the record after {head.seq} must be {wanted}, but calls itself {record.seq}"
    if record.seq > wanted:
        return FaultKind.MISSING, f"record(s) {wanted} to {record.seq - 1} are missing before this line"
    if record.seq < wanted:
        return FaultKind.DUPLICATE, f"record {record.seq} stands here again, after record {head.seq}"
    return FaultKind.BROKEN_LINK, f"record {record.seq} does not continue record {head.seq}: one of them was replaced"


def verify(
    files: Iterable[tuple[str, Iterable[bytes]]], anchors: Iterable[Anchor] = (), start: Head = EMPTY
) -> Verdict:
    """Verify a whole journal: (file name, its lines with their newlines) in order, against the anchors."""
    verifier = Verifier(anchors, start)
    for file, lines in files:
        verifier.open_file(file)
        for line in lines:
            if not verifier.feed(line):
                return verifier.finish()
    return verifier.finish()
