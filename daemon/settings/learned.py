"""What a probe of the exchange taught: its file, and the codes that may be learned from it. Pure."""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.errors import ConfigurationError
from domain.events import Verdict
from execution.kalshi.codes import ANY_CODE, ROWS, CodeTable, RequestKind, Row

VERSION: Final = 1
CLIENT_ERRORS: Final = range(400, 500)
CODE_CHARS_MAX: Final = 80


class Found(enum.StrEnum):
    """Whether a question has its answer."""

    ANSWERED = "ANSWERED"
    UNKNOWN = "UNKNOWN"


QUESTIONS: Final[dict[str, str]] = {
    "clock": "how far our clock is from the exchange's",
    "limits": "the account's token buckets and costs",
    "terms": "fee terms, shard and price grid of our series",
    "list_lag": "how long after a place and a cancel the list of resting orders shows it",
    "expiry_latency": "how long after its expiration_time an order leaves the list, and the stream says so",
    "triggered_group": "status and code of an order placed into a triggered group",
    "batch_items": "whether a batch's items keep their order, and what an item's error looks like",
    "closed_market_cancel": "status and code of a cancel after the market's close",
    "closed_market_place": "status and code of an order placed after the market's close",
    "stream_numbers": "whether `ok` spends a sequence number of its subscription",
    "amend_crossing": "whether an amend that crosses takes",
}


class Answered(msgspec.Struct, frozen=True):
    """One question's end. `answer` holds figures and texts by name; `evidence` says what was done, or why not."""

    question: str
    found: Found
    answer: dict[str, Any]
    evidence: str
    at_utc: str


class Learned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row for the table of codes: this answer to a place proves that no order was made."""

    kind: RequestKind
    status: int
    code: str
    verdict: Verdict
    why: str


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`state/probe.json`."""

    version: int
    host: str
    at_utc: str
    answers: tuple[Answered, ...]
    learned: tuple[Learned, ...]


_probe = Door(Probe, DOCUMENT_BYTES_MAX).read


def unlearnable(row: Learned) -> str:
    """Why a row may not stand in the table of codes, or nothing."""
    if row.kind is not RequestKind.PLACE or row.verdict is not Verdict.REFUSED:
        return "only refusals of places are learned"
    if row.status not in CLIENT_ERRORS:
        return f"HTTP {row.status} is no refusal"
    if not row.code or len(row.code) > CODE_CHARS_MAX or ANY_CODE in row.code or row.code != row.code.strip():
        return f"code {row.code!r} is not one exact code"
    for known in ROWS:
        if known.kind is row.kind and known.code == row.code and known.verdict is not Verdict.REFUSED:
            return f"{row.code} is known to prove nothing"
    return ""


def parse_probe(text: bytes, where: str) -> Probe:
    """Read the file. Raises ConfigurationError naming the file and what is wrong in it."""
    remedy = "run ladderd probe again, or delete the file"
    try:
        probe = _probe(text)
    except msgspec.MsgspecError as problem:
        raise ConfigurationError(f"{where}: not what ladderd probe writes ({problem}); {remedy}") from None
    if probe.version != VERSION:
        raise ConfigurationError(f"{where}: version {probe.version} is not known; {remedy}")
    for row in probe.learned:
        why = unlearnable(row)
        if why:
            raise ConfigurationError(f"{where}: learned row {row.status} {row.code!r}: {why}; {remedy}")
    return probe


def table_of(probe: Probe | None) -> CodeTable:
    """The table of codes with what was learned put first."""
    learned = probe.learned if probe is not None else ()
    return CodeTable(tuple(Row(row.kind, row.status, row.code, row.verdict) for row in learned))
