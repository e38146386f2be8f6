"""The four roads to a halt where the daemon cannot listen: it hangs, or it is dead. With it up: test_control.py.

What is true of each cell. "Orders" is who ends them; "still on" is whether the next start is halted.

    road                 daemon   orders ended by   still on after SIGKILL and restart
    kill file            hung     the watcher       yes, by the file
    kill file            dead     the watcher       yes, by the file
    ladderd kill         hung     the command       yes, by the file
    ladderd kill         dead     the command       yes, by the file
    POST /control/kill   hung     the watcher       no: nobody took the request
    POST /control/kill   dead     the watcher       no: nobody took the request
    SIGUSR1              hung     the watcher       no: the signal ends with the process
    SIGUSR1              dead     the watcher       no: there is nobody to take it
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.stage import Stage, assert_flat_and_maker, fetch, playing, until

LIMIT_MS = 1_500
FAR_AWAY_S = 60  # the windows' length: what rests is not ended by its own expiry while we look


def out_of_reach(stage: Stage, daemon: str) -> None:
    """Let the daemon hang or die while it quotes."""
    stage.until_quoting(least=2)
    if daemon == "hung":
        stage.processes["daemon"].send_signal(signal.SIGSTOP)
    else:
        stage.stop(signal.SIGKILL)
    assert stage.truth()["resting"], "nothing rested: nothing is shown"


def start_anew(stage: Stage, daemon: str) -> bool:
    """SIGKILL what still hangs, start again, and see whether that daemon is halted once it has recovered."""
    if daemon == "hung":
        stage.stop(signal.SIGKILL)
    stage.start_daemon()
    stage.wait_for_page()
    until("recovered", lambda: stage.picture().get("reconciled"), 20)
    picture = stage.picture()
    return bool(picture["kill_switch"] or picture["paused"])


@contextlib.contextmanager
def watching(stage: Stage) -> Iterator[None]:
    """The outside watcher beside the daemon."""
    watch = stage.start_watcher(LIMIT_MS)
    try:
        until("the watcher", lambda: "watching" in watch.said(), 20)
        yield
    finally:
        stage.stop(signal.SIGTERM, "watch")


@pytest.mark.step("K11")
@pytest.mark.parametrize("daemon", ["hung", "dead"])
def test_the_kill_command_halts_by_itself_where_no_daemon_listens(tmp_path: Path, daemon: str) -> None:
    with playing(Stage(tmp_path, first_open_s=2, period_s=FAR_AWAY_S)) as stage:
        out_of_reach(stage, daemon)
        done = stage.ladderd("kill", "--reason", "drill", "--config", str(stage.config))
        assert not stage.truth()["resting"], done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{tmp_path / 'KILL_SWITCH'} written" in done.stdout
        assert stage.addresses["exchange"] in done.stdout, "it names what it touched"
        assert "cancel-all: flat" in done.stdout
        assert start_anew(stage, daemon), "still on"
        assert not stage.truth()["resting"]
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())


@pytest.mark.step("K11")
@pytest.mark.parametrize("daemon", ["hung", "dead"])
@pytest.mark.parametrize("road", ["kill file", "post and signal"])
def test_the_other_roads_where_no_daemon_listens(tmp_path: Path, road: str, daemon: str) -> None:
    settings = {"http.control_token": "a-token-for-this-drill"}
    with playing(Stage(tmp_path, first_open_s=2, period_s=FAR_AWAY_S, settings=settings)) as stage:
        with watching(stage):
            out_of_reach(stage, daemon)
            if road == "kill file":
                (tmp_path / "KILL_SWITCH").touch()
            else:
                if daemon == "hung":
                    stage.processes["daemon"].send_signal(signal.SIGUSR1)
                assert fetch(stage.http + "/control/kill", {"by": "drill", "cause": "halt"})[0] == 0, "nobody took it"
            until("nothing rests", lambda: not stage.truth()["resting"], 15)
        assert start_anew(stage, daemon) is (road == "kill file"), "what the road left behind"
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
