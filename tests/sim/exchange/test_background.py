"""The crowd: prices that make sense, and enough takers that a tighter quote gets hit now and then."""

from __future__ import annotations

from random import Random

import pytest

from sim.exchange.background import Background, Crowd, chance
from sim.exchange.book.fixed import show_price
from sim.exchange.book.listing import Template
from sim.exchange.core import Exchange, Plan
from sim.exchange.trade import orders
from sim.exchange.wire.rejects import Reject
from sim.market import IndexPath
from tests.sim.exchange.rig import PERIOD_S, START, S, config


def crowd(seed: int) -> tuple[Exchange, Background]:
    paths = {symbol: IndexPath(seed, symbol) for symbol in ("I:SPX", "I:NDX")}
    plan = Plan(template=Template(PERIOD_S, START // S), rungs=20)
    exchange = Exchange(config(), plan, lambda symbol, at: int(paths[symbol].value_at(at)), seed, START)
    return exchange, Background(exchange, Crowd(), Random(seed), lambda: START)


def test_chance_is_a_step_at_the_end_and_half_at_the_money() -> None:
    assert (chance(0.01, 0), chance(-0.01, 0), chance(0, 3)) == (1.0, 0.0, 0.5)
    assert chance(3, 3) == pytest.approx(0.8413, abs=1e-4)


def test_makers_stand_some_cents_off_the_fair_value_and_leave_at_the_close() -> None:
    _exchange, others = crowd(3)
    others.quote(START)
    event = others.current(START, 1)[0]
    near = others.near(event, START, 4)
    for market, fair in near:
        bid, ask = market.book.best_bid(), market.book.best_ask()
        assert bid is None or 0.03 < fair - bid / 10_000 < 0.12
        assert ask is None or 0.03 < ask / 10_000 - fair < 0.12
    others.quote(event.close_ns + S)
    assert not [market for market, _ in near if market.book.bids.prices or market.book.asks.prices]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quotes_with_five_cents_of_edge_are_hit_several_times_a_window(seed: int) -> None:
    exchange, others = crowd(seed)
    state, member = exchange.state, exchange.member
    for second in range(100):
        now = START + second * S
        others.quote(now)
        orders.cancel_all(state, member, None, now)
        member.tail_until_ns = 0
        for event in others.current(now, 1):
            for market, fair in others.near(event, now, 2):
                for side, edge in (("bid", -0.05), ("ask", 0.05)):
                    price = round((fair + edge) * 100) * 100
                    fields = {"ticker": market.ticker, "side": side, "count": "1", "price": show_price(max(price, 0))}
                    fields |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
                    try:
                        orders.create(state, member, {**fields, "post_only": True}, now)
                    except Reject:
                        continue
        others.take(now)
    assert 3 <= len(member.fills) <= 60
    assert not [fill for fill in member.fills if fill.is_taker]
