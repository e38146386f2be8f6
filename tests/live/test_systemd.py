"""The units under a real systemd: started, killed, hung, signalled and stopped as on the machine that trades.

A container boots this machine's own systemd on a throw-away layer over its root, with this tree in /opt/ladderd as
deploy/systemd/README.md says; the simulators run outside. Needs root, systemd-nspawn, overlayfs and Debian's Python;
where one is missing the test is skipped and says which.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.local.setting import ROOT
from tests.live.stage import Stage, assert_flat_and_maker, fetch, until

PYTHON = Path("/usr/bin/python3.11")
SITE = ROOT / ".venv" / "lib" / "python3.11" / "site-packages"
PARTS = ("domain", "feeds", "guards", "pricing", "execution", "journal", "ops", "daemon", "configs", "deploy")
TARGET = "[Unit]\nRequires=basic.target\nAfter=basic.target\n"
BOOT_LIMIT_S = 30.0
EMPTY_LIMIT_S = 10.0
BACK_LIMIT_S = 30.0

Inside = Callable[..., str]


def run(*command: object, limit_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, timeout=limit_s)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """This machine's root with a layer of memory over it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for needed in (Path("/usr/bin/systemd-nspawn"), Path("/lib/systemd/systemd"), PYTHON, SITE):
        if not needed.exists():
            pytest.skip(f"{needed} is not there: apt-get install systemd-container python3")
    layer, merged = tmp_path / "layer", tmp_path / "root"
    with contextlib.ExitStack() as undo:
        for place, arguments in (
            (layer, ("-t", "tmpfs", "-o", "size=8g", "tmpfs")),
            (merged, ("-t", "overlay", "-o", f"lowerdir=/,upperdir={layer}/upper,workdir={layer}/work", "overlay")),
        ):
            place.mkdir()
            if place is merged:
                (layer / "upper").mkdir()
                (layer / "work").mkdir()
            if (made := run("mount", *arguments, place)).returncode:
                pytest.skip(f"no such mount here: {made.stderr.strip()}")
            undo.callback(run, "umount", place)
        yield merged


