"""From an index frame's bytes to the cancel it causes being handed to the kernel, in one process that does only that.

Every part is the daemon's own: the feed session, the engine quoting both series over 120 rungs each, the exchange's
lanes, their signatures and warm connections to a server on loopback. What this leaves out is waiting: for the network,
for a turn of the loop, and for caches that other work has emptied in between. Beside it stand the same figures of the
running daemon (`running.frame_to_cancel`), where a step after 50 ms of rest costs four times as much as here.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import cast

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.stand import BASE, Stand
from daemon.system_clock import SystemClock
from domain.actions import CancelOrders
from domain.clock import NS_PER_MS
from domain.events import AnyEvent, Tick, Wake
from domain.hosts import Posture
from domain.market import SERIES
from execution.kalshi.sign import Signer
from execution.kalshi.venue_io import KalshiVenue
from feeds.massive import MassiveSession
from guards.cadence import percentile

ROUNDS = 1_500
MOVE = 1_000_000
STEP_NS = 275 * NS_PER_MS
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"orders":[]}'
GREETING = (
    b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]',
    b'[{"ev":"status","status":"auth_success","message":"authenticated"}]',
    b'[{"ev":"status","status":"success","message":"subscribed to: V.I:SPX"}]',
    b'[{"ev":"status","status":"success","message":"subscribed to: V.I:NDX"}]',
)


def measure(*, rsa: bool = False) -> dict[str, float]:
    """p50 and p99 in microseconds, over the frames that caused a cancel."""
    gc.collect()
    gc.freeze()
    gc.disable()  # as the daemon does while a window is open
    try:
        took = sorted(uvloop.run(_measure(_pem(rsa=rsa))))
    finally:
        gc.enable()
    count = len(took)
    return {"p50_us": took[count // 2] / 1000, "p99_us": percentile(took, 99) / 1000, "cancels": float(count)}


async def _measure(pem: bytes) -> list[int]:
    server = await asyncio.get_running_loop().create_server(_Exchange, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told: list[AnyEvent] = []
    venue = KalshiVenue(
        f"http://127.0.0.1:{port}/trade-api/v2", Signer("key", pem), SystemClock(), told.append, posture=Posture.PAPER
    )
    running = asyncio.create_task(venue.run())
    while not venue.cancels.pool.idle:  # noqa: ASYNC110 - connections, which tell nobody
        await asyncio.sleep(0.01)
    stand = Stand()
    session = _session(stand)
    took = []
    for number in range(ROUNDS):
        series = ("INXU", "NASDAQ100U")[number % 2]
        for _ in range(4):
            _rest(stand)
        frame = _frame(stand, series, MOVE if number % 4 < len(BASE) else -MOVE)
        begun = time.perf_counter_ns()
        now = stand.now()
        for event in session.received(frame, now).events:
            actions = stand.engine.step(event, now)
            cancels = [action for action in actions if isinstance(action, CancelOrders)]
            for action in cancels:
                venue.perform(action)
            ended = time.perf_counter_ns()
            if cancels:
                took.append(ended - begun)
            for done in actions:
                for reply in stand.answer(done):
                    stand.settle(reply)
        await asyncio.sleep(0)
        told.clear()
    running.cancel()
    server.close()
    return took


def _rest(stand: Stand) -> None:
    """Some time passes: both feeds repeat where the index stands, and the clocks are looked at."""
    stand.wait(STEP_NS)
    for series, desk in stand.engine.state.desks.items():
        last = desk.sentry.last
        at = last.value - BASE[series] if isinstance(last, Tick) else 0
        for feed in ("massive", "polygon"):
            stand.settle(stand.tick(series, at, feed))
    stand.settle(Wake())


def _session(stand: Stand) -> MassiveSession:
    session = MassiveSession("massive", "key", tuple(SERIES[name].symbol for name in BASE))
    session.connected(stand.now())
    for frame in GREETING:
        session.received(frame, stand.now())
    return session


def _frame(stand: Stand, series: str, move: int) -> bytes:
    points, rest = divmod(BASE[series] + move, 1_000_000)
    stamp_ms = stand.utc_ns // NS_PER_MS - 1
    return b'[{"ev":"V","val":%d.%06d,"T":"%b","t":%d}]' % (points, rest, SERIES[series].symbol.encode(), stamp_ms)


def _pem(*, rsa: bool) -> bytes:
    key = generate_private_key(65537, 2048) if rsa else Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class _Exchange(asyncio.Protocol):
    """Answers every request at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        """One answer for each request."""
        self.transport.write(ANSWER * data.count(b" HTTP/1.1\r\n"))
