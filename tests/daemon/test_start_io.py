"""The first thing that runs: options told apart quickly, and a start that imports nothing it can do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.commands import app
from daemon.runtime import launch_io
from daemon.start_io import plain_options

ROOT = Path(__file__).resolve().parents[2]
# What costs tens of milliseconds each, and what no order waits for.
LATE = {
    "typer",
    "click",
    "rich",
    "pygments",
    "apscheduler",
    "prometheus_client",
    "holidays",
    "journal.reports.report_io",
}


STARTED = """
import sys
from daemon.start_io import main
sys.argv = ["ladderd", "run", "--config", "none.toml"]
code = main()
print(*(name for name, module in sys.modules.items() if module is not None))
sys.exit(code)
"""


def test_a_start_imports_nothing_that_it_can_do_without(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    told = "none.toml: no such configuration file; give --config FILE or create it from configs/ladderd.toml"
    assert (ended.returncode, ended.stderr) == (78, f"ladderd: {told}\n")
    imported = set(ended.stdout.split())
    assert "daemon.runtime.app_io" in imported, "the whole daemon was imported"
    assert not imported & LATE


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], (None, None, None)),
        (["--config", "a.toml"], ("a.toml", None, None)),
        (["--mode", "paper", "--config", "a.toml", "--state-dir", "s"], ("a.toml", "paper", "s")),
        (["--config", "a.toml", "--config", "b.toml"], ("b.toml", None, None)),
    ],
)
def test_plain_options_are_read_as_the_command_line_reads_them(
    arguments: list[str], given: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str | None, ...]] = []

    def launch(config: object = None, mode: object = None, state_dir: object = None) -> int:
        seen.append(tuple(None if value is None else str(value) for value in (config, mode, state_dir)))
        return 0

    options = plain_options(arguments)
    assert options is not None
    launch(**options)
    monkeypatch.setattr(launch_io, "launch", launch)
    assert CliRunner().invoke(app, ["run", *arguments]).exit_code == 0
    assert seen == [given, given]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--config"], ["--config", "--mode"], ["--config=a"], ["a"], ["--no", "b"]]
)
def test_whatever_else_goes_to_the_real_parser(arguments: list[str]) -> None:
    assert plain_options(arguments) is None
