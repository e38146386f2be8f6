"""One connection to the exchange for the programs that ask one thing at a time and want each answer in their hands."""

from __future__ import annotations

import asyncio

from domain.clock import Clock, utc_ms
from execution.http_answer import HttpAnswer
from execution.http_client_io import Connection, Pool, parse_origin, render, seconds
from execution.kalshi_sign import Signer
from execution.kalshi_wire import Answer, Request


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


class Asking:
    """Asks one thing at a time over one connection, which is opened again when it was lost.

    `heard` is whether the exchange ever answered; `problem` why the last question was not answered.
    """

    def __init__(self, base_url: str, signer: Signer, clock: Clock) -> None:
        """Prepare; nothing is connected yet. Raises ConfigurationError for an address that is none."""
        self._origin = parse_origin(base_url)
        self._pool = Pool(self._origin, 1, lambda: None)
        self.signer = signer
        self._clock = clock
        self._connection: Connection | None = None
        self.prefix = self._origin.prefix
        self.problem = ""
        self.heard = False

    async def ask(self, request: Request, limit_ms: int) -> Answer | None:
        """Ask once; None, with `problem` set, when no whole answer came in time."""
        if self._connection is None or not self._connection.usable:
            self._connection = await self._pool.open_one()
        connection = self._connection
        if connection is None:
            self.problem = self._pool.problem
            return None
        sent = self._clock.now()
        headers = self.signer.headers(request.method, request.path, utc_ms(sent))
        question = Question()
        connection.send(
            render(self._origin, request.method, request.path, request.query, headers, request.body), question
        )
        try:
            async with asyncio.timeout(seconds(limit_ms)):
                answer = await question.future
        except TimeoutError:
            connection.give_up()
            self.problem = f"{request.method} {request.path}: no answer within {limit_ms} ms"
            return None
        if answer is None:
            self.problem = f"{request.method} {request.path}: {question.reason}"
            return None
        self.problem, self.heard = "", True
        return Answer(answer.status, answer.body, sent, self._clock.now(), answer.date_s)

    def close(self) -> None:
        """Leave."""
        if self._connection is not None:
            self._connection.abort()
