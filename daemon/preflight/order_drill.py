"""The one-lot order that proves a control: which market, which price, and every reason not to send it. Pure.

A trial order is a bid at the lowest price the grid has, a cent at most, in a market whose best offer is at least ten
times as far: it can neither match nor cost more than that cent. It is post-only, expires within seconds and lives in an
order group, like every order of ours. Its permission comes from the gate, whose votes are made here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import NS_PER_S
from domain.market import Market
from domain.money import PRICE_PER_DOLLAR, Price, parse_count, parse_price
from domain.reasons import Reason
from domain.window import Phase
from execution.kalshi.quoted import MarketQuote
from guards.vote import PASS, Vote, fail, unknown
from guards.windows import WindowPlan

CENT: Final = Price(100)
FAR_ASK: Final = Price(1_000)
EVEN: Final = PRICE_PER_DOLLAR // 2
LIFE_S: Final = 20
CLOSE_ROOM_S: Final = 60
OPEN_ROOM_S: Final = 30
OPEN_PHASES: Final = frozenset({Phase.QUOTING.value, Phase.STRICT.value, Phase.FLATTENING.value, Phase.FROZEN.value})


class KalshiOrderbook(msgspec.Struct):
    """The two sides of GET /markets/{ticker}/orderbook, best last; `no_dollars` in prices of the NO leg."""

    yes_dollars: list[tuple[str, str]]
    no_dollars: list[tuple[str, str]]


class BookAnswer(msgspec.Struct):
    """GET /markets/{ticker}/orderbook."""

    orderbook_fp: KalshiOrderbook


def best_ask(book: KalshiOrderbook) -> Price | None:
    """The best offer on the YES leg: one dollar less the best bid for NO. Raises ValueError for an unreadable book."""
    levels = [parse_price(price) for price, count in book.no_dollars if parse_count(count) > 0]
    return Price(PRICE_PER_DOLLAR - max(levels)) if levels else None


def trial_price(market: Market) -> Price | None:
    """The price of a trial bid: one cent, or the lowest step of a finer grid; None when the grid has neither."""
    if market.on_grid(CENT):
        return CENT
    low = [Price(stretch.start or stretch.step) for stretch in market.price_ranges]
    fit = [price for price in low if 0 < price <= CENT and market.on_grid(price)]
    return min(fit, default=None)


def choose(quotes: list[MarketQuote], utc_ns: int) -> MarketQuote | None:
    """The market nearest the money in which a trial bid cannot match and whose close is not near; None when none."""
    fit = [
        quote
        for quote in quotes
        if quote.market.status == "active"
        and quote.market.close_ns - utc_ns > CLOSE_ROOM_S * NS_PER_S
        and quote.bid is not None
        and cannot_match(quote.ask).open
        and trial_price(quote.market) is not None
    ]
    return min(fit, key=lambda quote: (_off_money(quote), quote.market.ticker), default=None)


def choose_closing(quotes: list[MarketQuote], utc_ns: int, first_s: int, last_s: int) -> MarketQuote | None:
    """The first market to close within so many seconds in which a trial bid cannot match; None when none does."""
    fit = [
        quote
        for quote in quotes
        if quote.market.status == "active"
        and first_s * NS_PER_S <= quote.market.close_ns - utc_ns <= last_s * NS_PER_S
        and cannot_match(quote.ask).open
        and trial_price(quote.market) is not None
    ]
    return min(fit, key=lambda quote: (quote.market.close_ns, _off_money(quote), quote.market.ticker), default=None)


def _off_money(quote: MarketQuote) -> int:
    bid, ask = quote.bid or 0, quote.ask if quote.ask is not None else PRICE_PER_DOLLAR
    return abs(bid + ask - 2 * EVEN)


def cannot_match(ask: Price | None) -> Vote:
    """Whether a bid of a cent is far below the best offer; without an offer there is nothing to match."""
    if ask is None or ask >= FAR_ASK:
        return PASS
    return fail(Reason.BOOK_STALE, f"the best offer is {ask} of 10000: too near")


def no_window_open(plan: WindowPlan, series: tuple[str, ...], utc_ns: int) -> Vote:
    """Whether no window of ours is open now or opens before a trial would be over."""
    for name in series:
        window = plan.current_window(name, utc_ns) or plan.next_window(name, utc_ns)
        if window is None:
            continue
        if window.opens_ns <= utc_ns <= window.target_ns:
            return fail(Reason.WINDOW_CLOSED, f"{window.label} of {name} is open; try again after its target")
        if 0 < window.opens_ns - utc_ns < OPEN_ROOM_S * NS_PER_S:
            left_s = (window.opens_ns - utc_ns) // NS_PER_S
            detail = f"{window.label} of {name} opens in {left_s} s; try again after its target"
            return fail(Reason.WINDOW_CLOSED, detail)
    return PASS


def daemon_idle(phases: tuple[str, ...], orders: int, *, runs: bool, answers: bool) -> Vote:
    """Whether no daemon quotes on this account: none runs, or it answers, holds no order and is outside its windows."""
    if not runs:
        return PASS
    if not answers:
        return unknown(Reason.NOT_RECONCILED, "a daemon runs here and does not answer; stop it first")
    if orders or OPEN_PHASES.intersection(phases):
        return fail(Reason.QUALITY_GATE, f"a daemon is quoting here ({orders} orders may be live); stop it first")
    return PASS
