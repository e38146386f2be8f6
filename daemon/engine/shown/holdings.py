"""What the account holds, as the screens show it: every market that is not settled, drawn in a ladder or not."""

from __future__ import annotations

from daemon.engine.state_view import StateView
from domain.ids import Ticker
from domain.market import Market, strike_named
from domain.money import Price
from execution.positions import MarketAccount
from ops.status import Exposure, Holding


def holdings_of(state: StateView) -> tuple[Holding, ...]:
    """One row for each market with an open position, by series, window and strike, the highest strike first."""
    rows = []
    for desk in state.desks.values():
        fair = dict(zip(desk.markets, desk.fairs, strict=False))
        for ticker, account in state.held.ledger.markets.items():
            if account.series == desk.series.name and account.position and not account.result:
                rows.append(_holding(ticker, account, desk.markets.get(ticker), fair.get(ticker)))
    rows.sort(key=lambda row: (row.series, row.target_ns, -(row.strike or 0), row.ticker))
    return tuple(rows)


def exposures_of(state: StateView, holdings: tuple[Holding, ...]) -> tuple[Exposure, ...]:
    """The open positions of each series together; the worst case adds up each market's own."""
    rows = []
    for name in state.desks:
        own = [row for row in holdings if row.series == name]
        rows.append(
            Exposure(
                series=name,
                markets=len(own),
                net=sum(row.count for row in own),
                gross=sum(abs(row.count) for row in own),
                marked=sum(row.marked or 0 for row in own),
                worst_loss=sum(row.worst_loss for row in own),
                unmarked=sum(row.marked is None for row in own),
                realised=state.held.ledger.realised_of.get(name, 0),
            )
        )
    return tuple(rows)


def _holding(ticker: Ticker, account: MarketAccount, market: Market | None, fair: Price | None) -> Holding:
    strike = strike_named(ticker) if market is None else market.floor_strike or market.cap_strike
    return Holding(
        series=account.series,
        ticker=ticker,
        strike=strike,
        target_ns=account.target_ns,
        count=account.position,
        average=account.average,
        fair=fair,
        marked=None if fair is None else account.marked(fair) - account.fees,
        worst_loss=account.worst_loss,
        fees=account.fees,
    )
