"""The order of the cancel-all's drill: the least that can rest at the exchange, where nobody wants to trade with it.

One contract is bid at one cent for a rung so deep in the money that it is worth at least ninety. Nobody sells there at
a cent, and if somebody did all the same, a cent is the most that it can cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

from domain.ids import GroupId, Ticker
from domain.market import Market, Side
from domain.money import Count, Price
from domain.reasons import Reason
from domain.setting import key
from execution.numbers import Numbers
from execution.orders import Order

# What stands for a series wherever drills are told apart from quotes: orders, groups and records.
DRILL: Final = Reason.DRILL.value
DRILL_PRICE: Final = Price(100)
DRILL_COUNT: Final = Count(100)
# Fair value (1/10,000 dollar) from which on a rung counts as far from the money.
FAR_FAIR: Final = 9_000
TRADED: Final = frozenset({"active", "open"})


class ControlSettings(msgspec.Struct, frozen=True):
    """How old the proof of a control may be. `drill_cancel_all` costs a minute without quotes for each drill.

    Left out it is on for the hourly windows and off for short ones, which have no minute to spare. `hand_limit_s` is
    for what a person or a start proves (31 days); `drill_hands` left out is on in live mode alone.
    """

    proof_limit_s: Annotated[
        int, key("How old the last proof of a control may be before the gate closes.", "X03", ge=60, le=604_800)
    ] = 93_600
    drill_cancel_all: Annotated[
        bool | None, key("Whether the account-wide cancel-all is drilled by itself each session.", "X01 X03")
    ] = None
    hand_limit_s: Annotated[
        int, key("How old the proof of a control that people's hands prove may be.", "X03", ge=3_600, le=31_622_400)
    ] = 2_678_400
    drill_hands: Annotated[
        bool | None, key("Whether the gate wants the controls of people's hands proven (ladderd drill).", "X03")
    ] = None


class Rung(NamedTuple):
    """Where the drill's order goes."""

    market: Market
    fair: Price


def far_rung(markets: Mapping[Ticker, Market], fairs: Mapping[Ticker, Price]) -> Rung | None:
    """The rung that a bid of a cent is farthest below; None where none is far enough, open, and takes whole cents."""
    found: Rung | None = None
    for ticker, fair in sorted(fairs.items()):
        market = markets[ticker]
        fits = market.status in TRADED and market.at_or_below(DRILL_PRICE) == DRILL_PRICE
        if fits and fair >= FAR_FAIR and (found is None or fair > found.fair):
            found = Rung(market, fair)
    return found


def drill_order(
    rung: Rung, group_id: GroupId, numbers: Numbers, target_ns: int, expiration_s: int, now_ns: int
) -> Order:
    """The order itself. It belongs to no series' quotes, so no closed gate of a series takes it for one of them."""
    return Order(
        client_order_id=numbers.order(),
        series=DRILL,
        ticker=rung.market.ticker,
        side=Side.BID,
        price=DRILL_PRICE,
        count=DRILL_COUNT,
        group_id=group_id,
        exchange_index=rung.market.exchange_index,
        expiration_s=expiration_s,
        target_ns=target_ns,
        now_ns=now_ns,
    )
