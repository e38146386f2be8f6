"""`deploy/setup.sh` with a Python that only notes what it is asked: what would be installed, and how."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = r"""#!/bin/sh
# Notes each call; `-m venv` leaves this file as .venv/bin/python; $FAIL names the call that fails.
printf '%s\n' "$*" >>"$NOTES"
case "$*" in *"${FAIL:-no call at all}"*) exit 1 ;; esac
case "$*" in
    "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    *--editable*) printf '#!/bin/sh\n' >.venv/bin/ladderd; chmod +x .venv/bin/ladderd ;;
esac
"""


class Clone:
    """A folder with what setup.sh reads, and the Python that takes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "deploy").mkdir()
        for path in [ROOT / "pyproject.toml", ROOT / "deploy" / "setup.sh", *ROOT.glob("requirements*.txt")]:
            shutil.copy(path, folder / path.relative_to(ROOT))
        self.python = folder / "python"
        self.python.write_text(FAKE)
        self.python.chmod(0o755)
        self.notes = folder / "notes"
        self.notes.touch()

    def setup(self, want: str, fail: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHON": str(self.python), "NOTES": str(self.notes)}
        if fail:
            environment["FAIL"] = fail
        return subprocess.run(
            ["sh", "deploy/setup.sh", want],
            cwd=self.folder, env=environment, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def installs(self) -> list[list[str]]:
        """The arguments of each `pip install`, in order."""
        calls = [shlex.split(line) for line in self.notes.read_text("utf-8").splitlines()]
        return [call[call.index("install") + 1 :] for call in calls if call[:2] == ["-m", "pip"] and "install" in call]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_every_locked_package_is_installed_as_a_wheel_and_by_its_hash(clone: Clone) -> None:
    assert clone.setup("dev").returncode == 0
    locks = []
    for arguments in clone.installs():
        if "-r" in arguments:
            assert {"--only-binary=:all:", "--require-hashes", "--no-deps"} <= set(arguments)
            locks.append(arguments[arguments.index("-r") + 1])
        else:  # the project itself, built by the locked setuptools without asking any index
            assert {"--editable", ".", "--no-index", "--no-build-isolation"} <= set(arguments)
    assert locks == ["requirements.txt", "requirements-dev.txt", "requirements-conformance.txt"]


def test_the_demo_needs_the_runtime_lock_alone(clone: Clone) -> None:
    assert clone.setup("runtime").returncode == 0
    assert [call[call.index("-r") + 1] for call in clone.installs() if "-r" in call] == ["requirements.txt"]


def test_locks_are_made_of_packages_that_ship_wheels_for_each_python() -> None:
    text = (ROOT / "deploy" / "lock.sh").read_text("ascii")
    (call,) = [line for line in text.splitlines() if "pip compile" in line]
    assert "--only-binary :all:" in call
    assert "oldest=3.11\nnewer='3.12 3.13'\n" in text
