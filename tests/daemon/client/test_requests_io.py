from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from daemon.client.requests_io import Request, answer, ask, folder, open_requests_folder, pending, remove_answered
from domain.clock import NS_PER_S
from domain.events import Command
from journal.shared_folder_io import account_name
from tests.daemon.timepiece import Timepiece


def request(ident: str = "1-2", asked: int = 5) -> Request:
    return Request(ident, Command.PAUSE, "ann", "because", asked)


def waiting(state_dir: Path) -> list[Request]:
    return [each.request for each in pending(state_dir)]


def test_what_is_asked_is_found_until_it_is_answered(tmp_path: Path) -> None:
    done = ask(tmp_path, request())
    assert waiting(tmp_path) == [request()]
    assert not done.exists()
    answer(tmp_path, request(), "no")
    assert done.read_text() == "no"
    assert pending(tmp_path) == []


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    for ident, asked in (("b", 1), ("a", 2), ("c", 1)):
        ask(tmp_path, request(ident, asked))
    assert [r.ident for r in waiting(tmp_path)] == ["b", "c", "a"]


def test_without_a_folder_nobody_has_asked(tmp_path: Path) -> None:
    assert pending(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"ident":"x"}', b"\xff", b'{"ident":"x","command":"fly","by":"","cause":"","asked_utc_ns":1}',
        b"[" * 2_000, b'{"ident":"x","command":"pause","by":"\xff","cause":"","asked_utc_ns":1}', b" " * 70_000,
        b'{"ident":"x","command":"pause","by":"\\ud800","cause":"","asked_utc_ns":1}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_answered_as_such_and_left_out(tmp_path: Path, body: bytes) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / "bad.json").write_bytes(body)
    ask(tmp_path, request())
    assert waiting(tmp_path) == [request()]
    assert "unreadable request" in (folder(tmp_path) / "bad.done").read_text()


def test_half_written_files_are_not_requests(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / ".1-2.json.77").write_bytes(b"{")
    assert pending(tmp_path) == []


def test_the_files_name_is_the_requests_whatever_it_says_inside(tmp_path: Path) -> None:
    ask(tmp_path, request("1-2"))
    (folder(tmp_path) / "1-2.json").rename(folder(tmp_path) / "other.json")
    (found,) = waiting(tmp_path)
    answer(tmp_path, found, "")
    assert (folder(tmp_path) / "other.done").exists()
    assert pending(tmp_path) == []


def test_who_asks_is_what_the_file_system_says(tmp_path: Path) -> None:
    ask(tmp_path, request())
    assert [each.owner for each in pending(tmp_path)] == [account_name(os.geteuid())]


def test_what_is_no_plain_file_or_has_an_odd_name_is_refused_at_once(tmp_path: Path) -> None:
    open_requests_folder(tmp_path)
    os.mkfifo(folder(tmp_path) / "pipe.json")
    (folder(tmp_path) / "dir.json").mkdir()
    (folder(tmp_path) / "away.json").symlink_to("/dev/zero")
    (folder(tmp_path) / "a b.json").write_bytes(b"{}")
    (folder(tmp_path) / os.fsdecode(b"m\xfcller.json")).write_bytes(b"{}")
    (folder(tmp_path) / ("n" * 250 + ".json")).write_bytes(b"{}")
    ask(tmp_path, request())
    for _ in range(2):
        assert waiting(tmp_path) == [request()]
    for name in ("pipe", "dir", "away", "a b", os.fsdecode(b"m\xfcller")):
        assert "unreadable request" in (folder(tmp_path) / f"{name}.done").read_text()
    assert not (folder(tmp_path) / ("n" * 250 + ".json")).exists(), "not answered, so set aside"


def test_the_folder_is_for_its_group_and_what_lies_there_too_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        open_requests_folder(tmp_path)
        done = ask(tmp_path, request())
        answer(tmp_path, request(), "no")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder(tmp_path).stat().st_mode) == 0o770, "and no set-group-ID bit"
    for path in (done, done.with_suffix(".json")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another account's group")
def test_a_file_is_given_the_folders_group(tmp_path: Path) -> None:
    open_requests_folder(tmp_path)
    os.chown(folder(tmp_path), 65_534, 65_534)
    assert ask(tmp_path, request()).with_suffix(".json").stat().st_gid == 65_534


def test_a_folder_that_is_none_is_set_aside_and_said(tmp_path: Path) -> None:
    folder(tmp_path).write_text("no folder")
    assert "set aside" in open_requests_folder(tmp_path)
    assert folder(tmp_path).is_dir()
    assert open_requests_folder(tmp_path) == ""


def test_what_was_answered_goes_when_it_is_old_and_only_then(tmp_path: Path) -> None:
    now_ns = Timepiece().utc_ns
    done = ask(tmp_path, request("1-1"))
    answer(tmp_path, request("1-1"), "")
    ask(tmp_path, request("1-2"))
    for age_s, kept in ((590, True), (610, False)):
        os.utime(done, ns=(now_ns - age_s * NS_PER_S,) * 2)
        remove_answered(tmp_path, now_ns)
        assert done.exists() is done.with_suffix(".json").exists() is kept
    assert [each.ident for each in waiting(tmp_path)] == ["1-2"]
