"""Events of the index feeds: values, states of a feed, past bars."""

from __future__ import annotations

import enum

import msgspec

from domain.event_types.event import Event
from domain.money import IndexValue


class Tick(Event, frozen=True):
    """One index value. `raw` is the number as the vendor wrote it; `event_ns` the vendor's stamp."""

    feed: str
    symbol: str
    value: IndexValue
    raw: str
    event_ns: int
    received_mono_ns: int
    received_utc_ns: int


class FeedState(enum.StrEnum):
    """Where a feed's session stands."""

    DOWN = "down"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHED = "authed"
    SUBSCRIBED = "subscribed"
    LIVE = "live"
    COOLING = "cooling"
    FATAL = "fatal"


class FeedStatus(Event, frozen=True):
    """A feed's session changed state. `refused`: symbols beside the indices that the vendor does not grant."""

    feed: str
    state: FeedState
    reason: str
    refused: tuple[str, ...] = ()


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """One aggregate bar of the vendor's history: start (Unix ms), open and close."""

    start_ms: int
    open: IndexValue
    close: IndexValue


class History(Event, frozen=True):
    """Past bars of one index, oldest first, to seed the volatility estimate at start. Empty when none could be had."""

    symbol: str
    bar_ms: int
    bars: tuple[Bar, ...]
