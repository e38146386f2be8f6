"""`deploy/setup.sh` with a Python that only notes what it is asked: what would be installed, how, and what is said.

The same with real interpreters, from an empty home: test_fresh_machine.py.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-conformance.txt"]
FAKE = r"""#!/bin/sh
# Notes each call but those for its version. $FAIL names a call that fails, saying $SAYS; $HANG one at which it tells
# $TOLD, then never ends.
case "$*" in
    *'print("%d'*) echo "${VERSION:-3.11.7}"; exit ;;
    *version_info*) [ -z "${OLD:-}" ]; exit ;;
esac
printf '%s\n' "$*" >>"$NOTES"
case "$*" in *"${FAIL:-no call at all}"*) printf '%s\n' "$SAYS" >&2; exit 1 ;; esac
case "$*" in *"${HANG:-no call at all}"*) echo here >"$TOLD"; exec sleep 60 ;; esac
case "$*" in
    "-m venv --clear .venv")
        rm -rf .venv
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        echo "version = ${VERSION:-3.11.7}" >.venv/pyvenv.cfg
        ;;
    *--editable*) printf '#!/bin/sh\n' >.venv/bin/ladderd; chmod +x .venv/bin/ladderd ;;
esac
"""


class Clone:
    """A folder with what setup.sh reads, the Python that takes notes, and an account that may not use apt-get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "deploy").mkdir()
        for path in [ROOT / "pyproject.toml", ROOT / "deploy" / "setup.sh", *ROOT.glob("requirements*.txt")]:
            shutil.copy(path, folder / path.relative_to(ROOT))
        self.notes = folder / "notes"
        self.notes.touch()
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.python = self.program("fake-python", FAKE)
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PYTHON": str(self.python),
            "NOTES": str(self.notes),
        }

    def program(self, name: str, text: str) -> Path:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def setup(self, want: str = "runtime", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "deploy/setup.sh", want],
            cwd=self.folder, env=self.environment | more, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def refused(self, **more: str) -> str:
        """The one line with which set-up gave up, without what it said of its progress before."""
        done = self.setup(**more)
        assert done.returncode == 1
        assert done.stdout == ""
        *before, last = done.stderr.splitlines()
        assert all(line.startswith(("setup: making .venv", "setup: installing")) for line in before)
        return last.removeprefix("setup: ")

    def calls(self) -> list[str]:
        return self.notes.read_text("utf-8").splitlines()

    def installs(self) -> list[list[str]]:
        """The arguments of each `pip install`, in order."""
        calls = [shlex.split(line) for line in self.calls()]
        return [call[call.index("install") + 1 :] for call in calls if call[:2] == ["-m", "pip"] and "install" in call]

    def locks(self) -> list[str]:
        return [call[call.index("-r") + 1] for call in self.installs() if "-r" in call]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_every_locked_package_is_installed_as_a_wheel_and_by_its_hash(clone: Clone) -> None:
    assert clone.setup("dev").returncode == 0
    for arguments in clone.installs():
        if "-r" in arguments:
            assert {"--only-binary=:all:", "--require-hashes", "--no-deps"} <= set(arguments)
        else:  # the project itself, built by the locked setuptools without asking any index
            assert {"--editable", ".", "--no-index", "--no-build-isolation"} <= set(arguments)
    assert clone.locks() == LOCKS


def test_the_demo_needs_the_runtime_lock_alone_and_a_second_run_needs_nothing(clone: Clone) -> None:
    assert clone.setup().returncode == 0
    assert clone.locks() == LOCKS[:1]
    clone.notes.write_text("")
    again = clone.setup()
    assert (again.returncode, again.stderr, clone.calls()) == (0, "", [])
    assert clone.setup("dev").returncode == 0
    assert clone.locks() == LOCKS[1:]


def test_a_lock_that_changed_is_installed_over_the_old_one(clone: Clone) -> None:
    assert clone.setup("dev").returncode == 0
    clone.notes.write_text("")
    with (clone.folder / "requirements.txt").open("a") as lock:
        lock.write("# newer\n")
    assert clone.setup("dev").returncode == 0
    assert clone.locks() == LOCKS
    assert "-m venv --clear .venv" not in clone.calls()


