"""Another account of this machine for the daemon, as an installed one has: no rights, and a Python that it can start.

The interpreter of a development environment may lie where only its owner can look; the system's own then runs the same
tree on the same libraries.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from sim.local.setting import ROOT

NOBODY = 65_534
RUN = "import sys; from daemon.start_io import main; sys.exit(main())"
INTERPRETERS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")


def as_account(environment: dict[str, str], sources: Path = ROOT) -> dict[str, str]:
    """An environment in which any interpreter of this version runs these sources, and leaves no files behind."""
    return environment | {
        "PYTHONPATH": f"{sources}:{sysconfig.get_path('purelib')}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@cache
def python_of(account: int) -> str:
    """An interpreter that an account can start with this tree; empty when there is none, or we may not ask."""
    for python in INTERPRETERS if os.geteuid() == 0 else ():
        try:
            done = subprocess.run(  # noqa: S603 - an interpreter of this machine
                [python, "-c", "import daemon.runtime.launch_io, daemon.cli.commands"], check=False, cwd="/",
                user=account, group=account, extra_groups=[], capture_output=True, env=as_account({}),
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return ""
