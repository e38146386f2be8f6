from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from daemon.rescue import asked_io
from daemon.rescue.asked_io import ask_the_daemon
from daemon.system_clock import SystemClock
from journal.marker_io import finish_open_requests, read_cancel_all
from journal.opening_io import take_lock


def ask(home: Path) -> tuple[int, str]:
    said: list[str] = []
    code = ask_the_daemon(home, "get out", SystemClock(), said.append)
    return code, "\n".join(said)


def test_where_no_daemon_lives_the_request_is_left_and_nothing_is_claimed(tmp_path: Path) -> None:
    code, said = ask(tmp_path / "nowhere")
    assert (code, "no directory" in said) == (69, True)
    assert not (tmp_path / "nowhere").exists(), "made here it would be of the wrong account"
    code, said = ask(tmp_path)
    assert (code, "orders may rest" in said) == (69, True)
    assert [marker.reason for marker in read_cancel_all(tmp_path, 1)] == ["get out"]


def test_the_daemons_word_that_the_account_is_flat_is_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal").mkdir()
    lock = take_lock(tmp_path)
    monkeypatch.setattr(asked_io, "DAEMON_LIMIT_S", 0.3)
    code, said = ask(tmp_path)
    assert (code, "has not proven" in said) == (1, True)
    monkeypatch.setattr(asked_io, "DAEMON_LIMIT_S", 20.0)

    def obey() -> None:
        while not any(not each.done for each in read_cancel_all(tmp_path, 1)):
            pass
        finish_open_requests(tmp_path, 5)

    finish_open_requests(tmp_path, 5)
    daemon = threading.Thread(target=obey)
    daemon.start()
    code, said = ask(tmp_path)
    daemon.join()
    os.close(lock)
    assert (code, "has seen the account flat" in said) == (0, True)
