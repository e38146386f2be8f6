"""Once all is quiet and settled: our books against the exchange's, to the cent, and nothing left over in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sim.campaign.checks.resting import NAME_OF

if TYPE_CHECKING:
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.ports.process import Process

# A quiet daemon holds next to nothing.
TABLE_ROWS_MAX = 64
GROUPS_PER_SERIES_MAX = 4


class SettledChecks:
    """The books at the end of a unit."""

    def __init__(self, checks: CheckRecord) -> None:
        self._checks = checks

    def settled(self, process: Process) -> None:
        """Positions, fills, money, groups and tables."""
        checks = self._checks
        account, member = process.engine.state.held, checks.exchange.member
        ours = {t: p for t, p in account.ledger.open_positions().items() if p}
        theirs = {p.market.ticker: p.count.value for p in member.positions.values() if p.count.value}
        if ours != theirs:
            checks.breach("positions differ", f"exchange {theirs}, ours {ours}")
        known, true = set(account.ledger.trades), {f.trade.id for f in member.fills}
        if known != true:
            checks.breach("fills differ", f"{len(true - known)} unknown to us, {len(known - true)} only ours")
        if not theirs:
            earned = member.purse(0, 0).value - checks.exchange.state.config.balance
            if account.ledger.realised != earned:
                checks.breach(
                    "P&L differs from settlement",
                    f"exchange {earned / 1e6:.6f}, our ledger {account.ledger.realised / 1e6:.6f}",
                )
            self._results(process)
        groups = len(member.groups)
        if groups > GROUPS_PER_SERIES_MAX * len(process.engine.state.desks):
            checks.breach("group leaked", f"{groups} groups at the exchange, {len(account.groups.known)} known")
        self._tables(process)

    def _results(self, process: Process) -> None:
        cash: Counter[tuple[str, int]] = Counter()
        for fill in self._checks.exchange.member.fills:
            market = fill.trade.market
            sign = 1 if fill.order.side == "bid" else -1
            paid = sign * fill.trade.price * fill.trade.count + fill.fee
            worth = sign * market.worth * fill.trade.count
            cash[NAME_OF[market.event.series.ticker], market.event.close_ns] += worth - paid
        for result in process.engine.state.results.by_window.values():
            true = cash.get((result.series, result.target_ns), 0)
            if result.settled and result.pnl != true:
                self._checks.breach(
                    "P&L differs from settlement", f"{result.series} {result.label}: {true} against {result.pnl}"
                )

    def _tables(self, process: Process) -> None:
        account, counts = process.engine.state.held, self._checks.counts
        sizes = {
            "book.live": len(account.book.live),
            "groups.known": len(account.groups.known),
            "groups.creating": len(account.groups.creating),
            "groups.asked": len(account.groups.asked),
            "reads.slots": len(account.reads.slots),
            "reads.by_request": len(account.reads.by_request),
            "inbox": len(process.inbox),
            "held": len(process.runner._held),  # noqa: SLF001 - a bound is looked at where it is
        }
        for name, size in sizes.items():
            counts[f"size {name}"] = max(counts[f"size {name}"], size)
            if size > TABLE_ROWS_MAX:
                self._checks.breach("tables without bound", f"{name} holds {size} when all is quiet")
