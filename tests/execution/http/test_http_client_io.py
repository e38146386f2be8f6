from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.errors import ConfigurationError
from domain.hosts import LIVE_HOSTS, Posture
from execution.http.http_answer import HttpAnswer
from execution.http.http_client_io import Origin, Pool, parse_origin, render, seconds
from tests.domain.swallowing import GOOD, SWALLOWING, resolves_to, swallowing
from tests.execution.kalshi.kalshi_fake import FakeExchange, Reply, Seen, ed_key, fake_exchange, pem_of, reply, until

HOST = "demo-api.kalshi.co"
PAPER = Posture.PAPER


class Asker:
    """Collects what it is told."""

    def __init__(self) -> None:
        self.answers: list[HttpAnswer] = []
        self.losses: list[str] = []

    def answered(self, answer: HttpAnswer) -> None:
        self.answers.append(answer)

    def lost(self, reason: str) -> None:
        self.losses.append(reason)

    @property
    def told(self) -> int:
        return len(self.answers) + len(self.losses)


@contextlib.asynccontextmanager
async def pool_of(fake: FakeExchange, size: int = 1) -> AsyncIterator[Pool]:
    pool = Pool(parse_origin(fake.base_url, PAPER), size, lambda: None)
    running = asyncio.create_task(pool.run())
    await until(lambda: pool.idle == size)
    try:
        yield pool
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def get(origin: Origin, path: str = "/x") -> bytes:
    return render(origin, "GET", path, "", {}, b"")


async def ask(pool: Pool, origin: Origin) -> Asker:
    asker = Asker()
    connection = pool.take()
    assert connection is not None
    connection.send(get(origin), asker)
    await until(lambda: asker.told > 0)
    return asker


def test_origins() -> None:
    assert parse_origin(f"https://{HOST}/trade-api/v2/", PAPER) == Origin(HOST, 443, True, "/trade-api/v2", PAPER)
    assert parse_origin("http://127.0.0.1:8080/a", PAPER).authority == "127.0.0.1:8080"
    assert parse_origin(f"https://{HOST}", PAPER).authority == HOST
    assert parse_origin("http://[::1]:8080/a", PAPER).authority == "[::1]:8080"
    for bad in (
        "",
        "host/a",
        "ws://host",
        "https://",
        "https://u@host/",
        "https://h/?q",
        "https://h:99999/",
        "https://hé/",
    ):
        with pytest.raises(ConfigurationError):
            parse_origin(bad, PAPER)


