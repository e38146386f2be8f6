"""The reconnecting loop against real loopback servers: every ending is survived, every close confirmed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from daemon.system_clock import SystemClock
from domain.backoff import Backoff
from domain.clock import Now
from domain.events import AnyEvent, FeedState, FeedStatus
from feeds.session import CLOSED_AS_TOLD, QUIET, HangUp, SessionStep
from feeds.socket_io import ReconnectingSocket, SocketLimits
from tests.domain.swallowing import GOOD, SWALLOWING, resolves_to, swallowing

WITHIN_S = 10
QUICK = SocketLimits(
    open_timeout_ms=2_000, close_timeout_ms=50, ping_after_ms=20, dead_after_ms=80, backoff=Backoff(1, 2)
)
Handler = Callable[[ServerConnection], Awaitable[None]]


class Recorder:
    """A session that notes what it is told, and answers as the test wants."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.greeting: tuple[str | HangUp, ...] = ("hello",)
        self.answers: dict[str, SessionStep] = {}
        self.final = False
        self.worked = False
        self.due_ns: int | None = None
        self.news = asyncio.Event()

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.news.set()

    def connected(self, now: Now) -> SessionStep:
        del now
        self._note("connected")
        return SessionStep((FeedStatus("x", FeedState.CONNECTING, "connected"),), self.greeting)

    def received(self, data: str | bytes, now: Now) -> SessionStep:
        del now
        text = data if isinstance(data, str) else data.decode()
        self._note(f"received {text}")
        return self.answers.get(text, QUIET)

    def tick(self, now: Now) -> SessionStep:
        if self.due_ns is not None and now.mono_ns >= self.due_ns:
            self.due_ns = None
            self._note("tick")
            return SessionStep((), ("ticked",))
        return QUIET

    def closed(self, reason: str, now: Now) -> SessionStep:
        del now
        self._note(f"closed {reason}")
        return SessionStep((FeedStatus("x", FeedState.DOWN, reason),))

    def next_deadline(self, now: Now) -> int | None:
        del now
        return self.due_ns

    def retry_at(self, now: Now) -> int | None:
        return None if self.final else now.mono_ns

    def proven(self, now: Now) -> bool:
        del now
        return self.worked

    async def until(self, what: str, times: int = 1) -> None:
        async with asyncio.timeout(WITHIN_S):
            while sum(note.startswith(what) for note in self.told) < times:
                self.news.clear()
                await self.news.wait()


class Rig:
    """A socket carried by a task, and what it emitted."""

    def __init__(self, url: str, session: Recorder, limits: SocketLimits = QUICK, crowded_at: int = 1_000_000) -> None:
        self.events: list[AnyEvent] = []
        self.headers: list[Now] = []
        self.socket = ReconnectingSocket(
            url,
            session,
            self.events.append,
            SystemClock(),
            random.Random(1),
            headers=self._make_headers,
            limits=limits,
            crowded=lambda: len(self.events) >= crowded_at,
        )

    def _make_headers(self, now: Now) -> dict[str, str]:
        self.headers.append(now)
        return {"X-Attempt": str(len(self.headers))}


@asynccontextmanager
async def serving(handler: Handler, **settings: object) -> AsyncIterator[tuple[str, Server]]:
    async with serve(handler, "127.0.0.1", 0, **settings) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/", server


@asynccontextmanager
async def carried(rig: Rig) -> AsyncIterator[None]:
    task = asyncio.create_task(rig.socket.run())
    rig.socket.open()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def idle(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def test_messages_go_to_the_session_and_its_answers_to_the_wire_in_order() -> None:
    heard: list[str | bytes] = []

    async def handler(connection: ServerConnection) -> None:
        heard.append(await connection.recv())
        await connection.send("one")
        await connection.send(b"two")
        heard.extend([await connection.recv(), await connection.recv()])
        await connection.wait_closed()

    session = Recorder()
    session.answers = {"two": SessionStep((FeedStatus("x", FeedState.LIVE, "two"),), ("a", "b"))}
    async with serving(handler) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("received two")
            async with asyncio.timeout(WITHIN_S):
                await rig.socket.close()
    assert heard == ["hello", "a", "b"]
    assert [note for note in session.told if note.startswith("received")] == ["received one", "received two"]
    assert [event.reason for event in rig.events if isinstance(event, FeedStatus)] == [
        "connected",
        "two",
        CLOSED_AS_TOLD,
    ]


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012])
async def test_every_close_is_followed_by_another_attempt(code: int) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(code, "bye")

    session = Recorder()
    async with serving(handler) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("connected", 3)
    assert session.told[1] == f"closed closed {code} bye"
    assert len(rig.headers) >= 3


