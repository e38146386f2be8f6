"""A market with the best prices that GET /markets shows beside it: for who looks before an order that is no quote."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from domain.door import PAGE_BYTES_MAX, Door
from domain.errors import ProtocolError
from domain.ids import Ticker
from domain.market import Market
from domain.money import Price, parse_count, parse_price
from execution.kalshi.codes import PARSE_ERRORS
from execution.kalshi.discovery import WireMarket, read_market
from execution.kalshi.objects import Page
from execution.kalshi.pages import Step, pages
from execution.kalshi.wire import KalshiAccount

TICKERS_MAX: Final = 50


class QuotedMarket(WireMarket, kw_only=True):
    """A market with the best prices that the list shows; a size of zero is no quote (docs/exchange.md 9.2)."""

    yes_bid_dollars: str
    yes_bid_size_fp: str
    yes_ask_dollars: str
    yes_ask_size_fp: str


class QuotedPage(Page, kw_only=True):
    """GET /markets, with prices."""

    markets: list[QuotedMarket]


_page = Door(QuotedPage, PAGE_BYTES_MAX).read


class MarketQuote(msgspec.Struct, frozen=True):
    """One active market and its best bid and offer on the YES leg, None where there is none."""

    market: Market
    bid: Price | None
    ask: Price | None


def read_quote(series: str, wire: QuotedMarket) -> MarketQuote:
    """Turn a listed market into a quote. Raises ProtocolError."""
    try:
        bid = parse_price(wire.yes_bid_dollars) if parse_count(wire.yes_bid_size_fp) > 0 else None
        ask = parse_price(wire.yes_ask_dollars) if parse_count(wire.yes_ask_size_fp) > 0 else None
    except PARSE_ERRORS as error:
        raise ProtocolError(f"market {wire.ticker}: {error}") from None
    return MarketQuote(read_market(series, wire), bid, ask)


def read_quotes(
    account: KalshiAccount, tickers: tuple[Ticker, ...], series_of: Callable[[str], str]
) -> Step[dict[Ticker, MarketQuote]]:
    """Ask for these markets by name; those that are not listed, or cannot be read, are left out."""
    found: dict[Ticker, MarketQuote] = {}
    for begin in range(0, len(tickers), TICKERS_MAX):
        asked = tickers[begin : begin + TICKERS_MAX]
        listed, _ = yield from pages(account, "/markets", _page, tickers=",".join(asked))
        for each in (row for page in listed for row in page.markets if row.ticker in asked):
            with contextlib.suppress(ProtocolError):
                found[Ticker(each.ticker)] = read_quote(series_of(each.ticker), each)
    return found
