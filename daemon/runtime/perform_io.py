"""Carries out what the engine decided: to the exchange, the feeds, the alerts, and the files. Nothing here blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from daemon.client.watched_files_io import WatchedFiles
from daemon.runtime.snapshots_io import Snapshots
from domain.actions import (
    Answer,
    AnyAction,
    Ask,
    AskWatcher,
    CancelAll,
    CancelOrders,
    CreateGroup,
    DeleteGroup,
    FeedControl,
    MarkCancelAll,
    Place,
    Report,
    SubscribeBooks,
    TriggerGroup,
)
from domain.alert_types.catalogue import ALERTS, Alert
from domain.errors import UnavailableError
from execution.kalshi.venue_io import KalshiVenue
from feeds.kalshi_stream import KalshiStream
from feeds.socket_io import ReconnectingSocket
from ops.alerts.delivery_io import AlertFan
from ops.alerts.raised import of_alert

ANSWER_WAIT_S = 5.0
ENGINE_WAIT_S = 1.0
NOT_DURABLE = "it may have been obeyed, but the disk did not take it: nothing proves that a restart will know of it"
log = structlog.get_logger("ladderd")


class Performer:
    """One table of actions; what takes time runs beside the loop and is held on to until it is done."""

    def __init__(
        self,
        venue: KalshiVenue,
        stream: KalshiStream,
        stream_socket: ReconnectingSocket,
        feeds: dict[str, ReconnectingSocket],
        alerts: AlertFan,
        snapshots: Snapshots,
        watched_files: WatchedFiles,
        correlation: Callable[[], str],
    ) -> None:
        self.venue = venue
        self.stream = stream
        self.stream_socket = stream_socket
        self.feeds = feeds
        self.alerts = alerts
        self.snapshots = snapshots
        self.files = snapshots.files
        self.watched_files = watched_files
        self.correlation = correlation
        self.background: set[asyncio.Task[Any]] = set()
        self.asked: dict[str, asyncio.Future[str]] = {}
        self.table: dict[type, Callable[[Any], None]] = {
            CancelOrders: venue.perform,
            TriggerGroup: venue.perform,
            CancelAll: self._cancel_all,
            Place: venue.perform,
            CreateGroup: venue.perform,
            DeleteGroup: venue.perform,
            Ask: venue.perform,
            SubscribeBooks: self._subscribe,
            FeedControl: self._feed_control,
            MarkCancelAll: self._mark,
            AskWatcher: self._ask_watcher,
            Report: self._report,
            Answer: self._answer,
        }
        self.table.update(dict.fromkeys(ALERTS, self._alert))

    def perform(self, action: AnyAction) -> None:
        """Carry out one action."""
        self.table[type(action)](action)

    def _cancel_all(self, action: CancelAll) -> None:
        self.venue.perform(action)
        self.venue.purge_places()

    def _subscribe(self, action: SubscribeBooks) -> None:
        self.stream_socket.perform(self.stream.want(action.tickers, self.files.clock.now(), action.anew))

    def _feed_control(self, action: FeedControl) -> None:
        socket = self.feeds.get(action.feed)
        if socket is None:
            return
        if action.open:
            socket.open()
        else:
            self.spawn(socket.close())

    def _alert(self, action: Alert) -> None:
        self.alerts.send(of_alert(action), self.correlation())

    def _mark(self, action: MarkCancelAll) -> None:
        self.spawn(self.files.mark_cancel_all(action))

    def _ask_watcher(self, action: AskWatcher) -> None:
        self.spawn(self.files.ask_watcher(action))

    def _report(self, action: Report) -> None:
        self.spawn(self.files.report(action))

    def _answer(self, action: Answer) -> None:
        self.spawn(self._acknowledge(action))

    async def _acknowledge(self, action: Answer) -> None:
        """What an operator asked is on disk before he reads that it is done; where it is not, he reads that."""
        text = action.text
        if not await self.files.journal.drain(ANSWER_WAIT_S):
            text = text or NOT_DURABLE
        waiting = self.asked.get(action.ident)
        if waiting is not None:
            if not waiting.done():
                waiting.set_result(text)
            return
        try:
            await self.snapshots.snapshot()
            await self.watched_files.answered(action.ident, text, action.note)
        except OSError as problem:
            self.files.cannot_write(problem)

    async def acknowledged(self, ident: str) -> str:
        """Wait until the engine's answer to a request of this name is on disk: nothing for consent, else why not.

        Ask before the request is handed over. Raises UnavailableError when no answer comes.
        """
        self.asked[ident] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_WAIT_S + ENGINE_WAIT_S):
                return await self.asked[ident]
        except TimeoutError:
            raise UnavailableError(NOT_DURABLE) from None
        finally:
            del self.asked[ident]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something small beside the loop, and hold on to it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", problem=str(task.exception()))
