"""Whatever says "accepted" or "done" has the disk's word for it: kill the daemon at that moment, and it still holds.

Every sync of the daemon is held for a while, so that an answer which does not wait for it comes too early.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sim.chaos.disk import why_no_strace
from tests.live.stage import Stage, playing, until

TOKEN = "a-token-for-this-drill"
HELD_MS, HELD_LONG_MS = 400, 2_000
LOOKED_S = 0.5


def post(stage: Stage, command: str) -> int:
    """A command by HTTP; the status, 0 when the daemon went away before it answered."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = json.dumps({"by": "drill", "cause": "halt"}).encode()
    request = urllib.request.Request(f"{stage.http}/control/{command}", body, headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def by_post(stage: Stage, command: str) -> bool:
    """Whether it was said to be accepted."""
    return post(stage, command) == 202


def by_file(stage: Stage, command: str) -> bool:
    """Whether it was said to be done."""
    done = stage.ladderd(command, "--by", "drill", "--cause", "halt", "--state-dir", str(stage.state_dir))
    return done.stdout.startswith(f"{command}: done")


@contextlib.contextmanager
def slow_disk(stage: Stage, held_ms: int) -> Iterator[None]:
    """Hold every sync of the running daemon."""
    pid = str(stage.processes["daemon"].pid)
    tracer = subprocess.Popen(
        [shutil.which("strace") or "strace", "-f", "-o", os.devnull, "-p", pid, "-e", "trace=fdatasync,fsync",
         "-e", f"inject=fdatasync,fsync:delay_enter={held_ms}ms"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until("traced", lambda: "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text("utf-8"))
        yield
    finally:
        tracer.terminate()
        tracer.wait(20)


@pytest.mark.step("K11")
@pytest.mark.parametrize(
    ("road", "command"), [(by_post, "kill"), (by_post, "pause"), (by_file, "pause")], ids=["post kill", "post", "file"]
)
def test_what_is_acknowledged_holds_after_a_kill_at_that_moment(
    tmp_path: Path, road: Callable[[Stage, str], bool], command: str
) -> None:
    if why := why_no_strace():
        pytest.skip(why)
    stage = Stage(tmp_path, first_open_s=2, period_s=60, settings={"http.control_token": TOKEN})
    with playing(stage), concurrent.futures.ThreadPoolExecutor(1) as asker:
        stage.until_quoting()
        with slow_disk(stage, HELD_MS):
            asked = asker.submit(road, stage, command)
            until("obeyed", lambda: not stage.truth()["resting"], 10)
            accepted = asked.result(30)
            stage.stop(signal.SIGKILL)
        assert accepted, "a disk that is only slow takes it"
        stage.start_daemon()
        stage.wait_for_page()
        until("recovered", lambda: stage.picture().get("reconciled"), 20)
        picture = stage.picture()
        assert picture["kill_switch"] if command == "kill" else picture["paused"], "it was acknowledged, and is lost"
        assert not stage.truth()["resting"]


@pytest.mark.step("K11")
def test_nothing_is_acknowledged_before_the_disk_has_it(tmp_path: Path) -> None:
    """Killed while the sync is held: obeyed, and never said to be accepted."""
    if why := why_no_strace():
        pytest.skip(why)
    stage = Stage(tmp_path, first_open_s=2, period_s=60, settings={"http.control_token": TOKEN})
    with playing(stage), concurrent.futures.ThreadPoolExecutor(1) as asker:
        stage.until_quoting()
        with slow_disk(stage, HELD_LONG_MS):
            asked = asker.submit(post, stage, "kill")
            until("obeyed", lambda: not stage.truth()["resting"], 10)
            with pytest.raises(TimeoutError):
                asked.result(LOOKED_S)
            stage.stop(signal.SIGKILL)
        assert asked.result(30) == 0
