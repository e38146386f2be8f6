"""What an error answer of the exchange proves: one table, (request, HTTP status, code) -> verdict.

REFUSED is a proof: the exchange said no and did nothing. UNKNOWN is everything else, and the default: a row is added
only when a source shows that the answer leaves no order behind (for a cancel: that the order was not touched). The
codes come in four body shapes and several spellings; `read_error` brings them to one. Source: docs/exchange.md 3.3,
3.6 and 6.

Three answers look like proofs and are none. 409 order_already_exists: an order of that name exists, ours perhaps. 404
on a cancel: executed, cancelled and never-known look alike. 5xx: the order may have been made before the failure.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

import msgspec

from domain.door import Door, Refused, one_line
from domain.events import Verdict

ANY_CODE: Final = "*"
DETAIL_MAX: Final = 200
HTTP_UNAUTHORIZED: Final = 401
STAMP_EXPIRED: Final = "header_timestamp_expired"
BODY_BYTES_MAX: Final = 32 << 20
PARSE_ERRORS: Final = (msgspec.MsgspecError, ValueError)
"""What reading a hostile or broken body can raise: a door refuses (Refused), a text is no amount (MoneyError)."""


class RequestKind(enum.StrEnum):
    """What was asked, as far as a refusal's meaning depends on it."""

    PLACE = "place"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    GROUP = "group"


class Row(NamedTuple):
    """One line of the table. A code may end in `*`."""

    kind: RequestKind
    status: int
    code: str
    verdict: Verdict


def _for_all(status: int, code: str) -> tuple[Row, ...]:
    return tuple(Row(kind, status, code, Verdict.REFUSED) for kind in RequestKind)


ROWS: Final[tuple[Row, ...]] = (
    # Never reached the matching engine, whatever was asked.
    *_for_all(401, ANY_CODE),
    *_for_all(429, ANY_CODE),
    *_for_all(400, "bad_request"),
    *_for_all(400, "parameter_validation"),
    *_for_all(400, "invalid_*"),
    # A pause is per exchange or per market; during an exchange pause cancels are refused too.
    *_for_all(409, "trading_is_paused"),
    *_for_all(409, "exchange_is_paused"),
    # The market is past its close time. Neither status nor spelling was ever recorded on REST, so both statuses stand.
    *_for_all(400, "market_inactive"),
    *_for_all(409, "market_inactive"),
    # Places alone.
    Row(RequestKind.PLACE, 400, "insufficient_balance", Verdict.REFUSED),
    Row(RequestKind.PLACE, 404, "market_not_found", Verdict.REFUSED),
    # A triggered group refuses new orders. No source has the code; an answer that says this much can mean nothing else.
    Row(RequestKind.PLACE, 409, "order_group_triggered", Verdict.REFUSED),
    # Written down because they look like refusals.
    Row(RequestKind.PLACE, 409, "order_already_exists", Verdict.UNKNOWN),
    Row(RequestKind.CANCEL, 404, "not_found", Verdict.UNKNOWN),
    Row(RequestKind.GROUP, 404, "not_found", Verdict.UNKNOWN),
)


class CodeTable:
    """The table, with rows that `ladderd probe` learned on the exchange's demo host put before the built-in ones."""

    __slots__ = ("_rows",)

    def __init__(self, learned: tuple[Row, ...] = ()) -> None:
        self._rows = (*learned, *ROWS)

    def verdict(self, kind: RequestKind, status: int, code: str) -> Verdict:
        """Return the verdict of the first row that fits; UNKNOWN when none does."""
        for row in self._rows:
            if row.kind is kind and row.status == status and _fits(row.code, code):
                return row.verdict
        return Verdict.UNKNOWN


def _fits(pattern: str, code: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


ABSENT: Final = msgspec.Raw(b"null")


class _Inner(msgspec.Struct):
    code: msgspec.Raw = ABSENT
    message: msgspec.Raw = ABSENT
    details: msgspec.Raw = ABSENT


class _ErrorBody(_Inner):
    error: _Inner | str | None = None
    msg: msgspec.Raw = ABSENT


_error = Door(_ErrorBody, BODY_BYTES_MAX, bounded=True)
_inner = Door(_Inner, BODY_BYTES_MAX, bounded=True)
_text = Door(str, BODY_BYTES_MAX, bounded=True)


def spelled(code: str) -> str:
    """Bring a code to one spelling: lower case, words joined by underscores."""
    return "_".join(one_line(code).lower().split())


def detail_text(*parts: object) -> str:
    """Join what an error says into one short printable line for the log."""
    text = "; ".join(str(part) for part in parts if part not in (None, ""))
    return one_line(text, DETAIL_MAX)


def _told(raw: msgspec.Raw) -> str:
    """A text as it is, any other JSON value as the exchange wrote it: of any depth, so it is not taken apart."""
    try:
        return _text.read(raw)
    except Refused:
        shown = bytes(raw)[:DETAIL_MAX].decode("ascii", "replace")
        return "" if shown == "null" else shown


def _code(raw: msgspec.Raw) -> str:
    """A code in one spelling; "" for what is no text."""
    try:
        return spelled(_text.read(raw))
    except Refused:
        return ""


def stamp_refused(status: int, body: bytes) -> bool:
    """Whether an answer says that the request's time stamp is too far from the exchange's clock, and nothing else."""
    return status == HTTP_UNAUTHORIZED and read_error(body)[0] == STAMP_EXPIRED


def read_error(body: bytes) -> tuple[str, str]:
    """Return (code, detail) of an error body in any of the four shapes; code "" where there is none to be read."""
    try:
        found = _error.read(body)
    except Refused:
        return "", detail_text(body[:DETAIL_MAX].decode("ascii", "replace"))
    if isinstance(found.error, str):
        return spelled(found.error), detail_text(found.error)
    if found.error is not None:
        return _code(found.error.code), detail_text(_told(found.error.message), _told(found.error.details))
    if _told(found.msg) and not _told(found.code):
        return "parameter_validation", detail_text(_told(found.msg))
    return _code(found.code), detail_text(_told(found.message), _told(found.details))


def read_item_error(body: bytes) -> tuple[str, str]:
    """Return (code, detail) of the `error` of one item of a batch."""
    try:
        found = _inner.read(body)
    except Refused:
        return "", detail_text(body[:DETAIL_MAX].decode("ascii", "replace"))
    return _code(found.code), detail_text(_told(found.message), _told(found.details))
