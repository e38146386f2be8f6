"""Websocket connections: what the core says goes out to whoever subscribed, in order, with faults on the way.

Fan-out is synchronous: a notice becomes bytes in each connection's outbox before the call that caused it returns, and
one writer task a connection sends them. So a client that has read the answer of its request finds the messages of that
request already under way, and a slow reader never holds up the exchange: its outbox overflows, which is error 25.
Pings go out every 10 s with the body `heartbeat`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import WSMsgType, web

from sim.exchange.book.notices import (
    Delta,
    EventListed,
    FeeOverride,
    Filled,
    GroupChanged,
    MarketLife,
    Notice,
    OrderChanged,
    PositionChanged,
    Traded,
)
from sim.exchange.http.commands import Session, Subscription
from sim.exchange.wire import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.exchange.book.objects import Account, Market, Order
    from sim.exchange.core import Exchange
    from sim.exchange.faults import Fault, FaultDesk

HEARTBEAT_S = 10.0
CLOSE_S = 1.0
OUTBOX_MAX = 50_000
TICKER_EVERY_S = 0.1


class Connection:
    """One websocket: its session, its outbox, and what faults do to it."""

    def __init__(self, session: Session, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.session = session
        self.socket = socket
        self.request = request
        self.outbox: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.silent = False
        self.late: bytes | None = None

    def put(self, raw: bytes) -> None:
        """Queue one frame; silence swallows it."""
        if self.silent:
            return
        self.outbox.append(raw)
        self.wake.set()

    def fall_silent(self) -> None:
        """Half open: nothing is sent or read any more, and nothing is closed."""
        self.silent = True
        self.outbox.clear()
        transport = self.request.transport
        if transport is not None:
            transport.pause_reading()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        transport = self.request.transport
        if transport is not None:
            transport.abort()

    async def write(self) -> None:
        """Send what is queued, for ever."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.outbox:
                await self.socket.send_str(self.outbox.popleft().decode())

    async def beat(self) -> None:
        """Ping every 10 s, for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if not self.silent:
                await self.socket.ping(b"heartbeat")


class Hub:
    """All connections, and the fan-out of notices to them."""

    def __init__(self, exchange: Exchange, faults: FaultDesk, now_ns: Callable[[], int]) -> None:
        self.exchange = exchange
        self.faults = faults
        self.now_ns = now_ns
        self.connections: dict[int, Connection] = {}
        self.serial = 0
        self.dirty: dict[str, Market] = {}
        self.hold_ms: dict[str, int] = {}
        self.silent_until_ns = 0
        self.ticker_timer: asyncio.TimerHandle | None = None
        exchange.state.listeners.append(self.tell)

    async def serve(self, request: web.Request, account: Account) -> web.WebSocketResponse:
        """Hold one websocket until it ends."""
        socket = web.WebSocketResponse(timeout=CLOSE_S, autoping=True, compress=False, max_msg_size=1 << 22)
        await socket.prepare(request)
        self.serial += 1
        serial, connection = self.serial, Connection(Session(self.exchange, account), socket, request)
        self.connections[serial] = connection
        if self.now_ns() < self.silent_until_ns:
            connection.fall_silent()
        tasks = [asyncio.ensure_future(connection.write()), asyncio.ensure_future(connection.beat())]
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                now_ns = self.now_ns()
                self.exchange.advance(now_ns)
                for frame in connection.session.receive(message.data, now_ns):
                    connection.put(orjson.dumps(frame))
        finally:
            self.connections.pop(serial, None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def close(self) -> None:
        """End every connection (1001, going away)."""
        if self.ticker_timer is not None:
            self.ticker_timer.cancel()
        talking = [connection for connection in self.connections.values() if not connection.silent]
        for connection in self.connections.values():
            if connection.silent:
                connection.abort()
        await asyncio.gather(*(one.socket.close(code=1001, message=b"going away") for one in talking))

    # -- faults that strike connections --------------------------------------------------------------------------

    def strike(self, fault: Fault, now_ns: int) -> None:
        """ws_half_open, ws_drop, ws_terminal: at once, on every connection."""
        if fault.name == "ws_half_open" and fault.until_ns is not None:
            self.silent_until_ns = max(self.silent_until_ns, fault.until_ns, now_ns)
        for connection in list(self.connections.values()):
            if fault.name == "ws_half_open":
                connection.fall_silent()
            elif fault.name == "ws_terminal":
                self._terminal(connection, fault)
            elif "code" in fault.params:
                code = int(fault.params["code"])
                asyncio.ensure_future(connection.socket.close(code=code))  # noqa: RUF006 - ends with the connection
            else:
                connection.abort()

    def _terminal(self, connection: Connection, fault: Fault) -> None:
        for one in list(connection.session.subscriptions.values()):
            if not fault.channels or one.channel in fault.channels:
                frame = connection.session.terminal(one, int(fault.params.get("code", 25)))
                connection.put(orjson.dumps(frame))

    # -- fan-out -------------------------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Turn one notice into frames."""
        if not self.connections:
            return
        match notice:
            case Delta():
                self._delta(notice)
            case Traded(trade):
                self._public("trade", "trade", frames.trade(trade), trade.market.ticker)
                self._touch(trade.market)
            case Filled(fill):
                self._own(fill.order, "fill", "fill", frames.fill(fill))
            case OrderChanged(order, state):
                self._own(order, "user_orders", "user_order", frames.user_order(order, state))
            case PositionChanged(account, position):
                body = frames.market_position(position, account.user_id)
                self._private(account, "market_positions", "market_position", body, position.market.ticker)
            case GroupChanged(group, event_type, at_ns):
                body = frames.group_update(group, event_type, at_ns)
                self._private(group.account, "order_group_updates", "order_group_updates", body, "")
            case MarketLife(market, event_type, extra):
                body = frames.market_life(market, event_type, extra)
                self._public("market_lifecycle_v2", "market_lifecycle_v2", body, market.ticker)
            case EventListed(event):
                self._public("market_lifecycle_v2", "event_lifecycle", frames.event_life(event), "")
            case FeeOverride(event):
                self._public("market_lifecycle_v2", "event_fee_update", frames.fee_update(event), "")

    def _delta(self, notice: Delta) -> None:
        ticker, cache = notice.market.ticker, {}
        for connection in self.connections.values():
            own = connection.session.account is notice.order.account
            for one in connection.session.by_channel.get("orderbook_delta", ()):
                if one.covers(ticker):
                    key = (one.use_yes_price, own)
                    if key not in cache:
                        body = frames.delta(notice, use_yes_price=one.use_yes_price, own=own)
                        cache[key] = orjson.dumps(body)
                    self._send(connection, one, "orderbook_delta", cache[key])
        self._touch(notice.market)

    def _public(self, channel: str, kind: str, body: dict[str, Any], ticker: str) -> None:
        raw = b""
        for connection in self.connections.values():
            for one in connection.session.by_channel.get(channel, ()):
                if one.covers(ticker):
                    raw = raw or orjson.dumps(body)
                    self._send(connection, one, kind, raw)

    def _own(self, order: Order, channel: str, kind: str, body: dict[str, Any]) -> None:
        """News of one order to its owner, held back while a fault says so."""
        hold_ms = self.hold_ms.get(order.id, 0)
        self._private(order.account, channel, kind, body, order.market.ticker, hold_ms=hold_ms)

    def hold(self, order_id: str, ms: int) -> None:
        """Have the news of one order sent that much late, for as long."""
        self.hold_ms[order_id] = ms
        asyncio.get_running_loop().call_later(ms / 1000, self.hold_ms.pop, order_id, None)

    def _private(
        self, account: Account, channel: str, kind: str, body: dict[str, Any], ticker: str, *, hold_ms: int = 0
    ) -> None:
        raw = b""
        for connection in self.connections.values():
            if connection.session.account is not account:
                continue
            for one in connection.session.by_channel.get(channel, ()):
                if one.covers(ticker):
                    raw = raw or orjson.dumps(body)
                    self._send(connection, one, kind, raw, hold_ms=hold_ms)

    def _send(self, connection: Connection, one: Subscription, kind: str, raw: bytes, *, hold_ms: int = 0) -> None:
        """Number a frame and queue it, unless a fault has other plans."""
        seq = f',"seq":{one.next_seq()}' if one.channel in frames.SEQUENCED else ""
        frame = b"".join((f'{{"type":"{kind}","sid":{one.sid}{seq},"msg":'.encode(), raw, b"}"))
        if self.faults.active:
            now_ns = self.now_ns()
            if seq and self.faults.draw("ws_seq_gap", now_ns, channel=one.channel):
                return
            if self.faults.draw("ws_duplicate", now_ns, channel=one.channel):
                connection.put(frame)
            delay = self.faults.draw("ws_delay", now_ns, channel=one.channel)
            if delay is not None:
                hold_ms += int(delay.params.get("ms", 200))
            if connection.late is None and self.faults.draw("ws_reorder", now_ns, channel=one.channel):
                connection.late = frame
                return
        if hold_ms:
            asyncio.get_running_loop().call_later(hold_ms / 1000, connection.put, frame)
            return
        connection.put(frame)
        if connection.late is not None:
            connection.put(connection.late)
            connection.late = None
        if len(connection.outbox) > OUTBOX_MAX:
            self._overflow(connection, one)

    def _overflow(self, connection: Connection, one: Subscription) -> None:
        """The client reads too slowly: error 25, then the end."""
        connection.outbox.clear()
        connection.put(orjson.dumps(connection.session.terminal(one, 25)))

    # -- ticker: at most one a market in 100 ms --------------------------------------------------------------------

    def _touch(self, market: Market) -> None:
        if not any("ticker" in c.session.by_channel for c in self.connections.values()):
            return
        self.dirty[market.ticker] = market
        if self.ticker_timer is None:
            self.ticker_timer = asyncio.get_running_loop().call_later(TICKER_EVERY_S, self._flush_tickers)

    def _flush_tickers(self) -> None:
        self.ticker_timer = None
        dirty, self.dirty = self.dirty, {}
        now_ns = self.now_ns()
        for market in dirty.values():
            self._public("ticker", "ticker", frames.ticker(market, now_ns), market.ticker)
