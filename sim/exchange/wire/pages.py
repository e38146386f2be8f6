"""Cursor pagination: the newest first, a page remembered by the serial number of its last row.

The last page carries `"cursor": ""`; a cursor that is not ours is ignored and gives page one (both recorded).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = TypeVar("Row")
MARK = "s:"


def encode(serial: int) -> str:
    """The cursor after the row of that serial."""
    return base64.urlsafe_b64encode(f"{MARK}{serial}".encode()).decode()


def decode(cursor: str | None) -> int | None:
    """The serial of a cursor of ours, else None."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, ValueError):
        return None
    number = text.removeprefix(MARK)
    return int(number) if text.startswith(MARK) and number.isdigit() else None


def page(
    newest_first: Iterable[Row], serial: Callable[[Row], int], limit: int, cursor: str | None
) -> tuple[list[Row], str]:
    """Up to `limit` rows after the cursor, and the next cursor."""
    after = decode(cursor)
    rows: list[Row] = []
    for row in newest_first:
        if after is not None and serial(row) >= after:
            continue
        if len(rows) == limit:
            return rows, encode(serial(rows[-1]))
        rows.append(row)
    return rows, ""
