"""How we start programs of our own beside us: by the same interpreter, with the same modules in reach."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = str(Path(__file__).resolve().parents[2])


def own_environment() -> dict[str, str]:
    """This process's environment, with the places that its own modules come from, however it was told of them."""
    places = [ROOT, *(place for place in sys.path if place and place != ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(places)}


def own_command(*words: str) -> tuple[str, ...]:
    """`ladderd` with these words, as a command line."""
    return (sys.executable, "-m", "daemon", *words)


async def start_own(command: Sequence[str]) -> Process:
    """Start a command line of ours, its two outputs piped. Raises OSError where no process can be had."""
    return await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=own_environment()
    )


def step_back(by: int) -> None:
    """Work behind a daemon that trades on the same machine: a courtesy, which a unit may not be allowed."""
    with contextlib.suppress(OSError):
        os.nice(by)
