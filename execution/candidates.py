"""Which orders a chosen rung could have: its limits, its sizes, and why a side of it is not wanted.

A rung's limits lie the edge asked for on either side of its fair value. Its sizes are one order's, or nothing where
one more would take its market, or the whole window, past what may be held. Integers throughout.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.market import Market, Side
from domain.money import COUNT_PER_CONTRACT, PRICE_PER_DOLLAR, Count, Price
from domain.reasons import RungReason
from execution.quoter import Candidate, Others

_NOTHING = Count(0)


class Capacity(NamedTuple):
    """The size of one order, and how long or short a market and the window may be for one more to fit."""

    size: Count
    market_most: int
    window_most: int

    def full(self, held: Count) -> bool:
        """Whether a market that holds this has no room for an order on both sides."""
        return abs(held) > self.market_most


def capacity(size: Count, per_market_contracts: int, per_window_contracts: int) -> Capacity:
    """From the size of one order, and what is configured in whole contracts."""
    market, window = per_market_contracts * COUNT_PER_CONTRACT, per_window_contracts * COUNT_PER_CONTRACT
    return Capacity(size, market - size, window - size)


def candidate(
    market: Market, fair: Price, edge: int, others: Others, held: Count, window_net: int, room: Capacity
) -> Candidate:
    """A rung that could be quoted. `held` and `window_net`: net YES of this market, and of the whole window."""
    bid, ask = fair - edge, fair + edge
    size, market_most, window_most = room
    may_buy = bid > 0 and held <= market_most and window_net <= window_most
    may_sell = ask < PRICE_PER_DOLLAR and -held <= market_most and -window_net <= window_most
    bid_count, ask_count = size if may_buy else _NOTHING, size if may_sell else _NOTHING
    return Candidate(market, fair, Price(bid), Price(ask), others, bid_count, ask_count)


def why_unwanted(rung: Candidate, side: Side, room: Capacity, held: Count, *, cooling: bool) -> RungReason:
    """Why a side of a candidate is not wanted. `held`: net YES of its market; with room there it is the window."""
    if cooling:
        return RungReason.COOLING
    if not room.size:
        return RungReason.FRACTION
    count, limit = (
        (rung.bid_count, rung.bid_limit) if side is Side.BID else (rung.ask_count, PRICE_PER_DOLLAR - rung.ask_limit)
    )
    if count or limit <= 0:
        return RungReason.EDGE_TOO_SMALL
    return RungReason.MARKET_LIMIT if room.full(held) else RungReason.WINDOW_LIMIT
