"""What we would rest, if we may: at most a few rungs nearest the money, one bid and one ask in each.

Pure arithmetic on integers. Each candidate rung comes with the highest bid and the lowest ask that are still worth
resting (pricing decided that); the quoter fits them into the book without our own orders, never at or through the
other side, one tick better than the best of the others and no further. Hysteresis keeps churn down: a resting
order is put a dead band inside its limit, and stays while it is within the dead band of where we would put it now, or
younger than its minimum life, unless it has become worse than its limit: then it goes at once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Annotated, NamedTuple

import msgspec

from domain.clock import NS_PER_MS
from domain.ids import Ticker
from domain.market import Level, Market, Side, Top
from domain.money import PRICE_PER_CENT, PRICE_PER_DOLLAR, Count, Price
from domain.setting import key
from execution.orders import Order, OrderStatus

MIDDLE = PRICE_PER_DOLLAR // 2
# Bound for speed, as in domain/window.py: these are read for every rung of every tick.
_BID, _ASK, _PLACING, _CANCELLING = Side.BID, Side.ASK, OrderStatus.PLACING, OrderStatus.CANCELLING


class QuoteSettings(msgspec.Struct, frozen=True):
    """What is worth resting, and how much. Money in dollars as text; EV is per contract, after fees."""

    enabled: Annotated[
        bool, key("Whether orders are placed at all; without, the daemon watches and reports OFFLINE.", "A03")
    ] = True
    rungs_max: Annotated[int, key("How many strikes of one series are quoted at once.", "H09", ge=1, le=20)] = 2
    minimum_ev_cents: Annotated[
        int, key("The least expected gain a contract after fees for which an order rests.", "H09", ge=1, le=50)
    ] = 5
    shrink_ppm: Annotated[
        int, key("How much of the model's edge is believed, in millionths; less asks for more edge.", "H06", ge=0,
                 le=1_000_000)
    ] = 1_000_000  # fmt: skip
    contracts_per_order: Annotated[int, key("The size of one order.", "H09 K18", ge=1, le=100)] = 1
    fractions: Annotated[
        bool, key("Whether the exchange takes fractions of a contract; without, less than one is no order.", "K05")
    ] = True
    dead_band_cents: Annotated[
        int, key("How far the fair price must move before an order is replaced.", "H09", ge=0, le=20)
    ] = 1
    minimum_life_ms: Annotated[
        int, key("How long an order rests at least before its price is changed.", "H09", ge=0, le=60_000)
    ] = 1000
    reject_cooldown_ms: Annotated[
        int, key("How long one side of a rung waits after the exchange refused an order there.", "G07", ge=100,
                 le=60_000)
    ] = 2000  # fmt: skip
    books_subscribed_max: Annotated[
        int, key("How many rungs near the money have their book followed.", "H09", ge=2, le=200)
    ] = 24
    stickiness_cents: int = 3
    fair_min_cents: int = 8
    fair_max_cents: int = 92

    @property
    def minimum_edge(self) -> Price:
        """The least expected gain, as a price."""
        return Price(self.minimum_ev_cents * PRICE_PER_CENT)

    def tradable(self, fair: Price) -> bool:
        """Whether a rung of this fair value may be quoted: neither nearly certain nor nearly impossible."""
        return self.fair_min_cents * PRICE_PER_CENT <= fair <= self.fair_max_cents * PRICE_PER_CENT


class Others(NamedTuple):
    """The best prices of a book without our own orders; None where nobody else rests."""

    bid: Price | None
    ask: Price | None


class Candidate(NamedTuple):
    """One rung that could be quoted. A count of zero closes that side."""

    market: Market
    fair: Price
    bid_limit: Price
    ask_limit: Price
    others: Others
    bid_count: Count
    ask_count: Count


class Quote(NamedTuple):
    """One order we want to rest."""

    market: Market
    side: Side
    price: Price
    size: Count
    fair: Price


Want = dict[tuple[Ticker, Side], Quote]


def best_other(levels: Iterable[Level], orders: Iterable[Order], side: Side) -> Price | None:
    """The best price at which somebody else rests: our own remaining size is taken out of the book first."""
    for level in levels:
        price = level.price
        others: int = level.count
        for order in orders:
            if order.price == price and order.side is side and order.state is not _PLACING:
                others -= order.remaining
        if others > 0:
            return price
    return None


def others_of(top: Top, orders: Iterable[Order]) -> Others:
    """What the others show in a book in which these orders are ours."""
    return Others(best_other(top.bids, orders, _BID), best_other(top.asks, orders, _ASK))


def bid_price(rung: Candidate, dead_band: int = 0) -> Price | None:
    """Where we would bid: a dead band below the limit, below every ask, one tick above the best other bid at most."""
    best_bid, best_ask = rung.others
    price: int = rung.bid_limit - dead_band
    if best_ask is not None and price >= best_ask:
        price = best_ask - 1
    if best_bid is not None and price > best_bid:
        price = min(price, best_bid + (rung.market.step_at(best_bid) or 0))
    return rung.market.at_or_below(price) if price > 0 else None


def ask_price(rung: Candidate, dead_band: int = 0) -> Price | None:
    """Where we would offer: the mirror of `bid_price`."""
    best_bid, best_ask = rung.others
    price: int = rung.ask_limit + dead_band
    if best_bid is not None and price <= best_bid:
        price = best_bid + 1
    if best_ask is not None and price < best_ask:
        price = max(price, best_ask - (rung.market.step_at(best_ask) or 0))
    return rung.market.at_or_above(price) if price < PRICE_PER_DOLLAR else None


def settle_on(
    order: Order | None, price: Price | None, limit: Price, settings: QuoteSettings, now_ns: int
) -> Price | None:
    """The price to want, given the order that rests: its own while it is good enough or too young to move."""
    if order is None or order.unwanted:
        return price
    worse = order.price - limit if order.side is _BID else limit - order.price
    if worse > 0:
        return price
    if now_ns - order.created_ns < settings.minimum_life_ms * NS_PER_MS:
        return order.price
    if price is not None and abs(price - order.price) <= settings.dead_band_cents * PRICE_PER_CENT:
        return order.price
    return price


def select(rungs: Iterable[tuple[Price, Ticker]], quoted: Container[Ticker], settings: QuoteSettings) -> list[Ticker]:
    """The rungs (fair value, ticker) nearest the money; those already quoted keep a head start."""
    low, high = settings.fair_min_cents * PRICE_PER_CENT, settings.fair_max_cents * PRICE_PER_CENT
    start = settings.stickiness_cents * PRICE_PER_CENT
    ranked = [
        (abs(fair - MIDDLE) - (start if ticker in quoted else 0), ticker)
        for fair, ticker in rungs
        if low <= fair <= high
    ]
    ranked.sort()
    return [ticker for _, ticker in ranked[: settings.rungs_max]]


def desired(
    candidates: Iterable[Candidate],
    live: Mapping[Ticker, list[Order]],
    cooling: Mapping[tuple[Ticker, Side], int],
    settings: QuoteSettings,
    now_ns: int,
) -> Want:
    """The orders we would rest now on these rungs. `live` by market; `cooling`: when a side may be quoted again."""
    want: Want = {}
    band = settings.dead_band_cents * PRICE_PER_CENT
    for rung in candidates:
        ticker = rung.market.ticker
        orders = live.get(ticker, [])
        for side, count, limit, price in (
            (_BID, rung.bid_count, rung.bid_limit, bid_price(rung, band)),
            (_ASK, rung.ask_count, rung.ask_limit, ask_price(rung, band)),
        ):
            if not count or cooling.get((ticker, side), 0) > now_ns:
                continue
            resting = None
            for order in orders:
                if order.side is side and order.state is not _CANCELLING:
                    resting = order
                    break
            chosen = settle_on(resting, price, limit, settings, now_ns)
            if chosen is not None:
                want[ticker, side] = Quote(rung.market, side, chosen, count, rung.fair)
    return want
