"""What happens before the first append: take the lock, look at the tail, repair what a kill may leave, refuse the rest.

The last segment is verified line by line; of the earlier ones only the seams are looked at (last record of one, first
of the next), so that a start stays quick after months. `ladderd verify` reads everything. A torn last line was never
acknowledged: its bytes are kept in a side file and cut off. When the anchors say that it had been durable, or when
anything else is wrong, the journal is refused: a daemon that cannot trust its memory must not trade. `read_tail` looks
as closely at all that recovery is going to believe, before there is a writer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from journal.chain import EMPTY, Anchor, ChainVerdict, Fault, Head, Verifier, misplaced, verify
from journal.disk_io import OWNER_AND_GROUP, Disk
from journal.layout import anchor_dir, ballast_path, first_seq_of, journal_dir, lock_path, torn_dir
from journal.reader import Step, decode_step
from journal.reader_io import (
    KEEP_AND_ASK,
    JournalDamaged,
    anchor_paths,
    lines_of,
    read_anchors,
    read_outline,
    segment_paths,
)
from journal.record import HEAD, STEP, Record, RecordError, decode_record, digest_of, parse_utc

NOWHERE: Final = (0, 0)
_TAIL_BLOCK_BYTES = 65_536
OTHER_BUILD = (
    "The journal is whole, but another build wrote what came after the last snapshot: start that build again and stop "
    "it in order (SIGTERM), then start this one"
)


class JournalLocked(Exception):  # noqa: N818 - a state of affairs, named like JournalDamaged
    """Another process holds the journal of this state directory."""


class Repair(msgspec.Struct, frozen=True):
    """A torn last line that was moved aside: from which file and byte, how many bytes, and where they are kept."""

    file: str
    offset: int
    torn_bytes: int
    kept_in: str


class Opening(msgspec.Struct, frozen=True):
    """A journal that may be appended to: its head, its last segment if any, what was repaired, the newest anchor."""

    head: Head
    segment: Path | None
    size_bytes: int
    repair: Repair | None
    anchor: Anchor | None


def take_lock(state_dir: Path) -> int:
    """Lock the journal for this process until the returned file is closed. Raises JournalLocked."""
    path = lock_path(state_dir)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_AND_GROUP)
    try:
        _lock_alone(file)
    except OSError as error:
        holder = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(file)
        raise JournalLocked(
            f"{path}: process {holder} is already writing this journal; stop it or use another state directory"
        ) from error
    os.truncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


class Hold:
    """Holds one state directory's journal from construction to `release`. Raises JournalLocked, OSError.

    Three things are locked: the file that names the process, the journal's folder and the state directory, so that
    deleting or moving any one of them lets no second writer in. A journal whose folder or newest segment was deleted,
    moved or cut under its writer takes every record without complaint, and none of them can be found again: `missing`
    tells that.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folders = (state_dir, journal_dir(state_dir))
        self._segment: Path | None = None
        self._segment_is = NOWHERE
        with contextlib.ExitStack() as undo:
            self._held = [_lock_folder(path, undo) for path in self._folders]
            self._held.append(take_lock(state_dir))
            undo.pop_all()
        self._folders_are = [_identity(path) for path in self._folders]

    def missing(self, segment: Path | None, size_bytes: int) -> str:
        """What of the journal is not where its writer has it, in words; nothing when all is in its place.

        `segment` is the file that is written to, None before the first record; `size_bytes` is what it must hold.
        """
        for path, known in zip(self._folders, self._folders_are, strict=True):
            if _identity(path) != known:
                return f"{path} was deleted or moved under the running daemon"
        if segment is None:
            return ""
        found = _identity(segment)
        if segment != self._segment:
            self._segment, self._segment_is = segment, found
        if found == NOWHERE or found != self._segment_is:
            return f"{segment} was deleted or moved under the running daemon"
        with contextlib.suppress(OSError):
            if segment.stat().st_size < size_bytes:
                return f"{segment} was cut under the running daemon"
        return ""

    def release(self) -> None:
        """Let the next writer in."""
        while self._held:
            os.close(self._held.pop())


