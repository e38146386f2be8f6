"""What the watcher shows of itself: its last look, as `GET /ops/status` on a port of its own.

With a control token it takes `POST /control/...` too (watch_control_io). The page never stands between the watcher and
its duty: a port that is taken is said, and the watching goes on.
"""

from __future__ import annotations

from typing import Any

from daemon.rescue.watch import Sight
from domain.clock import Clock, Now
from domain.errors import UnavailableError
from journal.marker_io import KillFile
from ops.http.control_io import Command
from ops.http.status_server_io import StatusServer
from ops.watcher_status import LastLook, WatcherIdentity, watcher_status

MS_PER_S = 1_000


class WatchPage:
    """Keeps the last look and serves it."""

    def __init__(
        self,
        who: WatcherIdentity,
        limit_ms: int,
        port: int,
        clock: Clock,
        token: str | None = None,
        command: Command | None = None,
    ) -> None:
        self._who, self._limit_s, self._clock = who, limit_ms / MS_PER_S, clock
        self._look: LastLook | None = None
        self._server = StatusServer(self.document, clock, port, "--http-port", token, command)

    async def open(self) -> str:
        """Begin to serve; the line to say, also when that cannot be done."""
        try:
            await self._server.start()
        except UnavailableError as problem:
            await self._server.stop()
            return f"{problem}; watching without a page"
        return f"status at {self._server.address}"

    def looked(self, now: Now, progress_mono_ns: int | None, sight: Sight, kill: KillFile) -> None:
        """Take down what a look showed."""
        self._look = LastLook(now, progress_mono_ns, sight.ended, kill.active, kill.reason)

    def document(self) -> dict[str, Any]:
        """The page as it is now."""
        return watcher_status(self._who, self._look, self._limit_s, self._clock.now())

    async def close(self) -> None:
        """End the page."""
        await self._server.stop()
