"""What a close-all, a program of its own, tells the engine of what it does."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.event_types.event import Event
from domain.event_types.reads import PositionState
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Count, Price

# How the outcome of a run begins that ended with nothing held and nothing resting.
FLAT: Final = "flat: "


class CloseOutOrder(msgspec.Struct, frozen=True, array_like=True):
    """One order that a close-all sent, or is about to send: `filled` is None until it is known."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: Price
    count: Count
    filled: Count | None = None


class CloseOutTold(Event, frozen=True):
    """What a `ladderd close-all` wrote down of itself: who, why, which cap; its orders so far; how it ended.

    `left`: what was held when it ended. `by` is what he says of himself, `owner` whose file it is. An `outcome` is
    the end; until there is one the run is under way, or was cut short.
    """

    ident: str
    by: str
    cause: str
    cap_cents: int
    asked_utc_ns: int
    orders: tuple[CloseOutOrder, ...] = ()
    left: tuple[PositionState, ...] = ()
    outcome: str = ""
    owner: str = ""
