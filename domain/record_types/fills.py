"""Records of fills, settlements, and of what differs from the exchange."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, IndexValue
from domain.record_types.entry import Entry, FillPrice, InvalidRecordError, Named, OrderCount, some_told, whole


class OrderFilledEntry(Entry, frozen=True):
    """One execution of an order of ours, each trade id once. `window`: its target."""

    trade_id: TradeId
    client_order_id: ClientOrderId
    order_id: OrderId
    series: str
    window: int
    ticker: Ticker
    side: Side
    fill_price: FillPrice
    fill_count: OrderCount
    fee: Cash
    liquidity_side: Literal["maker", "taker"]


class ForeignFillEntry(OrderFilledEntry, frozen=True):
    """One execution on the account that is not ours: nothing is booked until an operator adopts it."""


class FillAdoptedEntry(OrderFilledEntry, frozen=True):
    """An operator had a foreign fill booked. `by` and `cause`: who, and why."""

    by: str
    cause: str


class AdoptionEntry(Entry, frozen=True):
    """An operator had the exchange's truth taken. `drift`: which difference it was; `what`: ticker, order or balance.

    A position tells series, window, and the contracts of both sides; an orphan tells `detail`; a balance `amount`.
    """

    drift: Named
    what: str
    by: str
    cause: str
    series: str | UnsetType = UNSET
    window: int | UnsetType = UNSET
    exchange: Count | UnsetType = UNSET
    own: Count | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    amount: Cash | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One of the three shapes, whole."""
        Entry.__post_init__(self)
        position = (self.series, self.window, self.exchange, self.own)
        if some_told(*position) + some_told(self.detail) + some_told(self.amount) != 1 or not whole(*position):
            raise InvalidRecordError("an adoption tells one of: series, window, exchange and own; detail; amount")


class ReconciledEntry(Entry, frozen=True):
    """An operator's question whether books agree was answered. `unknown`: what could not be read, empty for nothing."""

    by: str
    ok: bool
    unknown: str
    differences: tuple[str, ...]


class SettlementEntry(Entry, frozen=True):
    """The exchange settled a market that we traded. `own_verdict`: how our own print of the index settles it.

    `worth`: what one YES contract came to; `odd`: what was paid beyond that, where a value is not whole. A market that
    is told again was amended: the newest line counts.
    """

    series: Named
    label: str
    target_ns: int
    ticker: Ticker
    result: str
    index_value: IndexValue | None
    expiration_value: str
    own_verdict: Literal["yes", "no", "UNKNOWN"]
    revenue: Cash
    fee: Cash
    position: Count
    pnl: Cash
    worth: FillPrice | UnsetType = UNSET
    odd: Cash | UnsetType = UNSET


class StraySettlementEntry(SettlementEntry, frozen=True):
    """The same for a market that was held in no window of ours."""
