"""The last request of a process that a bug ends: the account-wide cancel-all, past every queue.

The order of the lanes does not count any more, and their keepers may be gone: any warm connection will do, and where
none is left one is opened. The request changes nothing when it is carried out twice, so it is sent again on another
connection while no answer says that it was taken. An order whose request was on its way when this began may
reach the exchange behind the cancel: once such answers are in, the cancel is sent once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from domain.actions import CancelAll
from domain.clock import Clock, utc_ms
from domain.ids import RequestId
from execution.http.http_answer import HttpAnswer
from execution.http.http_client_io import Connection, Origin, Pool, render, seconds
from execution.kalshi.codes import read_error
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiAccount, request_for

LIMIT_MS: Final = 1_000
ANSWER_MS: Final = 300
AGAIN_MS: Final = 25
SIGNED_FOR_MS: Final = 3_000
ACCEPTED: Final = (200, 204)


class _Asked:
    """Who waits for the one answer."""

    def __init__(self) -> None:
        self.future: asyncio.Future[HttpAnswer | str] = asyncio.get_running_loop().create_future()

    def answered(self, answer: HttpAnswer) -> None:
        """The whole answer is here."""
        if not self.future.done():
            self.future.set_result(answer)

    def lost(self, reason: str) -> None:
        """The connection ended first."""
        if not self.future.done():
            self.future.set_result(reason)


class LastCancel:
    """Sends it over any of `pools`, the first of which opens a connection where none is warm."""

    def __init__(
        self, origin: Origin, signer: Signer, account: KalshiAccount, clock: Clock, pools: Sequence[Pool]
    ) -> None:
        self._origin = origin
        self._signer = signer
        self._clock = clock
        self._pools = pools
        self._request = request_for(account, CancelAll(RequestId(0), ""))
        self.problem = "not sent"

    async def send(self, places_under_way: Callable[[], bool]) -> bool:
        """Send until it is accepted, and once more behind orders that were on their way. False: `problem` says why."""
        accepted = False
        try:
            async with asyncio.timeout(seconds(LIMIT_MS)):
                racing = places_under_way()
                await self._until_accepted()
                accepted = True
                if racing:
                    await self._answered(places_under_way)
                    await self._until_accepted()
        except TimeoutError:
            return accepted
        return True

    async def _answered(self, under_way: Callable[[], bool]) -> None:
        for _ in range(LIMIT_MS // AGAIN_MS):
            if not under_way():
                return
            await asyncio.sleep(seconds(AGAIN_MS))

    async def _until_accepted(self) -> None:
        while True:
            connection = await self._connection()
            if connection is not None and await self._asked(connection):
                return
            await asyncio.sleep(seconds(AGAIN_MS))

    async def _connection(self) -> Connection | None:
        for pool in self._pools:
            connection = pool.take()
            if connection is not None:
                return connection
        connection = await self._pools[0].open_one()
        if connection is None:
            self.problem = self._pools[0].problem
        return connection

    async def _asked(self, connection: Connection) -> bool:
        """Ask once; whether the exchange has taken it."""
        request, asked = self._request, _Asked()
        headers = self._signer.headers(request.method, request.path, utc_ms(self._clock.now()), SIGNED_FOR_MS)
        connection.send(render(self._origin, request.method, request.path, request.query, headers, b""), asked)
        try:
            async with asyncio.timeout(seconds(ANSWER_MS)):
                answer = await asked.future
        except TimeoutError:
            connection.give_up()
            self.problem = f"no answer within {ANSWER_MS} ms"
            return False
        if isinstance(answer, str):
            self.problem = answer
            return False
        self.problem = f"HTTP {answer.status} {' '.join(read_error(answer.body))}".rstrip()
        return answer.status in ACCEPTED
