"""The restricted list as the daemon sees it: each change told once, what cannot be read told as a problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.client.watched_files_io import LOOK_EVERY_S, WatchedFiles
from daemon.system_clock import SystemClock
from domain.events import AnyEvent, RestrictedRead


@pytest.mark.step("G06")
async def test_a_change_of_the_file_is_told_by_the_next_look(tmp_path: Path) -> None:
    told: list[AnyEvent] = []
    path = tmp_path / "restricted.toml"
    clock = SystemClock()
    watched_files = WatchedFiles(
        tmp_path, clock, told.append, "run", live=False, run_once=lambda _job, _by, _ident: None, restricted=path
    )

    async def seen() -> list[RestrictedRead]:
        await watched_files.look()
        found = [event for event in told if isinstance(event, RestrictedRead)]
        told.clear()
        return found

    assert LOOK_EVERY_S < 1
    assert await seen() == [RestrictedRead()], "no file restricts nothing"
    assert await seen() == []
    path.write_text('markets = ["kxinxu-a"]', encoding="utf-8")
    assert await seen() == [RestrictedRead(("KXINXU-A",))]
    path.write_text("markets = 7", encoding="utf-8")
    (broken,) = await seen()
    assert broken.problem == f"{path}:1: markets: must be a list of names, each in quotes"
    path.write_bytes(b"\xff")
    (unread,) = await seen()
    assert "cannot be read" in unread.problem
    path.unlink()
    (gone,) = await seen()
    assert gone.problem == f"{path}: is gone; put it back"
    path.write_bytes(b"\xff")
    assert await seen() == [unread], "as it was before it vanished"
    path.write_text("markets = []", encoding="utf-8")
    assert await seen() == [RestrictedRead()]
