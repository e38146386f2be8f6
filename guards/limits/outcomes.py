"""What open books lose in each outcome of the ladders: value at risk, stress, and the delta of both series together.

A ladder is monotone, so its outcomes are the cells between its bounds, and a market pays in a run of cells. In a cell
every order that would lose there is taken as filled, and every order that would gain as not: adverse to the cent, and
never more than the sum of the markets' own worst cases. How the two indices move together is not known well enough to
lean on: value at risk is the largest of moving as one, against each other, and without regard to each other. A market
whose outcomes are not known loses its worst case. Integers: weights of cells are millionths, made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.ids import Ticker
from guards.exposure import MarketExposure

WHOLE = 1_000_000
TAIL = 10_000  # one outcome of a hundred may be worse
EventKey = tuple[str, int]
Law = list[tuple[int, int]]  # (weight, loss) of each cell, lowest first


class OutcomesShape(Protocol):
    """One event's outcomes."""

    @property
    def weights(self) -> Sequence[int]:
        """How likely each cell is, lowest first, in millionths that add up to WHOLE."""
        ...

    @property
    def pays(self) -> Mapping[Ticker, tuple[int, int]]:
        """The cells from the first to before the second in which a market pays."""
        ...

    @property
    def stressed(self) -> tuple[int, int]:
        """The cells that the index reaches when it moves far down, and far up."""
        ...

    @property
    def tilts(self) -> Mapping[Ticker, int]:
        """What a contract gains when the index rises, in millionths of what one at the money gains; may be negative."""
        ...


class AtRisk(NamedTuple):
    """What open books may lose, in cash. `delta_up`: contracts (1/100) that lose together when indices fall."""

    worst: int
    value_at_risk: int
    stress: int
    delta_up: int
    delta_down: int


def at_risk(markets: Mapping[Ticker, MarketExposure], known: Mapping[EventKey, OutcomesShape], utc_ns: int) -> AtRisk:
    """Every figure that rests on outcomes; `known`: the events whose outcomes are known at this instant."""
    sure, worst, up, down = 0, 0, 0, 0
    of_event: dict[EventKey, list[tuple[MarketExposure, tuple[int, int]]]] = {}
    for ticker, market in markets.items():
        worst += market.worst_loss
        event = market.series, market.target_ns
        outcomes = known.get(event)
        if outcomes is None or ticker not in outcomes.pays:
            sure += market.worst_loss
            # Past its target no index moves it any more; before, it counts in full, and either way.
            most = 0 if 0 < market.target_ns <= utc_ns else max(market.net + market.bid_count, 0)
            least = 0 if 0 < market.target_ns <= utc_ns else max(market.ask_count - market.net, 0)
            up, down = up + max(most, least), down + max(most, least)
            continue
        of_event.setdefault(event, []).append((market, outcomes.pays[ticker]))
        tilt = outcomes.tilts[ticker]
        bought, sold = market.net + market.bid_count, market.ask_count - market.net
        # Cut upwards: a hundredth of a contract too much is never too little.
        up -= (bought if tilt > 0 else sold) * -abs(tilt) // WHOLE
        down -= (sold if tilt > 0 else bought) * -abs(tilt) // WHOLE
    laws, stress = [], sure
    for event, held in of_event.items():
        outcomes = known[event]
        losses = [_lost(held, cell) for cell in range(len(outcomes.weights))]
        laws.append(list(zip(outcomes.weights, losses, strict=True)))
        stress += max(losses[cell] for cell in outcomes.stressed)
    return AtRisk(worst, max(0, sure + joint_tail(laws)), max(0, stress), up, down)


def _lost(held: Iterable[tuple[MarketExposure, tuple[int, int]]], cell: int) -> int:
    return sum(m.loss_if_yes if first <= cell < end else m.loss_if_no for m, (first, end) in held)


def joint_tail(laws: Sequence[Law]) -> int:
    """The loss that one outcome of a hundred passes, of several events together; may be a gain, below zero."""
    if not laws:
        return 0
    if len(laws) == 1:
        return _tail(laws[0], WHOLE)
    first, second = laws[0], laws[1]
    apart = [(p * q, a + b) for p, a in first for q, b in second]
    pair = max(
        _tail(apart, WHOLE * WHOLE), _tail(_as_one(first, second), WHOLE), _tail(_as_one(first, second[::-1]), WHOLE)
    )
    # More events than there are indices: what is beyond the first two is taken at its worst.
    return pair + sum(max(loss for _, loss in law) for law in laws[2:])


def _as_one(first: Law, second: Law) -> Law:
    """Two events that move in step: the same share of each lies below, cell by cell."""
    joined: Law = []
    at, rest = 0, second[0][0] if second else 0
    for weight, loss in first:
        left = weight
        while left > 0 and at < len(second):
            taken = min(left, rest)
            if taken:
                joined.append((taken, loss + second[at][1]))
            left, rest = left - taken, rest - taken
            if not rest:
                at += 1
                rest = second[at][0] if at < len(second) else 0
    return joined


def _tail(law: Iterable[tuple[int, int]], whole: int) -> int:
    """The smallest loss that is passed with a chance of one in a hundred at most."""
    passed, most = 0, whole // WHOLE * TAIL
    loss = 0
    for weight, loss in sorted(((w, lost) for w, lost in law), key=lambda cell: -cell[1]):
        passed += weight
        if passed > most:
            return loss
    return loss
