"""Signals and lost terminals on a real daemon with orders: none of them leaves an order that nobody minds."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim.local.child import Child
from sim.local.setting import ROOT
from tests.live.stage import Stage, assert_flat_and_maker, demo_stage, fetch, playing, until

# Whoever starts the tests may ignore some; the daemon would inherit that.
DEFAULT = ("env", "--default-signal=HUP,INT,QUIT")


class TerminalStage(Stage):
    """A stage whose daemon is started from a terminal."""

    terminal = -1

    def start_daemon(self) -> Child:
        self.terminal, slave = pty.openpty()
        words = (*DEFAULT[1:], sys.executable, *self.programs.setting.daemon_words())
        daemon = self.programs.start(
            "daemon", words, self.state_dir, environment=self.environment, python=DEFAULT[0], terminal=slave
        )
        os.close(slave)
        return daemon


def told_in(folder: Path) -> list[str]:
    path = folder / "events.jsonl"
    return [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def test_a_hang_up_reopens_the_logs_ctrl_z_stops_nothing_and_sigquit_ends_flat(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, first_open_s=2)) as stage:
        stage.until_quoting()
        daemon = stage.processes["daemon"]
        logs = tmp_path / "logs"
        logs.rename(tmp_path / "moved")
        daemon.send_signal(signal.SIGHUP)
        until("a new file", lambda: "log files reopened" in told_in(logs))
        daemon.send_signal(signal.SIGTSTP)
        until("it says so", lambda: any("Ctrl-Z" in event for event in told_in(logs)))
        assert fetch(stage.http + "/health")[0] == 200
        stage.until_quoting()
        # Twice: the second does not break off what the first has begun.
        daemon.send_signal(signal.SIGQUIT)
        daemon.send_signal(signal.SIGINT)
        assert daemon.wait(20) == 0
        truth = stage.truth()
        assert truth["resting"] == []
        assert_flat_and_maker(truth)
        assert stage.ladderd("verify", "--state-dir", str(tmp_path)).returncode == 0


def test_a_lost_terminal_ends_the_daemon_flat(tmp_path: Path) -> None:
    stage = TerminalStage(tmp_path, period_s=60, first_open_s=2)
    with playing(stage):
        stage.until_quoting()
        stage.processes["daemon"].send_signal(signal.SIGHUP)  # the terminal is there still: no end
        until("reopened", lambda: "log files reopened" in told_in(tmp_path / "logs"))
        stage.until_quoting()
        os.close(stage.terminal)
        assert stage.processes["daemon"].wait(20) == 0
        assert stage.truth()["resting"] == []
        stopped = [row for row in stage.records("operator_action") if row["command"] == "stop"]
        assert [row["cause"] for row in stopped] == ["SIGHUP, and the terminal is lost"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_demo_that_is_hung_up_or_killed_leaves_no_process_behind(tmp_path: Path, number: int) -> None:
    demo = subprocess.Popen(
        [*DEFAULT, sys.executable, "-m", "sim", "demo", "--plain", "--http-port", "0", "--state-dir", str(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    try:
        demo_stage(tmp_path, demo)
        card = json.loads((tmp_path / "demo.json").read_text("utf-8"))
        pids = [card[name] for name in ("daemon_pid", "exchange_pid", "feed_pid")]
        demo.send_signal(number)
        demo.wait(60)
        until("no process left", lambda: not any(runs(pid) for pid in pids), 60)
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(60)


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
