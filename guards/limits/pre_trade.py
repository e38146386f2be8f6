"""What an order would make of each limit, before it is sent: the order is taken as resting already.

One row for each limit, in the order in which they are asked; the first that would be passed refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from domain.ids import Ticker
from domain.reasons import RiskLimit
from guards.exposure import MarketExposure, OrderShape, cash_bound
from guards.limits import totals
from guards.limits.account import AccountShape
from guards.limits.figure import LimitUse, OverLimit, Unit, dollars, told
from guards.limits.outcomes import AtRisk
from guards.limits.settings import RiskSettings
from guards.limits.totals import Lost


class Case(NamedTuple):
    """One order, and the books as they would be with it.

    `markets`: every market in use, the order's own with it resting. `fresh`: the order's market was not in use before.
    `risk`: what these books may lose by the ladders' outcomes. `signals`: the markets taken up today with this one; 0
    for an order in one of them.
    """

    order: OrderShape
    markets: Mapping[Ticker, MarketExposure]
    fresh: bool
    lost: Lost
    risk: AtRisk
    live: tuple[OrderShape, ...]
    account: AccountShape
    signals: int


Row = Callable[[Case, RiskSettings], LimitUse]


def _markets(case: Case, settings: RiskSettings) -> LimitUse:
    """A market in use may have more; a fresh one needs a place."""
    figure = totals.markets_used(case.markets, settings)
    return figure if case.fresh else figure._replace(used=0)


def _cash(case: Case, _settings: RiskSettings) -> LimitUse:
    """Whether the cash that the exchange told could pay for this order beside all others; each once, so not too late.

    The exchange may hold back the cash of what rests already; then it is counted twice here, which errs on our side.
    """
    balance = case.account.balance
    left = 0 if balance is None else balance - case.account.spent
    return LimitUse(RiskLimit.CASH, cash_bound((case.order, *case.live)), left, Unit.CASH)


ROWS: Final[dict[RiskLimit, Row]] = {
    RiskLimit.PER_ORDER: lambda case, s: totals.order_loss(case.order, s),
    RiskLimit.MARKETS: _markets,
    RiskLimit.SIGNALS: lambda case, s: totals.signals(case.signals, s),
    RiskLimit.PER_MARKET: lambda case, s: totals.market_reach(case.markets[case.order.ticker], case.order.side, s),
    RiskLimit.PER_WINDOW: lambda case, s: totals.window_reach(
        case.markets, (case.order.series, case.order.target_ns), case.order.side, s
    ),
    RiskLimit.JOINT_DELTA: lambda case, s: totals.joint_delta(case.risk, s),
    RiskLimit.CASH: _cash,
    RiskLimit.PER_DAY: lambda case, s: totals.per_day(case.lost, case.risk, s),
    RiskLimit.EVENT_SHARE: lambda case, s: totals.event_share(
        case.markets, (case.order.series, case.order.target_ns), s
    ),
    RiskLimit.SERIES_SHARE: lambda case, s: totals.series_share(case.markets, case.order.series, s),
    RiskLimit.PER_WEEK: lambda case, s: totals.per_week(case.lost, case.risk, s),
    RiskLimit.DAY_ROOM: lambda case, s: totals.day_room(case.lost, case.risk, s),
    RiskLimit.VALUE_AT_RISK: lambda case, s: totals.value_at_risk(case.lost, case.risk, s),
    RiskLimit.STRESS: lambda case, s: totals.stress(case.lost, case.risk, s),
}


def refusal(case: Case, settings: RiskSettings) -> OverLimit | None:
    """The first limit that the order would pass; None when it may be sent."""
    for row in ROWS.values():
        figure = row(case, settings)
        if figure.over:
            return OverLimit(figure.limit, f"risk: {_words(figure, case.order, settings)}")
    return None


def _words(figure: LimitUse, order: OrderShape, settings: RiskSettings) -> str:
    """The line for a person; the common limits have sentences of their own."""
    used, limit = figure.used, figure.limit
    if limit is RiskLimit.PER_ORDER:
        return f"order of {dollars(used)} is over ${settings.per_order_dollars}"
    if limit is RiskLimit.MARKETS:
        return f"{used - 1} markets are in use already"
    if limit is RiskLimit.SIGNALS:
        return f"{used - 1} markets were taken up today already"
    if limit is RiskLimit.PER_MARKET:
        return f"{order.ticker} would pass {settings.per_market_contracts} contracts net"
    if limit is RiskLimit.PER_WINDOW:
        return f"{order.series}'s window would pass {settings.per_window_contracts} contracts net"
    if limit is RiskLimit.PER_DAY:
        return f"the day's use would reach {dollars(used)} of ${settings.per_day_dollars}"
    if limit is RiskLimit.CASH:
        return f"orders for {dollars(used)} and {dollars(figure.most)} of cash"
    return told(figure)
