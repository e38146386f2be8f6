"""Settled windows of a maker whose model is right, or wrong by a known factor.

Both indices walk with a correlation of 0.9, without drift, at a deviation that is drawn anew for each session. The
model's deviation is the true one times `asked`, and errs besides by 5 % a window. Takers come at the instants at which
the index is marked, as often to buy as to sell, know nothing, and pay our fair value and 5 cents. So a maker whose
model is right earns what it expects: all that trips it is chance. What is made here goes through the arithmetic of the
daemon (`daemon/engine/model/evidence.py`) into its breakers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from daemon.engine.model.evidence import INSTANTS_S, abs_z_ppm, outcome_of
from daemon.engine.settling.window_result import Mark, Result, Stake
from domain.clock import NS_PER_S
from domain.ids import Ticker
from domain.market import Market, StrikeType
from domain.money import COUNT_PER_CONTRACT, PRICE_PER_DOLLAR, Cash, IndexValue
from guards.model.breakers import Breaker, Breakers
from pricing.fair import probability_above, settles_yes, winning_span

HOURS: Final = 6
CORRELATION: Final = 0.9
EDGE: Final = 500
CHEAPEST: Final = 100
FILLS_MAX: Final = 8
LADDERS: Final = {"INXU": (6_700_000_000, 5_000_000), "NASDAQ100U": (25_000_000_000, 10_000_000)}


class Drawn(NamedTuple):
    """One window of both series: what each event's intervals came to, and both results with their ladders."""

    results: tuple[Result, ...]
    ladders: dict[tuple[str, int], dict[Ticker, Market]]


def windows(seed: int, asked: float) -> Iterator[Drawn]:
    """One window after another, without end; six make a session."""
    rng, number = Random(seed), 0
    true_ppm = 40.0
    while True:
        if number % HOURS == 0:
            true_ppm = 40.0 * math.exp(rng.gauss(0.0, 0.4))
        number += 1
        yield _window(rng, number, true_ppm, true_ppm * asked * math.exp(rng.gauss(0.0, 0.05)))


def _window(rng: Random, target_ns: int, true_ppm: float, asked_ppm: float) -> Drawn:
    shocks = [(rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)) for _ in INSTANTS_S[1:]]
    results, ladders = [], {}
    for place, (series, (level, step)) in enumerate(LADDERS.items()):
        values = [level + rng.randrange(-step, step)]
        for index, (one, other) in enumerate(shocks):
            moved = one if not place else CORRELATION * one + math.sqrt(1.0 - CORRELATION**2) * other
            seconds = INSTANTS_S[index] - INSTANTS_S[index + 1]
            values.append(round(values[-1] * (1.0 + true_ppm / 1e6 * math.sqrt(seconds) * moved)))
        result = Result(series, "", target_ns, results_known=True, settled=True, reported=True)
        result.marks = tuple(
            Mark(left_s, IndexValue(value), asked_ppm) for left_s, value in zip(INSTANTS_S, values, strict=True)
        )
        ladder: dict[Ticker, Market] = {}
        for index in sorted(rng.randrange(len(INSTANTS_S) - 1) for _ in range(rng.randrange(FILLS_MAX + 1))):
            _fill(rng, result, ladder, step, (values[index], asked_ppm, INSTANTS_S[index] * NS_PER_S))
        result.fills = len(result.stakes)
        result.pnl = Cash(sum(_paid(stake, ladder[stake.ticker], values[-1]) for stake in result.stakes))
        results.append(result)
        ladders[series, target_ns] = ladder
    return Drawn(tuple(results), ladders)


def _fill(rng: Random, result: Result, ladder: dict[Ticker, Market], step: int, seen: tuple[int, float, int]) -> None:
    """A taker comes to one of the two rungs next to the money; one whose price leaves no room for the edge is left."""
    strike = (seen[0] // step + rng.randrange(2)) * step
    ticker = Ticker(f"{result.series}-{strike}")
    market = Market(
        ticker, "event", result.series, StrikeType.GREATER_OR_EQUAL, IndexValue(strike), None, 0, result.target_ns, (),
        0, "active",
    )  # fmt: skip
    low, _ = winning_span(market)
    assert low is not None, "a rung at or above a strike has a lower bound"
    fair = round(probability_above(low, *seen) * PRICE_PER_DOLLAR)
    sign = rng.choice((-1, 1))
    price = fair - sign * EDGE
    if CHEAPEST <= price <= PRICE_PER_DOLLAR - CHEAPEST:
        ladder[ticker] = market
        result.stakes = (*result.stakes, Stake(ticker, sign * COUNT_PER_CONTRACT, price, fair))
        result.seen = seen


def _paid(stake: Stake, market: Market, value: int) -> int:
    worth = PRICE_PER_DOLLAR if settles_yes(market, value) else 0
    return stake.count * (worth - stake.price)


def feed(breakers: Breakers, drawn: Drawn) -> list[Breaker]:
    """Tell the breakers of one settled window, as the daemon does. Returns what trips."""
    tripped = [trip for result in drawn.results for trip in breakers.event(abs_z_ppm(result.marks))]
    outcome = outcome_of(drawn.results, drawn.ladders)
    return tripped if outcome is None else [*tripped, *breakers.window(outcome)]
