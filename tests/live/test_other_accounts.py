"""Commands of root, of a group member and of a stranger beside a daemon that runs under an account of its own.

The daemon runs as on an installed machine: an account without rights, a state directory that is its own, and a narrow
umask. What another account leaves in its folders is answered or set aside, and never ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.local.account import RUN, as_account, python_of
from sim.local.child import Child
from tests.live.stage import Stage, assert_flat_and_maker, fetch, until

DAEMON, MEMBER, STRANGER = 65_534, 64_001, 64_002


def interpreter() -> str:
    """A Python that an account without rights can start with this tree; the test is skipped where there is none."""
    return python_of(DAEMON) or pytest.skip(f"no root here, or account {DAEMON} can read no Python with this tree")


class AccountStage(Stage):
    """A stage whose daemon runs as an account of its own."""

    python = ""

    def start_simulators(self) -> None:
        super().start_simulators()
        for path in (self.state_dir, *self.state_dir.iterdir()):
            os.chown(path, DAEMON, DAEMON)
        self.state_dir.chmod(0o750)

    def start_daemon(self) -> Child:
        return self.programs.start(
            "daemon", ("-c", RUN, "run", "--config", str(self.config)), Path("/"),
            environment=as_account(self.environment), python=self.python,
            user=DAEMON, group=DAEMON, extra_groups=[], umask=0o077,
        )  # fmt: skip

    def typed(self, uid: int, *words: str, groups: tuple[int, ...] = ()) -> tuple[int, str]:
        """A command of an account, under the narrowest umask: exit code, and all that it said."""
        done = subprocess.run(
            [self.python, "-c", RUN, *words], user=uid, group=uid, extra_groups=list(groups), umask=0o077, cwd="/",
            env=as_account(self.environment), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def stage() -> Iterator[AccountStage]:
    python = interpreter()
    home = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other accounts
    home.chmod(0o755)
    stage = AccountStage(home / "state", first_open_s=2, period_s=60)
    stage.python = python
    try:
        yield stage
    finally:
        stage.close()
        shutil.rmtree(home)


def alive(stage: AccountStage) -> bool:
    return stage.processes["daemon"].poll() is None and fetch(stage.http + "/health")[0] == 200


@pytest.mark.step("K12", "K15")
def test_what_other_accounts_ask_is_answered_and_nothing_they_leave_ends_the_daemon(stage: AccountStage) -> None:
    stage.start()
    stage.until_quoting()
    home = ("--state-dir", str(stage.state_dir))
    who = ("--by", "ann", "--cause", "look")
    # The session's first words, typed by root: the daemon's own folders were there before.
    assert stage.typed(0, "note", "hi", *home)[0] == 0
    assert stage.typed(0, "cancel-all", "--reason", "drill", "--config", str(stage.config))[0] == 0
    until("paused by it", lambda: stage.picture().get("paused"))
    assert not stage.truth()["resting"]
    for name in ("requests", "cancel_all"):
        info = (stage.state_dir / name).stat()
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (DAEMON, DAEMON, 0o770)
    # A member of the group asks and hears; a stranger is told in one line.
    assert stage.typed(MEMBER, "pause", *who, *home, groups=(DAEMON,))[0] == 0
    code, told = stage.typed(STRANGER, "pause", *who, *home)
    assert code not in {0, 69}, told
    assert told.count("\n") <= 2, told
    assert "Traceback" not in told
    owners = {row["owner"] for row in stage.records("operator_action")}
    assert owners == {"root", str(MEMBER)}, "by is a claim; the file's owner is recorded"
    # What cannot be read: answered beside it, or set aside.
    for folder, name in (("requests", "1.json"), ("cancel_all", "1")):
        path = stage.state_dir / folder / name
        path.write_bytes(b"{}")
        path.chmod(0o600)
    until("an answer", (stage.state_dir / "requests" / "1.done").exists)
    assert "Permission denied" in (stage.state_dir / "requests" / "1.done").read_text()
    # Folders that another account makes for itself alone.
    for folder in ("requests", "cancel_all"):
        shutil.rmtree(stage.state_dir / folder)
        (stage.state_dir / folder).mkdir(mode=0o700)
    assert stage.typed(0, "pause", *who, *home)[0] == 0
    assert alive(stage)
    stage.stop(signal.SIGKILL)
    # Nothing of it ends the next start either.
    for folder in ("requests", "cancel_all"):
        shutil.rmtree(stage.state_dir / folder)
        (stage.state_dir / folder).mkdir(mode=0o700)
    stage.start_daemon()
    stage.wait_for_page()
    until("recovered", lambda: stage.picture().get("reconciled"), 20)
    assert alive(stage)
    assert stage.picture()["paused"], "a request to cancel all that cannot be read pauses"
    assert stage.stop() == 0
    assert "Traceback" not in stage.log()
    assert_flat_and_maker(stage.truth())
