"""The live terminal view: asks the daemon for its picture four times a second and shows it until q or Ctrl-C.

On a terminal it redraws one screen; elsewhere it prints a line when something changed and otherwise every few seconds,
so that a log of it stays short. Settled windows are told once each, in both. The daemon may come and go: the view says
so and keeps asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from domain.clock import NS_PER_S, Clock
from domain.errors import UnavailableError
from ops.client_io import HTTP_OK, fetch
from ops.terminal import Frame, finished, gist, plain, screen, waiting

INTERVAL_S = 0.25
PLAIN_EVERY_S = 5.0
FETCH_TIMEOUT_S = 2.0
KEYS_READ_MAX = 64


class TerminalView:
    """One view of one daemon. `stop` ends `run` at the next look."""

    def __init__(
        self,
        address: str,
        *,
        clock: Clock,
        console: Console | None = None,
        title: str = "ladderd",
        reports: str | None = None,
        interval_s: float = INTERVAL_S,
        plain_every_s: float = PLAIN_EVERY_S,
    ) -> None:
        self._address, self._clock, self._title = address, clock, title
        self._reports = f"{address}/reports/" if reports is None else reports
        self.console = console or Console()
        self._interval_s, self._plain_every_ns = interval_s, round(plain_every_s * NS_PER_S)
        self._frame: Frame | None = None
        self._drawn_ns = 0
        self._started_ns = clock.now().mono_ns
        self._why = ""
        self._told: set[tuple[str, str, int]] = set()
        self._printed: tuple[object, ...] = ()
        self._printed_ns = -self._plain_every_ns
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End the view."""
        self._stopped.set()

    async def run(self) -> None:
        """Show until stopped or cancelled."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            while not self._stopped.is_set():
                await self._look()
                self._print_lines()
                await self._rest()
            await self._tell_the_last()
            return
        drawing = Live(console=self.console, auto_refresh=False, screen=False, vertical_overflow="crop")
        with self._keys(), drawing as live:
            while not self._stopped.is_set():
                await self._look()
                self._tell_finished()
                live.update(self._drawing(), refresh=True)
                await self._rest()
        await self._tell_the_last()

    @contextlib.contextmanager
    def _keys(self) -> Iterator[None]:
        """While this lasts q ends the view; Ctrl-C stays what it is. Without a keyboard there is nothing to read."""
        try:
            keyboard = sys.stdin.fileno()
            before: list[Any] = termios.tcgetattr(keyboard)
        except (OSError, ValueError, termios.error):
            yield
            return
        tty.setcbreak(keyboard)
        loop = asyncio.get_running_loop()
        loop.add_reader(keyboard, self._typed, keyboard)
        try:
            yield
        finally:
            loop.remove_reader(keyboard)
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    def _typed(self, keyboard: int) -> None:
        keys = os.read(keyboard, KEYS_READ_MAX)
        if b"q" in keys.lower():
            self.stop()
        if not keys:
            asyncio.get_running_loop().remove_reader(keyboard)

    async def _tell_the_last(self) -> None:
        """A window that was settled since the last look is still told."""
        await self._look()
        self._tell_finished()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._interval_s):
                await self._stopped.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        try:
            answer = await asyncio.to_thread(fetch, self._address, "/picture", timeout_s=FETCH_TIMEOUT_S)
        except UnavailableError as error:
            self._why = str(error)
            return
        if answer.status == HTTP_OK and isinstance(answer.document, dict) and "picture" in answer.document:
            self._frame, self._drawn_ns, self._why = answer.document, self._clock.now().mono_ns, ""
        else:
            self._why = f"the daemon answered HTTP {answer.status}"

    def _more_s(self) -> float:
        since_ns = self._drawn_ns if self._frame is not None else self._started_ns
        return (self._clock.now().mono_ns - since_ns) / NS_PER_S

    def _drawing(self) -> RenderableType:
        if self._frame is None:
            return waiting(self._address, self._more_s(), self._why)
        width, height = self.console.size
        return screen(self._frame, self._more_s(), self._title, self._address, width, height - 1)

    def _tell_finished(self) -> None:
        if self._frame is None:
            return
        for key, line in finished(self._frame, self._reports).items():
            if key not in self._told:
                self._told.add(key)
                self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _print_lines(self) -> None:
        self._tell_finished()
        now_ns = self._clock.now().mono_ns
        seen: tuple[object, ...] = (self._why,) if self._frame is None or self._why else gist(self._frame)
        if seen == self._printed and now_ns - self._printed_ns < self._plain_every_ns:
            return
        self._printed, self._printed_ns = seen, now_ns
        if self._why or self._frame is None:
            text = f"no picture for {self._more_s():.0f} s: {self._why}"
        else:
            text = plain(self._frame, self._more_s())
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
