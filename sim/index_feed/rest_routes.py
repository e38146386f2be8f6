"""The REST reads on the host's port: keys, faults, and pauses between bars so that the tape keeps its time."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from domain.clock import Clock, Now
from sim.index_feed.faults import FaultBoard
from sim.index_feed.rest import (
    BadQueryError,
    Bar,
    Reads,
    aggregates_body,
    bars_within,
    error_body,
    read_date,
    read_range,
)
from sim.index_feed.tape import Tape

PAUSE_EVERY_BARS: Final = 50
Answer = Callable[[web.Request, Now, str], Awaitable[web.Response]]


class RestRoutes:
    """The reads of one host."""

    def __init__(
        self, host: int, keys: tuple[str, ...], reads: Reads, tape: Tape, clock: Clock, board: FaultBoard
    ) -> None:
        """Answer for host 1 or 2 to these keys."""
        self._host: Final = host
        self._keys: Final = keys
        self._reads: Final = reads
        self._tape: Final = tape
        self._clock: Final = clock
        self._board: Final = board
        self._asked = 0

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        routes: dict[str, Answer] = {
            "/v3/snapshot/indices": self._snapshot,
            "/v2/aggs/ticker/{ticker}/range/{multiplier}/{span}/{start}/{end}": self._aggregates,
            "/v2/aggs/ticker/{ticker}/prev": self._previous,
            "/v1/open-close/{ticker}/{date}": self._open_close,
            "/v1/marketstatus/now": self._status_now,
            "/v1/marketstatus/upcoming": self._status_upcoming,
        }
        for path, answer in routes.items():
            app.router.add_get(path, self._checked(answer))

    def _checked(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def checked(request: web.Request) -> web.Response:
            now = self._clock.now()
            self._asked += 1
            request_id = f"{self._host:02x}{self._asked:030x}"
            fault = self._board.strike("rest_error", now.mono_ns, self._host)
            if fault is not None:
                return self._error(fault.fault.status or 500, request_id)
            if not self._known(request):
                return self._error(401, request_id)
            try:
                return await answer(request, now, request_id)
            except BadQueryError as error:
                return self._error(400, request_id, str(error))

        return checked

    def _known(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization", "")
        key = header.removeprefix("Bearer ") if header.startswith("Bearer ") else request.query.get("apiKey", "")
        return any(hmac.compare_digest(key.encode(), known.encode()) for known in self._keys)

    @staticmethod
    def _error(status: int, request_id: str, message: str = "") -> web.Response:
        return web.json_response(error_body(status, request_id, message), status=status)

    async def _snapshot(self, request: web.Request, now: Now, request_id: str) -> web.Response:
        return web.json_response(self._reads.snapshot(request.query, now.utc_ns, request_id))

    async def _aggregates(self, request: web.Request, now: Now, request_id: str) -> web.Response:
        query = read_range(request.match_info, request.query)
        room = bars_within(query)
        bars: list[Bar] = []
        more = False
        if query.ticker in self._tape.tickers:
            for bar in self._reads.aggregates(query, now.utc_ns):
                if len(bars) == room:
                    more = True
                    break
                bars.append(bar)
                if len(bars) % PAUSE_EVERY_BARS == 0:
                    await asyncio.sleep(0)
        return web.json_response(aggregates_body(query, bars, request_id, more=more))

    async def _previous(self, request: web.Request, now: Now, request_id: str) -> web.Response:
        return web.json_response(self._reads.previous(request.match_info["ticker"], now.utc_ns, request_id))

    async def _open_close(self, request: web.Request, now: Now, request_id: str) -> web.Response:
        date = read_date(request.match_info["date"])
        body: dict[str, Any] | None = self._reads.open_close(request.match_info["ticker"], date, now.utc_ns)
        if body is None:
            return web.json_response(
                {"status": "NOT_FOUND", "request_id": request_id, "message": "Data not found."}, status=404
            )
        return web.json_response(body)

    async def _status_now(self, _request: web.Request, now: Now, _request_id: str) -> web.Response:
        return web.json_response(self._reads.status_now(now.utc_ns))

    async def _status_upcoming(self, _request: web.Request, now: Now, _request_id: str) -> web.Response:
        return web.json_response(self._reads.status_upcoming(now.utc_ns))
