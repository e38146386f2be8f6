from __future__ import annotations

import os
from pathlib import Path

from journal.watcher_request_io import NAME, ask_watcher, read_request


def test_the_newest_request_is_read_and_without_one_nothing(tmp_path: Path) -> None:
    assert read_request(tmp_path) == 0
    ask_watcher(tmp_path, 10**18, "key_refused")
    ask_watcher(tmp_path, 10**18 + 7, "key_refused")
    assert read_request(tmp_path) == 10**18 + 7


def test_one_that_cannot_be_read_counts_from_when_it_was_written(tmp_path: Path) -> None:
    for body in (b"", b"\xff{", b"[" * 5_000, b'{"asked_utc_ns":"soon","reason":""}'):
        (tmp_path / NAME).write_bytes(body)
        os.utime(tmp_path / NAME, ns=(5 * 10**17, 5 * 10**17))
        assert read_request(tmp_path) == 5 * 10**17
