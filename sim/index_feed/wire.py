"""Texts and grammar of the vendor's index websocket.

Everything from the server is a JSON array in a text frame, compact; everything from a client is one JSON object
`{"action": ..., "params": ...}` (docs/feed.md 3). Numbers are printed as the vendor's Go encoder prints a double:
the shortest text, so 6800.00 points leave as `6800`. Indices that are published unrounded carry some 15 digits.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec
import orjson

from domain.money import INDEX_DECIMALS, INDEX_PER_POINT, IndexValue, print_fixed

CHANNELS: Final = ("V", "A", "AM")
PARAM: Final = re.compile(r"(V|A|AM)\.(\*|I:[A-Za-z0-9]+)")
SUB_MICRO_STEPS: Final = 5_000

CAP_TEXT: Final = (
    "Maximum number of websocket connections exceeded. You have reached the connection limit for your account. "
    "Please contact support at https://polygon.io/contact to increase your limit."
)
PLAN_TEXT: Final = "Your plan doesn't include websocket access."


class Command(msgspec.Struct, frozen=True):
    """What a client asks: auth, subscribe or unsubscribe."""

    action: str
    params: str = ""


class Topic(NamedTuple):
    """One subscription: channel V, A or AM, and a ticker or `*`."""

    channel: str
    ticker: str

    def __str__(self) -> str:
        return f"{self.channel}.{self.ticker}"


_command_decoder: Final = msgspec.json.Decoder(Command)


def read_command(data: str | bytes) -> Command | None:
    """Read one client message; None when it is not an object with a known shape (the vendor says nothing either)."""
    try:
        return _command_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_topics(params: str) -> tuple[Topic, ...]:
    """Read `V.I:SPX, AM.*`: order kept, repeats and unknown topics dropped silently (docs/feed.md 3.2)."""
    matches = (PARAM.fullmatch(text.strip()) for text in params.split(","))
    return tuple(dict.fromkeys(Topic(found[1], found[2]) for found in matches if found))


def status(kind: str, message: str) -> str:
    """One status object as text."""
    return orjson.dumps({"ev": "status", "status": kind, "message": message}).decode()


def value(ticker: str, val: str, stamp: int) -> str:
    """One V event; `val` is the number's text and `stamp` the wire's `t` as it shall appear."""
    return f'{{"ev":"V","val":{val},"T":"{ticker}","t":{stamp}}}'


def bar(channel: str, ticker: str, prices: tuple[str, str, str, str, str], start_ms: int, end_ms: int) -> str:
    """One A or AM event; `prices` are the texts of official open, open, close, high, low."""
    op, o, c, h, low = prices
    return (
        f'{{"ev":"{channel}","sym":"{ticker}","op":{op},"o":{o},"c":{c},"h":{h},"l":{low},"s":{start_ms},"e":{end_ms}}}'
    )


def frame(objects: list[str]) -> str:
    """Join objects into the array that one frame carries."""
    return f"[{','.join(objects)}]"


def number(amount: IndexValue, *, unrounded: bool = False) -> str:
    """Print an index value (1e-6 points) as a JSON number.

    `unrounded` appends four digits below 1e-6 (always under a half, so that rounding gives `amount` back), as the
    vendor's raw doubles have them.
    """
    text = print_fixed(amount, INDEX_DECIMALS)
    if unrounded:
        text += f"{1 + amount // 7 * 2_654_435_761 % (SUB_MICRO_STEPS - 1):04d}"
    return text.rstrip("0").rstrip(".")


def points(amount: IndexValue) -> float:
    """Convert to the double that the REST answers carry."""
    return amount / INDEX_PER_POINT