def install(root: Path, stage: Stage) -> None:
    """As deploy/systemd/README.md says, with an interpreter that the sandbox may see."""
    home, etc = root / "opt" / "ladderd", root / "etc"
    shutil.rmtree(home, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, home / part)
    binaries, credentials = home / ".venv" / "bin", etc / "ladderd" / "credentials"
    for folder in (binaries, home / SITE.relative_to(ROOT), credentials):
        folder.mkdir(parents=True)
    (home / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (binaries / "python3").symlink_to(PYTHON)
    script = "#!/opt/ladderd/.venv/bin/python3\nimport sys\nfrom daemon.start_io import main\nsys.exit(main())\n"
    (binaries / "ladderd").write_text(script)
    (binaries / "ladderd").chmod(0o755)
    settings = stage.config.read_text("utf-8").replace(str(ROOT), "/opt/ladderd")
    (home / "configs" / "ladderd.toml").write_text(re.sub(r"(?m)^state_dir.*\n", "", settings))
    secrets = {
        "exchange__api_key_id": stage.environment["LADDERD_EXCHANGE__API_KEY_ID"],
        "exchange__private_key": Path(stage.environment["LADDERD_EXCHANGE__PRIVATE_KEY_FILE"]).read_text("utf-8"),
        "feeds__api_key": stage.environment["LADDERD_FEEDS__API_KEY"],
    }
    for name, text in secrets.items():
        (credentials / name).write_text(text)
        (credentials / name).chmod(0o600)
    (etc / "ladderd" / "ladderd.env").write_text("PYTHONPATH=/opt/ladderd\n")
    (etc / "sysusers.d").mkdir(exist_ok=True)
    shutil.copy(home / "deploy/systemd/ladderd.sysusers.conf", etc / "sysusers.d" / "ladderd.conf")
    (etc / "tmpfiles.d").mkdir(exist_ok=True)
    shutil.copy(home / "deploy/systemd/ladderd.tmpfiles.conf", etc / "tmpfiles.d" / "ladderd.conf")
    for unit in (home / "deploy" / "systemd").glob("*.*"):
        if unit.suffix in {".service", ".timer"}:
            shutil.copy(unit, etc / "systemd" / "system" / unit.name)
    (etc / "systemd" / "system" / "drill.target").write_text(TARGET)


@contextlib.contextmanager
def booted(root: Path, log: Path) -> Iterator[Inside]:
    """A container with systemd running; what it gives runs a command in it and returns what that said."""
    command = [
        "systemd-nspawn", "--quiet", "--directory", str(root), "--machine", f"drill-{os.getpid()}", "--register=no",
        "--keep-unit", f"--bind-ro={SITE}:/opt/ladderd/{SITE.relative_to(ROOT)}", "--boot", "systemd.unit=drill.target",
        "systemd.mask=avahi-daemon.socket",
    ]  # fmt: skip
    with log.open("wb") as out:
        container = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:

        def leader() -> str:
            assert container.poll() is None, log.read_text("utf-8", "replace")[-2000:]
            return run("ps", "-o", "pid=", "--ppid", container.pid).stdout.strip().partition("\n")[0]

        pid = until("the container's first process", leader, BOOT_LIMIT_S)

        def inside(*words: str) -> str:
            done = run("nsenter", "-t", pid, "-m", "-u", "-i", "-p", *words)
            return done.stdout.strip() if done.returncode == 0 else f"{words[0]} says: {done.stderr.strip()}"

        ready = ("systemctl", "is-system-running")
        until("systemd running", lambda: inside(*ready) in {"running", "degraded"} or None, BOOT_LIMIT_S)
        yield inside
    finally:
        container.terminate()
        try:
            container.wait(20)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()


class Unit:
    """ladderd.service, from outside."""

    def __init__(self, inside: Inside, root: Path, stage: Stage) -> None:
        self.inside = inside
        self.state = root / "var" / "lib" / "ladderd"
        self.stage = stage

    def shown(self, name: str) -> str:
        return self.inside("systemctl", "show", "-p", name, "--value", "ladderd")

    def kill(self, signal: str) -> None:
        assert self.inside("systemctl", "kill", "-s", signal, "--kill-who=main", "ladderd") == ""

    def back(self, restarts: int) -> None:
        """Restarted so many times by now, and answering."""
        until("restarted by systemd", lambda: self.shown("NRestarts") == str(restarts), BACK_LIMIT_S, 0.1)
        until("active again", lambda: self.shown("ActiveState") == "active", BACK_LIMIT_S, 0.1)
        told: dict[str, Any] = json.loads((self.state / "monitors" / "http.json").read_text("utf-8"))
        self.stage.http = f"http://127.0.0.1:{told['port']}"
        until("healthy", lambda: self.stage.page("/health")[0] == 200, BACK_LIMIT_S)

    def cancelled(self) -> int:
        """How many account-wide cancel-alls the exchange was asked for."""
        return int(self.stage.truth()["requests"].get("cancel_all", 0))

    def emptied(self, what: str, before: int) -> None:
        """Nothing rests, and that by a cancel-all since `before`: what the next start itself cancels does not count."""
        until(f"a cancel-all {what}", lambda: self.cancelled() > before, EMPTY_LIMIT_S)
        until(f"nothing rests {what}", lambda: not self.stage.truth()["resting"], EMPTY_LIMIT_S)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_unit_under_a_real_systemd(tmp_path: Path, root: Path) -> None:
    stage = Stage(tmp_path / "stage", period_s=60)
    try:
        stage.start_simulators()
        install(root, stage)
        with booted(root, tmp_path / "container.log") as inside:
            unit = Unit(inside, root, stage)
            said = inside("systemctl", "start", "ladderd")  # Type=notify: back when READY=1 came
            assert said == "", said + inside("journalctl", "-u", "ladderd", "-n", "30", "--no-pager")
            unit.back(0)
            # Killed: what runs after every end empties the book, and systemd starts it again.
            resting = stage.until_quoting(limit_s=90)
            assert resting
            before = unit.cancelled()
            unit.kill("KILL")
            unit.emptied("by ExecStopPost= after SIGKILL", before)
            unit.back(1)
            # Hung: the watchdog misses the runner's progress. An order that another client left goes too.
            before = unit.cancelled()
            unit.kill("STOP")
            stray = {
                "ticker": resting[0]["ticker"], "side": "bid", "price": "0.0100", "count": "1.00",
                "client_order_id": "stray-1", "post_only": True,
            }  # fmt: skip
            assert fetch(f"{stage.addresses['exchange']}/sim/place", stray)[0] == 200
            unit.emptied("by ExecStopPost= after the watchdog", before)
            unit.back(2)
            # By hand: all cancelled and paused, and up; then stopped in order.
            unit.kill("USR1")
            until("paused", lambda: stage.picture().get("paused"), 10)
            assert unit.shown("ActiveState") == "active"
            assert inside("systemctl", "stop", "ladderd") == ""
            assert (unit.shown("Result"), unit.shown("ExecMainStatus")) == ("success", "0")
            assert not stage.truth()["resting"]
            assert_flat_and_maker(stage.truth())
            assert stage.ladderd("verify", "--state-dir", str(unit.state)).returncode == 0
    finally:
        stage.close()
