"""Taking the exchange's truth where it is not ours: an operator's order, each difference a record of its own.

Nothing is adopted silently. A fill of somebody else is booked at its own price and fee, a position that nobody can
explain at the worst price, and the balance is walked anew from what the exchange says. What was adopted counts for
risk, for positions and for the balance, and is never our P&L. A recovery takes the same records and comes to the same.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from msgspec import UnsetType

from daemon.engine.holdings import Holdings
from domain.actions import AnyAction
from domain.clock import Now
from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, Price, print_cash
from domain.records import AdoptionEntry, FillAdoptedEntry, ForeignFillEntry, OrderFilledEntry
from execution.reconcile import Drift, DriftKind, series_of
from execution.settlement import Payment
from execution.strangers import ForeignFill

Adopting = ForeignFillEntry | FillAdoptedEntry | AdoptionEntry


class Execution(TypedDict):
    """The fields that every record of an execution has, whosever it is."""

    trade_id: TradeId
    client_order_id: ClientOrderId
    order_id: OrderId
    series: str
    window: int
    ticker: Ticker
    side: Side
    fill_price: Price
    fill_count: Count
    fee: Cash
    liquidity_side: Literal["maker", "taker"]


def told_of(fill: Fill, series: str, target_ns: int) -> Execution:
    """One execution as its records tell it, whosever it is."""
    return Execution(
        trade_id=fill.trade_id,
        client_order_id=fill.client_order_id,
        order_id=fill.order_id,
        series=series,
        window=target_ns,
        ticker=fill.ticker,
        side=fill.side,
        fill_price=fill.price,
        fill_count=fill.count,
        fee=fill.fee,
        liquidity_side="taker" if fill.is_taker else "maker",
    )


def fill_of(told: OrderFilledEntry) -> Fill:
    """The fill that such a record tells of; the exchange's own stamp is not kept in it."""
    return Fill(
        trade_id=told.trade_id,
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        ticker=told.ticker,
        side=told.side,
        price=told.fill_price,
        count=told.fill_count,
        fee=told.fee,
        is_taker=told.liquidity_side == "taker",
        exchange_ms=0,
    )


def adopt(held: Holdings, by: str, cause: str, now: Now, out: list[AnyAction]) -> tuple[Drift, ...]:
    """Book what the exchange says where it differs from us. Returns what was adopted."""
    adopted: list[Drift] = []
    for foreign in list(held.strangers.foreign.values()):
        told = told_of(foreign.fill, foreign.series, foreign.target_ns)
        _record(held, FillAdoptedEntry(**told, by=by, cause=cause), now, out)
        adopted.append(foreign_drift(foreign.fill))
    for ticker, said in sorted(held.position_check.suspected.items()):
        have = held.ledger.position(ticker)
        if said == have:
            continue
        drift = next((d for d in held.position_drifts if d.what == ticker), None)
        if drift is None:
            continue
        position = AdoptionEntry(
            drift=drift.kind.value,
            what=ticker,
            by=by,
            cause=cause,
            series=series_of(ticker),
            window=held.target_of.get(ticker, 0),
            exchange=said,
            own=have,
        )
        _record(held, position, now, out)
        adopted.append(drift)
    for drift in list(held.orphans.values()):
        _record(held, AdoptionEntry(drift.kind.value, drift.what, by, cause, detail=drift.detail), now, out)
        adopted.append(drift)
    for ticker, why in list(held.unread_settlements.items()):
        drift = settlement_drift(ticker, why)
        _record(held, AdoptionEntry(drift.kind.value, ticker, by, cause, detail=why), now, out)
        adopted.append(drift)
    drift = balance_drift(held)
    if drift is not None:
        _record(held, AdoptionEntry(drift.kind.value, drift.what, by, cause, amount=held.walk.gap), now, out)
        adopted.append(drift)
    return tuple(adopted)


def foreign_drift(fill: Fill) -> Drift:
    """A fill that is not ours, as a difference."""
    what = f"{fill.ticker} {fill.side} {fill.count / 100:g} @ {fill.price / 10_000:g}"
    return Drift(DriftKind.FOREIGN_FILL, fill.trade_id, f"{what} of order {fill.order_id} is not ours")


def settlement_drift(ticker: Ticker, why: str) -> Drift:
    """A settlement that cannot be read. Its market counts with all that it can lose, so quoting may go on."""
    return Drift(DriftKind.SETTLEMENT_UNREADABLE, ticker, why, critical=False)


def balance_drift(held: Holdings) -> Drift | None:
    """What the walk of the balance cannot explain; None when it explains every cent."""
    walk = held.walk
    if not walk.gap:
        return None
    kind = DriftKind.CASH_MOVED if walk.moved else DriftKind.BALANCE_MISMATCH
    detail = f"exchange {print_cash(walk.gap)} dollars against our walk"
    return Drift(kind, "balance", detail, critical=not walk.moved)


def _record(held: Holdings, told: Adopting, now: Now, out: list[AnyAction]) -> None:
    out.append(told)
    apply(held, told, now)


def apply(held: Holdings, told: Adopting, now: Now) -> None:
    """Do what one of these records says: when it is made, and again when a recovery reads it."""
    if isinstance(told, ForeignFillEntry):
        held.strangers.foreign[told.trade_id] = ForeignFill(fill_of(told), told.series, told.window)
        held.strangers.unclaimed.pop(told.trade_id, None)
    elif isinstance(told, FillAdoptedEntry):
        held.strangers.foreign.pop(told.trade_id, None)
        held.ledger.fill(fill_of(told), told.series, told.window, adopted=True)
        _booked(held, told.ticker, now)
    elif told.drift == DriftKind.ORPHAN_FILLED:
        held.orphans.pop(OrderId(told.what), None)
    elif told.drift == DriftKind.SETTLEMENT_UNREADABLE:
        ticker = Ticker(told.what)
        position = held.ledger.position(ticker)
        worth = Price(PRICE_PER_DOLLAR if position < 0 else 0)
        held.unread_settlements.pop(ticker, None)
        held.ledger.settle(ticker, "adopted", Cash(0), Payment(worth, Cash(position * worth)))
        _booked(held, ticker, now)
        # It was booked at the worst that it could pay: the balance is walked anew from here.
        held.walk.adopt()
    elif told.drift in {DriftKind.BALANCE_MISMATCH, DriftKind.CASH_MOVED}:
        held.walk.adopt()
    else:
        assert not isinstance(told.exchange, UnsetType), "a position is adopted with its contracts"
        assert not isinstance(told.series, UnsetType), "and its series"
        assert not isinstance(told.window, UnsetType), "and its window"
        ticker = Ticker(told.what)
        held.ledger.adopt_position(ticker, told.exchange, told.series, told.window)
        _booked(held, ticker, now)
        # It was booked at a price that nobody paid: the balance is walked anew from here.
        held.walk.adopt()


def _booked(held: Holdings, ticker: Ticker, now: Now) -> None:
    held.adopted.append(ticker)
    held.filled_ns = now.mono_ns
    if held.position_check.suspected.get(ticker) == held.ledger.position(ticker):
        del held.position_check.suspected[ticker]
        held.position_drifts = tuple(d for d in held.position_drifts if d.what != ticker)
