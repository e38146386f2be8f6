"""The first thing that runs: a start that imports nothing it can do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What costs tens of milliseconds each, and what no order waits for.
LATE = {
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
