from __future__ import annotations

import signal
import subprocess
import sys

from daemon.runtime.signals_io import NEVER_STOPPED_BY, signal_name, taken_signals

# They tell of a broken process (or of systemd's watchdog), and go on as they are.
BROKEN = {
    signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP,
}  # fmt: skip
UNCATCHABLE = {signal.SIGKILL, signal.SIGSTOP}
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ}

CHILD = """
import os, signal, sys
from daemon.runtime.signals_io import hold_signals, held_signals, signal_name, taken_signals
hold_signals()
for number in taken_signals():
    os.kill(os.getpid(), number)
for number in (signal.SIGTTIN, signal.SIGTTOU):
    os.kill(os.getpid(), number)
print(len(set(held_signals())) == len(taken_signals()))
"""


def test_no_signal_that_can_be_caught_ends_or_stops_the_daemon_unasked() -> None:
    every = {int(number) for number in signal.valid_signals()}
    known = {int(number) for number in (*BROKEN, *UNCATCHABLE, *HARMLESS, *NEVER_STOPPED_BY)}
    assert every - known - set(taken_signals()) <= {int(signal.SIGHUP)}


def test_each_is_held_from_the_first_line_on() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in taken_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_names() -> None:
    assert signal_name(signal.SIGQUIT) == "SIGQUIT"
    assert signal_name(signal.SIGRTMIN + 3) == "SIGRTMIN+3"
