"""The figures of the whole account: what it has lost, and what its open books may lose, each against its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.ids import Ticker
from domain.market import Side
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT
from domain.reasons import RiskLimit
from guards.exposure import MarketExposure, OrderShape, stake
from guards.limits.figure import PPM, LimitUse, Unit
from guards.limits.losses import Marked
from guards.limits.outcomes import AtRisk, EventKey
from guards.limits.settings import RiskSettings


class Lost(NamedTuple):
    """What the session and the week have lost so far, in cash. `total`: the day's, realised and marked."""

    day: int
    week: int
    total: int
    equity: int


def joint_delta(risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """Contracts, as if at the money, that lose together, both series, whichever way the indices go."""
    most = settings.joint_delta_contracts * COUNT_PER_CONTRACT
    return LimitUse(RiskLimit.JOINT_DELTA, max(risk.delta_up, risk.delta_down, 0), most, Unit.CONTRACTS)


def per_day(lost: Lost, risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """The day's realised loss and the worst case of all that is open."""
    return LimitUse(RiskLimit.PER_DAY, lost.day + risk.worst, settings.per_day_dollars * CASH_PER_DOLLAR, Unit.CASH)


def per_week(lost: Lost, risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """The week's realised loss and the worst case of all that is open."""
    return LimitUse(RiskLimit.PER_WEEK, lost.week + risk.worst, settings.per_week_dollars * CASH_PER_DOLLAR, Unit.CASH)


def event_share(markets: Mapping[Ticker, MarketExposure], event: EventKey, settings: RiskSettings) -> LimitUse:
    """The worst case of one event against its share of the day's budget."""
    used = sum(m.worst_loss for m in markets.values() if (m.series, m.target_ns) == event)
    return LimitUse(RiskLimit.EVENT_SHARE, used, _of_the_day(settings.event_share_ppm, settings), Unit.CASH)


def series_share(markets: Mapping[Ticker, MarketExposure], series: str, settings: RiskSettings) -> LimitUse:
    """The worst case of one series, in all its windows, against its share of the day's budget."""
    used = sum(m.worst_loss for m in markets.values() if m.series == series)
    return LimitUse(RiskLimit.SERIES_SHARE, used, _of_the_day(settings.series_share_ppm, settings), Unit.CASH)


def _of_the_day(share_ppm: int, settings: RiskSettings) -> int:
    return share_ppm * settings.per_day_dollars * CASH_PER_DOLLAR // PPM


def shares(markets: Mapping[Ticker, MarketExposure], settings: RiskSettings) -> tuple[LimitUse, ...]:
    """The event and the series that use most of their share."""
    events = {(market.series, market.target_ns) for market in markets.values()} or {("", 0)}
    return (
        max((event_share(markets, event, settings) for event in events), key=_used),
        max((series_share(markets, series, settings) for series, _ in events), key=_used),
    )


def day_room(lost: Lost, risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """The day's use against the loss at which quoting pauses: no order may make that possible."""
    most = settings.daily_loss_pause_ppm * lost.equity // PPM
    return LimitUse(RiskLimit.DAY_ROOM, lost.day + risk.worst, most, Unit.CASH)


def stress(lost: Lost, risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """What is lost if both indices move far at once."""
    return LimitUse(RiskLimit.STRESS, risk.stress, settings.stress_limit_ppm * lost.equity // PPM, Unit.CASH)


def value_at_risk(lost: Lost, risk: AtRisk, settings: RiskSettings) -> LimitUse:
    """What 99 of 100 outcomes lose at most."""
    return LimitUse(RiskLimit.VALUE_AT_RISK, risk.value_at_risk, settings.var_limit_ppm * lost.equity // PPM, Unit.CASH)


def day_loss(lost: Lost, settings: RiskSettings) -> LimitUse:
    """The day's loss, realised and marked, against the stop."""
    return LimitUse(RiskLimit.DAY_LOSS, lost.total, settings.daily_loss_stop_ppm * lost.equity // PPM, Unit.CASH)


def event_loss(marked: Marked, settings: RiskSettings) -> LimitUse:
    """The marked loss of the event that has lost most."""
    largest = max(marked.of_event.values(), default=0)
    return LimitUse(RiskLimit.EVENT_LOSS, max(largest, 0), settings.event_loss_dollars * CASH_PER_DOLLAR, Unit.CASH)


def snapshot_age(age_s: int, settings: RiskSettings) -> LimitUse:
    """How old the exchange's books are in an open window."""
    return LimitUse(RiskLimit.SNAPSHOT_AGE, age_s, settings.snapshot_age_limit_s, Unit.SECONDS)


def order_loss(order: OrderShape, settings: RiskSettings) -> LimitUse:
    """What one order alone can lose."""
    return LimitUse(RiskLimit.PER_ORDER, stake(order), settings.per_order_dollars * CASH_PER_DOLLAR, Unit.CASH)


def market_reach(market: MarketExposure, side: Side, settings: RiskSettings) -> LimitUse:
    """Net contracts in one market if everything on a side fills."""
    most = settings.per_market_contracts * COUNT_PER_CONTRACT
    return LimitUse(RiskLimit.PER_MARKET, max(market.reach(side), 0), most, Unit.CONTRACTS)


def window_reach(
    markets: Mapping[Ticker, MarketExposure], event: EventKey, side: Side, settings: RiskSettings
) -> LimitUse:
    """Net contracts in one window if everything on a side fills."""
    reach = sum(m.reach(side) for m in markets.values() if (m.series, m.target_ns) == event)
    most = settings.per_window_contracts * COUNT_PER_CONTRACT
    return LimitUse(RiskLimit.PER_WINDOW, max(reach, 0), most, Unit.CONTRACTS)


def markets_used(markets: Mapping[Ticker, MarketExposure], settings: RiskSettings) -> LimitUse:
    """How many markets are in use."""
    used = sum(market.in_use for market in markets.values())
    return LimitUse(RiskLimit.MARKETS, used, settings.markets_max, Unit.MARKETS)


def signals(taken: int, settings: RiskSettings) -> LimitUse:
    """How many markets were taken up in the session."""
    return LimitUse(RiskLimit.SIGNALS, taken, settings.signals_max, Unit.MARKETS)


def largest(
    markets: Mapping[Ticker, MarketExposure], orders: tuple[OrderShape, ...], settings: RiskSettings
) -> tuple[LimitUse, ...]:
    """The largest order, market and window, and how many markets are in use."""
    events = {(market.series, market.target_ns) for market in markets.values()}
    none = (
        LimitUse(RiskLimit.PER_ORDER, 0, settings.per_order_dollars * CASH_PER_DOLLAR, Unit.CASH),
        LimitUse(RiskLimit.PER_MARKET, 0, settings.per_market_contracts * COUNT_PER_CONTRACT, Unit.CONTRACTS),
        LimitUse(RiskLimit.PER_WINDOW, 0, settings.per_window_contracts * COUNT_PER_CONTRACT, Unit.CONTRACTS),
    )
    return (
        max((order_loss(order, settings) for order in orders), default=none[0], key=_used),
        max((market_reach(m, side, settings) for m in markets.values() for side in Side), default=none[1], key=_used),
        max((window_reach(markets, e, side, settings) for e in events for side in Side), default=none[2], key=_used),
        markets_used(markets, settings),
    )


def _used(figure: LimitUse) -> int:
    return figure.used
