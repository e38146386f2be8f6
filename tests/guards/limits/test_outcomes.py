"""The bounds on risk against brute force: every outcome, every set of fills; and the shape of value at risk."""

from __future__ import annotations

import itertools
import random
from bisect import bisect_right
from typing import NamedTuple

import pytest

from domain.ids import Ticker
from domain.market import Side
from guards.exposure import MarketExposure
from guards.limits.outcomes import TAIL, WHOLE, EventKey, at_risk, joint_tail
from pricing.outcomes import Outcomes

TARGET = 10**19
UNIT = 10_000
BOOKS = 20_000


class Event(NamedTuple):
    """One random event: its exposure as the guard sees it, and the same spelled out."""

    key: EventKey
    markets: dict[Ticker, MarketExposure]
    outcomes: Outcomes
    held: list[tuple[Ticker, int, int]]  # market, net, cash
    orders: list[tuple[Ticker, Side, int, int]]


def random_event(chance: random.Random, series: str) -> Event:
    rungs, markets, held, orders = chance.randint(1, 3), {}, [], []
    pays = {}
    for rung in range(rungs):
        ticker = Ticker(f"{series}-{rung}")
        net = chance.choice((0, 0, chance.randint(-500, 500)))
        cash = -net * chance.randint(1, 9999)
        market = markets[ticker] = MarketExposure(series, TARGET, net, cash)
        held.append((ticker, net, cash))
        for _ in range(chance.randint(0, 2)):
            side, price, count = chance.choice(list(Side)), chance.randint(1, 9999), chance.randint(1, 500)
            market.rest(side, price, count)
            orders.append((ticker, side, price, count))
        # A rung at or above its own bound, or (the last, now and then) between it and the top.
        pays[ticker] = (rung + 1, rungs + 1) if chance.random() < 0.8 else (0, rung + 1)
    cuts = sorted(chance.randint(0, WHOLE) for _ in range(rungs))
    weights = tuple(after - before for before, after in itertools.pairwise((0, *cuts, WHOLE)))
    outcomes = Outcomes(weights, pays, (chance.randint(0, rungs), chance.randint(0, rungs)), dict.fromkeys(pays, WHOLE))
    return Event((series, TARGET), markets, outcomes, held, orders)


def losses_of(event: Event, cell: int) -> list[int]:
    """The loss in one outcome for every set of the orders that may fill, in the order of the sets' numbers."""
    yes = {ticker: first <= cell < end for ticker, (first, end) in event.outcomes.pays.items()}
    sums = [-sum(cash + (net * UNIT if yes[ticker] else 0) for ticker, net, cash in event.held)]
    for ticker, side, price, count in event.orders:
        worth = UNIT if yes[ticker] else 0
        gain = (worth - price) * count if side is Side.BID else (price - worth) * count
        sums += [loss - gain for loss in sums]
    return sums


def quantile(law: list[tuple[int, int]], whole: int) -> int:
    """The loss that is passed with a chance of one in a hundred at most, by walking all of it from below."""
    below, at_most = 0, whole - whole // WHOLE * TAIL
    for loss, weight in sorted((loss, weight) for weight, loss in law):
        below += weight
        if below >= at_most:
            return loss
    raise AssertionError("the weights do not add up")


