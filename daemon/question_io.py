"""One request's answer as something to await, for the programs that ask one thing at a time."""

from __future__ import annotations

import asyncio

from execution.http_answer import HttpAnswer


class Question:
    """One request's answer, as a future; None when it never came whole."""

    def __init__(self) -> None:
        self.future: asyncio.Future[HttpAnswer | None] = asyncio.get_running_loop().create_future()
        self.reason = ""

    def answered(self, answer: HttpAnswer) -> None:
        """The whole answer is here."""
        if not self.future.done():
            self.future.set_result(answer)

    def lost(self, reason: str) -> None:
        """The connection ended before the answer was whole."""
        self.reason = reason
        if not self.future.done():
            self.future.set_result(None)