async def test_a_drop_without_a_close_frame_and_a_refused_upgrade_are_survived() -> None:
    answers = iter([503, 0])

    def refuse(connection: ServerConnection, _request: Request) -> Response | None:
        status = next(answers, 0)
        return connection.respond(status, "later") if status else None

    async def handler(connection: ServerConnection) -> None:
        connection.transport.abort()

    session = Recorder()
    async with serving(handler, process_request=refuse) as (url, _), carried(Rig(url, session)):
        await session.until("connected", 2)
    assert session.told[0] == "closed cannot connect: HTTP 503 on the upgrade"
    assert session.told[2] == "closed dropped without a Close frame"


async def test_nobody_listening_is_told_and_tried_again() -> None:
    async with serving(idle) as (url, _):
        pass
    session = Recorder()
    async with carried(Rig(url, session)):
        await session.until("closed cannot connect: ConnectionRefusedError", 3)


async def test_the_back_off_begins_anew_only_for_a_proven_connection() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(1001)

    session = Recorder()
    async with serving(handler) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("closed", 3)
            assert rig.socket.failures >= 2
            session.worked = True
            await session.until("closed", 5)
            assert rig.socket.failures <= 1


async def test_close_is_confirmed_once_the_server_has_seen_the_end() -> None:
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ended.set()

    session = Recorder()
    async with serving(handler) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("connected")
            await rig.socket.close()
            assert session.told == ["connected", f"closed {CLOSED_AS_TOLD}"]
            async with asyncio.timeout(WITHIN_S):
                await ended.wait()
            rig.socket.open()
            await session.until("connected", 2)


async def test_close_does_not_wait_for_a_server_that_is_stuck() -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    session = Recorder()
    async with serving(handler, close_timeout=0.1) as (url, _):
        rig = Rig(url, session, SocketLimits(close_timeout_ms=50, backoff=Backoff(1, 2)))
        async with carried(rig):
            await session.until("connected")
            async with asyncio.timeout(WITHIN_S):
                await rig.socket.close()
    assert session.told[-1] == f"closed {CLOSED_AS_TOLD}"


async def test_close_confirms_before_any_open_and_between_attempts() -> None:
    session = Recorder()
    rig = Rig("ws://127.0.0.1:1/", session)
    await rig.socket.close()
    assert session.told == [f"closed {CLOSED_AS_TOLD}"]
    async with carried(rig):
        await rig.socket.close()
        assert session.told[-1] == f"closed {CLOSED_AS_TOLD}"
        for _ in range(20):
            await asyncio.sleep(0)
        rig.socket.open()
        await rig.socket.close()
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.socket.attempts == 0
        rig.socket.open()
        await session.until("closed cannot connect")
        await rig.socket.close()
        assert session.told[-1] == f"closed {CLOSED_AS_TOLD}"
        tried = rig.socket.attempts
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.socket.attempts == tried


async def test_a_session_that_gives_up_is_not_dialled_again_until_it_is_opened_anew() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(1008)

    session = Recorder()
    session.final = True
    async with serving(handler) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("closed")
            rig.socket.open()
            await rig.socket.close()
            assert (rig.socket.attempts, session.told[-1]) == (1, f"closed {CLOSED_AS_TOLD}")
            rig.socket.open()
            await session.until("connected", 2)


async def test_the_session_can_hang_up_and_nothing_behind_it_is_sent() -> None:
    heard: list[str | bytes] = []

    async def handler(connection: ServerConnection) -> None:
        heard.extend([message async for message in connection])

    session = Recorder()
    session.greeting = ("hello", HangUp("enough"), "never")
    async with serving(handler) as (url, _), carried(Rig(url, session)):
        await session.until("closed enough")
    assert "never" not in heard


async def test_a_flood_is_hung_up_on_and_what_it_still_sends_is_not_handed_on() -> None:
    async def handler(connection: ServerConnection) -> None:
        for _ in range(500):
            await connection.send("value")
        await connection.wait_closed()

    session = Recorder()
    session.answers["value"] = SessionStep((FeedStatus("x", FeedState.LIVE, "value"),))
    async with serving(handler) as (url, _):
        rig = Rig(url, session, crowded_at=20)
        async with carried(rig):
            await session.until("closed flood: more messages than can be worked through")
            assert session.told.count("received value") <= 20


