"""The hash chain, and the verifier that finds where it breaks.

Each record names the hash of the one before it, the first names 64 zeros, and the chain runs on across files. That
alone finds any changed byte, removed line, repeated line or wrong number. It cannot find a cut tail, nor a history
rewritten from some point on with fresh hashes: for these the head (seq, hash, count) is anchored outside the files,
and every anchor must be met again on the way. So that anchors cannot be lost unnoticed either, some must be there: one
of the empty journal before its first record, one at the end of every segment but the last, and one a minute between.

A last line without its newline is not damage but a write that the power or a kill cut short: it was never
acknowledged, and is reported apart as `torn_tail`. It becomes damage when an anchor says that it had been durable.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from domain.clock import NS_PER_S
from journal.record import GENESIS, HEAD, NewerVersionError, Record, RecordError, decode_record, digest_of

# The writer anchors twice a minute; a batch that waited for a disk that hung may span some minutes.
UNANCHORED_LIMIT_NS: Final = 600 * NS_PER_S


class Head(msgspec.Struct, frozen=True):
    """The last record of a chain: its number, its hash, and how many records the chain holds up to it."""

    seq: int
    hash: str
    count: int


EMPTY: Final = Head(seq=0, hash=GENESIS, count=0)


class Anchor(msgspec.Struct, frozen=True):
    """A head that was durable once, written down outside the journal. `why`: open, minute, window, rotate, close.

    The first of all has the number 0: it says that this journal began, and when.
    """

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
    UNANCHORED = "unanchored"


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


class ChainVerdict(msgspec.Struct, frozen=True):
    """What a verification found. `ok` allows for a torn tail, which is reported and can be repaired.

    `bare_offset`: where in the last file a head begins that no record follows, so that nothing was written under it.
    """

    ok: bool
    head: Head
    first_fault: Fault | None
    torn_tail: bytes | None
    torn_file: str
    torn_offset: int
    anchors_met: int
    bare_offset: int | None = None


class Verifier:
    """Feed it lines in order, each with its file; it stops at the first fault. Pure: reads no file itself.

    `record` is the last one that was found in its place.
    """

    __slots__ = (
        "_anchors",
        "_bare",
        "_file",
        "_line",
        "_met",
        "_offset",
        "_required_in",
        "_rooted",
        "_start",
        "_torn",
        "_unanchored",
        "_under",
        "fault",
        "head",
        "record",
    )

    def __init__(self, anchors: Iterable[Anchor] = (), start: Head = EMPTY, required_in: str = "") -> None:
        """Expect the record after `start`. Anchors before `start` cannot be met here and are left out.

        `required_in`: the folder that the anchors were read from, when those that must be there are to be missed.
        """
        known = {anchor.seq: anchor.hash for anchor in anchors}
        self.head = start
        self.record: Record | None = None
        self.fault: Fault | None = None
        self._anchors = {seq: digest for seq, digest in known.items() if seq > start.seq}
        self._rooted = start != EMPTY or EMPTY.seq in known
        self._met = int(start == EMPTY and EMPTY.seq in known)
        self._required_in = required_in
        self._unanchored: tuple[str, int] | None = None
        self._start = start
        self._file = ""
        self._line = 0
        self._offset = 0
        self._torn: tuple[bytes, str, int] | None = None
        self._under: Record | None = None
        self._bare: tuple[str, str, int] | None = None

    def open_file(self, file: str) -> None:
        """The lines that follow stand in this file."""
        if self._torn is not None:
            self._fail(FaultKind.CUT_LINE, "the line has no end, and the journal goes on in a later file")
        if self._required_in and self.head != self._start and self.head.seq not in self._anchors:
            self._miss(f"record {self.head.seq} is the last of its file and must be anchored, but is not")
        self._file, self._line, self._offset = file, 0, 0
        self._under = None

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

    def finish(self) -> ChainVerdict:
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
        return ChainVerdict(
            ok=self.fault is None,
            head=self.head,
            first_fault=self.fault,
            torn_tail=torn,
            torn_file=file,
            torn_offset=offset,
            anchors_met=self._met,
            bare_offset=None if self._bare is None or self._bare[1] != self._file else self._bare[2],
        )

    def _check(self, line: bytes) -> None:
        try:
            claimed, actual = digest_of(line)
            record = decode_record(line, self._under)
        except RecordError as error:
            why = "" if isinstance(error, NewerVersionError) else "; a byte of it was changed"
            self._fail(FaultKind.MALFORMED, f"the line cannot be read: {error}{why}")
            return
        if claimed != actual or record.hash != claimed:
            self._fail(FaultKind.ALTERED, f"the line (it says record {record.seq}) does not have the hash it carries")
            return
        before = self.head if self._bare is None else msgspec.structs.replace(self.head, hash=self._bare[0])
        if fault := misplaced(before, record):
            self._fail(*fault)
            return
        if record.type == HEAD:
            if self._required_in and not self._rooted:
                self._miss("nothing was anchored before the first record")
            self._under, self._bare = record, (record.hash, self._file, self._offset)
            return
        self._bare = None
        expected = self._anchors.get(record.seq)
        if expected is not None and expected != record.hash:
            self._fail(
                FaultKind.REWRITTEN,
                f"record {record.seq} is not the one that was anchored: the journal was rewritten here or before",
            )
            return
        self._met += expected is not None
        self.head = Head(record.seq, record.hash, self.head.count + 1)
        self.record = record
        if self._required_in:
            self._look_for_anchors(record, anchored=expected is not None)

    def _look_for_anchors(self, record: Record, *, anchored: bool) -> None:
        """Miss the anchor of the beginning, and those that one run must have written while it went on."""
        if not self._rooted:
            self._miss("nothing was anchored before the first record")
            return
        if self._unanchored is None or self._unanchored[0] != record.run_id:
            self._unanchored = (record.run_id, record.mono_ns)
        elif record.mono_ns - self._unanchored[1] > UNANCHORED_LIMIT_NS:
            self._miss(f"{UNANCHORED_LIMIT_NS // NS_PER_S} s of records up to record {record.seq} were never anchored")
        if anchored:
            self._unanchored = None

    def _miss(self, what: str) -> None:
        self._fail(FaultKind.UNANCHORED, f"{what}: anchors in {self._required_in} were deleted or cut")

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
    files: Iterable[tuple[str, Iterable[bytes]]],
    anchors: Iterable[Anchor] = (),
    start: Head = EMPTY,
    required_in: str = "",
) -> ChainVerdict:
    """Verify a whole journal: (file name, its lines with their newlines) in order, against the anchors."""
    verifier = Verifier(anchors, start, required_in)
    for file, lines in files:
        verifier.open_file(file)
        for line in lines:
            if not verifier.feed(line):
                return verifier.finish()
    return verifier.finish()
