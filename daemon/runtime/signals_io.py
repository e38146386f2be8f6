"""Keeps signals until the daemon can carry them out.

Importing the daemon takes a second, and a SIGTERM or SIGUSR1 in it would kill the process by default: without a cancel,
without a word. So `ladderd run` holds them from its first line; the app takes over what came meanwhile.
"""

from __future__ import annotations

import signal
from types import FrameType

HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
_came: list[int] = []


def _keep(number: int, _frame: FrameType | None) -> None:
    _came.append(number)


def hold_signals() -> None:
    """From now on remember these signals instead of dying of them."""
    for number in HELD:
        signal.signal(number, _keep)


def held_signals() -> list[int]:
    """What came since, in order; forgotten by asking."""
    came = list(_came)
    _came.clear()
    return came
