"""Stands in for a dead daemon at its own port, so that a POST which halts is taken there too.

Only while no daemon lives in the state directory, and only with a control token. As soon as one lives the port is given
back; a daemon that starts waits for that (`ops.http.listen_io`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.client.living_io import DaemonPage
from domain.clock import Clock
from domain.errors import UnavailableError
from ops.http.control_io import Command
from ops.http.status_server_io import StatusServer


class StandIn:
    """Listens, or not."""

    def __init__(
        self,
        document: Callable[[], dict[str, Any]],
        clock: Clock,
        token: str | None,
        command: Command,
        say: Callable[[str], None],
    ) -> None:
        self._document, self._clock, self._token, self._command, self._say = document, clock, token, command, say
        self._server: StatusServer | None = None

    async def look(self, living: int, page: DaemonPage | None) -> None:
        """Begin or end, by whether a daemon lives and where the last one listened."""
        if living or page is None or not self._token:
            await self.close()
        elif self._server is None:
            server = StatusServer(self._document, self._clock, page.port, "http.port", self._token, self._command)
            try:
                await server.start()
            except UnavailableError:
                await server.stop()  # somebody else has it
            else:
                self._server = server
                self._say(f"no daemon lives: POST /control/... is taken at its port {page.port}")

    async def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop()
