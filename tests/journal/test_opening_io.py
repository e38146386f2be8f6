"""What a start looks at before it believes a journal: damage is refused with its place, and nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from domain.clock import NS_PER_S
from journal.chain import FaultKind
from journal.disk_io import Disk
from journal.layout import journal_dir, lock_path
from journal.opening_io import Hold, JournalLocked, read_tail
from journal.reader_io import JournalDamaged, anchor_paths, read_anchors, segment_paths, verify_state
from journal.snapshot_io import snapshot_path, write_snapshot
from journal.writer_io import JournalLimits
from tests.journal.conftest import NOON_NS, HandClock, OpenWriter, make_lines


def damage_flip(data: bytes) -> bytes:
    return data.replace(b'"n":1', b'"n":7')


def damage_remove(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:1] + lines[2:])


def damage_truncate(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:3])


def damage_cut_newline(data: bytes) -> bytes:
    return data[:-1]


def damage_repeat(data: bytes) -> bytes:
    return data + data.splitlines(keepends=True)[-1]


def damage_rewrite(data: bytes) -> bytes:
    """Another history, sound in itself."""
    return b"".join(make_lines(len(data.splitlines())))


DAMAGES = [
    (damage_flip, 3),
    (damage_remove, 2),
    (damage_truncate, 4),
    (damage_cut_newline, 4),
    (damage_repeat, 5),
    (damage_rewrite, 3),
]


def three_notes(open_writer: OpenWriter, state_dir: Path) -> Path:
    """A journal that was closed; its only segment."""
    writer = open_writer()
    for n in range(3):
        writer.append("note", {"n": n})
    writer.close()
    (segment,) = segment_paths(state_dir)
    return segment


@pytest.mark.step("O06")
@pytest.mark.parametrize(("damage", "line"), DAMAGES)
def test_other_damage_is_refused_with_its_place(
    open_writer: OpenWriter, tmp_path: Path, damage: Callable[[bytes], bytes], line: int
) -> None:
    segment = three_notes(open_writer, tmp_path)
    bad = damage(segment.read_bytes())
    segment.write_bytes(bad)
    with pytest.raises(JournalDamaged, match="move both folders away") as caught:
        open_writer()
    assert (caught.value.file, caught.value.line) == (str(segment), line)
    assert segment.read_bytes() == bad
    with pytest.raises(JournalDamaged):
        open_writer()


@pytest.mark.parametrize("many", [False, True])
def test_deleted_anchors_are_refused_with_the_place(open_writer: OpenWriter, tmp_path: Path, *, many: bool) -> None:
    writer = open_writer(limits=JournalLimits(segment_bytes_max=3_000 if many else 10**6, ballast_bytes=4096))
    for n in range(6):
        writer.append("note", {"n": n, "text": "x" * 300})
    writer.abandon()
    assert (len(segment_paths(tmp_path)) > 1) is many
    shutil.rmtree(tmp_path / "anchor")
    for _ in range(2):  # a refused start leaves it refused
        with pytest.raises(JournalDamaged, match=r"anchors in .*/anchor were deleted or cut") as caught:
            open_writer()
        assert (caught.value.file, caught.value.line) == (str(segment_paths(tmp_path)[0]), 1)
    fault = verify_state(tmp_path).first_fault
    assert fault is not None
    assert (fault.file, fault.line) == (str(segment_paths(tmp_path)[0]), 1)


def test_a_lost_anchor_of_an_earlier_segment_s_end_is_refused(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer(limits=JournalLimits(segment_bytes_max=3_000, ballast_bytes=4096))
    for n in range(9):
        writer.append("note", {"n": n, "text": "x" * 300})
    writer.close()
    (anchors,) = (tmp_path / "anchor").glob("*.jsonl")
    kept = anchors.read_bytes().splitlines(keepends=True)
    assert [anchor.why for anchor in read_anchors(tmp_path)] == ["open", "rotate", "rotate", "close"]
    anchors.write_bytes(b"".join([kept[0], *kept[2:]]))
    first = segment_paths(tmp_path)[0]
    last_line = len(first.read_bytes().splitlines())
    with pytest.raises(JournalDamaged, match=f"no anchor for record {last_line - 1}") as caught:
        open_writer()
    assert (caught.value.file, caught.value.line) == (str(first), last_line)
    fault = verify_state(tmp_path).first_fault
    assert fault is not None
    assert (fault.kind, fault.file, fault.line) == (FaultKind.UNANCHORED, str(first), last_line)


def test_a_deleted_journal_folder_is_told_by_its_anchors(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.close()
    shutil.rmtree(tmp_path / "journal")
    fault = verify_state(tmp_path).first_fault
    assert fault is not None
    assert (fault.kind, fault.file) == (FaultKind.TRUNCATED, str(tmp_path / "journal"))
    with pytest.raises(JournalDamaged, match="anchored as durable"):
        open_writer()


def test_after_a_suspension_the_head_is_anchored_before_anything_newer(
    open_writer: OpenWriter, clock: HandClock, tmp_path: Path
) -> None:
    writer = open_writer()
    for _ in range(4):
        writer.append("note", {})
        clock.advance_ms(3_600_000)
    writer.abandon()
    assert verify_state(tmp_path).ok
    assert [anchor.seq for anchor in read_anchors(tmp_path)] == [0, 1, 2, 3]


def test_what_a_killed_run_left_unsynced_is_synced_before_it_is_anchored(
    open_writer: OpenWriter, tmp_path: Path
) -> None:
    open_writer().abandon()
    (tmp_path / "journal" / "2026-03-06.000000000001.jsonl").write_bytes(b"".join(make_lines(2)))
    seen: list[str] = []

    class Told(Disk):
        names: ClassVar[dict[int, str]] = {}

        def append_to(self, path: Path) -> int:
            file = super().append_to(path)
            self.names[file] = path.parent.name
            return file

        def write(self, file: int, data: bytes | memoryview) -> int:
            seen.append(f"write {self.names[file]}")
            return super().write(file, data)

        def sync(self, file: int) -> None:
            seen.append(f"sync {self.names[file]}")

    open_writer(Told()).abandon()
    assert seen == ["sync journal", "write anchor", "sync anchor"]


@pytest.mark.parametrize(("damage", "line"), DAMAGES)
def test_recovery_reads_no_record_whose_place_is_not_proven(
    open_writer: OpenWriter, tmp_path: Path, damage: Callable[[bytes], bytes], line: int
) -> None:
    segment = three_notes(open_writer, tmp_path)
    assert list(read_tail(tmp_path, 0)) == []
    segment.write_bytes(damage(segment.read_bytes()))
    with pytest.raises(JournalDamaged) as caught:
        list(read_tail(tmp_path, 0))
    assert (caught.value.file, caught.value.line) == (str(segment), line)


def test_a_step_of_another_build_is_told_with_what_to_do(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.append("step", {"of": "another build"})
    writer.close()
    with pytest.raises(JournalDamaged, match="start that build again and stop it in order") as caught:
        list(read_tail(tmp_path, 0))
    assert (caught.value.file, caught.value.line) == (str(segment_paths(tmp_path)[0]), 3)
    assert list(read_tail(tmp_path, 2)) == []


def test_recovery_looks_at_the_seams_of_what_it_does_not_read(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer(limits=JournalLimits(segment_bytes_max=3_000, ballast_bytes=4096))
    for n in range(9):
        writer.append("note", {"n": n, "text": "x" * 300})
    writer.close()
    first, second, *_, last = segment_paths(tmp_path)
    sound = second.read_bytes()
    second.write_bytes(b"".join(sound.splitlines(keepends=True)[:-1]))
    for after_seq in (0, 8):
        with pytest.raises(JournalDamaged):
            list(read_tail(tmp_path, after_seq))
    second.write_bytes(sound)
    first.write_bytes(first.read_bytes().replace(b'"n":1', b'"n":7'))
    assert list(read_tail(tmp_path, 8)) == [], "in the middle of what is not read: for `ladderd verify`"
    with pytest.raises(JournalDamaged):
        list(read_tail(tmp_path, 0))
    assert last != second


def test_a_journal_that_ends_before_the_snapshot_is_refused(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    for n in range(3):
        writer.append("note", {"n": n})
    writer.abandon()  # no anchor knows of record 3
    (segment,) = segment_paths(tmp_path)
    segment.write_bytes(damage_truncate(segment.read_bytes()))
    assert verify_state(tmp_path).ok
    assert list(read_tail(tmp_path, 2)) == []
    with pytest.raises(JournalDamaged, match="ends at record 2, but the snapshot says that 3 was durable") as caught:
        list(read_tail(tmp_path, 3))
    assert (caught.value.file, caught.value.line) == (str(segment), 2)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_missing_or_cut_earlier_segment_is_refused(open_writer: OpenWriter, tmp_path: Path, lost: int) -> None:
    writer = open_writer(limits=JournalLimits(segment_bytes_max=1_500, ballast_bytes=4096))
    for n in range(6):
        writer.append("note", {"n": n, "text": "x" * 300})
    writer.close()
    path = segment_paths(tmp_path)[lost]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(JournalDamaged):
        open_writer()
    path.unlink()
    with pytest.raises(JournalDamaged):
        open_writer()


@pytest.mark.step("K14")
def test_a_journal_that_ends_before_its_snapshot_is_refused_by_verify_and_by_the_start(
    open_writer: OpenWriter, tmp_path: Path
) -> None:
    segment = three_notes(open_writer, tmp_path)
    # Killed before its last minute was anchored; then somebody cut the end off.
    (anchors,) = anchor_paths(tmp_path)
    anchors.write_bytes(anchors.read_bytes().splitlines(keepends=True)[0])
    segment.write_bytes(damage_truncate(segment.read_bytes()))
    assert verify_state(tmp_path).ok, "nothing but a snapshot can know"
    write_snapshot(tmp_path, b"{}", 3, NOON_NS + NS_PER_S)
    verdict = verify_state(tmp_path)
    assert verdict.first_fault is not None
    assert (verdict.ok, verdict.first_fault.kind) == (False, FaultKind.TRUNCATED)
    assert "ends at record 2, but the snapshot says that 3 was durable" in verdict.first_fault.sentence
    assert verdict.first_fault.file == str(segment)
    with pytest.raises(JournalDamaged, match="snapshot says that 3 was durable"):
        list(read_tail(tmp_path, 3))


@pytest.mark.parametrize("taken_utc_ns", [NOON_NS - NS_PER_S, 0])
def test_a_snapshot_of_before_this_journal_began_proves_nothing_about_it(
    open_writer: OpenWriter, tmp_path: Path, taken_utc_ns: int
) -> None:
    three_notes(open_writer, tmp_path)
    write_snapshot(tmp_path, b"{}", 900, taken_utc_ns)
    assert verify_state(tmp_path).ok


def test_a_damaged_snapshot_proves_nothing_about_the_journal(open_writer: OpenWriter, tmp_path: Path) -> None:
    three_notes(open_writer, tmp_path)
    write_snapshot(tmp_path, b"{}", 900, NOON_NS + NS_PER_S)
    path = snapshot_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    assert verify_state(tmp_path).ok


# --- the one writer, and a journal that stays where it was -----------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    journal_dir(state).mkdir(parents=True)
    return state


def no_lock_file(home: Path) -> None:
    lock_path(home).unlink()


def no_journal(home: Path) -> None:
    shutil.rmtree(journal_dir(home))
    journal_dir(home).mkdir()


def moved_journal(home: Path) -> None:
    journal_dir(home).rename(home / "elsewhere")
    journal_dir(home).mkdir()


@pytest.mark.step("K25")
@pytest.mark.parametrize("happens", [no_lock_file, no_journal, moved_journal])
def test_there_is_one_writer_whatever_happens_to_the_files(home: Path, happens: Callable[[Path], None]) -> None:
    first = Hold(home)
    happens(home)
    with pytest.raises(JournalLocked, match="already writing this journal"):
        Hold(home)
    first.release()
    second = Hold(home)
    second.release()


def segment_of(home: Path) -> Path:
    path = journal_dir(home) / "2026-03-06.000000000001.jsonl"
    path.write_text("12345")
    return path


def test_all_in_its_place_is_nothing_missing(home: Path) -> None:
    hold = Hold(home)
    assert hold.missing(None, 0) == ""
    path = segment_of(home)
    assert hold.missing(path, 5) == ""
    path.write_text("123456789")
    assert hold.missing(path, 5) == "", "more is being written"
    assert (
        hold.missing(path.with_name("gone"), 0)
        == f"{path.with_name('gone')} was deleted or moved under the running daemon"
    )
    hold.release()


def replaced(path: Path) -> None:
    body = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(body)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (Path.unlink, "deleted or moved"), (replaced, "deleted or moved"), (lambda path: path.write_text("1"), "cut"),
        (lambda path: shutil.rmtree(path.parent), "deleted or moved"),
        (lambda path: path.parent.rename(path.parent.with_name("away")), "deleted or moved"),
        (lambda path: path.parents[1].rename(path.parents[1].with_name("away")), "deleted or moved"),
    ],
)  # fmt: skip
def test_what_was_taken_away_is_named(home: Path, happens: Callable[[Path], object], words: str) -> None:
    hold = Hold(home)
    path = segment_of(home)
    assert hold.missing(path, 5) == ""
    happens(path)
    assert words in hold.missing(path, 5)
    hold.release()
