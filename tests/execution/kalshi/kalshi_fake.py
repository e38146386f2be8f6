"""What the exchange tests share: keys, actions, and a scripted HTTP server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from domain.actions import Ask, CancelAll, CancelOrders, Cleared, CreateGroup, DeleteGroup, Place, Read, TriggerGroup
from domain.clock import Now
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker
from domain.market import OrderRef, Side
from domain.money import Count, Price
from execution.kalshi.wire import KalshiAnswer

TICKER = Ticker("KXINXU-26NOV23H1200-T6844.9999")
FOREVER_NS = 1 << 62


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def ed_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def pem_of(key: rsa.RSAPrivateKey | Ed25519PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def place(number: int = 1, *, not_after_ns: int = FOREVER_NS, price: int = 4200, count: int = 500) -> Place:
    return Place(
        RequestId(number),
        ClientOrderId(f"ladderd-1-{number}"),
        TICKER,
        Side.BID,
        Price(price),
        Count(count),
        GroupId("g-1"),
        2,
        1_795_449_600,
        Cleared("INXU", not_after_ns),
    )


def cancel(*ids: str, number: int = 7) -> CancelOrders:
    refs = tuple(OrderRef(OrderId(each), TICKER, 2) for each in ids)
    return CancelOrders(RequestId(number), refs, "requote")


def trigger(number: int = 8) -> TriggerGroup:
    return TriggerGroup(RequestId(number), GroupId("g-1"), 2, "polygon_ws_stale")


def cancel_all(number: int = 9) -> CancelAll:
    return CancelAll(RequestId(number), "operator_cli")


def create_group(number: int = 10) -> CreateGroup:
    return CreateGroup(RequestId(number), "INXU", 1, 20, 2)


def delete_group(number: int = 11) -> DeleteGroup:
    return DeleteGroup(RequestId(number), GroupId("g-1"), 2)


def ask(what: Read, number: int = 12, **fields: Any) -> Ask:  # noqa: ANN401 - whatever fields Ask has
    return Ask(RequestId(number), what, **fields)


async def until(fact: Callable[[], bool]) -> None:
    """Give the loop turns until something is so; five seconds at most, which only a failure takes."""
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 - the facts are in code that knows nothing of this test
            await asyncio.sleep(0)


def answer(status: int, body: object = None, *, raw: bytes | None = None) -> KalshiAnswer:
    """An answer asked at mono 1 s / utc 100 s and whole 10 ms later."""
    text = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
    sent = Now(1_000_000_000, 100_000_000_000)
    return KalshiAnswer(status, text, sent, Now(1_010_000_000, 100_010_000_000))


class Seen(NamedTuple):
    """One request as the server got it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    connection: int


Reply = bytes | None
"""What the server writes; None = nothing, ever; b"" = it closes the connection."""


def reply(status: int, body: object = None, extra: str = "") -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    length = "" if status == 204 else f"Content-Length: {len(text)}\r\n"
    return f"HTTP/1.1 {status} X\r\n{length}{extra}\r\n".encode() + text


class FakeExchange:
    """Answers each request with what `script` returns for it, and keeps it; keep-alives are apart."""

    def __init__(self, script: Callable[[Seen], Reply]) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.pings: list[Seen] = []
        self.ping_reply = reply(200, {"exchange_active": True, "trading_active": True})
        self.connections = 0
        self.base_url = ""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *fields = head.rstrip().split("\r\n")
                method, target, _ = line.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path, _, query = target.partition("?")
                seen = Seen(method, path, query, headers, body, number)
                if path.endswith("/exchange/status"):
                    self.pings.append(seen)
                    writer.write(self.ping_reply)
                    continue
                self.seen.append(seen)
                out = self.script(seen)
                if out == b"":
                    break
                if out is not None:
                    writer.write(out)
        writer.close()


@contextlib.asynccontextmanager
async def fake_exchange(script: Callable[[Seen], Reply]) -> AsyncIterator[FakeExchange]:
    fake = FakeExchange(script)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/trade-api/v2"
    try:
        yield fake
    finally:
        server.close()
        for writer in fake.writers:
            writer.close()
