"""What the day's loss asks for: a pause, a further pause after a resume, the kill switch; and which events are stopped.

The loss is realised plus marked: what is held is worth its fair value, or the book's middle when that is doubted, or
its worst outcome when neither is known. A gain on what is held helps nobody: it may be gone by the settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.ids import Ticker
from domain.money import Price
from domain.reasons import RiskDecision
from guards.exposure import MarketExposure
from guards.limits.figure import PPM
from guards.limits.outcomes import EventKey
from guards.limits.settings import RiskSettings


class Marked(NamedTuple):
    """What open positions have lost at their marks, in cash; below zero where they have gained."""

    loss: int
    of_event: dict[EventKey, int]


def marked(markets: Mapping[Ticker, MarketExposure], marks: Mapping[Ticker, Price]) -> Marked:
    """Every open position at its mark; `markets` without orders. Without a mark it counts its worst outcome."""
    of_event: dict[EventKey, int] = {}
    for ticker, market in markets.items():
        mark = marks.get(ticker)
        if mark is None:
            loss = max(market.loss_if_no, market.loss_if_yes)
        else:
            # What may have been filled without a word is in the counts of orders: at its worst beside the mark.
            doubted = max(market.bid_cost, market.ask_cost)
            loss = doubted - market.cash - market.net * mark
        event = market.series, market.target_ns
        of_event[event] = of_event.get(event, 0) + loss
    return Marked(sum(of_event.values()), of_event)


def decision_on(loss: int, equity: int, settings: RiskSettings, resumed_at_ppm: int | None = None) -> RiskDecision:
    """What a loss against the session's starting equity asks for; no equity is no room to lose.

    `resumed_at_ppm`: the loss at which an operator last resumed, None if nobody did. A step beyond it pauses again.
    """
    if equity <= 0 or loss * PPM >= settings.daily_loss_stop_ppm * equity:
        return RiskDecision.HARD_STOP
    pause_ppm = settings.daily_loss_pause_ppm
    if resumed_at_ppm is not None:
        pause_ppm = max(pause_ppm, resumed_at_ppm + settings.daily_loss_step_ppm)
    return RiskDecision.SOFT_PAUSE if loss * PPM >= pause_ppm * equity else RiskDecision.ALLOW
