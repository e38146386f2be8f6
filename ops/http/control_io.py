"""`POST /control/{cancel-all,kill,pause}`: an order is read, handed to whoever obeys it, and answered by his word.

202 is said only of what a restart will know of; anything else is 503 and says what to type instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from domain.errors import UnavailableError
from ops.http.http_guard_io import ControlOrder, HttpLimits, read_order, refuse

COMMANDS = ("cancel-all", "kill", "pause")

# Name, by, cause. Gives why it was refused, or nothing, which stands behind the disk's own word.
Command = Callable[[str, str, str], Awaitable[str]]


class Control:
    """The three commands of one server."""

    def __init__(self, command: Command, limits: HttpLimits) -> None:
        self._command, self._limits = command, limits

    def join(self, app: web.Application) -> None:
        """Add the commands to a server's pages."""
        for command in COMMANDS:
            app.router.add_post(f"/control/{command}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        order = await read_order(request, self._limits)
        if not isinstance(order, ControlOrder):
            return order
        command = request.path.rpartition("/")[2]
        try:
            refused = await self._command(command, order.by, order.cause)
        except UnavailableError as error:
            return refuse(503, f"{command} is not proven: {error}; use `ladderd {command}` instead")
        if refused:
            return refuse(503, f"{command}: {refused}; use `ladderd {command}` instead")
        told = {"accepted": True, "command": command, "by": order.by, "cause": order.cause}
        return web.Response(status=202, body=msgspec.json.encode(told), content_type="application/json")
