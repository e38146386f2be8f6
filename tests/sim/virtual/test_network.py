"""TCP in memory: bytes, order, ends, flow control, and what a network does to connections."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from aiohappyeyeballs import start_connection
from aiohttp import ClientSession, WSMsgType, web
from websockets.asyncio.client import connect

from domain.clock import NS_PER_MS, NS_PER_S
from domain.dial_io import Dialler
from sim.virtual.connection import NO_LINGER, WINDOW_BYTES, End
from sim.virtual.loop import Host, VirtualLoop, context_of
from sim.virtual.network import FIRST, SECOND, Network
from sim.virtual.seeded import seeded
from sim.virtual.timeline import Timeline

PORT = 8000
World = Callable[[VirtualLoop, Network], Awaitable[Any]]


def live(work: World, seed: int = 1) -> Any:  # noqa: ANN401 - what it returns
    loop = VirtualLoop(Timeline(1_790_000_000 * NS_PER_S), Random(seed))
    network = Network(loop, Random(seed))

    async def world() -> Any:  # noqa: ANN401 - what it returns
        return await work(loop, network)

    with seeded(loop, str(seed)):
        try:
            found = loop.run_until_complete(world())
            assert loop.errors == []
            return found
        finally:
            loop.close()


class Told(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.data = b""
        self.end: End
        self.keep_open = False
        self.lost: BaseException | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, End)
        self.end = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.told.append("data")

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self.told.append("lost")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


async def pair(loop: VirtualLoop) -> tuple[Told, Told]:
    server, client = Told(), Told()
    await loop.create_server(lambda: server, "127.0.0.1", PORT)
    await loop.create_connection(lambda: client, "127.0.0.1", PORT)
    await loop.passing(0.01)
    return client, server


def test_bytes_arrive_in_order_after_the_latency() -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        client, server = await pair(loop)
        network.path(PORT).latency_ns = 50 * NS_PER_MS
        for n in range(100):
            client.end.write(b"%03d" % n)
        await loop.passing(0.049)
        assert server.data == b""
        await loop.passing(0.002)
        assert server.data == b"".join(b"%03d" % n for n in range(100))

    live(world)


def test_a_close_flushes_and_both_sides_hear_of_it_once() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        client.end.write(b"last words")
        client.end.close()
        client.end.close()
        client.end.write(b"too late")
        await loop.passing(1)
        assert client.told == ["made", "lost"]
        assert server.told == ["made", "data", "eof", "lost"]
        assert (server.data, server.lost, client.lost) == (b"last words", None, None)

    live(world)


def test_after_an_eof_the_other_way_stays_open_if_wanted() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        server.keep_open = True
        client.end.write_eof()
        await loop.passing(0.1)
        server.end.write(b"still here")
        await loop.passing(0.1)
        assert client.data == b"still here"
        server.end.close()
        await loop.passing(0.1)
        assert client.told[-2:] == ["eof", "lost"]

    live(world)


def test_a_reader_that_pauses_fills_the_window_and_then_the_writer() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        server.end.pause_reading()
        client.end.write(b"x" * WINDOW_BYTES)
        assert client.end.get_write_buffer_size() == 0
        client.end.write(b"y" * 100_000)
        assert client.end.get_write_buffer_size() == 100_000
        await loop.passing(1)
        assert (server.data, client.told) == (b"", ["made", "pause"])
        server.end.resume_reading()
        await loop.passing(1)
        assert len(server.data) == WINDOW_BYTES + 100_000
        assert client.told == ["made", "pause", "resume"]

    live(world)


def test_a_slow_path_holds_up_the_writer_too() -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        client, server = await pair(loop)
        path = network.path(PORT)
        path.bytes_per_s, path.window_bytes = 10_000, 4_096
        for _ in range(100):
            client.end.write(b"z" * 1_000)
        assert "pause" in client.told
        await loop.passing(8)
        assert 75_000 < len(server.data) < 85_000
        await loop.passing(4)
        assert len(server.data) == 100_000
        assert client.told[-1] == "resume"

    live(world)


def test_fragments_are_the_same_bytes() -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        client, server = await pair(loop)
        network.path(PORT).fragments = True
        data = bytes(range(256)) * 20
        for place in range(0, len(data), 64):
            client.end.write(data[place : place + 64])
        await loop.passing(5)
        assert server.data == data
        assert server.told.count("data") > 150

    live(world)


def test_a_reset_loses_what_is_under_way_and_both_are_told_why() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        client.end.write(b"never")
        client.end.reset()
        await loop.passing(1)
        assert server.data == b""
        assert isinstance(client.lost, ConnectionResetError)
        assert isinstance(server.lost, ConnectionResetError)
        assert client.end.is_closing()

    live(world)


def test_bytes_to_a_closed_end_are_answered_with_a_reset() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        client.keep_open = True
        server.end.abort()
        await loop.passing(0.1)
        assert client.told == ["made", "eof"]
        client.end.write(b"anybody?")
        await loop.passing(0.1)
        assert isinstance(client.lost, ConnectionResetError)

    live(world)


def test_an_abort_without_lingering_is_a_reset() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        server.end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        server.end.abort()
        await loop.passing(0.1)
        assert isinstance(client.lost, ConnectionResetError)
        assert server.told == ["made", "lost"]

    live(world)


def test_half_open_means_that_nobody_hears_of_anything() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        client, server = await pair(loop)
        client.end.fall_silent()
        client.end.write(b"hello?")
        server.end.write(b"hello?")
        server.end.close()
        await loop.passing(1_000)
        assert client.told == ["made"]
        assert server.told == ["made", "lost"]

    live(world)


@pytest.mark.parametrize("how", ["nobody listens", "refused"])
def test_a_refused_connect(how: str) -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        if how == "refused":
            await loop.create_server(Told, "127.0.0.1", PORT)
            network.path(PORT).refuses = True
        with pytest.raises(ConnectionRefusedError) as refused:
            await loop.create_connection(Told, "127.0.0.1", PORT)
        assert refused.value.errno == errno.ECONNREFUSED

    live(world)


def test_an_unanswered_connect_is_the_callers_to_give_up() -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        network.path(PORT).unanswered = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await loop.create_connection(Told, "127.0.0.1", PORT)

    live(world)


def test_a_port_is_taken_once() -> None:
    async def world(loop: VirtualLoop, _: Network) -> None:
        first = await loop.create_server(Told, "127.0.0.1", PORT)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Told, "127.0.0.1", PORT)
        first.close()
        await loop.create_server(Told, "127.0.0.1", PORT)

    live(world)


def test_what_a_killed_process_had_open_is_closed_by_the_kernel() -> None:
    async def world(loop: VirtualLoop, network: Network) -> None:
        host, server, client = Host("server"), Told(), Told()

        async def serve() -> None:
            await loop.create_server(lambda: server, "127.0.0.1", PORT)

        await loop.create_task(serve(), context=context_of(host))
        await loop.create_connection(lambda: client, "127.0.0.1", PORT)
        await loop.passing(0.01)
        loop.bury(host)
        network.died(host)
        await loop.passing(1)
        assert server.told == ["made"]
        assert client.told == ["made", "eof", "lost"]
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Told, "127.0.0.1", PORT)

    live(world)


# --- the libraries on top -------------------------------------------------------------------------------------------


async def shout(request: web.Request) -> web.StreamResponse:
    socket_ = web.WebSocketResponse()
    await socket_.prepare(request)
    async for message in socket_:
        if message.type is WSMsgType.TEXT:
            await socket_.send_str(message.data.upper())
    return socket_


async def greet(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {await request.text()}")


def talk(seed: int, *, fragments: bool = False) -> tuple[list[str], str]:
    """Real HTTP and websocket bytes, and the hash over all of them and their instants."""
    digest = hashlib.sha256()

    async def world(loop: VirtualLoop, network: Network) -> list[str]:
        network.tap = lambda end, data: digest.update(b"%d %d %b" % (loop.timeline.now_ns, end.serial, data))
        network.path(PORT).fragments = fragments
        app = web.Application()
        app.router.add_post("/greet", greet)
        app.router.add_get("/shout", shout)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", PORT).start()
        found = []
        async with ClientSession() as session:
            for name in ("a", "b"):
                async with session.post(f"http://127.0.0.1:{PORT}/greet", data=name) as answer:
                    found.append(await answer.text())
                    found.append(answer.headers["Date"])
        async with connect(f"ws://127.0.0.1:{PORT}/shout", proxy=None, compression=None) as stream:
            for word in ("x", "y"):
                await stream.send(word)
                found.append(str(await stream.recv()))
                await loop.passing(100)
        await runner.cleanup()
        assert network.ends == {}
        return found

    return live(world, seed), digest.hexdigest()


def test_aiohttp_and_websockets_speak_over_it_and_the_bytes_are_the_seeds() -> None:
    words, first = talk(1)
    date = "Mon, 21 Sep 2026 14:13:20 GMT"
    assert words == ["hello a", date, "hello b", date, "X", "Y"]
    assert talk(1) == (words, first)
    assert talk(2)[1] != first
    assert talk(1, fragments=True)[0] == words


def test_a_name_whose_first_address_is_dead_is_reached_by_the_race_and_never_in_turn() -> None:
    async def work(loop: VirtualLoop, network: Network) -> float:
        await loop.create_server(Told, "127.0.0.1", PORT)
        network.first_dead.add(PORT)
        infos = await loop.getaddrinfo("localhost", PORT)
        assert [info[4] for info in infos] == [(FIRST, PORT), (SECOND, PORT)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await start_connection(infos)
        begun_s = loop.time()
        found = await Dialler("localhost", PORT).connect()
        assert found.address == (SECOND, PORT)
        found.sock.close()
        return loop.time() - begun_s

    assert live(work) < 1
