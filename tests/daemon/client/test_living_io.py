from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.client.living_io import daemon_pid, nobody_there, page_of
from journal.opening_io import take_lock


def test_a_daemon_lives_where_a_process_holds_the_journal(tmp_path: Path) -> None:
    assert "is no directory" in nobody_there(tmp_path / "nowhere")
    assert "none ever has" in nobody_there(tmp_path)
    (tmp_path / "journal").mkdir()
    assert nobody_there(tmp_path) == f"no daemon lives in {tmp_path} now"
    lock = take_lock(tmp_path)
    assert daemon_pid(tmp_path) == os.getpid()
    assert nobody_there(tmp_path) == ""
    os.close(lock)
    assert daemon_pid(tmp_path) == 0


def test_without_the_kernels_list_the_page_that_was_written_down_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_of(tmp_path) is None
    (tmp_path / "monitors").mkdir()
    monkeypatch.setattr("daemon.client.living_io.LOCKS", tmp_path / "none")
    assert daemon_pid(tmp_path) == 0
    (tmp_path / "monitors" / "http.json").write_text(f'{{"port":1,"pid":{os.getpid()}}}')
    assert daemon_pid(tmp_path) == os.getpid()
    (tmp_path / "monitors" / "http.json").write_text("[" * 2000)
    assert daemon_pid(tmp_path) == 0
