"""The websocket's commands, as a pure machine: text in, frames out.

One `Session` a connection. Subscribing answers one `subscribed` per channel, each with its own `sid`; `seq` counts from
1 per sid and is spent by snapshots, data, `ok`, `unsubscribed` and scoped errors alike. Error codes: docs/exchange.md
11.7. The second subscription to a channel is a subscription of its own (the code "Already subscribed" is retired).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from sim.exchange.wire import frames

if TYPE_CHECKING:
    from sim.exchange.book.objects import Account
    from sim.exchange.core import Exchange

NS_PER_MS = 1_000_000
ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    9: "Authentication required",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    18: "Command timeout",
    19: "shard_factor must be > 0",
    20: "shard_factor is required when shard_key is set",
    21: "shard_key must be >= 0 and < shard_factor",
    22: "shard_factor must be <= 100",
    24: "Index IDs required",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
    28: "Underlying tickers required",
}
MARKETS_MAX = 500_000
COMMANDS_PER_S_MAX = 10_000
NS = 1_000_000_000


class BadCommand(Exception):  # noqa: N818 - an answer to the client
    """A command that is answered by an error of that code."""

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code])
        self.code = code


@dataclass(slots=True, eq=False)
class Subscription:
    """One channel of one connection. `tickers` None means all markets."""

    sid: int
    channel: str
    tickers: dict[str, None] | None
    use_yes_price: bool
    seq: int = 0

    def next_seq(self) -> int:
        """Spend one number."""
        self.seq += 1
        return self.seq

    def covers(self, ticker: str) -> bool:
        """Whether this subscription wants that market."""
        return self.tickers is None or ticker in self.tickers


@dataclass(slots=True, eq=False)
class Session:
    """The subscriptions of one connection, and the frames waiting to be sent."""

    exchange: Exchange
    account: Account
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    by_channel: dict[str, list[Subscription]] = field(default_factory=dict)
    last_sid: int = 0
    second: int = 0
    commands_in_second: int = 0

    def receive(self, text: str | bytes, now_ns: int) -> list[dict[str, Any]]:
        """The frames that answer one message of the client, in order."""
        try:
            command = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [self._error(None, 1)]
        if not isinstance(command, dict):
            return [self._error(None, 1)]
        number = command.get("id")
        number = number if isinstance(number, int) and number else None
        try:
            self._meter(now_ns)
            return self._obey(number, command)
        except BadCommand as refused:
            return [self._error(number, refused.code)]

    def _obey(self, number: int | None, command: dict[str, Any]) -> list[dict[str, Any]]:
        name, params = command.get("cmd"), command.get("params")
        if name == "list_subscriptions":
            return [self._listing(number)]
        if name not in ("subscribe", "unsubscribe", "update_subscription"):
            raise BadCommand(5)
        if not isinstance(params, dict):
            raise BadCommand(2)
        if name == "subscribe":
            return self._subscribe(number, params)
        return self._unsubscribe(number, params) if name == "unsubscribe" else self._update(number, params)

    def _meter(self, now_ns: int) -> None:
        if now_ns // NS != self.second:
            self.second, self.commands_in_second = now_ns // NS, 0
        self.commands_in_second += 1
        if self.commands_in_second > COMMANDS_PER_S_MAX:
            raise BadCommand(27)

    @staticmethod
    def _error(number: int | None, code: int, **scope: object) -> dict[str, Any]:
        frame: dict[str, Any] = {} if number is None else {"id": number}
        return {**frame, **scope, "type": "error", "msg": {"code": code, "msg": ERRORS[code]}}

    def terminal(self, subscription: Subscription, code: int) -> dict[str, Any]:
        """End a subscription with an error (10 or 25)."""
        frame = self._error(None, code, sid=subscription.sid, seq=subscription.next_seq())
        self._drop(subscription)
        return frame

    def _drop(self, subscription: Subscription) -> None:
        del self.subscriptions[subscription.sid]
        self.by_channel[subscription.channel].remove(subscription)

    # -- commands ------------------------------------------------------------------------------------------------

    def _listing(self, number: int | None) -> dict[str, Any]:
        rows = [{"channel": one.channel, "sid": one.sid} for one in self.subscriptions.values()]
        frame: dict[str, Any] = {} if number is None else {"id": number}
        return {**frame, "type": "ok", "msg": rows}

    def _subscribe(self, number: int | None, params: dict[str, Any]) -> list[dict[str, Any]]:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise BadCommand(3)
        for channel in channels:
            if channel not in frames.CHANNELS:
                raise BadCommand(8)
        self._check_shard(params)
        tickers = self._tickers(params)
        if "orderbook_delta" in channels and not tickers:
            raise BadCommand(11 if params.get("market_id") or params.get("market_ids") else 14)
        if any(name in channels for name in ("cfbenchmarks_value", "cfbenchmarks_value_5hz")):
            self._needs(params, "index_ids", 24)
        if "pyth_value" in channels:
            self._needs(params, "underlying_tickers", 28)
        answers: list[dict[str, Any]] = []
        first: list[dict[str, Any]] = []  # recorded: all the acknowledgements come before the first snapshot
        for channel in channels:
            self.last_sid += 1
            unfiltered = channel in ("market_lifecycle_v2", "order_group_updates")
            chosen = None if unfiltered or not tickers else dict.fromkeys(tickers)
            one = Subscription(self.last_sid, channel, chosen, params.get("use_yes_price") is True)
            self.subscriptions[one.sid] = one
            self.by_channel.setdefault(channel, []).append(one)
            head: dict[str, Any] = {"type": "subscribed"}
            if number is not None:
                head["id"] = number
            answers.append({**head, "msg": {"channel": channel, "sid": one.sid}})
            if channel == "orderbook_delta":
                first += self._snapshots(one, list(chosen or ()), None)
            elif channel == "ticker" and params.get("send_initial_snapshot") is True:
                first += self._tickers_now(one)
        return answers + first

    @staticmethod
    def _needs(params: dict[str, Any], name: str, code: int) -> None:
        if not params.get(name):
            raise BadCommand(code)

    @staticmethod
    def _check_shard(params: dict[str, Any]) -> None:
        factor, key = params.get("shard_factor"), params.get("shard_key")
        if factor is None:
            if key is not None:
                raise BadCommand(20)
            return
        if not isinstance(factor, int) or factor <= 0:
            raise BadCommand(19)
        if factor > 100:  # noqa: PLR2004 - the exchange's own limit
            raise BadCommand(22)
        if key is not None and not 0 <= key < factor:
            raise BadCommand(21)

    @staticmethod
    def _tickers(params: dict[str, Any]) -> list[str]:
        one, many = params.get("market_ticker"), params.get("market_tickers")
        if one is not None and many is not None:
            raise BadCommand(11)
        found = [one] if one is not None else many or []
        if not isinstance(found, list) or not all(isinstance(ticker, str) for ticker in found):
            raise BadCommand(11)
        if len(found) > MARKETS_MAX:
            raise BadCommand(26)
        return found

    def _snapshots(self, one: Subscription, tickers: list[str], number: int | None) -> list[dict[str, Any]]:
        """Whole books of these markets. What happens for an unknown ticker is unconfirmed: a scoped error 11 here."""
        found: list[dict[str, Any]] = []
        for ticker in tickers:
            market = self.exchange.state.markets.get(ticker)
            if market is None:
                error = self._error(number, 11, sid=one.sid, seq=one.next_seq())
                error["msg"]["market_ticker"] = ticker
                found.append(error)
                continue
            head: dict[str, Any] = {} if number is None else {"id": number}
            body = frames.snapshot(market, use_yes_price=one.use_yes_price)
            head |= {"type": "orderbook_snapshot", "sid": one.sid, "seq": one.next_seq()}
            found.append({**head, "msg": body, "sending_ts_ms": self.exchange.state.now_ns // NS_PER_MS})
        return found

    def _tickers_now(self, one: Subscription) -> list[dict[str, Any]]:
        state = self.exchange.state
        markets = [market for market in state.markets.values() if one.covers(market.ticker)]
        return [{"type": "ticker", "sid": one.sid, "msg": frames.ticker(market, state.now_ns)} for market in markets]

    def _unsubscribe(self, number: int | None, params: dict[str, Any]) -> list[dict[str, Any]]:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise BadCommand(4)
        answers: list[dict[str, Any]] = []
        for sid in sids:
            one = self.subscriptions.get(sid) if isinstance(sid, int) else None
            if one is None:
                answers.append(self._error(number, 7))
                continue
            head: dict[str, Any] = {} if number is None else {"id": number}
            answers.append({**head, "sid": sid, "seq": one.next_seq(), "type": "unsubscribed"})
            self._drop(one)
        return answers

    def _update(self, number: int | None, params: dict[str, Any]) -> list[dict[str, Any]]:
        sids = params["sids"] if "sids" in params else [params["sid"]] if "sid" in params else None
        if not sids:
            raise BadCommand(4)
        if not isinstance(sids, list) or len(sids) != 1:
            raise BadCommand(12)
        action = params.get("action")
        if not action:
            raise BadCommand(15)
        if action not in ("add_markets", "delete_markets", "get_snapshot"):
            raise BadCommand(13)
        one = self.subscriptions.get(sids[0]) if isinstance(sids[0], int) else None
        if one is None:
            raise BadCommand(7)
        tickers = self._tickers(params)
        if not tickers:
            raise BadCommand(14)
        if action == "get_snapshot":
            if one.channel != "orderbook_delta":
                raise BadCommand(13)
            return self._snapshots(one, tickers, number)
        if one.tickers is None:
            raise BadCommand(11)
        fresh = [ticker for ticker in tickers if ticker not in one.tickers] if action == "add_markets" else []
        if action == "add_markets":
            one.tickers.update(dict.fromkeys(fresh))
        else:
            for ticker in tickers:
                one.tickers.pop(ticker, None)
        head: dict[str, Any] = {} if number is None else {"id": number}
        listed = {"market_tickers": list(one.tickers)}
        done = {**head, "sid": one.sid, "seq": one.next_seq(), "type": "ok", "msg": listed}
        return [done, *(self._snapshots(one, fresh, None) if one.channel == "orderbook_delta" else [])]
