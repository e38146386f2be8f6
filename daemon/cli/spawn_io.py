"""Becomes a simulator: nothing of ours may import them, so the process is replaced by `python -m sim ...`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def become_simulator(arguments: list[str]) -> NoReturn:
    """Replace this process. Does not return."""
    root = Path(__file__).resolve().parents[2]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH", ""))))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "sim", *arguments], environment)  # noqa: S606 - our own interpreter
