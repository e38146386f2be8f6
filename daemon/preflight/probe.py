"""What `ladderd probe` asks of an exchange's demo host, and what may be learned from the answers. Pure.

The exchange's public documents leave questions open (docs/exchange.md 17). Each question here ends ANSWERED, with
the figures and where they were seen, or UNKNOWN, with why; a question nobody asked is UNKNOWN too. A code is learned
only as a proof that a place was refused: the order was looked for afterwards in the exchange's own lists and was not
there. Nothing is ever learned about cancels, nor from a code that already has a meaning.
"""

from __future__ import annotations

from typing import Final

from daemon.settings.learned import (
    QUESTIONS,
    Answered,
    Found,
    Learned,
    unlearnable,
)
from domain.events import Verdict
from execution.kalshi.codes import CodeTable, RequestKind

NOT_ASKED: Final = {
    "stream_numbers": "not asked by this probe; the stream counts it, and a wrong count ends in a resync",
    "amend_crossing": "not asked, ever: we never amend",
}


def learn(status: int, code: str, why: str, *, absent: bool) -> tuple[Learned, ...]:
    """The row that an answered place teaches, if it proves anything and is not in the table yet."""
    row = Learned(RequestKind.PLACE, status, code, Verdict.REFUSED, why)
    known = CodeTable().verdict(RequestKind.PLACE, status, code) is Verdict.REFUSED
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
