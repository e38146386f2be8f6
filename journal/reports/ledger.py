"""The ledger of a day: one row for every fill, what it came to, and the day's totals, exact to the unit.

P&L of a row is cash at settlement less what was paid, less the fill's fee; a settlement's own fee belongs to its market
and is in the totals. Rows of windows that are not settled have no result and no P&L.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from domain.money import CASH_DECIMALS, COUNT_DECIMALS, PRICE_DECIMALS, print_fixed
from domain.stamps import utc_ns_text
from journal.reports.fold import Fold


class LedgerRow(msgspec.Struct, frozen=True):
    """One fill with its end. Integers of domain.money; None where the journal does not say."""

    utc_ns: int
    series: str
    window: str | None
    target_ns: int
    ticker: str | None
    side: str | None
    price: int | None
    count: int | None
    fee: int | None
    liquidity: str | None
    trade_id: str | None
    client_order_id: str | None
    order_id: str | None
    result: str | None
    pnl: int | None


def ledger_rows(fold: Fold, series: str, day: str) -> list[LedgerRow]:
    """Every fill of a series' windows of one UTC day, in the order they were recorded."""
    rows = []
    for window in fold.of_day(series, day):
        ends = {row.ticker: row for row in window.settlements}
        for fill in window.fills:
            end = ends.get(fill.ticker)
            rows.append(
                LedgerRow(
                    utc_ns=fill.utc_ns,
                    series=series,
                    window=window.label,
                    target_ns=window.target_ns,
                    ticker=fill.ticker,
                    side=fill.side,
                    price=fill.price,
                    count=fill.count,
                    fee=fill.fee,
                    liquidity=fill.liquidity,
                    trade_id=fill.trade_id,
                    client_order_id=fill.client_order_id,
                    order_id=fill.order_id,
                    result=None if end is None else end.result,
                    pnl=fill.pnl(None if end is None else end.worth),
                )
            )
    return rows


def ledger_csv(rows: Sequence[LedgerRow]) -> str:
    """The rows as CSV with a header; money in dollars, counts in contracts, empty where not recorded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LedgerRow.__struct_fields__)
    for row in rows:
        fields = msgspec.structs.asdict(row)
        fields["utc_ns"] = utc_ns_text(row.utc_ns)
        fields["target_ns"] = utc_ns_text(row.target_ns)
        for name, decimals in _DECIMALS.items():
            fields[name] = "" if fields[name] is None else print_fixed(fields[name], decimals)
        writer.writerow("" if value is None else value for value in fields.values())
    return out.getvalue()


_DECIMALS = {"price": PRICE_DECIMALS, "count": COUNT_DECIMALS, "fee": CASH_DECIMALS, "pnl": CASH_DECIMALS}
