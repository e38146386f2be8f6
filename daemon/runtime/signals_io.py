"""What signals mean to a daemon with orders: no signal that a process can catch ends or stops it with orders resting.

Importing the daemon takes a second, and a signal in it would kill the process by default: without a cancel, without a
word. So `ladderd run` holds them from its first line; the app takes over what came meanwhile. Every signal that would
end the process ends it in order. SIGHUP does so only when the terminal is lost from which the daemon was started; else
it reopens the log files, as a log rotation asks. Ctrl-Z stops nothing: a stopped process owns orders that it does not
mind. What tells of a broken process (SIGSEGV, SIGABRT and their kin) stays what it is, and SIGKILL cannot be caught:
those are the unit's, the watcher's and the orders' own expiry's.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

TERMINAL: Final = "/dev/tty"
ENDING: Final = tuple(
    signal.Signals(number)
    for number in (
        signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM,
        signal.SIGPROF, signal.SIGXCPU, signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT,
    )
)  # fmt: skip
REAL_TIME: Final = tuple(range(signal.SIGRTMIN, signal.SIGRTMAX + 1))
CANCELLING: Final = signal.SIGUSR1
HANGING_UP: Final = signal.SIGHUP
SUSPENDING: Final = signal.SIGTSTP
# Of a process in the background that reads from the terminal, or writes to it: an error, instead of a stop.
NEVER_STOPPED_BY: Final = (signal.SIGTTIN, signal.SIGTTOU)
_came: list[int] = []
_had_terminal: list[bool] = []


def _keep(number: int, _frame: FrameType | None) -> None:
    _came.append(number)


def hold_signals() -> None:
    """From now on remember signals instead of dying of them, or being stopped by them."""
    _had_terminal[:] = [has_terminal()]
    for number in taken_signals():
        signal.signal(number, _keep)
    for number in NEVER_STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)


def taken_signals() -> tuple[int, ...]:
    """Every signal that the daemon takes; SIGHUP is left ignored where `nohup` had it ignored."""
    hang_up = () if signal.getsignal(HANGING_UP) is signal.SIG_IGN else (HANGING_UP,)
    return (*ENDING, *REAL_TIME, CANCELLING, SUSPENDING, *hang_up)


def held_signals() -> list[int]:
    """What came since, in order; forgotten by asking."""
    came = list(_came)
    _came.clear()
    return came


def signal_name(number: int) -> str:
    """SIGTERM, or SIGRTMIN+3 for what has no name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def has_terminal() -> bool:
    """Whether the process has a controlling terminal that can be opened."""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def terminal_lost() -> bool:
    """Whether there was a controlling terminal at the start, and is none any more."""
    return bool(_had_terminal and _had_terminal[0] and not has_terminal())
