"""Records of a close-all: the one program that takes."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from domain.event_types.reads import PositionState
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Count
from domain.record_types.entry import Entry, Named, OrderCount, OrderPrice


class CloseOutEntry(Entry, frozen=True):
    """A close-all began, or ended: who, why, and the most that closing one contract may cost.

    `outcome` and `left` (what is still held) are told at its end. `by` is a claim; `owner` is whose its file is.
    """

    ident: Named
    by: str
    cause: str
    cap_cents: int
    owner: Named | UnsetType = UNSET
    outcome: Named | UnsetType = UNSET
    left: tuple[PositionState, ...] | UnsetType = UNSET


class CloseOutOrderEntry(Entry, frozen=True):
    """A close-all is about to send an order that takes; told again, with `filled`, once that is known."""

    ident: Named
    client_order_id: ClientOrderId
    ticker: Ticker
    side: Side
    price: OrderPrice
    count: OrderCount
    filled: Count | UnsetType = UNSET
