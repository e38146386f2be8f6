"""Becomes a simulator: nothing of ours may import them, so the process is replaced by `python -m sim ...`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from daemon.client.own_programs_io import own_environment


def become_simulator(arguments: list[str]) -> NoReturn:
    """Replace this process. Does not return."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "sim", *arguments], own_environment())  # noqa: S606 - our own interpreter