async def test_what_arrives_after_hanging_up_is_not_handed_on() -> None:
    async def handler(connection: ServerConnection) -> None:
        for _ in range(5):
            await connection.send("late")
        await connection.wait_closed()

    session = Recorder()
    session.greeting = (HangUp("enough"),)
    async with serving(handler) as (url, _), carried(Rig(url, session)):
        await session.until("closed enough", 2)
    assert "received late" not in session.told


async def test_frames_keep_a_connection_whose_pongs_never_come() -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        while True:
            await connection.send("x")
            await asyncio.sleep(QUICK.dead_after_ms / 8_000)  # tidy: test-sleep - the peer speaks now and then

    session = Recorder()
    async with serving(handler, close_timeout=0.05) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("received x", 24)
            assert rig.socket.attempts == 1


async def test_a_peer_that_neither_speaks_nor_answers_pings_is_given_up() -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    session = Recorder()
    async with serving(handler, close_timeout=0.1) as (url, _), carried(Rig(url, session)):
        await session.until("closed dead: no frame and no pong for 0.08 s")


async def test_pongs_alone_and_frames_alone_keep_a_connection() -> None:
    async def quiet(connection: ServerConnection) -> None:
        await connection.wait_closed()

    session = Recorder()
    async with serving(quiet, ping_interval=None) as (url, _):
        rig = Rig(url, session)
        async with carried(rig):
            await session.until("connected")
            session.due_ns = SystemClock().now().mono_ns + 4 * QUICK.dead_after_ms * 1_000_000
            rig.socket.perform(QUIET)
            await session.until("tick")
            assert rig.socket.attempts == 1


async def test_a_deadline_of_the_session_is_kept() -> None:
    heard: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        async for message in connection:
            heard.put_nowait(message)

    session = Recorder()
    session.due_ns = SystemClock().now().mono_ns + 30 * 1_000_000
    async with serving(handler) as (url, _), carried(Rig(url, session)):
        async with asyncio.timeout(WITHIN_S):
            assert [await heard.get(), await heard.get()] == ["hello", "ticked"]


async def test_headers_are_made_for_each_attempt_and_proxies_of_the_environment_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    seen: list[str | None] = []

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers.get("X-Attempt"))
        await connection.close()

    session = Recorder()
    async with serving(handler) as (url, _), carried(Rig(url, session)):
        await session.until("closed", 2)
    assert seen[:2] == ["1", "2"]


async def test_a_bug_in_the_session_ends_the_task() -> None:
    class Broken(Recorder):
        def received(self, data: str | bytes, now: Now) -> SessionStep:
            raise AssertionError(f"a broken invariant at {now.mono_ns}: {data!r}")

    async def handler(connection: ServerConnection) -> None:
        await connection.send("x")
        await connection.wait_closed()

    async with serving(handler) as (url, _):
        rig = Rig(url, Broken())
        rig.socket.open()
        with pytest.raises(AssertionError, match="a broken invariant"):
            async with asyncio.timeout(WITHIN_S):
                await rig.socket.run()


async def test_a_redirect_is_not_followed_with_our_headers() -> None:
    reached: list[str] = []

    def elsewhere(connection: ServerConnection, request: Request) -> None:
        del connection
        reached.append(request.headers.get("X-Attempt", ""))

    async with serving(idle, process_request=elsewhere) as (other, _):

        def moved(connection: ServerConnection, request: Request) -> Response:
            del request
            answer = connection.respond(307, "elsewhere")
            answer.headers["Location"] = other
            return answer

        async with serving(idle, process_request=moved) as (url, _):
            session = Recorder()
            rig = Rig(url, session)
            async with carried(rig):
                await session.until("closed cannot connect: HTTP 307 on the upgrade")
        assert not reached


async def test_a_websocket_is_up_within_a_second_although_the_first_address_swallows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(idle) as (url, _):
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        resolves_to(monkeypatch, SWALLOWING, GOOD)
        session = Recorder()
        with swallowing(port):
            async with carried(Rig(f"ws://exchange.example:{port}/", session)), asyncio.timeout(1):
                await session.until("connected")
        assert session.told[0] == "connected", "at the first attempt"


async def test_a_host_that_is_broken_behind_one_address_is_left_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: ServerConnection, request: Request) -> Response:
        del request
        return connection.respond(503, "not here")

    async with serving(idle) as (url, _):
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        async with serve(idle, SWALLOWING, port, process_request=broken):
            resolves_to(monkeypatch, SWALLOWING, GOOD)
            session = Recorder()
            async with carried(Rig(f"ws://exchange.example:{port}/", session)):
                await session.until("connected")
            assert session.told[:2] == ["closed cannot connect: HTTP 503 on the upgrade", "connected"]
