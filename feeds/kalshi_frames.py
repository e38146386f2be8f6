"""The exchange's websocket messages, from JSON to ours; and our commands, to JSON.

Each message is read in two steps: the envelope (type, sid, seq, id), which must be counted whatever is inside, and then
the body, by type. A body that cannot be read exactly raises FrameError; what that costs is the session's decision.
Source: docs/exchange.md 11.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.door import LINE_CHARS_MAX, Door, Name, StampMs, Whole, one_line
from domain.errors import ProtocolError
from domain.events import Fill, OrderState
from domain.exchange_text import FillText, OrderText
from domain.ids import Ticker
from domain.market import Side
from domain.money import Count, Price, parse_count, parse_price
from feeds.kalshi_book import Book, is_level

PARSE_ERRORS: Final = (msgspec.MsgspecError, ValueError)
FRAME_BYTES_MAX: Final = 8 << 20
SIDES: Final = {"yes": Side.BID, "no": Side.ASK}


class FrameError(ProtocolError):
    """A message that cannot be read."""


class Envelope(msgspec.Struct):
    """What every message has around its body. 0 stands for a number that is not there; real ones begin at 1."""

    type: Name
    sid: Whole = 0
    seq: Whole = 0
    id: Whole = 0
    msg: msgspec.Raw = msgspec.Raw(b"null")
    sending_ts_ms: StampMs = 0


class Subscribed(msgspec.Struct):
    """A subscription of one channel was made."""

    channel: Name
    sid: Whole


class Listed(msgspec.Struct):
    """What a subscription covers after an update."""

    market_tickers: list[Name] | None = None


class Refusal(msgspec.Struct):
    """An error message."""

    code: Whole
    msg: str = ""
    market_ticker: Name = ""

    @property
    def text(self) -> str:
        """Its message, as one short line."""
        return one_line(self.msg)


class SnapshotFrame(msgspec.Struct):
    """A whole book; a side without levels has no key."""

    market_ticker: Name
    yes_dollars_fp: list[tuple[str, str]] = []
    no_dollars_fp: list[tuple[str, str]] = []

    def book(self) -> Book:
        """As ours. Raises FrameError."""
        return Book(Ticker(self.market_ticker), _levels(self.yes_dollars_fp), _levels(self.no_dollars_fp))


class Delta(msgspec.Struct):
    """One level changed."""

    market_ticker: Name
    price_dollars: Name
    delta_fp: Name
    side: Name
    ts_ms: StampMs = 0


class FillFrame(FillText, kw_only=True):
    """A fill of ours."""

    market_ticker: Name
    ts_ms: StampMs
    client_order_id: Name | None = None
    subaccount: Whole | None = None

    def fill(self) -> Fill:
        """As ours. Raises ValueError."""
        return self.as_ours(self.market_ticker, self.client_order_id or "", self.ts_ms)


class UserOrder(OrderText, kw_only=True):
    """An order of ours took a new state."""

    exchange_index: Whole
    expiration_ts_ms: Whole | None = None
    last_update_reason: Name | None = None
    subaccount_number: Whole | None = None
    last_updated_ts_ms: StampMs | None = None

    def state(self) -> OrderState:
        """As ours. Raises ValueError."""
        return self.as_ours(self.exchange_index, self.expiration_ts_ms or 0, self.last_update_reason or "")


class GroupUpdate(msgspec.Struct):
    """An order group of ours changed."""

    event_type: Name
    order_group_id: Name


class MarketLife(msgspec.Struct):
    """A market's life changed."""

    market_ticker: Name
    event_type: Name
    result: Name | None = None


def snapshot_of(raw: msgspec.Raw) -> SnapshotFrame:
    """Read a book. Raises FrameError for one whose sides have other names: without levels it would read as empty."""
    snapshot = read_snapshot(raw)
    if not (snapshot.yes_dollars_fp and snapshot.no_dollars_fp):
        keys = read_keys(raw)
        for side in ("yes", "no"):
            others = sorted(key for key in keys if key.partition("_")[0] == side and key != f"{side}_dollars_fp")
            if others and f"{side}_dollars_fp" not in keys:
                raise FrameError(f"schema: a book with {others[0]!r} and no '{side}_dollars_fp'"[:LINE_CHARS_MAX])
    return snapshot


def _levels(given: list[tuple[str, str]]) -> list[tuple[Price, Count]]:
    levels = [(parse_price(price), parse_count(count)) for price, count in given]
    if len({price for price, _ in levels}) != len(levels) or any(c <= 0 or not is_level(p) for p, c in levels):
        raise FrameError(f"not a book side: {given[:3]}...")
    return levels


read_envelope: Final = Door(Envelope, FRAME_BYTES_MAX, bounded=True).read
read_subscribed: Final = Door(Subscribed, FRAME_BYTES_MAX, bounded=True).read
read_listed: Final = Door(Listed, FRAME_BYTES_MAX, bounded=True).read
read_refusal: Final = Door(Refusal, FRAME_BYTES_MAX, bounded=True).read
read_snapshot: Final = Door(SnapshotFrame, FRAME_BYTES_MAX, bounded=True).read
read_keys: Final = Door(dict[str, msgspec.Raw], FRAME_BYTES_MAX).read
read_delta: Final = Door(Delta, FRAME_BYTES_MAX, bounded=True).read
read_fill: Final = Door(FillFrame, FRAME_BYTES_MAX, bounded=True).read
read_user_order: Final = Door(UserOrder, FRAME_BYTES_MAX, bounded=True).read
read_group_update: Final = Door(GroupUpdate, FRAME_BYTES_MAX, bounded=True).read
read_market_life: Final = Door(MarketLife, FRAME_BYTES_MAX, bounded=True).read

_encode: Final = msgspec.json.Encoder().encode


def command(number: int, name: str, **params: Any) -> str:  # noqa: ANN401 - any JSON value
    """Print one command, as text: the exchange reads text frames."""
    return _encode({"id": number, "cmd": name, "params": params}).decode()
