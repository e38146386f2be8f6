"""The four roads to a halt where the daemon cannot listen: it hangs, or it is dead. With it up: test_control.py.

All twelve cells end the orders and are still on after SIGKILL and restart. What the road needs where no daemon listens:

    road                 daemon   who takes it                                            orders ended by   still on by
    kill file            hung     nobody needs to                                         the watcher       the file
    kill file            dead     nobody needs to                                         the watcher       the file
    ladderd kill         hung     the command                                             the command       the file
    ladderd kill         dead     the command                                             the command       the file
    POST /control/kill   hung     the watcher, at its own port (the daemon's is frozen)   the watcher       the file
    POST /control/kill   dead     the watcher, at its own port and at the daemon's        the watcher       the file
    SIGUSR1              hung     the watcher sees that it waits at the daemon            the watcher       the marker
    SIGUSR1              dead     the watcher, when it is sent to the watcher             the watcher       the marker

A signal to a process that is dead reaches nobody, and the shell says so; a POST to the port of a stopped process is
not answered. Both are then sent to the watcher, which hears them whatever the daemon does.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journal.marker_io import read_kill_file
from sim.local.child import Child
from tests.live.stage import Stage, assert_flat_and_maker, playing, until

LIMIT_MS = 1_500
TOKEN = "a-token-for-this-drill"
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
def watching(stage: Stage) -> Iterator[Child]:
    """The outside watcher beside the daemon, with a port of its own."""
    watch = stage.start_watcher(LIMIT_MS, "--http-port", "0")
    try:
        until("the watcher", lambda: "watching" in watch.said(), 20)
        yield watch
    finally:
        stage.stop(signal.SIGTERM, "watch")


def post(address: str) -> int:
    """POST /control/kill; the status."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = json.dumps({"by": "drill", "cause": "halt"}).encode()
    request = urllib.request.Request(f"{address}/control/kill", body, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return int(answer.status)


def by_file(stage: Stage, _watch: Child, _daemon: str) -> None:
    (stage.state_dir / "KILL_SWITCH").touch()


def by_post(stage: Stage, watch: Child, daemon: str) -> None:
    """Where the daemon is dead, to its own port; where it hangs, which keeps that port, to the watcher's."""
    if daemon == "dead":
        until("the watcher stands in", lambda: "is taken at its port" in watch.said())
        assert post(stage.http) == 202
    else:
        (address,) = re.findall(r"status at (\S+)/ops/status", watch.said())
        assert post(address) == 202
    assert read_kill_file(stage.state_dir).reason == "drill: halt"


def by_signal(stage: Stage, watch: Child, daemon: str) -> None:
    """Where the daemon hangs, to it; where it is dead, which no signal reaches, to the watcher."""
    (stage.processes["daemon"] if daemon == "hung" else watch).send_signal(signal.SIGUSR1)
    until("heard", lambda: "cancel-all asked by signal" in watch.said())


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
@pytest.mark.parametrize("road", [by_file, by_post, by_signal])
def test_the_other_roads_where_no_daemon_listens(
    tmp_path: Path, road: Callable[[Stage, Child, str], None], daemon: str
) -> None:
    settings = {"http.control_token": TOKEN}
    with playing(Stage(tmp_path, first_open_s=2, period_s=FAR_AWAY_S, settings=settings)) as stage:
        with watching(stage) as watch:
            out_of_reach(stage, daemon)
            road(stage, watch, daemon)
            until("nothing rests", lambda: not stage.truth()["resting"], 15)
        assert start_anew(stage, daemon), "still on"
        assert not stage.truth()["resting"]
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
