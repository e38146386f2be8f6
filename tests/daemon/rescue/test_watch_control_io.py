from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.client.requests_io import pending
from daemon.rescue.watch_control_io import WatchControl, signal_waits
from journal.marker_io import read_cancel_all, read_kill_file
from journal.opening_io import take_lock
from sim.local.setting import ROOT
from tests.daemon.timepiece import Timepiece


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "journal").mkdir()
    return tmp_path


@pytest.mark.step("K11")
async def test_each_request_lies_where_the_daemon_finds_it_before_it_is_acknowledged(home: Path) -> None:
    said: list[str] = []
    control = WatchControl(home, Timepiece(), said.append)
    assert await control.command("pause", "ann", "look") == ""
    assert [(each.request.by, each.request.cause) for each in pending(home)] == [("ann", "look")]
    assert bool(control.wanted) is False, "a pause is the daemon's alone"
    assert await control.command("cancel-all", "ann", "out") == ""
    (marker,) = read_cancel_all(home, 1)
    assert (marker.by, marker.reason, marker.done) == ("cancel-all", "ann: out", False)
    assert await control.command("kill", "ann", "fire") == ""
    assert read_kill_file(home).reason == "ann: fire"
    assert control.wanted == "kill by ann: fire"
    assert control.wake.is_set()


async def test_what_is_not_on_disk_is_done_and_not_acknowledged(tmp_path: Path) -> None:
    control = WatchControl(tmp_path / "nowhere", Timepiece(), lambda _: None)
    for name in ("cancel-all", "kill"):
        control.wanted = ""
        assert await control.command(name, "ann", "out"), "why not"
        assert control.wanted


async def test_a_waiting_signal_is_obeyed_once(home: Path) -> None:
    control = WatchControl(home, Timepiece(), lambda _: None)
    for waiting in (True, True, False, True):
        control.heard(waiting=waiting)
    await asyncio.gather(*control._tasks)  # noqa: SLF001 - nobody else waits for them
    assert len(read_cancel_all(home, 1)) == 2


@pytest.mark.step("K11")
def test_the_kernel_shows_a_signal_that_a_stopped_daemon_does_not_take(home: Path) -> None:
    assert not signal_waits(home)
    assert not signal_waits(home / "nowhere")
    code = (
        "import signal, sys; from pathlib import Path; from journal.opening_io import take_lock;"
        "signal.signal(signal.SIGUSR1, lambda *_: None); take_lock(Path(sys.argv[1])); print(1, flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert not signal_waits(home)
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        child.send_signal(signal.SIGUSR1)
        assert signal_waits(home)
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            pipe.close()
    lock = take_lock(home)
    assert not signal_waits(home)
    os.close(lock)
