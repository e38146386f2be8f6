"""Reading the vendor's frames: a JSON array of objects, any mix of values, bars, statuses and things unknown.

A frame is decoded into one permissive structure per object; if any object has an unforeseen shape, the frame is read
again object by object and only that one is left out. `ev` need not be the first key.

`val` stays text until here. The vendor sends raw doubles (24812.345678901234), so a value is rounded to the nearest
1e-6, half to even, by integer arithmetic on that text: this and the simulator are the only places where an outside
number is rounded and not refused, because these digits are noise of the vendor's arithmetic and not money.
`t` is documented in milliseconds; nanoseconds are told apart by size (docs/feed.md 4 and 6).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Final

import msgspec

from domain.clock import NS_PER_MS
from domain.door import Door, Refused, raw_text
from domain.money import INDEX_DECIMALS, INDEX_PER_POINT, IndexValue

STAMP_MS_MIN, STAMP_MS_MAX = 10**12, 10**13  # September 2001 to the year 2286
STAMP_NS_MIN, STAMP_NS_MAX = 10**18, 9 * 10**18  # the same span, as far as 64 bits go
FRAME_BYTES_MAX: Final = 1 << 20
FRAME_ITEMS_MAX: Final = 1_000
PLAN_HINT: Final = "plan"
VALUE_MAX: Final = 10**9 * INDEX_PER_POINT
SCALES: Final = tuple(10 ** (INDEX_DECIMALS - decimals) for decimals in range(INDEX_DECIMALS + 1))


class Item(msgspec.Struct, gc=False):
    """One object of a frame, with the keys that any of the known kinds has; the rest is passed over."""

    ev: str = ""
    val: msgspec.Raw = msgspec.Raw(b"")
    T: str = ""
    t: Annotated[int, msgspec.Meta(ge=-STAMP_NS_MAX, le=STAMP_NS_MAX)] = 0
    status: str = ""
    message: str = ""

    def text(self) -> str:
        """The value as the vendor wrote it; empty for what can be no number."""
        try:
            return raw_text(self.val)
        except Refused:
            return ""


_frame: Final = Door(list[Item], FRAME_BYTES_MAX, bounded=True)
_parts: Final = Door(list[msgspec.Raw], FRAME_BYTES_MAX, bounded=True)
_item: Final = Door(Item, FRAME_BYTES_MAX, bounded=True)


def read_frame(data: bytes | str) -> tuple[list[Item], int]:
    """Read one frame into its objects and the number of those that were not taken (an unreadable frame is one).

    A frame of more objects than a vendor ever sends is cut: one frame must not fill the inbox.
    """
    try:
        items, lost = _frame.read(data), 0
    except Refused:
        items, lost = _read_one_by_one(data)
    return (items, lost) if len(items) <= FRAME_ITEMS_MAX else (items[:FRAME_ITEMS_MAX], lost + 1)


def _read_one_by_one(data: bytes | str) -> tuple[list[Item], int]:
    try:
        parts = _parts.read(data)
    except Refused:
        return [], 1
    items, lost = [], 0
    for part in parts[: FRAME_ITEMS_MAX + 1]:
        try:
            items.append(_item.read(part))
        except Refused:
            lost += 1
    return items, lost


def read_value(text: str) -> IndexValue | None:
    """Convert the text of a JSON value to 1e-6 points, to the nearest, half to even.

    None for anything but a positive number of at most 1e9 points. The text must come from a JSON reader, which has
    refused forms such as `1.` and `+1` already.
    """
    whole, _, part = text.partition(".")
    try:
        value = int(whole + part[:INDEX_DECIMALS]) * SCALES[len(part)] if part else int(whole) * INDEX_PER_POINT
    except (ValueError, IndexError):
        return _read_long(whole, part) if whole.isdigit() and part.isdigit() else _read_exponent(text)
    return IndexValue(value) if 0 < value <= VALUE_MAX else None


def _read_long(whole: str, part: str) -> IndexValue | None:
    """A raw double: more than six decimals."""
    value = int(whole + part[:INDEX_DECIMALS])
    finer = part[INDEX_DECIMALS:]
    if finer[0] >= "5":
        value += finer[0] > "5" or bool(finer[1:].strip("0")) or value & 1
    return IndexValue(value) if 0 < value <= VALUE_MAX else None


def _read_exponent(text: str) -> IndexValue | None:
    """The rare forms of a JSON number, such as 6.65e3."""
    if "e" not in text and "E" not in text:
        return None
    try:
        scaled = Decimal(text).scaleb(INDEX_DECIMALS)
        if not scaled.is_finite() or not 0 < scaled <= VALUE_MAX:
            return None
        value = int(scaled.quantize(Decimal(1), ROUND_HALF_EVEN))
    except ArithmeticError:  # malformed, or an exponent beyond all reason
        return None
    return IndexValue(value) if value > 0 else None


def read_stamp(stamp: int) -> int | None:
    """Convert `t` to UTC nanoseconds; None for a size that is neither milliseconds nor nanoseconds."""
    if STAMP_MS_MIN <= stamp < STAMP_MS_MAX:
        return stamp * NS_PER_MS
    return stamp if STAMP_NS_MIN <= stamp < STAMP_NS_MAX else None


def refusal_text(text: str) -> str:
    """The two messages of auth_failed mean different things to the operator (docs/feed.md 3.2)."""
    if PLAN_HINT in text.lower():
        return f"auth_failed: {text} Buy real-time index access, or use another account's key"
    return f"auth_failed: {text}: the vendor does not know this API key; check it"
