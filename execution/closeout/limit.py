"""At which price one holding may be closed, or why it may not: pure.

The cap is in cents a contract: so far from the middle of the market's book, at first sight, closing one contract may
cost. A side of the book that is missing counts as 0 or as 1 dollar; with both missing there is no middle and nothing
to meet. The limit is set once for a run, so that what the run itself takes out of a book does not move it. No index
value is needed for any of this.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from domain.clock import Now
from domain.events import FeesRead
from domain.ids import Ticker
from domain.market import Side
from domain.money import CASH_PER_CENT, COUNT_PER_CONTRACT, PRICE_PER_CENT, PRICE_PER_DOLLAR, Cash, Count, Price
from domain.stamps import utc_text
from execution.kalshi.quoted import MarketQuote

TRADED: Final = frozenset({"active", "open"})
HALTED: Final = frozenset({"inactive", "initialized"})
EVEN: Final = PRICE_PER_DOLLAR // 2
NOTHING_OFFERED: Final = "nothing is offered within the cap"
NO_BOOK: Final = "its book is empty on both sides"
HALTS: Final = "its trading is halted"
UNLISTED: Final = "the exchange lists no such market, or not so that it can be read"
FEE_UNREAD: Final = "its fee terms cannot be read"
# What only somebody else's order ends: not waited for long.
IDLE: Final = frozenset({NOTHING_OFFERED, NO_BOOK, UNLISTED})


class TakerFees(Protocol):
    """What taking costs by our fee file, and whether the exchange agrees with it."""

    def problem(self, told: FeesRead, /) -> str:
        """Why a taker's fee is not known; nothing when it is."""
        ...

    def fee(self, series: str, price: Price, count: Count, /) -> Cash:
        """Of one order that fills whole at this price."""
        ...


class ClosingPosition(msgspec.Struct, frozen=True):
    """One position as the exchange lists it, and how it may be closed. `count` is net YES, negative when short.

    `why` says why nothing can be sent now; `final` that it will not change while this run lasts.
    """

    ticker: Ticker
    count: Count
    quote: MarketQuote | None = None
    limit: Price | None = None
    why: str = ""
    final: bool = False

    @property
    def side(self) -> Side:
        """Of the order that closes it."""
        return Side.ASK if self.count > 0 else Side.BID

    @property
    def facing(self) -> Price | None:
        """The best price that such an order would meet."""
        if self.quote is None:
            return None
        return self.quote.bid if self.count > 0 else self.quote.ask

    @property
    def meets(self) -> bool:
        """Whether the book offers something within the limit."""
        if self.facing is None or self.limit is None:
            return False
        return self.facing >= self.limit if self.count > 0 else self.facing <= self.limit


def judge(
    ticker: Ticker, count: Count, quote: MarketQuote | None, cap_cents: int, known: Price | None, now: Now, fees: str
) -> ClosingPosition:
    """How a position may be closed now. `known`: the limit set before in this run; `fees`: why its fee is not known."""
    if quote is None:
        return ClosingPosition(ticker, count, why=UNLISTED)
    market = quote.market
    if now.utc_ns >= market.close_ns or market.status not in TRADED | HALTED:
        why = (
            f"its market closed at {utc_text(market.close_ns)}: the exchange settles it by the result"
            f"{f' ({market.result})' if market.result else ''}, and nothing is sent"
        )
        return ClosingPosition(ticker, count, quote, known, why, final=True)
    if fees:
        return ClosingPosition(ticker, count, quote, known, fees, final=fees != FEE_UNREAD)
    limit = known if known is not None else limit_price(quote, count, cap_cents)
    if limit is None:
        return ClosingPosition(ticker, count, quote, None, NO_BOOK)
    found = ClosingPosition(ticker, count, quote, limit)
    if market.status in HALTED:
        return msgspec.structs.replace(found, why=HALTS)
    return found if found.meets else msgspec.structs.replace(found, why=NOTHING_OFFERED)


def limit_price(quote: MarketQuote, count: Count, cap_cents: int) -> Price | None:
    """The worst price that closing may get, on the market's grid, rounded to our side; None without a book."""
    if quote.bid is None and quote.ask is None:
        return None
    bid = quote.bid if quote.bid is not None else 0
    ask = quote.ask if quote.ask is not None else PRICE_PER_DOLLAR
    twice, cap = bid + ask, cap_cents * PRICE_PER_CENT
    if count > 0:
        return quote.market.at_or_above(-((2 * cap - twice) // 2))
    return quote.market.at_or_below((twice + 2 * cap) // 2)


def worst_cost(holding: ClosingPosition, cap_cents: int, fees: TakerFees) -> Cash:
    """The most that closing it may cost against the middle of its book: the cap on each contract, and the fee."""
    assert holding.limit is not None, "without a limit nothing is sent"
    assert holding.quote is not None, "and none was set without a quote"
    size, series = Count(abs(holding.count)), holding.quote.market.series
    low, high = sorted((holding.limit, holding.facing if holding.facing is not None else holding.limit))
    prices = {low, high, min(max(EVEN, low), high)}
    fee = max(fees.fee(series, Price(price), size) for price in prices)
    return Cash(-(-size * cap_cents * CASH_PER_CENT // COUNT_PER_CONTRACT) + fee)
