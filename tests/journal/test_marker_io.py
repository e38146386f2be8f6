"""Files by which processes stop each other: durable, first one wins, unreadable means stop."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import msgspec
import pytest

from journal.marker import Marker, open_requests
from journal.marker_io import (
    ask_cancel_all,
    cancel_all_dir,
    finish_cancel_all,
    finish_open_requests,
    kill_path,
    open_cancel_all,
    read_cancel_all,
    read_kill_file,
    remove_done,
)
from tests.journal.conftest import BadDisk

ASKED = Marker("7-operator", 100, "operator", "drill", epoch=7)


def test_asked_then_done(tmp_path: Path) -> None:
    assert read_cancel_all(tmp_path, 1) == ()
    assert ask_cancel_all(tmp_path, ASKED) == ASKED
    assert read_cancel_all(tmp_path, 1) == (ASKED,)
    done = finish_cancel_all(tmp_path, ASKED, 200)
    assert read_cancel_all(tmp_path, 1) == (done,)
    assert (done.done, done.done_utc_ns, done.asked_utc_ns) == (True, 200, 100)
    # Other accounts leave markers here, and the group reads them.
    assert stat.S_IMODE(cancel_all_dir(tmp_path).stat().st_mode) == 0o770
    assert {stat.S_IMODE(path.stat().st_mode) for path in cancel_all_dir(tmp_path).iterdir()} == {0o640}


def test_the_first_asking_under_an_id_counts(tmp_path: Path) -> None:
    ask_cancel_all(tmp_path, ASKED)
    assert ask_cancel_all(tmp_path, msgspec.structs.replace(ASKED, asked_utc_ns=500)) == ASKED
    assert read_cancel_all(tmp_path, 1) == (ASKED,)


def test_they_come_oldest_first_and_drafts_do_not_count(tmp_path: Path) -> None:
    for ident, asked in (("c", 3), ("a", 2), ("b", 1)):
        ask_cancel_all(tmp_path, Marker(ident, asked, "x", "y"))
    (cancel_all_dir(tmp_path) / ".d.123").write_bytes(b"half")
    assert [marker.ident for marker in read_cancel_all(tmp_path, 1)] == ["b", "a", "c"]


def test_what_cannot_be_read_is_an_open_request(tmp_path: Path) -> None:
    cancel_all_dir(tmp_path).mkdir()
    (cancel_all_dir(tmp_path) / "touched").touch()
    (cancel_all_dir(tmp_path) / "folder").mkdir()
    (cancel_all_dir(tmp_path) / "dangling").symlink_to(tmp_path / "nowhere")
    markers = read_cancel_all(tmp_path, 1)
    assert {marker.ident for marker in markers} == {"touched", "folder", "dangling"}
    assert all(not marker.done and marker.asked_utc_ns > 1 for marker in markers)


def test_a_folder_that_cannot_be_listed_is_an_open_request_now(tmp_path: Path) -> None:
    cancel_all_dir(tmp_path).touch()
    (marker,) = read_cancel_all(tmp_path, 77)
    assert (marker.done, marker.asked_utc_ns) == (False, 77)


def test_a_marker_that_cannot_be_written_says_so_and_leaves_none(tmp_path: Path, disk: BadDisk) -> None:
    disk.sync_errno = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        ask_cancel_all(tmp_path, ASKED, disk=disk)
    assert read_cancel_all(tmp_path, 1) == ()


def test_no_kill_file_is_no_kill(tmp_path: Path) -> None:
    assert not read_kill_file(tmp_path).active
    assert not read_kill_file(tmp_path / "not made yet").active


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"off", b"0", b"x" * 10_000_000])
def test_any_content_is_active(tmp_path: Path, content: bytes) -> None:
    kill_path(tmp_path).write_bytes(content)
    kill = read_kill_file(tmp_path)
    assert kill.active
    assert kill.reason
    assert len(kill.reason) <= 4096


def test_what_cannot_be_read_is_active(tmp_path: Path) -> None:
    kill_path(tmp_path).mkdir()
    assert read_kill_file(tmp_path).active
    assert "cannot be read" in read_kill_file(tmp_path).reason
    kill_path(tmp_path).rmdir()
    kill_path(tmp_path).symlink_to(tmp_path / "nowhere")
    assert read_kill_file(tmp_path).active


def test_a_pipe_neither_holds_up_nor_reassures(tmp_path: Path) -> None:
    os.mkfifo(kill_path(tmp_path))
    assert read_kill_file(tmp_path).active


def test_a_reason_cannot_steer_the_terminal_it_is_shown_on(tmp_path: Path) -> None:
    kill_path(tmp_path).write_bytes(b"fire\x1b[2J\x00\r\n\xe2\x80\xaeturned")
    assert read_kill_file(tmp_path).reason == "fire [2J turned"


def test_a_state_directory_that_is_none_is_active(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    kill = read_kill_file(file)
    assert kill.active
    assert "cannot be looked at" in kill.reason


def test_what_can_be_no_marker_is_a_request_until_it_is_set_aside(tmp_path: Path) -> None:
    """Another account left it: it counts as an operator's, and finishing it must not end the daemon."""
    open_cancel_all(tmp_path, 1)
    home = cancel_all_dir(tmp_path)
    os.mkfifo(home / "pipe")
    (home / "folder").mkdir()
    (home / os.fsdecode(b"m\xfcller")).write_bytes(b"{}")
    (home / "deep").write_bytes(b"[" * 2_000)
    (home / "huge").write_bytes(b'{"ident":"x","asked_utc_ns":%d,"by":"x","reason":"x"}' % 10**19)
    ask_cancel_all(tmp_path, ASKED)
    assert len(open_requests(read_cancel_all(tmp_path, 1))) == 6
    told = finish_open_requests(tmp_path, 200)
    assert open_requests(read_cancel_all(tmp_path, 300)) == ()
    assert len(told) == 2, told  # the folder, and the name that no marker can have


def test_a_folder_that_cannot_be_used_is_set_aside_and_counts_as_a_request(tmp_path: Path) -> None:
    cancel_all_dir(tmp_path).touch()
    assert "set aside" in open_cancel_all(tmp_path, 77)
    (marker,) = read_cancel_all(tmp_path, 100)
    assert (marker.by, marker.done, marker.asked_utc_ns) == ("unreadable", False, 77)
    assert open_cancel_all(tmp_path, 78) == ""
    finish_open_requests(tmp_path, 90)
    remove_done(tmp_path, frozenset({marker.ident}), 80, 100)
    assert read_cancel_all(tmp_path, 100), "young"
    remove_done(tmp_path, frozenset(), 95, 100)
    assert read_cancel_all(tmp_path, 100), "not known to who asks"
    remove_done(tmp_path, frozenset({marker.ident}), 95, 100)
    assert read_cancel_all(tmp_path, 100) == ()
