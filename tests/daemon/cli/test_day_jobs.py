"""`ladderd run-once`: which names are jobs, and what each answer of the daemon says and exits with."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.day_jobs import run_once_view
from domain.errors import UsageError
from domain.events import Command


@pytest.mark.step("G02")
@pytest.mark.parametrize("name", ["lunch", "run_daily_trade"])
def test_a_name_of_no_job_is_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"run-once {name}: .*known: health, reconcile, report, midday_check, eod_"):
        run_once_view(name, "ann", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.step("G02")
@pytest.mark.parametrize(("name", "job"), [("midday_check", "reconcile"), ("eod_closure", "report")])
def test_an_alias_asks_for_its_job(name: str, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Command, str]] = []

    def put(command: Command, _by: str, cause: str, _state_dir: Path, _limit_s: float) -> str:
        asked.append((command, cause))
        return ""

    monkeypatch.setattr("daemon.cli.views_io.put_question", put)
    assert run_once_view(name, "ann", tmp_path) == (0, f"run-once {job}: done")
    assert asked == [(Command.RUN_ONCE, job)]


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ("refused: report is running", 1, "run-once report: refused: report is running"),
        ("failed: disk full", 1, "run-once report: failed: disk full"),
        (None, 69, "no answer"),
    ],
)
def test_what_is_not_done_is_said_and_exits_so(
    answer: str | None, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.cli.views_io.put_question", lambda *_: answer)
    found, text = run_once_view("report", "ann", tmp_path)
    assert found == code
    assert says in text
