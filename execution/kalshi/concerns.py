"""Whom a refused or unanswered place concerns: one total table, (HTTP status, code) -> concern.

What concerns one market cools that market, and no more. `codes.py` says whether anything may have happened; this says
what to make of it. The first row that fits counts; below the rows stands what a status alone tells, and what nobody
understands is taken to concern its market. Source: docs/exchange.md 3.3 and 6.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from domain.events import PlaceOutcome, Verdict
from execution.kalshi.codes import ANY_CODE, STAMP_EXPIRED

POST_ONLY_CROSS: Final = "post only cross"


class Concern(enum.StrEnum):
    """Whom, or what."""

    BOOK = "book"
    """It would have taken: the book that it was priced against is older than the exchange's."""
    MARKET = "market"
    """This market, for a reason that may pass."""
    HALTED = "halted"
    """This market does not trade now."""
    CLOSED = "closed"
    """This market will take no order again."""
    EXCHANGE = "exchange"
    """The whole exchange has paused."""
    GROUP = "group"
    """The order group takes no orders any more."""
    CASH = "cash"
    """There is less money than we thought."""
    KEY = "key"
    """The key is not accepted."""
    RIGHT = "right"
    """The key may not do this, here or anywhere."""
    STAMP = "stamp"
    """The request's time stamp; the signer corrects itself by the answer."""
    TOKENS = "tokens"
    """The write budget."""
    FATE = "fate"
    """Nobody knows what became of it."""


class _Row(NamedTuple):
    status: int
    code: str
    concern: Concern


_ROWS: Final = (
    _Row(400, "post_only_cross", Concern.BOOK),
    _Row(400, "insufficient_balance", Concern.CASH),
    _Row(400, "market_inactive", Concern.CLOSED),
    _Row(409, "market_inactive", Concern.CLOSED),
    _Row(400, "market_closed", Concern.CLOSED),
    _Row(409, "market_closed", Concern.CLOSED),
    _Row(404, "market_not_found", Concern.CLOSED),
    _Row(409, "trading_is_paused", Concern.HALTED),
    _Row(409, "exchange_is_paused", Concern.EXCHANGE),
    _Row(409, "order_group_triggered", Concern.GROUP),
    _Row(401, STAMP_EXPIRED, Concern.STAMP),
    _Row(401, ANY_CODE, Concern.KEY),
    _Row(403, ANY_CODE, Concern.RIGHT),
    _Row(429, ANY_CODE, Concern.TOKENS),
)


def concern_of(outcome: PlaceOutcome) -> Concern:
    """What a place that was not accepted, and may have left us, is about."""
    status, code = outcome.http_status, outcome.code
    if outcome.verdict is Verdict.REFUSED and POST_ONLY_CROSS in f"{code} {outcome.detail}".lower().replace("_", " "):
        return Concern.BOOK
    for row in _ROWS:
        if row.status == status and row.code in (code, ANY_CODE):
            return row.concern
    return Concern.MARKET if outcome.verdict is Verdict.REFUSED else Concern.FATE
