"""A served exchange and a client that signs, both in the test's own loop, over real sockets."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from domain.clock import Clock
from sim.exchange.book.listing import Template
from sim.exchange.core import Exchange, Plan
from sim.exchange.gateway.auth import PublicKey
from sim.exchange.http.server import ExchangeServer
from tests.sim.exchange.rig import PERIOD_S, HandClock, Rig, S, config, level

ROOT = "/trade-api/v2"
SOCKET = "/trade-api/ws/v2"
LEAVE_AT_ONCE = aiohttp.ClientWSTimeout(ws_close=0.1)
ORDERS = "/portfolio/events/orders"
ED = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
KEYS: dict[str, PublicKey] = {"ed": ED.public_key(), "rsa": RSA.public_key()}


class Wire:
    """The server, its clock, and a session to it."""

    def __init__(self, server: ExchangeServer, clock: HandClock, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.clock = clock
        self.http = http
        self.rig = Rig(server.gateway.exchange, clock.utc_ns, [])
        self.sockets: list[Socket] = []

    def wait(self, seconds: float) -> None:
        """Move the exchange's clock."""
        self.clock.utc_ns += int(seconds * S)
        self.rig.now = self.clock.utc_ns
        self.server.gateway.exchange.advance(self.clock.utc_ns)

    def headers(self, method: str, path: str, key: str = "ed", age_ms: int = 0) -> dict[str, str]:
        stamp = str(self.clock.utc_ns // 1_000_000 - age_ms)
        text = f"{stamp}{method}{path}".encode()
        if key == "rsa":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
            raw = RSA.sign(text, pss, hashes.SHA256())
        else:
            raw = ED.sign(text)
        return {
            "KALSHI-ACCESS-KEY": key,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(raw).decode(),
        }

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> tuple[int, Any]:
        """(status, JSON or None) of a signed call."""
        data = raw if raw is not None else None if body is None else orjson.dumps(body)
        signed = self.headers(method, ROOT + path) if headers is None else headers
        async with self.http.request(method, ROOT + path, data=data, params=query, headers=signed) as answer:
            text = await answer.read()
            return answer.status, orjson.loads(text) if text else None

    async def date(self) -> int:
        """The Date of an answer, in Unix seconds."""
        async with self.http.get(f"{ROOT}/exchange/status") as answer:
            return int(parsedate_to_datetime(answer.headers["Date"]).timestamp())

    async def sim(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The same for the simulator's own routes."""
        data = None if body is None else orjson.dumps(body)
        async with self.http.request(method, f"/sim/{path}", data=data) as answer:
            return answer.status, await answer.json()

    async def place(self, **changes: Any) -> str:  # noqa: ANN401 - request fields
        """The id of a new resting order."""
        status, body = await self.call("POST", ORDERS, self.rig.fields(**changes))
        assert status == 201, body
        return str(body["order_id"])

    async def socket(self, *channels: str, **params: Any) -> Socket:  # noqa: ANN401 - JSON
        """A connected websocket, subscribed to these channels, its acknowledgements read."""
        made = Socket(await self.http.ws_connect(SOCKET, headers=self.headers("GET", SOCKET), timeout=LEAVE_AT_ONCE))
        self.sockets.append(made)
        await made.subscribe(*channels, **params)
        return made


class Socket:
    """One websocket client that keeps what it read."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def subscribe(self, *channels: str, **params: Any) -> None:  # noqa: ANN401 - JSON
        if channels:
            command = {"id": 1, "cmd": "subscribe", "params": {"channels": list(channels), **params}}
            await self.ws.send_str(orjson.dumps(command).decode())
            for _ in channels:
                assert (await self.next())["type"] == "subscribed"

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        found = orjson.loads(await self.ws.receive_str(timeout=5))
        assert isinstance(found, dict)
        return found

    async def sync(self) -> list[dict[str, Any]]:
        """Every frame that was under way: up to the answer of a command sent now."""
        await self.ws.send_str('{"id":999,"cmd":"list_subscriptions"}')
        frames = []
        while (frame := await self.next()).get("id") != 999:
            frames.append(frame)
        return frames


@asynccontextmanager
async def served(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Wire]:  # noqa: ANN401 - config fields
    """A server without a crowd on a free port, with its client; all closed at the end."""
    hand = HandClock() if clock is None else clock
    now_ns = hand.now().utc_ns
    changes.setdefault("list_lag_ms", 0)
    plan = Plan(template=Template(PERIOD_S, now_ns // S), rungs=5)
    exchange = Exchange(config(**changes), plan, level, 7, now_ns)
    server = ExchangeServer(exchange, hand, KEYS)
    await server.start()
    made_clock = hand if isinstance(hand, HandClock) else HandClock(now_ns)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
            wire = Wire(server, made_clock, http)
            yield wire
            for socket in wire.sockets:  # one that the exchange closed keeps its connection until it is closed here too
                await socket.ws.close()
    finally:
        await server.stop()