def _lock_alone(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_folder(path: Path, undo: contextlib.ExitStack) -> int:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    undo.callback(os.close, folder)
    try:
        _lock_alone(folder)
    except OSError as error:
        raise JournalLocked(
            f"{path}: another process is already writing this journal; stop it or use another state directory"
        ) from error
    return folder


def _identity(path: Path) -> tuple[int, int]:
    try:
        info = path.stat()
    except OSError:
        return NOWHERE
    return info.st_dev, info.st_ino


def prepare(state_dir: Path, disk: Disk) -> None:
    """Make the folders. Raises OSError."""
    for folder in (journal_dir(state_dir), anchor_dir(state_dir)):
        disk.make_directory(folder)


def reserve(state_dir: Path, disk: Disk, ballast_bytes: int) -> None:
    """Make the ballast. Raises OSError: a disk without that much room is too full to start on."""
    ballast = ballast_path(state_dir)
    if ballast_bytes and not (ballast.exists() and ballast.stat().st_size >= ballast_bytes):
        disk.reserve(ballast, ballast_bytes)


def open_tail(state_dir: Path, disk: Disk) -> Opening:
    """Verify the tail, repair a torn last line, and say where to go on. Raises JournalDamaged, OSError."""
    for path in anchor_paths(state_dir):
        _cut_torn_anchor(path, disk)
    anchors = read_anchors(state_dir)
    paths = segment_paths(state_dir)
    folder = str(anchor_dir(state_dir))
    start = _check_seams(paths, anchors, folder)
    last = paths[-1:]
    verdict = verify(((str(path), lines_of(path)) for path in last), anchors, start, folder)
    if verdict.first_fault is not None:
        raise damaged(verdict.first_fault, state_dir)
    repair = _repair(state_dir, disk, verdict) if verdict.torn_tail is not None else None
    if last and verdict.bare_offset is not None:
        disk.cut(last[0], verdict.bare_offset)  # the run ended before its first record here: its head heads nothing
    newest = max(anchors, key=lambda anchor: anchor.seq, default=None)
    if not last:
        return Opening(verdict.head, None, 0, repair, newest)
    return Opening(verdict.head, last[0], last[0].stat().st_size, repair, newest)


def read_tail(state_dir: Path, after_seq: int) -> Iterator[Step]:
    """The steps after a record number that was durable once, each read once its place in the chain was proven.

    The segments from the one with that record on are verified line by line, the earlier ones at their seams. A torn
    last line is passed over. Raises JournalDamaged at the first thing that cannot be believed, also when the journal
    ends before `after_seq`; OSError.
    """
    paths, anchors = read_outline(state_dir)
    first = max((n for n, path in enumerate(paths) if (first_seq_of(path.name) or 0) <= after_seq + 1), default=0)
    folder = str(anchor_dir(state_dir))
    verifier = Verifier(anchors, _check_seams(paths[: first + 1], anchors, folder), folder)
    for path in paths[first:]:
        verifier.open_file(str(path))
        for number, line in enumerate(lines_of(path), start=1):
            before = verifier.record
            verifier.feed(line)
            if verifier.fault is not None:
                raise damaged(verifier.fault, state_dir)
            record = verifier.record
            if (
                record is None
                or record is before
                or record.seq <= after_seq
                or record.type != STEP
                or not line.endswith(b"\n")
            ):
                continue
            try:
                step = decode_step(record)
            except RecordError as error:
                raise JournalDamaged(str(path), number, str(error), OTHER_BUILD) from error
            yield step
    verdict = verifier.finish()
    if verdict.first_fault is not None:
        raise damaged(verdict.first_fault, state_dir)
    if verdict.head.seq < after_seq:
        what = f"the journal ends at record {verdict.head.seq}, but the snapshot says that {after_seq} was durable"
        raise JournalDamaged(str(paths[-1] if paths else journal_dir(state_dir)), verdict.head.seq, what, KEEP_AND_ASK)


def began_utc_ns(state_dir: Path) -> int | None:
    """When this journal began, by its first anchor; None when there is no journal. Raises JournalDamaged, OSError."""
    paths, anchors = read_outline(state_dir)
    if not paths and not anchors:
        return None
    return min((parse_utc(anchor.ts_utc) for anchor in anchors if anchor.seq == EMPTY.seq), default=0)


def damaged(fault: Fault, state_dir: Path) -> JournalDamaged:
    """A fault as what stops the start."""
    return JournalDamaged(fault.file or str(journal_dir(state_dir)), fault.line, fault.sentence, KEEP_AND_ASK)


def _repair(state_dir: Path, disk: Disk, verdict: ChainVerdict) -> Repair:
    """Keep the torn bytes, durable, before they are cut off: a kill in between leaves both, never neither."""
    torn = verdict.torn_tail or b""
    source = Path(verdict.torn_file)
    disk.make_directory(torn_dir(state_dir))
    kept = torn_dir(state_dir) / f"{source.name}.{verdict.torn_offset}"
    disk.replace(kept, torn)
    disk.cut(source, verdict.torn_offset)
    return Repair(str(source), verdict.torn_offset, len(torn), str(kept))


def _cut_torn_anchor(path: Path, disk: Disk) -> None:
    """Drop the torn last line of an anchor file: what it would have said is in the journal, and more is to follow."""
    last = _last_line(path)
    if last and not last.endswith(b"\n"):
        disk.cut(path, path.stat().st_size - len(last))


def _check_seams(paths: list[Path], anchors: list[Anchor], folder: str) -> Head:
    """The head before the last of these segments, after a look at both ends of every earlier one."""
    known = {anchor.seq: anchor.hash for anchor in anchors}
    head = EMPTY
    for path in paths[:-1]:
        if path.stat().st_size == 0:  # begun, and the process ended before its first record
            continue
        first = _sound(path, 1, _first_line(path))
        headed = first.type == HEAD
        ends = (first, _sound(path, 0, _last_line(path), first if headed else None))
        if fault := misplaced(head, ends[0]):
            raise JournalDamaged(str(path), 1, fault[1], KEEP_AND_ASK)
        for end in ends[headed:]:
            if known.get(end.seq, end.hash) != end.hash:
                raise JournalDamaged(str(path), 1, f"record {end.seq} is not the one that was anchored", KEEP_AND_ASK)
        for needed, line in ((EMPTY.seq, 1), (ends[1].seq, ends[1].seq - ends[0].seq + 1 + headed)):
            if needed not in known:
                what = f"no anchor for record {needed}: anchors in {folder} were deleted or cut"
                raise JournalDamaged(str(path), line, what, KEEP_AND_ASK)
        head = Head(ends[1].seq, ends[1].hash, ends[1].seq)
    return head


def _sound(path: Path, line_number: int, line: bytes, head: Record | None = None) -> Record:
    """One record whose own hash holds. `line_number` 0 stands for the last line, whose number is not counted here."""
    where = "its last line" if line_number == 0 else "its first line"
    try:
        claimed, actual = digest_of(line)
        record = decode_record(line, head)
    except RecordError as error:
        raise JournalDamaged(str(path), line_number, f"{where} cannot be read: {error}", KEEP_AND_ASK) from error
    if claimed != actual or not line.endswith(b"\n"):
        raise JournalDamaged(str(path), line_number, f"{where} was changed or cut", KEEP_AND_ASK)
    return record


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def _last_line(path: Path) -> bytes:
    """The bytes after the last newline but one, read from the end in growing blocks."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        block = _TAIL_BLOCK_BYTES
        while True:
            at = max(0, size - block)
            file.seek(at)
            tail = file.read(size - at)
            cut = tail.rfind(b"\n", 0, -1)
            if cut >= 0 or at == 0:
                return tail[cut + 1 :]
            block *= 2