@pytest.mark.parametrize(
    "step", ["-m venv", "-r requirements.txt", "--editable", "-r requirements-dev.txt", "compileall"]
)
def test_an_interrupted_set_up_is_begun_anew(clone: Clone, step: str) -> None:
    told = clone.folder / "told"
    os.mkfifo(told)
    running = subprocess.Popen(
        ["sh", "deploy/setup.sh", "dev"],
        cwd=clone.folder, env=clone.environment | {"HANG": step, "TOLD": str(told)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert told.read_text() == "here\n"  # in the middle of that step
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(10)
    clone.notes.write_text("")
    done = clone.setup("dev")
    assert done.returncode == 0
    assert "-m venv --clear .venv" in clone.calls(), "half a package may be there: nothing of it is kept"
    assert clone.locks() == LOCKS
    clone.notes.write_text("")
    assert clone.setup("dev").returncode == 0
    assert clone.calls() == []


def test_a_set_up_that_failed_is_begun_anew(clone: Clone) -> None:
    assert clone.setup(FAIL="requirements.txt", SAYS="ERROR: no").returncode == 1
    assert clone.setup().returncode == 0
    assert clone.calls().count("-m venv --clear .venv") == 2


def test_another_python_makes_another_environment(clone: Clone) -> None:
    assert clone.setup().returncode == 0
    assert clone.setup(VERSION="3.12.1").returncode == 0
    assert clone.calls().count("-m venv --clear .venv") == 2


AGAIN = "then type the same command again"
NO_INDEX = """WARNING: Retrying (Retry(total=0, connect=None)) after connection broken
ERROR: Could not find a version that satisfies the requirement aiohttp==3 (from versions: none)
ERROR: No matching distribution found for aiohttp==3"""
SDIST_ONLY = """ERROR: Could not find a version that satisfies the requirement sdnotify==1 (from versions: 1)
ERROR: No matching distribution found for sdnotify==1"""
WRONG_HASH = """ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.
    aiohttp==3 from somewhere:
        Expected sha256 aa"""
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("said", "told", "todo"),
    [
        (NO_INDEX, "requirements.txt: No matching distribution found for aiohttp==3", "pip reaches a package index"),
        (SDIST_ONLY, "requirements.txt: No matching distribution found for sdnotify==1", ".venv/pip.log"),
        (WRONG_HASH, "requirements.txt: a file of the index is not the one that was locked", ".venv/pip.log"),
        (FULL, "[Errno 28] No space left on device", "free some room on this disk"),
        ("", "requirements.txt: it said nothing", ".venv/pip.log"),
    ],
)
def test_what_pip_could_not_do_is_one_line_with_what_to_do(clone: Clone, said: str, told: str, todo: str) -> None:
    line = clone.refused(FAIL="-r requirements.txt", SAYS=said)
    assert line.startswith("pip could not install ")
    what, _, type_this = line.partition("; ")
    assert what.endswith(told)
    assert todo in type_this
    assert (clone.folder / ".venv" / "pip.log").read_text().strip() == said


def test_a_python_that_does_not_fit_is_named(clone: Clone) -> None:
    assert clone.refused(OLD="1") == (
        f"{clone.python} is no Python 3.11, 3.12 or 3.13; say PYTHON=/path/to/one, or leave PYTHON away"
    )


def test_no_python_at_all_says_what_to_type(clone: Clone) -> None:
    for program in ("dirname", "sha256sum", "cut", "sed", "cat"):
        (clone.programs / program).symlink_to(str(shutil.which(program)))
    shell = shutil.which("sh")
    assert shell
    (clone.programs / "sh").symlink_to(shell)
    line = clone.refused(PYTHON="", PATH=str(clone.programs))
    assert line == f"no Python 3.11, 3.12 or 3.13 here; as root type: apt-get install python3 python3-venv; {AGAIN}"


def test_debians_missing_half_is_named_or_installed(clone: Clone) -> None:
    by_hand = f"as root type: apt-get update && apt-get install python3.11-venv; {AGAIN}"
    lacks = {"FAIL": "import ensurepip", "SAYS": "ModuleNotFoundError"}
    assert clone.refused(**lacks) == f"this Python has no ensurepip; {by_hand}"
    clone.program("id", "#!/bin/sh\necho 0\n")
    clone.program("apt-get", "#!/bin/sh\nexit 100\n")
    assert clone.refused(**lacks) == f"apt-get could not install python3.11-venv; {by_hand}"
    clone.program("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$NOTES"\n')
    assert clone.setup(**lacks).returncode == 0
    assert "apt-get install -q -y python3.11-venv" in clone.calls()


def test_an_environment_that_cannot_be_made_says_why(clone: Clone) -> None:
    line = clone.refused(FAIL="-m venv", SAYS="Error: [Errno 30] Read-only file system: '.venv'")
    assert line == f"no .venv could be made: Error: [Errno 30] Read-only file system: '.venv'; mend that, {AGAIN}"


def test_locks_are_made_of_packages_that_ship_wheels_for_each_python() -> None:
    text = (ROOT / "deploy" / "lock.sh").read_text("ascii")
    (call,) = [line for line in text.splitlines() if "pip compile" in line]
    assert "--only-binary :all:" in call
    assert "oldest=3.11\nnewer='3.12 3.13'\n" in text


def test_the_licence_is_named_and_there() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'license = "Apache-2.0"\nlicense-files = ["LICENSE"]\n' in project
    text = (ROOT / "LICENSE").read_text("ascii")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
