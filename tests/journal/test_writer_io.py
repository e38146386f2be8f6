"""The writer: what is told durable is on the disk; a failing disk is told once and never asked again."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.actions import RECORD_MINOR
from domain.clock import Now
from domain.records import RECORD_VERSION
from journal.chain import FaultKind
from journal.disk_io import Disk
from journal.layout import ballast_path
from journal.opening_io import JournalLocked
from journal.reader_io import JournalDamaged, read_anchors, read_records, segment_paths, verify_state
from journal.record import HEAD_END
from journal.writer_io import REFUSED, JournalLimits, JournalUnwritable, JournalWriter
from tests.journal.conftest import BadDisk, HandClock

OpenWriter = Callable[..., JournalWriter]
DAY_MS = 86_400_000


def test_records_are_numbered_chained_and_read_back(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    assert [writer.append("note", {"n": n}) for n in range(1, 4)] == [1, 2, 3]
    assert writer.append("note", b'{ "z": 1, "a": 2 }', correlation_id="window", causation_id="3") == 4
    assert writer.durable_seq == 4
    assert writer.close()
    records = list(read_records(tmp_path))
    assert [record.seq for record in records] == [1, 2, 3, 4]
    assert bytes(records[3].payload) == b'{"a":2,"z":1}'
    assert (records[3].correlation_id, records[3].causation_id, records[3].event_id) == ("window", "3", "4")
    assert records[0].ts_utc == "2026-03-06T13:50:00.000000000Z"
    verdict = verify_state(tmp_path)
    assert verdict.ok
    assert verdict.head == writer.head
    assert verdict.anchors_met == 2, "that of the empty journal, and that of its end"


def test_a_second_run_goes_on_with_the_chain(open_writer: OpenWriter, tmp_path: Path) -> None:
    first = open_writer()
    first.append("note", {})
    first.close()
    second = open_writer(run_id="again")
    assert second.append("note", {}) == 2
    second.close()
    assert [record.run_id for record in read_records(tmp_path)] == ["run", "again"]
    assert verify_state(tmp_path).ok


@pytest.mark.parametrize(("umask", "others"), [(0o022, 0o027), (0o027, 0o027), (0o077, 0o077)])
def test_files_are_for_their_owner_and_for_his_group_to_read(
    open_writer: OpenWriter, tmp_path: Path, umask: int, others: int
) -> None:
    """Members of the group read the state (docs/contracts.md); nobody else does, and a narrow umask keeps them out."""
    before = os.umask(umask)
    try:
        writer = open_writer()
        writer.append("note", {})
        writer.close()
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & others == 0, path
        if path.is_file() and umask == 0o027:
            assert stat.S_IMODE(path.stat().st_mode) & 0o040, f"{path}: the group cannot read it"


@pytest.mark.step("K25")
def test_two_writers_cannot_share_a_directory(open_writer: OpenWriter) -> None:
    writer = open_writer()
    with pytest.raises(JournalLocked, match="already writing this journal"):
        open_writer()
    writer.close()
    open_writer().close()


def test_a_new_day_or_a_full_segment_begins_a_new_file(
    open_writer: OpenWriter, clock: HandClock, tmp_path: Path
) -> None:
    writer = open_writer(limits=JournalLimits(segment_bytes_max=4_000, ballast_bytes=4096))
    for _ in range(20):
        writer.append("note", {"text": "x" * 300})
    clock.advance_ms(DAY_MS)
    writer.append("note", {})
    clock.advance_ms(-DAY_MS)
    writer.append("note", {"text": "the wall clock was set back"})
    writer.close()
    names = [path.name for path in segment_paths(tmp_path)]
    assert names[0] == "2026-03-06.000000000001.jsonl"
    assert names[-1] == "2026-03-07.000000000021.jsonl"
    assert len(names) > 4
    assert all(path.stat().st_size < 4_000 for path in segment_paths(tmp_path))
    assert verify_state(tmp_path).head.seq == 22
    again = open_writer()
    assert again.append("note", {}) == 23
    again.close()
    assert [record.seq for record in read_records(tmp_path, after_seq=20)] == [21, 22, 23]


def test_the_head_is_anchored_every_so_often_and_on_demand(
    open_writer: OpenWriter, clock: HandClock, tmp_path: Path
) -> None:
    writer = open_writer()
    writer.append("note", {})
    clock.advance_ms(59_000)
    writer.append("note", {})
    writer.append("note", {})
    writer.anchor()
    writer.anchor()
    writer.append("note", {})
    writer.close()
    writer.close()
    assert [(anchor.seq, anchor.why) for anchor in read_anchors(tmp_path)] == [
        (0, "open"),
        (1, "minute"),
        (3, "window"),
        (4, "close"),
    ]


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_cut_off_kept_and_reported(open_writer: OpenWriter, tmp_path: Path, kept: int) -> None:
    writer = open_writer()
    for n in range(3):
        writer.append("note", {"n": n})
    writer.abandon()
    (segment,) = segment_paths(tmp_path)
    whole = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(whole[:3]) + whole[3][:kept])
    again = open_writer()
    assert again.repair is not None
    assert Path(again.repair.kept_in).read_bytes() == whole[3][:kept]
    assert again.append("note", {"n": "after"}) == 3
    again.close()
    assert verify_state(tmp_path).ok
    third = open_writer()
    assert third.repair is None
    third.close()


@pytest.mark.step("O06")
@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_a_head_under_which_nothing_was_written_is_cut_off(
    open_writer: OpenWriter, clock: HandClock, tmp_path: Path, kept: int
) -> None:
    first = open_writer()
    first.append("note", {"n": 1})
    first.abandon()
    second = open_writer(run_id="second")
    second.append("note", {"n": 2})
    second.abandon()
    (segment,) = segment_paths(tmp_path)
    lines = segment.read_bytes().splitlines(keepends=True)
    assert [HEAD_END in line for line in lines] == [True, False, True, False]
    segment.write_bytes(b"".join(lines[:3]) + lines[3][:kept])
    assert verify_state(tmp_path).ok
    assert [record.run_id for record in read_records(tmp_path)] == ["run"]
    clock.advance_ms(DAY_MS)
    third = open_writer(run_id="third")
    assert (third.repair is None) is (kept == 0)
    assert segment.read_bytes() == b"".join(lines[:2])
    assert third.append("note", {"n": 3}) == 2
    third.close()
    assert [record.run_id for record in read_records(tmp_path)] == ["run", "third"]
    assert verify_state(tmp_path).ok


def test_what_is_the_same_in_a_run_stands_once_in_each_segment_and_in_every_record_that_is_read(
    open_writer: OpenWriter, tmp_path: Path
) -> None:
    for run_id in ("run-1", "run-2"):
        writer = open_writer(run_id=run_id, limits=JournalLimits(segment_bytes_max=3_000, ballast_bytes=4096))
        for n in range(9):
            writer.append("note", {"n": n, "text": "x" * 300})
        writer.close()
    told = b"".join(path.read_bytes() for path in segment_paths(tmp_path))
    heads = [line for line in told.splitlines(keepends=True) if line.endswith(HEAD_END)]
    assert len(segment_paths(tmp_path)) < len(heads) + 1 <= len(segment_paths(tmp_path)) + 2
    assert told.count(b"c" * 64) == told.count(b'"simulation"') == told.count(b'"version"') == len(heads)
    assert all(path.read_bytes().split(b"\n")[0].endswith(HEAD_END[:-1]) for path in segment_paths(tmp_path))
    records = list(read_records(tmp_path))
    assert [record.seq for record in records] == list(range(1, 19))
    assert [record.event_id for record in records] == [str(record.seq) for record in records]
    assert {(r.config_hash, r.environment, r.version) for r in records} == {("c" * 64, "simulation", RECORD_VERSION)}
    assert [record.run_id for record in records] == ["run-1"] * 9 + ["run-2"] * 9
    assert [record.seq for record in read_records(tmp_path, skip=lambda line: b'"n":8' not in line)] == [9, 18]


@pytest.mark.parametrize("mark", [b"run-7", b"simulation", b"c" * 64, b'"minor":%d' % RECORD_MINOR])
def test_a_head_that_was_changed_is_found(open_writer: OpenWriter, tmp_path: Path, mark: bytes) -> None:
    writer = open_writer(run_id="run-7")
    writer.append("note", {})
    writer.close()
    (segment,) = segment_paths(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(mark, mark[:-1] + b"9"))
    fault = verify_state(tmp_path).first_fault
    assert fault is not None
    assert (fault.line, fault.kind) == (1, FaultKind.ALTERED)
    with pytest.raises(JournalDamaged):
        open_writer()


def test_a_record_without_the_head_of_its_segment_is_not_believed(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.close()
    (segment,) = segment_paths(tmp_path)
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(JournalDamaged, match="its segment has no head before it"):
        list(read_records(tmp_path))
    with pytest.raises(JournalDamaged, match="its segment has no head before it"):
        open_writer()


def test_a_segment_begun_but_never_written_to_is_no_damage(
    open_writer: OpenWriter, clock: HandClock, tmp_path: Path
) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.close()
    empty = tmp_path / "journal" / "2026-03-06.000000000002.jsonl"
    empty.touch(0o600)
    clock.advance_ms(DAY_MS)
    for seq in (2, 3):
        again = open_writer()
        assert again.append("note", {}) == seq
        again.close()
    assert empty.stat().st_size == 0
    assert verify_state(tmp_path).head.seq == 3
    assert [record.seq for record in read_records(tmp_path, after_seq=1)] == [2, 3]


def test_a_torn_anchor_line_is_dropped_and_a_bad_one_refused(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.close()
    (anchors,) = (tmp_path / "anchor").glob("*.jsonl")
    sound = anchors.read_bytes()
    anchors.write_bytes(sound + sound[:20])
    assert verify_state(tmp_path).anchors_met == 2
    again = open_writer()
    again.append("note", {})
    again.close()
    assert [anchor.seq for anchor in read_anchors(tmp_path)] == [0, 1, 2]
    anchors.write_bytes(b"rubbish\n" + anchors.read_bytes())
    with pytest.raises(JournalDamaged, match="not an anchor"):
        open_writer()


def test_a_failed_sync_is_told_once_and_never_tried_again(open_writer: OpenWriter, disk: BadDisk) -> None:
    faults: list[str] = []
    durable: list[int] = []
    writer = open_writer(disk)
    writer.on_fault(faults.append)
    writer.on_durable(durable.append)
    assert writer.append("note", {}) == 1
    disk.sync_errno = errno.EIO
    assert writer.append("note", {}) == REFUSED
    disk.sync_errno = 0
    assert writer.append("note", {}) == REFUSED
    writer.anchor()
    assert not writer.close()
    assert disk.calls_after_failure == 0
    assert len(faults) == 1
    assert "Input/output error" in faults[0]
    assert durable == [1]
    assert writer.durable_seq == writer.head.seq == 1


def test_a_record_whose_sync_failed_may_be_there_on_reopening(
    open_writer: OpenWriter, disk: BadDisk, tmp_path: Path
) -> None:
    writer = open_writer(disk)
    writer.append("note", {})
    disk.sync_errno = errno.EIO
    writer.append("note", {})
    writer.close()
    again = open_writer()
    assert again.append("note", {}) == 3
    again.close()
    assert verify_state(tmp_path).ok


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.EBADF])
def test_a_failed_write_is_told_once(open_writer: OpenWriter, disk: BadDisk, number: int) -> None:
    faults: list[str] = []
    writer = open_writer(disk)
    writer.on_fault(faults.append)
    disk.write_errno = number
    assert [writer.append("note", {}) for _ in range(3)] == [REFUSED] * 3
    assert (len(faults), disk.calls_after_failure, writer.durable_seq) == (1, 0, 0)
    assert not writer.close()


@pytest.mark.step("O06")
def test_a_full_disk_is_told_and_the_reserve_lets_cancels_be_recorded(
    open_writer: OpenWriter, disk: BadDisk, tmp_path: Path
) -> None:
    faults: list[str] = []
    writer = open_writer(disk)
    writer.on_fault(faults.append)
    disk.room_bytes = 700
    seqs = [writer.append("order_created", {"n": n}) for n in range(4)]
    assert seqs == [1, 2, 3, 4]
    assert len(faults) == 1
    assert "disk is full" in faults[0]
    assert not ballast_path(tmp_path).exists()
    more = 0
    while writer.append("order_cancelled", {}) != REFUSED:
        more += 1
    assert more >= 4
    assert len(faults) == 1
    writer.close()
    assert [record.seq for record in read_records(tmp_path)] == list(range(1, 5 + more))


def test_short_writes_are_completed(open_writer: OpenWriter, disk: BadDisk, tmp_path: Path) -> None:
    disk.writes_only_bytes = 7
    writer = open_writer(disk)
    writer.append("note", {"text": "x" * 100})
    assert writer.close()
    assert verify_state(tmp_path).ok


def test_a_payload_that_cannot_be_printed_is_a_fault(open_writer: OpenWriter) -> None:
    faults: list[str] = []
    writer = open_writer()
    writer.on_fault(faults.append)
    assert writer.append("note", object()) == REFUSED
    assert len(faults) == 1
    writer.close()


class NoRoom(Disk):
    def reserve(self, path: Path, size_bytes: int) -> None:
        raise OSError(errno.ENOSPC, f"No space left on device: {path.name} {size_bytes}")


class ReadOnly(Disk):
    def append_to(self, path: Path) -> int:
        raise OSError(errno.EROFS, f"Read-only file system: {path.name}")


def test_a_disk_too_full_to_start_on_is_one_clear_line(open_writer: OpenWriter) -> None:
    with pytest.raises(JournalUnwritable, match="free space or mend"):
        open_writer(NoRoom())
    open_writer().close()


def test_a_read_only_disk_is_a_clear_line(open_writer: OpenWriter) -> None:
    with pytest.raises(JournalUnwritable, match="Read-only"):
        open_writer(ReadOnly())
    sound = open_writer()
    sound.append("note", {})
    sound.close()
    with pytest.raises(JournalUnwritable, match="Read-only"):
        open_writer(ReadOnly())


def test_after_close_appends_are_refused(open_writer: OpenWriter) -> None:
    writer = open_writer()
    writer.close()
    assert writer.append("note", {}) == REFUSED
    assert not REFUSED, "the runner gives places back unsent when the number is no number"


class SlowDisk(Disk):
    """Syncs once, to be opened, and then only as often as the test lets it; says when it is about to."""

    def __init__(self) -> None:
        self.may_sync = threading.Semaphore(1)
        self.at_sync = threading.Semaphore(0)
        self.opened = False

    def sync(self, file: int) -> None:
        if self.opened:
            self.at_sync.release()
        self.opened = True
        assert self.may_sync.acquire(timeout=10)
        super().sync(file)


async def test_only_what_was_synced_is_told(tmp_path: Path, clock: HandClock) -> None:
    disk = SlowDisk()
    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, clock, disk=disk)
    told: asyncio.Queue[int] = asyncio.Queue()
    writer.on_durable(told.put_nowait)
    writer.append("note", {})
    await asyncio.to_thread(disk.at_sync.acquire, timeout=10)
    writer.append("note", {})
    assert writer.pending == 2
    disk.may_sync.release()
    assert await told.get() == 1
    disk.may_sync.release(3)
    assert await told.get() == 2
    assert writer.close()


async def test_the_thread_tells_the_loop_what_is_durable(tmp_path: Path, clock: HandClock) -> None:
    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, clock)
    told: list[tuple[int, int]] = []
    writer.on_durable(lambda seq: told.append((seq, threading.get_ident())))
    for n in range(500):
        assert writer.append("note", {"n": n}) == n + 1
    assert await writer.drain(10)
    assert told[-1] == (500, threading.get_ident())
    assert [seq for seq, _ in told] == sorted(seq for seq, _ in told)
    writer.append("note", {})
    assert writer.close()
    assert verify_state(tmp_path).head.seq == 501


async def test_nothing_is_durable_before_its_sync_and_the_loop_goes_on(tmp_path: Path, clock: HandClock) -> None:
    disk = SlowDisk()
    limits = JournalLimits(queue_records_max=5, ballast_bytes=4096)
    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, clock, disk=disk, limits=limits)
    faults: list[str] = []
    writer.on_fault(faults.append)
    assert [writer.append("note", {}) for _ in range(7)] == [1, 2, 3, 4, 5, REFUSED, REFUSED]
    assert not await writer.drain(0.01)
    assert writer.durable_seq == 0
    assert len(faults) == 1
    assert "queue is full" in faults[0]
    disk.may_sync.release(9)
    assert not writer.close()
    assert [record.seq for record in read_records(tmp_path)] == [1, 2, 3, 4, 5]


async def test_a_drain_ends_at_once_when_the_disk_fails(tmp_path: Path, clock: HandClock) -> None:
    disk = BadDisk()
    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, clock, disk=disk)
    disk.sync_errno = errno.EIO
    faults: list[str] = []
    writer.on_fault(faults.append)
    assert writer.append("note", {}) == 1
    assert not await writer.drain(10)
    assert len(faults) == 1
    assert writer.append("note", {}) == REFUSED
    assert not await writer.drain(10)
    assert not writer.close()
    assert disk.calls_after_failure == 0


async def test_an_idle_thread_still_anchors(tmp_path: Path) -> None:
    class Racing:
        """An hour passes between any two looks."""

        mono_ns = 0

        def now(self) -> Now:
            self.mono_ns += 3_600_000_000_000
            return Now(self.mono_ns, 1_772_805_000_000_000_000)

    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, Racing())
    writer.append("note", {})
    assert await writer.drain(10)
    while len(read_anchors(tmp_path)) < 2:  # noqa: ASYNC110 - the thread has no event for it; the suite's limit ends this
        await asyncio.sleep(0)
    assert writer.close()
    assert [(anchor.seq, anchor.why) for anchor in read_anchors(tmp_path)] == [(0, "open"), (1, "minute")]


def test_each_commit_is_timed(open_writer: OpenWriter) -> None:
    writer = open_writer()
    took_s: list[float] = []
    writer.on_commit(took_s.append)
    writer.append("note", {})
    writer.append("note", {})
    assert took_s == [0.0, 0.0], "the clock of this test stands still"
    writer.close()
