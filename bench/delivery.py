"""Feed delivery beside a bare websockets+orjson loop: CPU per one-event frame, both against the same server."""

from __future__ import annotations

import asyncio
import random
import statistics
import time

import orjson
import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from daemon.system_clock import SystemClock
from domain.clock import NS_PER_MS
from domain.events import AnyEvent, Tick
from feeds.massive import MassiveSession
from feeds.socket_io import ReconnectingSocket

FRAMES = 8_000
ROUNDS = 5
HELLO = [
    b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]',
    b'[{"ev":"status","status":"auth_success","message":"authenticated"}]',
    b'[{"ev":"status","status":"success","message":"subscribed to: V.I:SPX"}]',
]


def frames(start_ms: int) -> list[bytes]:
    """One value a frame, each a millisecond later than the one before."""
    return [
        b'[{"ev":"V","val":%d.%02d,"T":"I:SPX","t":%d}]' % (6650 + i % 7, i % 100, start_ms + i) for i in range(FRAMES)
    ]


async def _serve(websocket: ServerConnection) -> None:
    await websocket.send(HELLO[0], text=True)
    await websocket.recv()
    await websocket.send(HELLO[1], text=True)
    await websocket.recv()
    await websocket.send(HELLO[2], text=True)
    now_ms = SystemClock().now().utc_ns // NS_PER_MS
    for frame in frames(now_ms - FRAMES):
        await websocket.send(frame, text=True)
    await websocket.wait_closed()


async def _bare(url: str) -> float:
    async with connect(url, compression=None, proxy=None) as websocket:
        await websocket.recv()
        await websocket.send('{"action":"auth","params":"k"}')
        await websocket.recv()
        await websocket.send('{"action":"subscribe","params":"V.I:SPX"}')
        await websocket.recv()
        last: dict[str, tuple[float, int]] = {}
        begun = time.process_time_ns()
        for _ in range(FRAMES):
            for item in orjson.loads(await websocket.recv(decode=False)):
                last[item["T"]] = (item["val"], item["t"])
        return (time.process_time_ns() - begun) / FRAMES / 1000


async def _ours(url: str) -> float:
    seen, begun = 0, 0
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def emit(event: AnyEvent) -> None:
        nonlocal seen, begun
        if isinstance(event, Tick):
            if not seen:
                begun = time.process_time_ns()
            seen += 1
            if seen == FRAMES and not done.done():
                done.set_result((time.process_time_ns() - begun) / FRAMES / 1000)

    session = MassiveSession("bench", "k", ("I:SPX",))
    socket = ReconnectingSocket(url, session, emit, SystemClock(), random.Random(1))
    task = asyncio.create_task(socket.run())
    socket.open()
    try:
        return await asyncio.wait_for(done, 60)
    finally:
        task.cancel()


async def _measure() -> dict[str, float]:
    bare, ours = [], []
    async with serve(_serve, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}/indices"
        for _ in range(ROUNDS):
            bare.append(await _bare(url))
            ours.append(await _ours(url))
    return {
        "bare_us": statistics.median(bare),
        "ours_us": statistics.median(ours),
        "ratio": statistics.median(o / b for o, b in zip(ours, bare, strict=True)),
    }


def measure() -> dict[str, float]:
    """CPU microseconds per message of server and client together, and the median of the paired ratios."""
    return uvloop.run(_measure())


if __name__ == "__main__":
    print(measure())
