from __future__ import annotations

from pathlib import Path

import pytest

from daemon.client.requests_io import Request, answer, ask, folder, pending
from domain.events import Command


def request(ident: str = "1-2", asked: int = 5) -> Request:
    return Request(ident, Command.PAUSE, "ann", "because", asked)


def test_what_is_asked_is_found_until_it_is_answered(tmp_path: Path) -> None:
    done = ask(tmp_path, request())
    assert pending(tmp_path) == [request()]
    assert not done.exists()
    answer(tmp_path, request(), "no")
    assert done.read_text() == "no"
    assert pending(tmp_path) == []


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    for ident, asked in (("b", 1), ("a", 2), ("c", 1)):
        ask(tmp_path, request(ident, asked))
    assert [r.ident for r in pending(tmp_path)] == ["b", "c", "a"]


def test_without_a_folder_nobody_has_asked(tmp_path: Path) -> None:
    assert pending(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"ident":"x"}', b"\xff", b'{"ident":"x","command":"fly","by":"","cause":"","asked_utc_ns":1}']
)
def test_what_cannot_be_read_is_answered_as_such_and_left_out(tmp_path: Path, body: bytes) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / "bad.json").write_bytes(body)
    ask(tmp_path, request())
    assert pending(tmp_path) == [request()]
    assert "unreadable request" in (folder(tmp_path) / "bad.done").read_text()


def test_half_written_files_are_not_requests(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / ".1-2.json.77").write_bytes(b"{")
    assert pending(tmp_path) == []


def test_the_files_name_is_the_requests_whatever_it_says_inside(tmp_path: Path) -> None:
    ask(tmp_path, request("1-2"))
    (folder(tmp_path) / "1-2.json").rename(folder(tmp_path) / "other.json")
    (found,) = pending(tmp_path)
    answer(tmp_path, found, "")
    assert (folder(tmp_path) / "other.done").exists()
    assert pending(tmp_path) == []
