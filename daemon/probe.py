"""What `ladderd probe` asks of an exchange's demo host, and what may be learned from the answers. Pure.

The exchange's public documents leave questions open (Kalshi API, section 17). Each question here ends ANSWERED, with
the figures and where they were seen, or UNKNOWN, with why; a question nobody asked is UNKNOWN too. A code is learned
only as a proof that a place was refused: the order was looked for afterwards in the exchange's own lists and was not
there. Nothing is ever learned about cancels, nor from a code that already has a meaning.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from domain.errors import ConfigurationError
from domain.events import Verdict
from execution.kalshi_codes import ANY_CODE, ROWS, CodeTable, Kind, Row

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
NOT_ASKED: Final = {
    "stream_numbers": "not asked by this probe; the stream counts it, and a wrong count ends in a resync",
    "amend_crossing": "not asked, ever: we never amend",
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

    kind: Kind
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


_probe = msgspec.json.Decoder(Probe).decode


def unlearnable(row: Learned) -> str:
    """Why a row may not stand in the table of codes, or nothing."""
    if row.kind is not Kind.PLACE or row.verdict is not Verdict.REFUSED:
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


def learn(status: int, code: str, why: str, *, absent: bool) -> tuple[Learned, ...]:
    """The row that an answered place teaches, if it proves anything and is not in the table yet."""
    row = Learned(Kind.PLACE, status, code, Verdict.REFUSED, why)
    known = CodeTable().verdict(Kind.PLACE, status, code) is Verdict.REFUSED
    return () if known or not absent or unlearnable(row) else (row,)


def whole(answers: list[Answered], at_utc: str) -> tuple[Answered, ...]:
    """Every question once, in the table's order; one without an answer is UNKNOWN and says so."""
    by_name = {answer.question: answer for answer in answers}
    return tuple(
        by_name.get(name) or Answered(name, Found.UNKNOWN, {}, NOT_ASKED.get(name, "not reached"), at_utc)
        for name in QUESTIONS
    )


def keeps_order(asked: list[str], told: list[str]) -> bool | None:
    """Whether the items came in the order they were asked in; None when they are not the same items."""
    if sorted(asked) != sorted(told):
        return None
    return asked == told
