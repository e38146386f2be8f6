"""What an operator asks of the watcher, which hears it whatever the daemon does: by POST or by SIGUSR1.

Each request is first left where the daemon finds it, on disk before it is acknowledged: a kill as the kill file, a
cancel-all as a marker, a pause as a request. So it is still on after every death and restart. Then, but for a pause,
the watcher empties the account itself. A SIGUSR1 that waits at a hung daemon is heard too: the kernel shows it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from daemon.client.living_io import daemon_pid
from daemon.client.requests_io import Request, ask
from daemon.rescue.kill_io import write_kill_file
from domain.clock import Clock, utc_ms
from domain.errors import ConfigurationError
from domain.events import Command
from journal.marker import Marker
from journal.marker_io import ask_cancel_all

WAITING_SIGNALS: Final = ("SigPnd:", "ShdPnd:")
HEXADECIMAL: Final = 16


class WatchControl:
    """Takes requests; `wanted` is why the account is to be emptied, and `wake` is set whenever there is news."""

    def __init__(self, state_dir: Path, clock: Clock, say: Callable[[str], None]) -> None:
        self.wanted = ""
        self.wake = asyncio.Event()
        self._state_dir, self._clock, self._say = state_dir, clock, say
        self._numbers = itertools.count(1)
        self._waited = False
        self._tasks: set[asyncio.Task[str]] = set()

    async def command(self, name: str, by: str, cause: str) -> str:
        """Leave a request and begin with it: nothing once it is on disk, else why that cannot be said."""
        if name != "pause":
            self.wanted = f"{name} by {by}: {cause}"
            self.wake.set()
        self._say(f"{name} asked by {by}: {cause}")
        try:
            return await asyncio.to_thread(self._leave, name, by, cause)
        except (OSError, ConfigurationError) as problem:
            return f"it is not on disk, and a restart will not know of it: {problem}"

    def signalled(self) -> None:
        """SIGUSR1, to the watcher or waiting at the daemon: cancel everything."""
        task = asyncio.get_running_loop().create_task(self.command("cancel-all", "signal", "SIGUSR1"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, *, waiting: bool) -> None:
        """Whether a SIGUSR1 waits at the daemon, as `signal_waits` says: obeyed once for each that comes to wait."""
        if waiting and not self._waited:
            self._say("a SIGUSR1 waits at a daemon that does not take it")
            self.signalled()
        self._waited = waiting

    def _leave(self, name: str, by: str, cause: str) -> str:
        now, why = self._clock.now(), f"{by}: {cause}"
        ident = f"{utc_ms(now)}-{os.getpid()}-{next(self._numbers)}"
        if name == "kill":
            laid, told = write_kill_file(self._state_dir, why)
            return "" if laid else told
        if name == "cancel-all":
            ask_cancel_all(self._state_dir, Marker(ident, now.utc_ns, "cancel-all", why))
        else:
            ask(self._state_dir, Request(ident, Command.PAUSE, by, cause, now.utc_ns))
        return ""


def signal_waits(state_dir: Path) -> bool:
    """Whether the daemon of a state directory has been sent a SIGUSR1 that it does not take. Never raises."""
    pid = daemon_pid(state_dir)
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() if pid else []
        masks = [int(line.split()[1], HEXADECIMAL) for line in lines if line.startswith(WAITING_SIGNALS)]
    except (OSError, ValueError, IndexError):
        return False
    return any(mask >> (signal.SIGUSR1 - 1) & 1 for mask in masks)
