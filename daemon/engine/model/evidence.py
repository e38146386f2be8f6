"""What a settled window says of our model: its intervals' moves, what we expected of our fills, the chance of a loss.

An interval's z is its move over the deviation that was forecast at its start; the five intervals are disjoint. What a
fill was expected to bring is the fair value when it was booked less its price. The chance of a loss is the model's own,
at the last fill of each series: such chances, each known before the window is decided, multiply over a run of windows
without overstating how unlikely it is. Two series of one window are joined as if they moved as one and as if neither
knew of the other, and the likelier loss counts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from daemon.engine.settling.window_result import Mark, Result, Stake
from domain.ids import Ticker
from domain.market import Market
from domain.money import PRICE_PER_DOLLAR
from guards.model.breakers import PPB, WindowOutcome
from pricing.fair import probability_above, winning_span

PPM: Final = 1_000_000
INSTANTS_S: Final = (900, 600, 300, 120, 60, 0)
Outcomes = list[tuple[float, int]]
"""Chance and cash of each outcome, from the lowest index value to the highest."""


def abs_z_ppm(marks: Iterable[Mark]) -> tuple[int, ...]:
    """Abs(z) of each of the five intervals whose two ends were seen, in millionths."""
    seen = {mark.left_s: mark for mark in marks}
    found = []
    for begins_s, ends_s in pairwise(INSTANTS_S):
        start, end = seen.get(begins_s), seen.get(ends_s)
        if start is not None and end is not None and start.sigma_ppm > 0:
            deviation = start.value * start.sigma_ppm / PPM * (begins_s - ends_s) ** 0.5
            found.append(round(abs(end.value - start.value) / deviation * PPM))
    return tuple(found)


def outcome_of(
    results: Sequence[Result], markets: Mapping[tuple[str, int], Mapping[Ticker, Market]]
) -> WindowOutcome | None:
    """What one window came to in all series; None when we did not trade in it, or not all of it is known."""
    traded = [result for result in results if result.stakes or result.fills]
    if not traded or not all(result.settled and result.whole and result.stakes for result in traded):
        return None
    chances = []
    expected = realised = 0
    for result in traded:
        ladder = markets.get((result.series, result.target_ns), {})
        if result.seen is None or result.pnl is None or any(stake.ticker not in ladder for stake in result.stakes):
            return None
        expected += sum(stake.count * (stake.fair - stake.price) for stake in result.stakes)
        realised += result.pnl
        chances.append(outcomes(result.stakes, ladder, result.seen))
    return WindowOutcome(expected, realised, min(PPB, round(loss_chance(chances) * PPB)))


def outcomes(stakes: Iterable[Stake], ladder: Mapping[Ticker, Market], seen: tuple[int, float, int]) -> Outcomes:
    """Every outcome of what was traded in one ladder, under the model at `seen`: value, deviation and time left."""
    held: dict[Ticker, int] = {}
    cash = 0
    for stake in stakes:
        held[stake.ticker] = held.get(stake.ticker, 0) + stake.count
        cash -= stake.count * stake.price
    spans = [(winning_span(ladder[ticker]), count) for ticker, count in held.items() if count]
    bounds = sorted({bound for span, _ in spans for bound in span if bound is not None})
    above = [1.0, *(probability_above(bound, *seen) for bound in bounds), 0.0]
    found = []
    for index in range(len(bounds) + 1):
        lowest = bounds[index - 1] if index else None
        won = sum(count for (low, high), count in spans if _inside(lowest, low, high))
        found.append((max(0.0, above[index] - above[index + 1]), cash + won * PRICE_PER_DOLLAR))
    return found


def _inside(lowest: int | None, low: int | None, high: int | None) -> bool:
    """Whether an outcome that begins at `lowest` (None: below every bound) pays a market."""
    if lowest is None:
        return low is None
    return (low is None or lowest >= low) and (high is None or lowest < high)


def loss_chance(series: Sequence[Outcomes]) -> float:
    """The chance that the sum of all is a loss: the larger of both ways to join them."""
    apart = as_one = series[0]
    for other in series[1:]:
        apart = [(p * q, a + b) for p, a in apart for q, b in other]
        as_one = _as_one(as_one, other)
    return min(1.0, max(sum(chance for chance, cash in joined if cash < 0) for joined in (apart, as_one)))


def _as_one(first: Outcomes, second: Outcomes) -> Outcomes:
    """Both driven by one chance: the lowest outcomes of both come together, and so on upwards."""
    joined = []
    left, right = list(first), list(second)
    while left and right:
        step = min(left[0][0], right[0][0])
        joined.append((step, left[0][1] + right[0][1]))
        for side in (left, right):
            chance, cash = side.pop(0)
            if chance - step > 1e-15:  # noqa: PLR2004 - what is left over by rounding is nothing
                side.insert(0, (chance - step, cash))
    return joined
