"""Fan-out: what the core says becomes frames for whoever subscribed, in order, with faults on the way.

A notice becomes bytes in each stream before the call that caused it returns. So a client that has read the answer of
its request finds the messages of that request already under way, and a slow reader never holds up the exchange: its
outbox overflows, which is error 25. What a stream is (a websocket, or a link on a timeline) is the front's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

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
from sim.exchange.wire import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.exchange.book.objects import Account, Market, Order
    from sim.exchange.core import Exchange
    from sim.exchange.gateway.faults import Fault, FaultDesk
    from sim.exchange.gateway.session import Session, Subscription
    from sim.exchange.gateway.timers import Timers

NS_PER_MS = 1_000_000
OUTBOX_MAX = 50_000
TICKER_EVERY_NS = 100 * NS_PER_MS


class Stream(Protocol):
    """One connection, as the fan-out sees it: its session, and the frame that a fault keeps for after the next one."""

    session: Session
    late: bytes | None

    @property
    def waiting(self) -> int:
        """How many frames were not sent yet."""
        ...

    def put(self, raw: bytes) -> None:
        """Send one frame."""
        ...

    def overflow(self, raw: bytes) -> None:
        """Forget what was not sent yet, and send this."""
        ...

    def fall_silent(self) -> None:
        """Half open: nothing is sent or read any more, and nothing is closed."""
        ...

    def cut(self, code: int | None) -> None:
        """End it at once: with a close frame of that code, or without one."""
        ...


class FanOut:
    """All streams, and the way of notices to them."""

    def __init__(self, exchange: Exchange, faults: FaultDesk, now_ns: Callable[[], int], timers: Timers) -> None:
        self.exchange = exchange
        self.faults = faults
        self.now_ns = now_ns
        self.timers = timers
        self.streams: dict[int, Stream] = {}
        self.serial = 0
        self.dirty: dict[str, Market] = {}
        self.hold_ms: dict[str, int] = {}
        self.silent_until_ns = 0
        exchange.state.listeners.append(self.tell)

    def opened(self, stream: Stream) -> int:
        """A stream is there; the number to close it by."""
        self.serial += 1
        self.streams[self.serial] = stream
        if self.now_ns() < self.silent_until_ns:
            stream.fall_silent()
        return self.serial

    def closed(self, serial: int) -> None:
        """A stream has ended."""
        self.streams.pop(serial, None)

    def received(self, stream: Stream, data: str | bytes) -> None:
        """A client has sent one message."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        for frame in stream.session.receive(data, now_ns):
            stream.put(orjson.dumps(frame))

    # -- faults that strike streams -------------------------------------------------------------------------------

    def strike(self, fault: Fault, now_ns: int) -> None:
        """ws_half_open, ws_drop, ws_terminal: at once, on every stream."""
        if fault.name == "ws_half_open" and fault.until_ns is not None:
            self.silent_until_ns = max(self.silent_until_ns, fault.until_ns, now_ns)
        for stream in list(self.streams.values()):
            if fault.name == "ws_half_open":
                stream.fall_silent()
            elif fault.name == "ws_terminal":
                self._terminal(stream, fault)
            else:
                stream.cut(int(fault.params["code"]) if "code" in fault.params else None)

    def _terminal(self, stream: Stream, fault: Fault) -> None:
        for one in list(stream.session.subscriptions.values()):
            if not fault.channels or one.channel in fault.channels:
                frame = stream.session.terminal(one, int(fault.params.get("code", 25)))
                stream.put(orjson.dumps(frame))

    # -- fan-out -------------------------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Turn one notice into frames; news of orders that are not the member's has nobody to go to."""
        if not self.streams or not _has_readers(notice):
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
        for stream in self.streams.values():
            own = stream.session.account is notice.order.account
            for one in stream.session.by_channel.get("orderbook_delta", ()):
                if one.covers(ticker):
                    key = (one.use_yes_price, own)
                    if key not in cache:
                        body = frames.delta(notice, use_yes_price=one.use_yes_price, own=own)
                        cache[key] = orjson.dumps(body)
                    self._send(stream, one, "orderbook_delta", cache[key])
        self._touch(notice.market)

    def _public(self, channel: str, kind: str, body: dict[str, Any], ticker: str) -> None:
        raw = b""
        for stream in self.streams.values():
            for one in stream.session.by_channel.get(channel, ()):
                if one.covers(ticker):
                    raw = raw or orjson.dumps(body)
                    self._send(stream, one, kind, raw)

    def _own(self, order: Order, channel: str, kind: str, body: dict[str, Any]) -> None:
        """News of one order to its owner, held back while a fault says so."""
        hold_ms = self.hold_ms.get(order.id, 0)
        self._private(order.account, channel, kind, body, order.market.ticker, hold_ms=hold_ms)

    def hold(self, order_id: str, ms: int) -> None:
        """Have the news of one order sent that much late, for as long."""
        self.hold_ms[order_id] = ms
        self.timers.later(ms * NS_PER_MS, self._let_go, order_id)

    def _let_go(self, order_id: str) -> None:
        self.hold_ms.pop(order_id, None)

    def _private(
        self, account: Account, channel: str, kind: str, body: dict[str, Any], ticker: str, *, hold_ms: int = 0
    ) -> None:
        raw = b""
        for stream in self.streams.values():
            if stream.session.account is not account:
                continue
            for one in stream.session.by_channel.get(channel, ()):
                if one.covers(ticker):
                    raw = raw or orjson.dumps(body)
                    self._send(stream, one, kind, raw, hold_ms=hold_ms)

    def _send(self, stream: Stream, one: Subscription, kind: str, raw: bytes, *, hold_ms: int = 0) -> None:
        """Number a frame and queue it, unless a fault has other plans."""
        if self.faults.active and self.faults.draw("ws_lost", self.now_ns(), channel=one.channel):
            return  # not numbered: nobody can see that it is missing
        seq = f',"seq":{one.next_seq()}' if one.channel in frames.SEQUENCED else ""
        sent = f',"sending_ts_ms":{self.now_ns() // NS_PER_MS}}}'
        frame = b"".join((f'{{"type":"{kind}","sid":{one.sid}{seq},"msg":'.encode(), raw, sent.encode()))
        if self.faults.active:
            now_ns = self.now_ns()
            if seq and self.faults.draw("ws_seq_gap", now_ns, channel=one.channel):
                return
            if self.faults.draw("ws_duplicate", now_ns, channel=one.channel):
                stream.put(frame)
            delay = self.faults.draw("ws_delay", now_ns, channel=one.channel)
            if delay is not None:
                hold_ms += int(delay.params.get("ms", 200))
            if stream.late is None and self.faults.draw("ws_reorder", now_ns, channel=one.channel):
                stream.late = frame
                return
        if hold_ms:
            self.timers.later(hold_ms * NS_PER_MS, stream.put, frame)
            return
        stream.put(frame)
        if stream.late is not None:
            late, stream.late = stream.late, None
            stream.put(late)
        if stream.waiting > OUTBOX_MAX:  # the client reads too slowly: error 25, then the end
            stream.overflow(orjson.dumps(stream.session.terminal(one, 25)))

    # -- ticker: at most one a market in 100 ms --------------------------------------------------------------------

    def _touch(self, market: Market) -> None:
        if not any("ticker" in stream.session.by_channel for stream in self.streams.values()):
            return
        if not self.dirty:
            self.timers.later(TICKER_EVERY_NS, self._flush_tickers)
        self.dirty[market.ticker] = market

    def _flush_tickers(self) -> None:
        dirty, self.dirty = self.dirty, {}
        now_ns = self.now_ns()
        for market in dirty.values():
            self._public("ticker", "ticker", frames.ticker(market, now_ns), market.ticker)


def _has_readers(notice: Notice) -> bool:
    """Whether anybody could be subscribed to it."""
    if isinstance(notice, OrderChanged):
        return notice.order.account.is_member
    return not isinstance(notice, Filled) or notice.fill.order.account.is_member
