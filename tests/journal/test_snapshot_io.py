"""The snapshot's file: whole, or the one before it."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from journal.snapshot import SnapshotDamaged
from journal.snapshot_io import read_snapshot, snapshot_path, write_snapshot
from tests.journal.conftest import BadDisk


def test_none_before_the_first(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path) is None


@pytest.mark.parametrize("durable", [True, False])
def test_the_last_one_written_is_read(tmp_path: Path, *, durable: bool) -> None:
    write_snapshot(tmp_path, b'{"n": 1}', 1, 10)
    write_snapshot(tmp_path, b'{"n": 2}', 2, 20, durable=durable)
    snapshot = read_snapshot(tmp_path)
    assert snapshot is not None
    assert (snapshot.seq, snapshot.payload) == (2, b'{"n":2}')
    assert stat.S_IMODE(snapshot_path(tmp_path).stat().st_mode) & 0o027 == 0, "its owner's, and for his group to read"
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]


@pytest.mark.step("K25")
@pytest.mark.parametrize("fault", ["write", "sync"])
def test_a_failed_write_leaves_the_one_before(tmp_path: Path, disk: BadDisk, fault: str) -> None:
    write_snapshot(tmp_path, b'{"n": 1}', 1, 10)
    if fault == "write":
        disk.room_bytes = 5
    else:
        disk.sync_errno = errno.EIO
    with pytest.raises(OSError, match=r"No space|Input/output"):
        write_snapshot(tmp_path, b'{"n": 2}', 2, 20, disk=disk)
    snapshot = read_snapshot(tmp_path)
    assert snapshot is not None
    assert snapshot.seq == 1
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]


def test_one_that_cannot_be_read_is_refused_not_absent(tmp_path: Path) -> None:
    snapshot_path(tmp_path).mkdir()
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        read_snapshot(tmp_path)
