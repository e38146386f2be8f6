"""What a command does does not hang on whether it can say so; what it could not say is told by the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEAF = {
    "a full disk": ">/dev/full 2>&1",
    "no streams": ">&- 2>&- <&-",
    "a closed pipe": "2>&1 | true",
}


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m daemon {line}"],
        cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("deaf", DEAF)
def test_a_cancel_all_that_nobody_hears_is_asked_all_the_same(deaf: str, tmp_path: Path) -> None:
    done = shell(f"cancel-all --reason drill --state-dir {tmp_path} {DEAF[deaf]}", tmp_path)
    assert done.returncode == 69, "nobody lives here, and there is no key"
    assert list((tmp_path / "cancel_all").iterdir()), "the request"


def test_what_is_typed_once_is_carried_through_when_the_line_drops(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from daemon.outlets_io import carry_through; carry_through(sys.argv[1]);"
        " os.kill(os.getpid(), signal.SIGHUP)"
    )
    for command, ended in (("cancel-all", 0), ("kill", 0), ("close-all", 0), ("pause", 0), ("status", -signal.SIGHUP)):
        words = [sys.executable, "-c", program, command]
        done = subprocess.run(words, cwd=ROOT, check=False, timeout=60, env=os.environ | {"HOME": str(tmp_path)})
        assert done.returncode == ended, command


def test_an_answer_that_could_not_be_written_is_no_success(tmp_path: Path) -> None:
    done = shell("config explain mode >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "ladderd: not everything could be written to stdout: No space left on device\n"
    assert shell("config explain mode | true", tmp_path).stderr == ""
