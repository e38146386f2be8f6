"""The day's jobs asked of a real daemon, one at a time and two at once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from daemon.client.requests_io import Request, ask
from domain.clock import NS_PER_S
from domain.events import Command
from sim.local.waiting import utc_s
from tests.live.stage import Stage, assert_journal, playing, until


@pytest.mark.step("G02")
def test_a_job_asked_for_runs_once_is_recorded_and_a_second_is_refused_by_name(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10)) as stage:
        stage.until_quoting()
        home = ("--state-dir", str(tmp_path), "--by", "ann")
        done = stage.ladderd("run-once", "midday_check", *home)
        assert (done.returncode, done.stdout) == (0, "run-once reconcile: done\n"), done.stderr
        # The records of each run are in the journal before the answer.
        told = {"job": "reconcile", "road": "once", "by": "ann", "outcome": "done", "cause": ""}
        assert [{key: row[key] for key in told} for row in stage.records("job_run")] == [told]
        assert [row["by"] for row in stage.records("reconciled")] == ["jobs"]
        assert stage.ladderd("run-once", "lunch", *home).returncode == 2
        # A reconciliation waits for a second look; who asks meanwhile is refused.
        now_ns = int(utc_s() * NS_PER_S)
        answers = [
            ask(tmp_path, Request(name, Command.RUN_ONCE, "ann", "reconcile", now_ns)) for name in ("first", "second")
        ]
        until("both are answered", lambda: all(path.exists() for path in answers))
        assert sorted(path.read_text() for path in answers) == ["", "refused: reconcile is running"]
        assert sorted(row["outcome"] for row in stage.records("job_run")) == ["done", "done", "refused"]
        assert stage.stop(signal.SIGTERM) == 0
        assert_journal(stage)
