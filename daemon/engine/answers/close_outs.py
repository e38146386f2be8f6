"""Runs of close-all, as their files tell them: each begins once, sends orders, ends once, and all of it is recorded.

What they filled needs nothing from here: their orders carry our prefix, so their fills are booked as ours, in whatever
order file and fill come. `runs` is remembered, so that a restart which finds a file again tells nothing twice.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from domain.actions import AnyAction
from domain.events import CloseOutOrder, CloseOutTold, PositionState
from domain.money import Count, print_count
from domain.records import CloseOutEntry, CloseOutOrderEntry

RUNS_KEPT: Final = 16


class CloseOuts:
    """`runs`: the newest ones, by name, as last told."""

    def __init__(self) -> None:
        self.runs: dict[str, CloseOutTold] = {}

    def told(self, event: CloseOutTold, out: list[AnyAction]) -> bool:
        """Take in what a file says now; whether this run is new."""
        before = self.runs.get(event.ident)
        if before == event:
            return False
        self.runs[event.ident] = event
        if len(self.runs) > RUNS_KEPT:
            del self.runs[next(iter(self.runs))]
        if before is None:
            out.append(_entry(event))
        known = {} if before is None else {order.client_order_id: order for order in before.orders}
        out.extend(_order(event, order) for order in event.orders if known.get(order.client_order_id) != order)
        if event.outcome and (before is None or not before.outcome):
            out.append(_entry(event, ended=True))
        return before is None

    def restore(self, runs: tuple[CloseOutTold, ...]) -> None:
        """Take over what the run before was told."""
        self.runs = {run.ident: run for run in runs}

    def line(self) -> str:
        """The newest run in one line; nothing when there was none."""
        if not self.runs:
            return ""
        run = next(reversed(self.runs.values()))
        filled = Count(sum(order.filled or 0 for order in run.orders))
        said = f"close-all by {run.by}: {len(run.orders)} orders, {print_count(filled)} closed"
        left = ", ".join(_left(each) for each in run.left)
        return f"{said}; {run.outcome or 'no end told yet'}{f'; left: {left}' if left else ''}"


def _entry(event: CloseOutTold, *, ended: bool = False) -> CloseOutEntry:
    return CloseOutEntry(
        event.ident,
        event.by,
        event.cause,
        event.cap_cents,
        owner=event.owner or UNSET,
        outcome=event.outcome if ended else UNSET,
        left=event.left if ended else UNSET,
    )


def _order(event: CloseOutTold, order: CloseOutOrder) -> CloseOutOrderEntry:
    return CloseOutOrderEntry(
        event.ident,
        order.client_order_id,
        order.ticker,
        order.side,
        order.price,
        order.count,
        filled=UNSET if order.filled is None else order.filled,
    )


def _left(position: PositionState) -> str:
    return f"{position.ticker} {print_count(position.count)}"
