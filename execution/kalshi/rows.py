"""What a row of a list is about, though the rest of it cannot be read."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.door import NAME_CHARS_MAX, Door
from domain.errors import ProtocolError
from execution.kalshi.codes import BODY_BYTES_MAX, PARSE_ERRORS

_row: Final = Door(dict[str, Any], BODY_BYTES_MAX)


def row_name(row: object, name: str) -> str:
    """What a row of a list says it is about, by that field. Raises ProtocolError when it does not."""
    try:
        told = getattr(row, name) if not isinstance(row, msgspec.Raw) else _row.read(row)[name]
    except (*PARSE_ERRORS, KeyError, TypeError):
        told = None
    if not isinstance(told, str) or not told:
        raise ProtocolError(f"a row that tells no {name}")
    return told[:NAME_CHARS_MAX]
