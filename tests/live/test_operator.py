"""What an operator may meet: a disk that goes away, a kill switch that is no file, a key that is refused.

Told by the exchange's own record, the exit code and the log; nothing here looks inside the daemon.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.live.stage import Stage, assert_flat_and_maker, playing, until

pytestmark = pytest.mark.live


def test_a_state_directory_that_cannot_be_written_ends_the_daemon_flat(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        shutil.rmtree(tmp_path / "monitors")
        (tmp_path / "monitors").write_text("no folder any more")
        assert stage.processes["daemon"].wait(20) == 1
        truth = stage.truth()
        assert truth["resting"] == []
        assert_flat_and_maker(truth)
        assert "cannot be written" in stage.log()
        assert "Traceback" not in stage.log()


def test_a_pipe_for_a_kill_switch_kills(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        os.mkfifo(tmp_path / "KILL_SWITCH")
        until("flat", lambda: not stage.truth()["resting"], limit_s=5)
        assert stage.picture()["kill_switch"]
        asked = stage.ladderd("kill", "--reason", "drill", "--state-dir", str(tmp_path))
        assert asked.returncode == 0, asked.stderr
        assert "was there already" in asked.stdout


def test_a_key_that_the_exchange_refuses_is_said_in_log_and_status(tmp_path: Path) -> None:
    stage = Stage(tmp_path, period_s=30)
    try:
        stage.start_simulators()
        stage.environment["LADDERD_EXCHANGE__API_KEY_ID"] = "somebody-else"
        stage.start_daemon()
        stage.wait_for_page()
        until("the log says so", lambda: "exchange_refuses_key" in stage.log())
        told = stage.ladderd("status", "--http", stage.http).stdout
        assert "all is well" not in told
        assert "safe to execute orders: no" in told
    finally:
        stage.close()


def test_a_disk_that_hangs_kills_and_keeps_no_daemon_from_ending(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        (tmp_path / "requests").mkdir(exist_ok=True)
        os.mkfifo(tmp_path / "requests" / "1.json")  # whoever reads it waits for ever, as on a dead disk
        until("killed", lambda: stage.picture().get("kill_switch"), limit_s=15)
        until("flat", lambda: not stage.truth()["resting"], limit_s=5)
        assert stage.page("/health")[0] == 503
        assert stage.stop() == 0