def in_step(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Two events moved by one number between 0 and WHOLE: the joint law, cut at every edge of either."""
    ends = [list(itertools.accumulate(weight for weight, _ in law)) for law in (first, second)]
    edges = sorted({0, *ends[0], *ends[1]})
    joint = []
    for low, high in itertools.pairwise(edges):
        at = [min(bisect_right(end, low), len(end) - 1) for end in ends]
        joint.append((high - low, first[at[0]][1] + second[at[1]][1]))
    return joint


@pytest.mark.step("K18")
@pytest.mark.step("O13")
def test_in_20_000_random_books_no_outcome_and_no_set_of_fills_loses_more_than_is_counted() -> None:
    chance = random.Random(12)
    tight = 0
    for number in range(BOOKS):
        events = [random_event(chance, series) for series in ("INXU", "NASDAQ100U")[: chance.randint(1, 2)]]
        markets = {ticker: market for event in events for ticker, market in event.markets.items()}
        risk = at_risk(markets, {event.key: event.outcomes for event in events}, 0)
        cells = [[losses_of(event, cell) for cell in range(len(event.outcomes.weights))] for event in events]
        worst = sum(max(max(losses) for losses in of_event) for of_event in cells)
        assert worst <= risk.worst, f"book {number}: {worst} can be lost, {risk.worst} is counted"
        stressed = sum(
            max(max(of_event[cell]) for cell in event.outcomes.stressed)
            for event, of_event in zip(events, cells, strict=True)
        )
        assert stressed <= risk.stress <= risk.worst, f"book {number}"
        # In every outcome the fills that hurt most there: no set of fills, known or not, loses more.
        laws = [
            [(weight, max(losses)) for weight, losses in zip(event.outcomes.weights, of_event, strict=True)]
            for event, of_event in zip(events, cells, strict=True)
        ]
        if len(laws) == 1:
            at_risk_really = quantile(laws[0], WHOLE)
        else:
            apart = [(p * q, a + b) for p, a in laws[0] for q, b in laws[1]]
            at_risk_really = max(
                quantile(apart, WHOLE * WHOLE),
                quantile(in_step(*laws), WHOLE),
                quantile(in_step(laws[0], laws[1][::-1]), WHOLE),
            )
        assert max(0, at_risk_really) == risk.value_at_risk <= risk.worst, f"book {number}"
        tight += worst == risk.worst
    assert tight > BOOKS // 10, "a bound that is never reached would say nothing"


@pytest.mark.step("K17")
def test_in_random_books_no_set_of_fills_leans_further_one_way_than_is_counted() -> None:
    """Both series together: what is held and any of the orders, each contract as much as it gains when indices rise."""
    chance = random.Random(17)
    for number in range(300):
        events = [random_event(chance, series) for series in ("INXU", "NASDAQ100U")[: chance.randint(1, 2)]]
        tilts = {ticker: chance.randint(-WHOLE, WHOLE) for event in events for ticker in event.markets}
        known = {e.key: e.outcomes._replace(tilts={ticker: tilts[ticker] for ticker in e.markets}) for e in events}
        markets = {ticker: market for event in events for ticker, market in event.markets.items()}
        risk = at_risk(markets, known, 0)
        leans = [sum(tilts[ticker] * net for event in events for ticker, net, _ in event.held)]
        for event in events:
            for ticker, side, _, count in event.orders:
                moved = tilts[ticker] * (count if side is Side.BID else -count)
                leans += [lean + moved for lean in leans]
        slack = len(markets) * WHOLE  # a hundredth of a contract for each market, on our side
        assert max(leans) <= risk.delta_up * WHOLE < max(leans) + slack, f"book {number}"
        assert -min(leans) <= risk.delta_down * WHOLE < -min(leans) + slack, f"book {number}"


def test_value_at_risk_leaves_one_outcome_of_a_hundred_out() -> None:
    assert joint_tail([[(TAIL, 900), (WHOLE - TAIL, 100)]]) == 100
    assert joint_tail([[(TAIL + 1, 900), (WHOLE - TAIL - 1, 100)]]) == 900
    assert joint_tail([[(WHOLE, -50)]]) == -50, "a gain in every outcome"
    assert joint_tail([]) == 0


@pytest.mark.step("O13")
def test_two_series_count_as_they_hurt_most() -> None:
    rises = [(WHOLE // 2, 100), (WHOLE // 2, -100)]
    assert joint_tail([rises, rises]) == 200, "both lose when the indices fall"
    assert joint_tail([rises, rises[::-1]]) == 200, "a hedge between the two is not leaned on"
    rare = [(TAIL, 500), (WHOLE - TAIL, 0)]
    assert joint_tail([rare, rare]) == 500, "one of them alone in every hundred each: two chances in a hundred"
    assert joint_tail([rises, rises, rises]) == 300, "beyond two events the worst is taken"


def test_what_is_not_priced_counts_its_worst_case_and_its_whole_delta() -> None:
    market = MarketExposure("INXU", TARGET, 300, -300 * 4000)
    market.rest(Side.ASK, 6000, 1000)
    risk = at_risk({Ticker("A"): market}, {}, 0)
    assert risk.worst == risk.value_at_risk == risk.stress == market.worst_loss
    assert (risk.delta_up, risk.delta_down) == (700, 700)
    over = at_risk({Ticker("A"): market}, {}, TARGET)
    assert (over.delta_up, over.delta_down) == (0, 0), "past its target no index moves it"
    assert over.value_at_risk == market.worst_loss


def test_delta_is_netted_along_the_ladder_and_added_over_both_series() -> None:
    markets, known = {}, {}
    for series, net in (("INXU", 800), ("NASDAQ100U", 600)):
        ticker = Ticker(f"{series}-0")
        markets[ticker] = MarketExposure(series, TARGET, net, 0)
        known[series, TARGET] = Outcomes((0, WHOLE), {ticker: (1, 2)}, (0, 1), {ticker: WHOLE // 2})
    assert at_risk(markets, known, 0)[-2:] == (700, -700)
    markets[Ticker("INXU-0")].rest(Side.ASK, 5000, 1400)
    assert at_risk(markets, known, 0)[-2:] == (700, 0), "what may be sold counts against the other direction only"
    falls = {key: each._replace(tilts=dict.fromkeys(each.tilts, -WHOLE)) for key, each in known.items()}
    assert at_risk(markets, falls, 0)[-2:] == (0, 1400), "a rung that pays below its strike leans the other way"
