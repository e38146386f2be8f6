"""One HTTP/1.1 answer at a time, from bytes: a strict, pure parser for the few forms that an API sends.

Theory (RFC 9112). An answer is a status line, fields and a body whose end is told by `Transfer-Encoding: chunked`, by
`Content-Length`, or by the end of the connection. The parser is fed in any pieces and gives the answer once, whole.
Whatever two readers could understand differently is refused: bare line feeds, control characters, folded fields, both
framings at once, two lengths, any coding but chunked. After a refusal the connection is worth nothing, and neither is
what was asked on it.

We ask for no compression, never with HEAD or CONNECT, and one request at a time: bytes after an answer are refused too.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from domain.errors import ProtocolError

HEAD_MAX: Final = 32_768
BODY_MAX: Final = 32 * 1024 * 1024
CHUNK_LINE_MAX: Final = 256
DATE_MIN_S: Final = 946_684_800  # the year 2000
DATE_MAX_S: Final = 4_102_444_800  # the year 2100

_TEXT: Final = rb"[\t\x20-\x7e\x80-\xff]*"  # no control character but the tab
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: " + _TEXT + rb")?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(" + _TEXT + rb")")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;" + _TEXT + rb")?")
_LENGTH: Final = re.compile(rb"[0-9]{1,10}")

SWITCHING: Final = 101
SUCCESS_FROM: Final = 200
NO_BODY: Final = (204, 304)


class HttpAnswer(NamedTuple):
    """A whole answer. `date_s` is its Date field in Unix seconds, 0 when absent; `keep` whether to ask again here."""

    status: int
    body: bytes
    date_s: int
    keep: bool


class AnswerParser:
    """Feed it what arrives. Reusable for the next answer once it has given one."""

    __slots__ = ("_body", "_buffer", "_date_s", "_framing", "_keep", "_left", "_status")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._reset()

    def _reset(self) -> None:
        self._body = bytearray()
        self._framing = "head"
        self._left = 0
        self._status = 0
        self._date_s = 0
        self._keep = False

    @property
    def begun(self) -> bool:
        """Whether part of an answer has arrived."""
        return bool(self._buffer) or self._framing != "head"

    def feed(self, data: bytes) -> HttpAnswer | None:
        """Take the next bytes; the answer when it is whole, else None. Raises ProtocolError."""
        self._buffer += data
        while True:
            before = len(self._buffer), self._framing
            match self._framing:
                case "head":
                    done = self._head()
                case "length":
                    done = self._length()
                case "chunk":
                    done = self._chunk_line()
                case "data":
                    done = self._chunk_data()
                case "trailer":
                    done = self._trailer()
                case _:
                    done = self._until_close()
            if done:
                return self._finish()
            if before == (len(self._buffer), self._framing):
                return None

    def end(self) -> HttpAnswer | None:
        """The connection was closed by the other side: the answer if that is how it ends, else None."""
        return self._finish() if self._framing == "close" else None

    def _finish(self) -> HttpAnswer:
        if self._buffer:
            raise ProtocolError("HTTP: bytes after the end of the answer")
        answer = HttpAnswer(self._status, bytes(self._body), self._date_s, self._keep)
        self._reset()
        return answer

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_MAX:
                raise ProtocolError(f"HTTP: head over {HEAD_MAX} bytes")
            return False
        if end > HEAD_MAX:
            raise ProtocolError(f"HTTP: head over {HEAD_MAX} bytes")
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        line = _STATUS.fullmatch(lines[0])
        if line is None:
            raise ProtocolError(f"HTTP: not a status line: {lines[0][:60]!r}")
        self._status = int(line[2])
        fields = _fields(lines[1:])
        if self._status < SUCCESS_FROM:
            if self._status == SWITCHING:
                raise ProtocolError("HTTP: the server switched protocols unasked")
            return False  # an interim answer: the real one follows
        # HTTP/1.0 connections end with their answer unless both sides agreed otherwise; we never do.
        self._keep = line[1] == b"1" and b"close" not in _tokens(fields.get(b"connection", b""))
        self._date_s = _date(fields.get(b"date", b""))
        return self._frame(fields)

    def _frame(self, fields: dict[bytes, bytes]) -> bool:
        coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
        if fields.get(b"content-encoding", b"identity").lower() != b"identity":
            raise ProtocolError("HTTP: a compressed answer that we did not ask for")
        if coding is not None and length is not None:
            raise ProtocolError("HTTP: both Transfer-Encoding and Content-Length")
        if self._status in NO_BODY:
            if coding is not None or length not in (None, b"0"):
                raise ProtocolError(f"HTTP: a body with status {self._status}")
            return True
        if coding is not None:
            if coding.lower() != b"chunked":
                raise ProtocolError(f"HTTP: transfer coding {coding[:40]!r}")
            self._framing = "chunk"
            return False
        if length is None:
            self._framing, self._keep = "close", False
            return False
        if _LENGTH.fullmatch(length) is None or int(length) > BODY_MAX:
            raise ProtocolError(f"HTTP: content length {length[:40]!r}")
        self._framing, self._left = "length", int(length)
        return self._left == 0

    def _length(self) -> bool:
        taken = self._buffer[: self._left]
        self._body += taken
        del self._buffer[: len(taken)]
        self._left -= len(taken)
        return self._left == 0

    def _chunk_line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0 or end > CHUNK_LINE_MAX:
            if len(self._buffer) > CHUNK_LINE_MAX:
                raise ProtocolError("HTTP: chunk size line too long")
            return False
        line = _CHUNK.fullmatch(self._buffer[:end])
        if line is None:
            raise ProtocolError("HTTP: not a chunk size")
        self._left = int(line[1], 16)
        if len(self._body) + self._left > BODY_MAX:
            raise ProtocolError(f"HTTP: body over {BODY_MAX} bytes")
        del self._buffer[: end + 2]
        self._framing = "data" if self._left else "trailer"
        return False

    def _chunk_data(self) -> bool:
        if len(self._buffer) < self._left + 2:
            return False
        if self._buffer[self._left : self._left + 2] != b"\r\n":
            raise ProtocolError("HTTP: a chunk that does not end where it said")
        self._body += self._buffer[: self._left]
        del self._buffer[: self._left + 2]
        self._framing = "chunk"
        return False

    def _trailer(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_MAX:
                raise ProtocolError("HTTP: trailer too long")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if not line:
            return True
        _fields([line])
        return False

    def _until_close(self) -> bool:
        self._body += self._buffer
        self._buffer.clear()
        if len(self._body) > BODY_MAX:
            raise ProtocolError(f"HTTP: body over {BODY_MAX} bytes")
        return False


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    """Fields by lower-case name, values joined by commas; the framing ones may come once only."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise ProtocolError(f"HTTP: not a field: {line[:60]!r}")
        name, value = found[1].lower(), found[2].rstrip(b" \t")
        if name in fields:
            if name in {b"content-length", b"transfer-encoding", b"content-encoding"}:
                raise ProtocolError(f"HTTP: {name.decode()} twice")
            value = fields[name] + b"," + value
        fields[name] = value
    return fields


def _tokens(value: bytes) -> set[bytes]:
    return {part.strip().lower() for part in value.split(b",")}


def _date(value: bytes) -> int:
    """Unix seconds of a Date field; 0 for none or an unreadable one, which is no reason to lose an answer.

    A year beyond this century is unreadable: in nanoseconds it could not be written down.
    """
    try:
        date_s = int(parsedate_to_datetime(value.decode("ascii")).timestamp()) if value else 0
    except (ValueError, TypeError, OverflowError):
        return 0
    return date_s if DATE_MIN_S <= date_s < DATE_MAX_S else 0
