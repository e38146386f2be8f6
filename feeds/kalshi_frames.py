"""The exchange's websocket messages, from JSON to ours; and our commands, to JSON.

Each message is read in two steps: the envelope (type, sid, seq, id), which must be counted whatever is inside, and then
the body, by type. A body that cannot be read exactly raises FrameError; what that costs is the session's decision.
Source: docs/exchange.md 11.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.errors import ProtocolError
from domain.events import Fill, OrderState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Count, Price, parse_cash, parse_count, parse_price
from feeds.kalshi_book import Book, is_level

PARSE_ERRORS: Final = (msgspec.MsgspecError, ValueError, RecursionError)
SIDES: Final = {"yes": Side.BID, "no": Side.ASK}


class FrameError(ProtocolError):
    """A message that cannot be read."""


class Envelope(msgspec.Struct):
    """What every message has around its body. 0 stands for a number that is not there; real ones begin at 1."""

    type: str
    sid: int = 0
    seq: int = 0
    id: int = 0
    msg: msgspec.Raw = msgspec.Raw(b"null")


class Subscribed(msgspec.Struct):
    """A subscription of one channel was made."""

    channel: str
    sid: int


class Listed(msgspec.Struct):
    """What a subscription covers after an update."""

    market_tickers: list[str] | None = None


class Refusal(msgspec.Struct):
    """An error message."""

    code: int
    msg: str = ""
    market_ticker: str = ""


class Snapshot(msgspec.Struct):
    """A whole book; a side without levels has no key."""

    market_ticker: str
    yes_dollars_fp: list[tuple[str, str]] = []
    no_dollars_fp: list[tuple[str, str]] = []

    def book(self) -> Book:
        """As ours. Raises FrameError."""
        return Book(Ticker(self.market_ticker), _levels(self.yes_dollars_fp), _levels(self.no_dollars_fp))


class Delta(msgspec.Struct):
    """One level changed."""

    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: str
    ts_ms: int = 0


class WireFill(msgspec.Struct):
    """A fill of ours."""

    trade_id: str
    order_id: str
    market_ticker: str
    is_taker: bool
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    book_side: str
    ts_ms: int
    client_order_id: str = ""
    subaccount: int | None = None

    def fill(self) -> Fill:
        """As ours. Raises ValueError."""
        return Fill(
            trade_id=TradeId(self.trade_id),
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(self.client_order_id),
            ticker=Ticker(self.market_ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            count=parse_count(self.count_fp),
            fee=parse_cash(self.fee_cost),
            is_taker=self.is_taker,
            exchange_ms=self.ts_ms,
        )


class UserOrder(msgspec.Struct):
    """An order of ours took a new state."""

    order_id: str
    ticker: str
    exchange_index: int
    status: str
    book_side: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    client_order_id: str
    order_group_id: str | None = None
    expiration_ts_ms: int | None = None
    last_update_reason: str | None = None
    subaccount_number: int | None = None

    def state(self) -> OrderState:
        """As ours. Raises ValueError."""
        return OrderState(
            order_id=OrderId(self.order_id),
            client_order_id=ClientOrderId(self.client_order_id),
            ticker=Ticker(self.ticker),
            side=Side(self.book_side),
            price=parse_price(self.yes_price_dollars),
            status=self.status,
            initial=parse_count(self.initial_count_fp),
            filled=parse_count(self.fill_count_fp),
            remaining=parse_count(self.remaining_count_fp),
            group_id=GroupId(self.order_group_id or ""),
            exchange_index=self.exchange_index,
            last_update_reason=self.last_update_reason or "",
            expiration_ms=self.expiration_ts_ms or 0,
        )


class GroupUpdate(msgspec.Struct):
    """An order group of ours changed."""

    event_type: str
    order_group_id: str


class MarketLife(msgspec.Struct):
    """A market's life changed."""

    market_ticker: str
    event_type: str
    result: str | None = None


def _levels(given: list[tuple[str, str]]) -> list[tuple[Price, Count]]:
    levels = [(parse_price(price), parse_count(count)) for price, count in given]
    if len({price for price, _ in levels}) != len(levels) or any(c <= 0 or not is_level(p) for p, c in levels):
        raise FrameError(f"not a book side: {given[:3]}...")
    return levels


read_envelope: Final = msgspec.json.Decoder(Envelope).decode
read_subscribed: Final = msgspec.json.Decoder(Subscribed).decode
read_listed: Final = msgspec.json.Decoder(Listed).decode
read_refusal: Final = msgspec.json.Decoder(Refusal).decode
read_snapshot: Final = msgspec.json.Decoder(Snapshot).decode
read_delta: Final = msgspec.json.Decoder(Delta).decode
read_fill: Final = msgspec.json.Decoder(WireFill).decode
read_user_order: Final = msgspec.json.Decoder(UserOrder).decode
read_group_update: Final = msgspec.json.Decoder(GroupUpdate).decode
read_market_life: Final = msgspec.json.Decoder(MarketLife).decode

_encode: Final = msgspec.json.Encoder().encode


def command(number: int, name: str, **params: Any) -> str:  # noqa: ANN401 - any JSON value
    """Print one command, as text: the exchange reads text frames."""
    return _encode({"id": number, "cmd": name, "params": params}).decode()
