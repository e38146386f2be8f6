"""Taking the exchange's truth where it is not ours: an operator's order, each difference a record of its own.

Nothing is adopted silently. A fill of somebody else is booked at its own price and fee, a position that nobody can
explain at the worst price, and the balance is walked anew from what the exchange says. What was adopted counts for
risk, for positions and for the balance, and is never our P&L. A recovery takes the same records and comes to the same.
"""

from __future__ import annotations

from typing import Any

from daemon.engine.holdings import Holdings
from domain.actions import AnyAction, Record
from domain.clock import Now
from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, Price, print_cash
from execution.reconcile import Drift, DriftKind, series_of
from execution.settlement import Payment
from execution.strangers import ForeignFill

FOREIGN_FILL = "foreign_fill"
FILL_ADOPTED = "fill_adopted"
ADOPTION = "adoption"
ADOPTING = frozenset({FOREIGN_FILL, FILL_ADOPTED, ADOPTION})


def fill_payload(fill: Fill, series: str, target_ns: int) -> dict[str, Any]:
    """One execution as its records tell it, whosever it is."""
    return {
        "trade_id": fill.trade_id,
        "client_order_id": fill.client_order_id,
        "order_id": fill.order_id,
        "series": series,
        "window": target_ns,
        "ticker": fill.ticker,
        "side": fill.side.value,
        "fill_price": fill.price,
        "fill_count": fill.count,
        "fee": fill.fee,
        "liquidity_side": "taker" if fill.is_taker else "maker",
    }


def fill_of(payload: dict[str, Any]) -> Fill:
    """The fill that such a record tells of; the exchange's own stamp is not kept in it."""
    return Fill(
        trade_id=TradeId(payload["trade_id"]),
        order_id=OrderId(payload["order_id"]),
        client_order_id=ClientOrderId(payload["client_order_id"]),
        ticker=Ticker(payload["ticker"]),
        side=Side(payload["side"]),
        price=Price(payload["fill_price"]),
        count=Count(payload["fill_count"]),
        fee=Cash(payload["fee"]),
        is_taker=payload["liquidity_side"] == "taker",
        exchange_ms=0,
    )


def adopt(held: Holdings, by: str, cause: str, now: Now, out: list[AnyAction]) -> tuple[Drift, ...]:
    """Book what the exchange says where it differs from us. Returns what was adopted."""
    adopted: list[Drift] = []
    for foreign in list(held.strangers.foreign.values()):
        payload = fill_payload(foreign.fill, foreign.series, foreign.target_ns) | {"by": by, "cause": cause}
        _record(held, FILL_ADOPTED, payload, now, out)
        adopted.append(foreign_drift(foreign.fill))
    for ticker, said in sorted(held.position_check.suspected.items()):
        have = held.ledger.position(ticker)
        if said == have:
            continue
        target_ns = held.target_of.get(ticker, 0)
        told = {"what": ticker, "series": series_of(ticker), "window": target_ns, "exchange": said, "own": have}
        drift = next((d for d in held.position_drifts if d.what == ticker), None)
        if drift is None:
            continue
        payload = {"kind": drift.kind.value, **told, "by": by, "cause": cause}
        _record(held, ADOPTION, payload, now, out)
        adopted.append(drift)
    for drift in list(held.orphans.values()):
        payload = {"kind": drift.kind.value, "what": drift.what, "detail": drift.detail, "by": by, "cause": cause}
        _record(held, ADOPTION, payload, now, out)
        adopted.append(drift)
    for ticker, why in list(held.unread_settlements.items()):
        drift = settlement_drift(ticker, why)
        payload = {"kind": drift.kind.value, "what": ticker, "detail": why, "by": by, "cause": cause}
        _record(held, ADOPTION, payload, now, out)
        adopted.append(drift)
    drift = balance_drift(held)
    if drift is not None:
        payload = {"kind": drift.kind.value, "what": drift.what, "amount": held.walk.gap, "by": by, "cause": cause}
        _record(held, ADOPTION, payload, now, out)
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


def _record(held: Holdings, kind: str, payload: dict[str, Any], now: Now, out: list[AnyAction]) -> None:
    out.append(Record(kind, payload))
    apply(held, kind, payload, now)


def apply(held: Holdings, kind: str, payload: dict[str, Any], now: Now) -> None:
    """Do what one of these records says: when it is made, and again when a recovery reads it."""
    if kind == FOREIGN_FILL:
        fill = fill_of(payload)
        held.strangers.foreign[fill.trade_id] = ForeignFill(fill, payload["series"], payload["window"])
        held.strangers.unclaimed.pop(fill.trade_id, None)
    elif kind == FILL_ADOPTED:
        fill = fill_of(payload)
        held.strangers.foreign.pop(fill.trade_id, None)
        held.ledger.fill(fill, payload["series"], payload["window"], adopted=True)
        _booked(held, fill.ticker, now)
    elif payload["kind"] == DriftKind.ORPHAN_FILLED:
        held.orphans.pop(OrderId(payload["what"]), None)
    elif payload["kind"] == DriftKind.SETTLEMENT_UNREADABLE:
        ticker = Ticker(payload["what"])
        position = held.ledger.position(ticker)
        worth = Price(PRICE_PER_DOLLAR if position < 0 else 0)
        held.unread_settlements.pop(ticker, None)
        held.ledger.settle(ticker, "adopted", Cash(0), Payment(worth, Cash(position * worth)))
        _booked(held, ticker, now)
        # It was booked at the worst that it could pay: the balance is walked anew from here.
        held.walk.adopt()
    elif payload["kind"] in {DriftKind.BALANCE_MISMATCH, DriftKind.CASH_MOVED}:
        held.walk.adopt()
    else:
        ticker = Ticker(payload["what"])
        held.ledger.adopt_position(ticker, Count(payload["exchange"]), payload["series"], payload["window"])
        _booked(held, ticker, now)
        # It was booked at a price that nobody paid: the balance is walked anew from here.
        held.walk.adopt()


def _booked(held: Holdings, ticker: Ticker, now: Now) -> None:
    held.adopted.append(ticker)
    held.filled_ns = now.mono_ns
    if held.position_check.suspected.get(ticker) == held.ledger.position(ticker):
        del held.position_check.suspected[ticker]
        held.position_drifts = tuple(d for d in held.position_drifts if d.what != ticker)
