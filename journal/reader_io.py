"""Read a state directory's journal and anchors from disk. Reads only; safe beside a running writer.

Anchors are read before the segments: a head is anchored only after its record is durable, so a journal that is still
growing can never look shorter than the anchors read earlier. Nor may a segment have begun in between: the one before it
was anchored first, and would look as if it were not. A last line without its newline may be one that the
writer is in the middle of, which is why a torn tail is reported apart from damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from journal.chain import EMPTY, Anchor, ChainVerdict, Fault, FaultKind, Verifier, verify
from journal.layout import anchor_dir, first_seq_of, journal_dir
from journal.reader import Step, decode_anchor, decode_step
from journal.record import HEAD, HEAD_END, STEP, Record, RecordError, decode_record, parse_utc
from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot


class JournalDamaged(Exception):  # noqa: N818 - named as the contracts and the operator's pages name it
    """The journal cannot be believed from one place on: which file, which line, what is wrong, what to do."""

    def __init__(self, file: str, line: int, what: str, to_do: str) -> None:
        super().__init__(f"{file}:{line}: {what}. {to_do}")
        self.file = file
        self.line = line
        self.what = what
        self.to_do = to_do


KEEP_AND_ASK = (
    "Trading stays stopped. Keep the journal and anchor folders as they are and look with `ladderd verify`; "
    "to go on with an empty journal, move both folders away together, then reconcile with the exchange"
)


def segment_paths(state_dir: Path) -> list[Path]:
    """The segments of a journal in the order of their records; empty when there is none."""
    folder = journal_dir(state_dir)
    if not folder.is_dir():
        return []
    found = ((first_seq_of(path.name), path) for path in folder.iterdir() if path.is_file())
    return [path for _, path in sorted((seq, path) for seq, path in found if seq is not None)]


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of one segment, newlines included; the last may lack its own."""
    with path.open("rb") as file:
        yield from file


def anchor_paths(state_dir: Path) -> list[Path]:
    """The anchor files, oldest first; empty when there is none."""
    folder = anchor_dir(state_dir)
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def read_anchors(state_dir: Path) -> list[Anchor]:
    """Every anchor ever written, oldest file first. A torn last line of a file is passed over.

    Raises JournalDamaged for any other line that is not an anchor.
    """
    anchors: list[Anchor] = []
    for path in anchor_paths(state_dir):
        for number, line in enumerate(lines_of(path), start=1):
            if not line.endswith(b"\n"):
                continue
            try:
                anchors.append(decode_anchor(line))
            except RecordError as error:
                raise JournalDamaged(str(path), number, str(error), KEEP_AND_ASK) from error
    return anchors


def read_outline(state_dir: Path) -> tuple[list[Path], list[Anchor]]:
    """The segments, and the anchors that belong to just these. Raises JournalDamaged for a bad anchor, OSError."""
    paths = segment_paths(state_dir)
    while True:
        anchors, before = read_anchors(state_dir), paths
        paths = segment_paths(state_dir)
        if paths == before:
            return paths, anchors


def verify_state(state_dir: Path) -> ChainVerdict:
    """Verify a whole journal against its anchors and the snapshot beside it: what a start refuses, this refuses.

    Raises JournalDamaged for an unreadable anchor, OSError.
    """
    paths, anchors = read_outline(state_dir)
    proven = _proven_by_snapshot(state_dir, anchors)  # before the journal is read, which grows meanwhile
    files = ((str(path), lines_of(path)) for path in paths)
    verdict = verify(files, anchors, required_in=str(anchor_dir(state_dir)))
    if verdict.first_fault is not None and not verdict.first_fault.file:  # anchors, and not one segment
        fault = msgspec.structs.replace(verdict.first_fault, file=str(journal_dir(state_dir)))
        return msgspec.structs.replace(verdict, first_fault=fault)
    if verdict.ok and verdict.head.seq < proven:
        what = f"the journal ends at record {verdict.head.seq}, but the snapshot says that {proven} was durable"
        file = str(paths[-1] if paths else journal_dir(state_dir))
        fault = Fault(FaultKind.TRUNCATED, file, verdict.head.count + 1, 0, what)
        return msgspec.structs.replace(verdict, ok=False, first_fault=fault)
    return verdict


def _proven_by_snapshot(state_dir: Path, anchors: list[Anchor]) -> int:
    """The record that the snapshot stands behind; 0 for none, a damaged one, or one from before this journal began."""
    try:
        snapshot = read_snapshot(state_dir)
    except SnapshotDamaged:
        return 0
    began_ns = min((parse_utc(anchor.ts_utc) for anchor in anchors if anchor.seq == EMPTY.seq), default=None)
    if snapshot is None or began_ns is None or snapshot.taken_utc_ns < began_ns:
        return 0
    return snapshot.seq


def read_records(state_dir: Path, after_seq: int = 0, skip: Callable[[bytes], bool] | None = None) -> Iterator[Record]:
    """The records after a number, in order; a torn last line is not one. Hashes are not checked: verify does that.

    Whole segments before `after_seq` are not opened, and lines that `skip` says so of are not decoded. Raises
    JournalDamaged at a line that is no record.
    """
    paths = segment_paths(state_dir)
    for path, later in zip(paths, [*paths[1:], None], strict=False):
        if later is not None and (first_seq_of(later.name) or 0) <= after_seq + 1:
            continue
        head = None
        for number, line in enumerate(lines_of(path), start=1):
            is_head = line.endswith(HEAD_END)
            if (skip is not None and not is_head and skip(line)) or (later is None and not line.endswith(b"\n")):
                continue
            try:
                record = decode_record(line, head)
            except RecordError as error:
                raise JournalDamaged(str(path), number, str(error), KEEP_AND_ASK) from error
            if record.type == HEAD:
                head = record
            elif record.seq > after_seq:
                yield record


def read_proven(state_dir: Path) -> Iterator[Record]:
    """Every record in order, each once its place in the chain was proven; a torn last line is not one.

    Raises JournalDamaged at the first thing that cannot be believed, after all before it; OSError.
    """
    paths, anchors = read_outline(state_dir)
    verifier = Verifier(anchors, required_in=str(anchor_dir(state_dir)))
    for path in paths:
        verifier.open_file(str(path))
        for line in lines_of(path):
            before = verifier.record
            if not verifier.feed(line):
                break
            if verifier.record is not None and verifier.record is not before:
                yield verifier.record
    fault = verifier.finish().first_fault
    if fault is not None:
        raise JournalDamaged(fault.file or str(journal_dir(state_dir)), fault.line, fault.sentence, KEEP_AND_ASK)


def read_steps(state_dir: Path, after_seq: int = 0) -> Iterator[Step]:
    """The steps after a record number, in order. Raises JournalDamaged, or RecordError for another build's step."""
    return (decode_step(record) for record in read_records(state_dir, after_seq) if record.type == STEP)
