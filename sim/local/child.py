"""One process of ours: it leads a session of its own, writes to a log, and is ended by its own process id."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

STOP_LIMIT_S = 30.0
LISTENING = " listening on "
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class ChildError(Exception):
    """A process did not start, or ended before it should: one line that names its log."""


class Child(subprocess.Popen[bytes]):
    """A Python process, by the words behind `python`. Whoever starts it ends it: `end` does so whatever it takes.

    When the thread that started it is gone without that, killed for instance, the system ends it.
    """

    def __init__(
        self,
        words: tuple[str, ...],
        log: Path,
        folder: Path,
        environment: dict[str, str],
        *,
        python: str = sys.executable,
        terminal: int | None = None,
        **more: Any,  # noqa: ANN401 - what Popen takes
    ) -> None:
        """Start it; with a `terminal` (the descriptor of one) it has that for its own, and its log stays empty."""
        self.name = log.stem
        self.log = log
        with log.open("ab") as out:
            self._since = out.tell()
            said = out.fileno() if terminal is None else terminal
            super().__init__(
                [python, *words], stdin=subprocess.DEVNULL if terminal is None else terminal, stdout=said, stderr=said,
                cwd=folder, env=environment, start_new_session=True,
                preexec_fn=functools.partial(_before_its_program, terminal), **more,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands still."""
        return self.poll() is None

    def said(self) -> str:
        """All that it has said."""
        return self.log.read_bytes()[self._since :].decode(errors="replace")

    def last_words(self) -> str:
        """The last line that it has said."""
        return self.said().strip().rpartition("\n")[2] or "it said nothing"

    def listening(self, ports: int = 1) -> list[str]:
        """The addresses that it says it listens on, once there are so many; none before.

        Raises:
            ChildError: it has ended.
        """
        lines = self.said().splitlines(keepends=True)
        found = [line.strip().rpartition(" ")[2] for line in lines if LISTENING in line and line.endswith("\n")]
        if len(found) >= ports:
            return found
        if not self.alive:
            raise ChildError(f"the {self.name} did not start: {self.last_words()} (log: {self.log})")
        return []

    def end(self, number: int = signal.SIGTERM, limit_s: float = STOP_LIMIT_S) -> int:
        """Send a signal and wait for the end, for so long; then kill. The exit code, negative for a signal."""
        if self.alive:
            self.send_signal(signal.SIGCONT)
            self.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.wait(limit_s)
            self.kill()
        return self.wait()


def _before_its_program(terminal: int | None) -> None:
    """In the child: have the system end it with SIGTERM when whoever started it is killed; take its terminal."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if terminal is not None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
