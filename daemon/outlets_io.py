"""Where a command speaks, when nobody can hear it: a full disk, a pipe that has closed, a terminal that is gone.

What an emergency command does must not depend on whether it can say so: `ladderd cancel-all` from a cron job without
streams, into a full disk, or over a line that drops, cancels all the same, and its exit code tells the truth. So output
that cannot be written is dropped, and remembered; whoever else had something to say ends with 1.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import Any, Final

# What must be carried through once it is typed.
EMERGENCY: Final = frozenset({"cancel-all", "kill", "close-all", "pause"})
STREAMS: Final = (("stdout", 1), ("stderr", 2))


class Outlet(io.FileIO):
    """A stream of this process that never raises. `lost`: the error number of the first thing that it could not say."""

    lost = 0

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever is a buffer
        """Write, or drop."""
        try:
            return super().write(data)
        except OSError as problem:
            self.lost = self.lost or problem.errno or errno.EIO
            return len(memoryview(data))


def open_outlets() -> tuple[Outlet, Outlet]:
    """Put outlets in the place of stdout and stderr; a descriptor that was closed would be the next socket's."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= STREAMS[-1][1]:
        os.set_inheritable(spare, True)  # noqa: FBT003 - the call has no names
    os.close(spare)
    outlets = []
    for name, number in STREAMS:
        before = getattr(sys, name)
        outlet = Outlet(number, "w", closefd=False)
        encoding, errors = (before.encoding, before.errors) if before else ("utf-8", "backslashreplace")
        stream = io.TextIOWrapper(io.BufferedWriter(outlet), encoding, errors, line_buffering=True)
        setattr(sys, name, stream)
        outlets.append(outlet)
    return outlets[0], outlets[1]


def spoken(code: int, command: str, outlets: tuple[Outlet, Outlet]) -> int:
    """The exit code, once everything is said: what could not be is a failure, but of an emergency command."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    lost = outlets[0].lost
    if not lost or lost == errno.EPIPE or command in EMERGENCY:
        return code
    sys.stderr.write(f"ladderd: not everything could be written to stdout: {os.strerror(lost)}\n")
    return code or 1


def carry_through(command: str) -> None:
    """A line that drops does not stop an emergency command half-way."""
    if command in EMERGENCY:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
