"""Why a side of a rung has no quote of ours: what the desk wrote down when it decided, and what it never looked at."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.engine.views.desk import DeskView
from domain.ids import Ticker
from domain.market import Side
from domain.money import Price
from domain.reasons import RungReason
from execution.orders import Order


def why_not_quoted(
    desk: DeskView, ticker: Ticker, side: Side, fair: Price | None, own: Iterable[Order], *, may_quote: bool
) -> str:
    """The reason in one code, or nothing where an order of ours may rest on that side."""
    if any(order.ticker == ticker and order.side is side for order in own):
        return ""
    return (_reason(desk, ticker, side, fair) if may_quote else RungReason.GATE_CLOSED).value


def _reason(desk: DeskView, ticker: Ticker, side: Side, fair: Price | None) -> RungReason:
    if fair is None or desk.edge_needed is None:
        return RungReason.NOT_PRICED
    if not desk.settings.quoting.tradable(fair):
        return RungReason.FAR_FROM_MONEY
    if ticker not in desk.books_fresh:
        return RungReason.NO_BOOK
    if ticker in desk.vetoed:
        return RungReason.VETOED
    if ticker in desk.restricted:
        return RungReason.RESTRICTED
    if desk.confined is not None and ticker not in desk.confined:
        return RungReason.MARKETS_LIMIT
    if ticker not in desk.looked_at:
        return RungReason.OTHERS_NEARER
    wanted = RungReason.WAITS_TO_SEND if desk.waiting_for_group else RungReason.TOO_LATE
    return desk.unquoted.get((ticker, side), wanted)