def test_a_request_in_print() -> None:
    origin = parse_origin(f"https://{HOST}:8443/v2", PAPER)
    assert render(origin, "DELETE", "/v2/x", "a=1", {"K": "v"}, b"{}") == (
        b"DELETE /v2/x?a=1 HTTP/1.1\r\nHost: demo-api.kalshi.co:8443\r\nUser-Agent: ladderd\r\n"
        b"Accept: application/json\r\nK: v\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert b"Content-Length: 0\r\n" in render(origin, "PUT", "/v2/x", "", {}, b"")
    assert b"Content-Length" not in render(origin, "GET", "/v2/x", "", {}, b"")


def test_seconds() -> None:
    assert seconds(1_500) == 1.5


async def test_a_connection_is_used_again() -> None:
    async with fake_exchange(lambda _: reply(200, {"a": 1})) as fake, pool_of(fake) as pool:
        origin = parse_origin(fake.base_url, PAPER)
        for _ in range(3):
            asker = await ask(pool, origin)
            assert asker.answers == [HttpAnswer(200, b'{"a": 1}', 0, True)]
    assert [seen.connection for seen in fake.seen] == [1, 1, 1]


@pytest.mark.parametrize("last", [b"", reply(200, {}, "Connection: close\r\n")])
async def test_a_lost_connection_is_opened_again_without_being_asked(last: bytes) -> None:
    async with fake_exchange(lambda _: last) as fake, pool_of(fake) as pool:
        await ask(pool, parse_origin(fake.base_url, PAPER))
        await until(lambda: pool.opened == 2 and pool.idle == 1)
    assert len(fake.seen) == 1


async def test_a_request_on_a_connection_that_dies_is_lost_once_and_never_repeated() -> None:
    async with fake_exchange(lambda _: b"") as fake, pool_of(fake, 2) as pool:
        asker = await ask(pool, parse_origin(fake.base_url, PAPER))
        await until(lambda: pool.opened == 3)
        assert (asker.answers, asker.losses) == ([], ["connection closed before the answer was whole"])
    assert len(fake.seen) == 1


async def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    def script(_: Seen) -> Reply:
        asyncio.get_running_loop().call_soon(fake.writers[-1].close)
        return b"HTTP/1.1 200 OK\r\n\r\nall of it"

    async with fake_exchange(script) as fake, pool_of(fake) as pool:
        asker = await ask(pool, parse_origin(fake.base_url, PAPER))
        assert [answer.body for answer in asker.answers] == [b"all of it"]


async def test_an_answer_to_nothing_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_exchange(lambda _: reply(200)) as fake, pool_of(fake) as pool:
        fake.writers[0].write(reply(200, {"late": True}))
        await until(lambda: pool.opened == 2 and pool.idle == 1)
        asker = await ask(pool, parse_origin(fake.base_url, PAPER))
        assert [answer.body for answer in asker.answers] == [b""]
    assert not caplog.records, "it is foreseen, not an exception that the loop logs"


async def test_giving_up_is_silent_and_costs_the_connection() -> None:
    async with fake_exchange(lambda _: None) as fake, pool_of(fake) as pool:
        asker = Asker()
        connection = pool.take()
        assert connection is not None
        connection.send(get(parse_origin(fake.base_url, PAPER)), asker)
        assert not connection.usable
        connection.give_up()
        await until(lambda: pool.opened == 2 and pool.idle == 1)
        assert asker.told == 0


async def test_the_warmest_is_taken_for_work_and_the_coldest_for_a_keep_alive() -> None:
    async with fake_exchange(lambda _: reply(200)) as fake, pool_of(fake, 3) as pool:
        first = pool.take()
        assert first is not None
        pool.put_back(first)
        assert pool.take() is first
        pool.put_back(first)
        assert pool.take_coldest() is not first


async def test_nobody_there_is_a_problem_and_not_an_exception() -> None:
    pool = Pool(parse_origin("http://127.0.0.1:9/x", PAPER), 1, lambda: None)
    assert await pool.open_one() is None
    assert pool.problem.startswith("127.0.0.1:9: ConnectionRefusedError")
    assert not pool.connected


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate of its own making for 127.0.0.1, which lies in folder/cert.pem."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(ed_key().public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ed_key(), None)
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(pem_of(ed_key()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("trusted", [True, False])
async def test_tls_only_with_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    fake = FakeExchange(lambda _: reply(200, {"a": 1}))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=certificate(tmp_path))
    fake.base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    pool = Pool(parse_origin(fake.base_url, PAPER), 1, lambda: None)
    connection = await pool.open_one()
    if trusted:
        assert connection is not None
        asker = Asker()
        connection.send(get(parse_origin(fake.base_url, PAPER)), asker)
        await until(lambda: asker.told > 0)
        assert [answer.body for answer in asker.answers] == [b'{"a": 1}']
        connection.abort()
    else:
        assert connection is None
        assert "CERTIFICATE_VERIFY_FAILED" in pool.problem
    server.close()
    for writer in fake.writers:
        writer.close()
    await asyncio.sleep(0)


# --- where a connection may go ---------------------------------------------------------------------------------------

LIVE_URL = f"https://{LIVE_HOSTS[0]}/trade-api/v2"
DEMO_URL = f"https://{HOST}/trade-api/v2"


@pytest.mark.step("A01")
@pytest.mark.parametrize(
    ("url", "posture"),
    [
        (LIVE_URL, Posture.PAPER),
        ("https://example.com/trade-api/v2", Posture.PAPER),
        ("https://example.com/trade-api/v2", Posture.READ_ONLY),
        (DEMO_URL, Posture.LIVE),
        ("http://127.0.0.1:9/trade-api/v2", Posture.LIVE),
        (DEMO_URL.replace("https", "http"), Posture.PAPER),
    ],
)
def test_no_address_can_be_made_that_its_posture_refuses(url: str, posture: Posture) -> None:
    with pytest.raises(ConfigurationError, match=r"exchange address"):
        parse_origin(url, posture)
    host = urlsplit(url).hostname or ""
    with pytest.raises(ConfigurationError):
        Origin(host, 443, url.startswith("https"), "", posture)


@pytest.mark.step("A01")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_each_request_asks_again(method: str) -> None:
    reader = parse_origin(LIVE_URL, Posture.READ_ONLY)
    assert render(reader, "GET", "/x", "", {}, b"").startswith(b"GET")
    with pytest.raises(ConfigurationError, match="read-only"):
        render(reader, method, "/x", "", {}, b"{}")
    origin = parse_origin(DEMO_URL, PAPER)
    assert render(origin, method, "/x", "", {}, b"{}")
    msgspec.structs.force_setattr(origin, "host", LIVE_HOSTS[0])  # whoever changes an address behind its back
    with pytest.raises(ConfigurationError, match="paper mode"):
        render(origin, method, "/x", "", {}, b"{}")


async def test_no_connection_is_opened_to_a_host_that_the_posture_refuses() -> None:
    origin = parse_origin(DEMO_URL, PAPER)
    pool = Pool(origin, 1, lambda: None)
    msgspec.structs.force_setattr(origin, "host", LIVE_HOSTS[0])
    with pytest.raises(ConfigurationError, match="paper mode"):
        await pool.open_one()


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with fake_exchange(lambda _: b"") as elsewhere:
        moved = reply(307, {}, f"Location: {elsewhere.base_url}/x\r\n")
        async with fake_exchange(lambda _: moved) as fake, pool_of(fake) as pool:
            asker = await ask(pool, parse_origin(fake.base_url, PAPER))
            assert [answer.status for answer in asker.answers] == [307]
        assert not elsewhere.seen


# --- a name with several addresses -----------------------------------------------------------------------------------


async def test_cancels_can_leave_although_the_first_address_swallows(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_exchange(lambda _: reply(200)) as fake:
        origin = parse_origin(fake.base_url.replace("127.0.0.1", "localhost"), PAPER)
        resolves_to(monkeypatch, SWALLOWING, GOOD)
        with swallowing(origin.port):
            pool = Pool(origin, 1, lambda: None)
            async with asyncio.timeout(1):
                connection = await pool.open_one()
        assert connection is not None, pool.problem
        connection.abort()


async def test_an_address_that_accepts_and_never_answers_is_not_the_first_choice_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fake_exchange(lambda _: reply(200)) as fake:
        origin = parse_origin(fake.base_url.replace("127.0.0.1", "localhost"), PAPER)
        mute = socket.create_server((SWALLOWING, origin.port))  # the kernel accepts, and nobody answers
        resolves_to(monkeypatch, SWALLOWING, GOOD)
        pool = Pool(origin, 1, lambda: None)
        first = await pool.open_one()
        assert first is not None
        assert first.address[0] == SWALLOWING
        first.send(get(origin), Asker())
        first.give_up()
        second = await pool.open_one()
        assert second is not None
        assert second.address[0] == GOOD
        second.abort()
        mute.close()
