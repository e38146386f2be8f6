"""The table of the big run: every door has its row, and what would have ended the process is told and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.massive_wire import Item
from tests.fuzz import hostile, papers, table
from tests.fuzz.__main__ import main


def test_every_door_has_its_share() -> None:
    assert table.SHARES.keys() == {*hostile.DOORS, *papers.PAPERS, "every Door"}


def test_a_row_counts_inputs_and_refusals(tmp_path: Path) -> None:
    row = table.fed("request", tmp_path, 1, 40)
    assert (row.inputs, row.held) == (40, True)
    assert 30 <= row.refused <= 40
    assert row.longest_ms > 0
    assert table.fed("kill", tmp_path, 1, 5).refused == 0, "any text in the kill file halts"


def test_a_hole_in_a_door_is_a_row_that_ended_and_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Item, "text", lambda item: str(item.val, "ascii"))
    monkeypatch.setattr(table, "SHARES", {"index": 900, "request": 100})
    lines: list[str] = []
    assert table.run(5_000, 1, tmp_path, lines.append) is False
    assert "ENDED by UnicodeDecodeError" in lines[1]
    assert lines[2].startswith("request"), "the doors after it are tried all the same"
    assert lines[-1].endswith("not held: index")
    assert "UnicodeDecodeError" in capsys.readouterr().err
    monkeypatch.setattr("structlog.configure", lambda **_: None)
    monkeypatch.setattr("sys.argv", ["fuzz", "--inputs", "5000"])
    assert main() == 1


def test_a_door_that_keeps_what_it_was_given_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    monkeypatch.setitem(papers.PAPERS, "kill", (lambda _home, _data: kept.append(bytes(20_000)), [b"x"]))
    monkeypatch.setattr(table, "FILLED", 10)
    row = table.fed("kill", tmp_path, 1, 1_500)
    assert not row.held
    assert "grew by more than 10240 kB" in row.text()
