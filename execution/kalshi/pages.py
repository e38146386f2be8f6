"""How a read walks through the exchange's answers: one object, or all pages of a list.

A script is a generator: it yields a request, is sent its answer, and returns an event. A cursor that cannot be read is
silently answered with page 1 (docs/exchange.md 3.8), so a cursor that comes twice, or pages without end, are refused
rather than followed for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from domain.clock import Now
from domain.errors import ProtocolError
from domain.events import AnyEvent, OddRow
from execution.kalshi.answers import HTTP_OK
from execution.kalshi.codes import PARSE_ERRORS, detail_text, read_error
from execution.kalshi.objects import Page
from execution.kalshi.rows import row_name
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest

PAGE_LIMIT: Final = 1_000
PAGES_MAX: Final = 100

T = TypeVar("T")
P = TypeVar("P", bound=Page)
S_co = TypeVar("S_co", covariant=True)
Step = Generator[KalshiRequest, KalshiAnswer, T]
Script = Generator[KalshiRequest, KalshiAnswer, AnyEvent]


class Wire(Protocol[S_co]):
    """A row as the exchange writes it."""

    def state(self) -> S_co:
        """As ours. Raises ValueError."""
        ...


class ReadRefusedError(ProtocolError):
    """The exchange answered a read with something other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def decoded(decode: Callable[[bytes], T], answer: KalshiAnswer, path: str, also: tuple[int, ...] = ()) -> T:
    """Return the body of a 200, or of a status in `also`. Raises ReadRefusedError, naming the path."""
    if answer.status != HTTP_OK and answer.status not in also:
        code, detail = read_error(answer.body)
        raise ReadRefusedError(answer.status, f"{path}: HTTP {answer.status} {code} {detail}".rstrip())
    try:
        return decode(answer.body)
    except PARSE_ERRORS as error:
        raise ReadRefusedError(answer.status, f"{path}: unreadable answer: {detail_text(error)}") from None


def each_of(
    rows: Iterable[Wire[T] | msgspec.Raw], decode: Callable[[bytes], Wire[T]], name: str
) -> tuple[tuple[T, ...], tuple[OddRow, ...]]:
    """Read a list row by row: what can be read, and which rows cannot, each by its `name`.

    One odd row must not make the rest unknown; but one that does not even say what it is about does.
    Raises ProtocolError.
    """
    found: list[T] = []
    odd: list[OddRow] = []
    for row in rows:
        try:
            found.append((decode(bytes(row)) if isinstance(row, msgspec.Raw) else row).state())
        except PARSE_ERRORS as error:
            odd.append(OddRow(row_name(row, name), detail_text(error)))
    return tuple(found), tuple(odd)


class RowList(NamedTuple, Generic[T]):
    """How one list is read: whole pages at once, or, where a page has an odd row, row by row."""

    path: str
    page: Callable[[bytes], Page]
    raw: Callable[[bytes], Page]
    row: Callable[[bytes], Wire[T]]
    rows: str
    name: str

    def read(self, body: bytes) -> Page:
        """Read one page, whole or raw. Raises what decoding can raise."""
        try:
            return self.page(body)
        except PARSE_ERRORS:
            return self.raw(body)


def listed(
    account: KalshiAccount, listing: RowList[T], **query: int | str
) -> Step[tuple[tuple[T, ...], tuple[OddRow, ...], Now]]:
    """Ask for a whole list: (what can be read, odd rows, when the first page was asked for)."""
    found, asked = yield from pages(account, listing.path, listing.read, **query)
    rows = [row for page in found for row in getattr(page, listing.rows)]
    return (*each_of(rows, listing.row, listing.name), asked)


def one(account: KalshiAccount, path: str, decode: Callable[[bytes], T], **query: int | str) -> Step[tuple[T, Now]]:
    """Ask for one object: (body, when it was asked)."""
    answer = yield KalshiRequest("GET", f"{account.prefix}{path}", urlencode(query))
    return decoded(decode, answer, path), answer.sent


def pages(
    account: KalshiAccount, path: str, decode: Callable[[bytes], P], **query: int | str
) -> Step[tuple[list[P], Now]]:
    """Ask for a whole list: (pages, when the first was asked)."""
    found: list[P] = []
    cursors: set[str] = set()
    asked: Now | None = None
    cursor = ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = yield KalshiRequest(
            "GET", f"{account.prefix}{path}", urlencode({**query, "limit": PAGE_LIMIT, **more})
        )
        asked = asked or answer.sent
        page = decoded(decode, answer, path)
        found.append(page)
        if not page.cursor:
            return found, asked
        cursor = page.cursor
        if cursor in cursors or len(found) >= PAGES_MAX:
            raise ProtocolError(f"{path}: pages do not end (cursor repeated, or more than {PAGES_MAX})")
        cursors.add(cursor)


def own(account: KalshiAccount) -> dict[str, int | str]:
    """The query that narrows a portfolio read to our subaccount, if we have one."""
    return {} if account.subaccount is None else {"subaccount": account.subaccount}
