"""Listens to the exchange's private stream for a command, and remembers when our orders were said to end."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from daemon.client.exchange_reads_io import Look
from domain.clock import Now
from domain.events import AnyEvent, OrderUpdated, StreamStatus
from domain.ids import OrderId
from domain.market import SERIES
from execution.kalshi.upgrade import upgrade_headers
from feeds.kalshi_stream import KalshiStream
from feeds.socket_io import ReconnectingSocket

STREAM_LIMIT_S: Final = 6.0
LOOK_S: Final = 0.05


class PrivateStreamListener:
    """Listens to the private stream and remembers what it said, with our own stamps."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._heard: list[tuple[AnyEvent, Now]] = []
        self._task: asyncio.Task[None] | None = None
        self._socket: ReconnectingSocket | None = None

    async def open(self) -> bool:
        """Connect and wait until the private channels are acknowledged; whether they were."""
        settings, clock = self._look.settings, self._look.clock
        self._socket = ReconnectingSocket(
            settings.exchange.ws_url,
            KalshiStream(SERIES[name].exchange_series for name in settings.windows.series),
            lambda event: self._heard.append((event, clock.now())),
            clock,
            random.Random(),  # noqa: S311 - spreads reconnects, keeps no secret
            headers=upgrade_headers(settings.exchange.ws_url, self._look.signer(), settings.posture),
        )
        self._task = asyncio.create_task(self._socket.run())
        self._socket.open()
        for _ in range(int(STREAM_LIMIT_S / LOOK_S)):
            if any(isinstance(event, StreamStatus) and event.up for event, _ in self._heard):
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def ended(self, order_id: OrderId) -> tuple[str, Now] | None:
        """The reason and arrival of the news that an order ended; None when there was none."""
        for event, now in self._heard:
            if isinstance(event, OrderUpdated) and event.order.order_id == order_id and event.order.status != "resting":
                return event.order.last_update_reason, now
        return None

    async def close(self) -> None:
        """Leave."""
        if self._socket is not None and self._task is not None:
            await self._socket.close()
            self._task.cancel()
            await asyncio.wait((self._task,))
