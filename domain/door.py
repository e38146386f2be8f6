"""The door: the one way in which bytes from outside become values, whoever sent them.

Frames, answers, files and requests all pass a `Door` made for their shape. It answers with a value of that shape, or
raises `Refused`: nothing else leaves it, whatever comes. Size is bounded before anything is read. Depth and the length
of numbers are bounded by the shape, where each of its numbers has a bounded type and nothing can stay nested in it
(`bounded`); a shape that takes more is looked through first. What a hash has proven to be our own needs no such look.

What stays text (`msgspec.Raw`, names, messages) is read through `raw_text` and `one_line`, with a limit of its own.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

DOCUMENT_BYTES_MAX: Final = 1 << 20
PAGE_BYTES_MAX: Final = 32 << 20
NAME_CHARS_MAX: Final = 256
NUMBER_CHARS_MAX: Final = 64
LINE_CHARS_MAX: Final = 200
WHOLE_MAX: Final = 10**15
STAMP_MS_MAX: Final = 4_102_444_800_000  # the year 2100

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Whole = Annotated[int, msgspec.Meta(ge=-WHOLE_MAX, le=WHOLE_MAX)]
StampMs = Annotated[int, msgspec.Meta(ge=0, le=STAMP_MS_MAX)]

T = TypeVar("T")
DEPTH_MAX: Final = 64
DIGITS_MAX: Final = 19
_TOKENS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[0-9]{%d,}' % (DIGITS_MAX + 1), re.DOTALL)


class Refused(msgspec.DecodeError):
    """What came from outside is not taken; the text says why in one line."""


class Door(Generic[T]):
    """Reads one shape. That a `bounded` one is bounded is tested (tests/domain/test_door.py)."""

    __slots__ = ("_bytes_max", "_decode", "_look", "bounded", "kind")

    def __init__(self, kind: type[T], bytes_max: int, *, bounded: bool = False, proven: bool = False) -> None:
        """Prepare. `bytes_max` is the largest text that is looked at; `proven`: only what a hash proved comes here."""
        self.kind = kind
        self.bounded = bounded
        self._bytes_max = bytes_max
        self._look = not (bounded or proven)
        self._decode = msgspec.json.Decoder(kind).decode  # tidy: prepared - a door stands at the top of a module

    def read(self, data: bytes | str | msgspec.Raw) -> T:
        """Read one JSON text. Raises Refused, and nothing else."""
        if len(memoryview(data) if isinstance(data, msgspec.Raw) else data) > self._bytes_max:
            raise Refused(f"longer than {self._bytes_max} bytes")
        try:
            if self._look:
                _look_through(data.encode() if isinstance(data, str) else bytes(data))
            return self._decode(data)
        except (ValueError, OverflowError, RecursionError) as problem:
            raise Refused(one_line(str(problem))) from None


def _look_through(text: bytes) -> None:
    """Raise Refused for JSON that is nested too deeply, or holds a number too long to be written down again."""
    depth = 0
    for token in _TOKENS.finditer(text):
        first = token[0][:1]
        if first in (b"[", b"{"):
            depth += 1
            if depth > DEPTH_MAX:
                raise Refused(f"nested deeper than {DEPTH_MAX}")
        elif first in (b"]", b"}"):
            depth -= 1
        elif first != b'"':
            raise Refused(f"a number of more than {DIGITS_MAX} digits")


_own: Final = Door(dict[str, Any], PAGE_BYTES_MAX, proven=True)


def plain(said: msgspec.Struct) -> dict[str, Any]:
    """What a struct of ours says, as plain JSON values. Raises Refused for one that is no object of JSON."""
    return _own.read(msgspec.json.encode(said))


def raw_text(raw: msgspec.Raw | bytes, chars_max: int = NUMBER_CHARS_MAX) -> str:
    """The characters of a JSON value that is kept as it was written, a number for example. Raises Refused."""
    view = bytes(raw)
    if len(view) > chars_max:
        raise Refused(f"a value of {len(view)} characters where {chars_max} are the most")
    if not view.isascii():
        raise Refused("a value that is not plain text")
    return view.decode("ascii")


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """The beginning of a text as one printable line, for logs, records and screens."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:chars_max])
