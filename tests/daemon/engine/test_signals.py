"""The most markets that one session may take up: refused by name, told once, and counted on through a restart."""

from __future__ import annotations

import copy
import datetime as dt

import pytest

from daemon.engine.recovered_steps import reapply
from daemon.settings.build import build_engine
from domain.clock import NS_PER_S
from domain.ids import Ticker
from domain.money import Cash, Price
from domain.reasons import RiskLimit, RungReason
from guards.limits.settings import RiskSettings
from guards.risk import RiskGuard
from tests.daemon.scenes import drawn
from tests.daemon.stand import Stand
from tests.guards.limits.made import DAY, DOLLAR, UNPRICED, Account, Order
from tests.guards.made import at


def taken_up(stand: Stand) -> set[str]:
    return {said["ticker"] for said in stand.records("order_created")}


@pytest.mark.step("K19")
def test_a_further_market_is_refused_by_name_once_and_the_page_says_so() -> None:
    stand = Stand(risk={"signals_max": 1})
    stand.run(40 * NS_PER_S)
    assert len(taken_up(stand)) == 1
    assert stand.live(), "what was taken up goes on being quoted"
    refused = [said for said in stand.records("order_refused") if said["limit"] == RiskLimit.SIGNALS]
    assert {said["reason"] for said in refused} == {"risk: 1 markets were taken up today already"}
    sides = [(said["ticker"], said["side"]) for said in refused]
    assert sides
    assert len(sides) == len(set(sides)), "told once for a side of a rung, whatever the price"
    assert RungReason.SIGNALS_LIMIT in {rung.why_bid for rung in drawn(stand).ladder}


@pytest.mark.step("K19")
def test_a_restart_counts_on_from_the_snapshot_and_from_the_steps_after_it() -> None:
    stand = Stand(risk={"signals_max": 1})
    stand.run(40 * NS_PER_S)
    first = taken_up(stand)
    stand.crash(NS_PER_S)
    stand.run(40 * NS_PER_S)
    assert taken_up(stand) == first
    assert first == set(stand.engine.state.risk.state()["signals"])
    again = build_engine(stand.settings, stand.reference)
    for step in stand.story:
        again.state.risk.advance(stand.engine.state.session, again.state.held)
        reapply(again.state, step.actions, step.now)
    assert again.state.risk.state()["signals"] == sorted(first)


@pytest.mark.step("K19")
def test_the_next_session_begins_anew_and_nothing_else_gives_a_signal_back() -> None:
    account, guard = Account(balance=Cash(1000 * DOLLAR)), RiskGuard(RiskSettings(signals_max=1))
    guard.advance(DAY, account)
    for ticker, refused in (("A", False), ("B", True), ("A", False)):
        found = guard.refusal(Order(Ticker(ticker)), account, UNPRICED, at(0))
        assert (found is not None) is refused
        guard.sent(Ticker("A"))
    (figure,) = [each for each in guard.figures(account, UNPRICED, 0, at(0)) if each.limit is RiskLimit.SIGNALS]
    assert (figure.used, figure.most, figure.over) == (1, 1, False)
    tomorrow = dt.date.fromisoformat(DAY) + dt.timedelta(days=1)
    guard.advance(tomorrow.isoformat(), account)
    assert guard.refusal(Order(Ticker("B")), account, UNPRICED, at(0)) is None


@pytest.mark.step("K19")
@pytest.mark.parametrize(("limit", "told"), [(RiskLimit.SIGNALS, 1), (RiskLimit.STRESS, 2)])
def test_a_spent_day_is_told_once_at_every_price_and_any_other_refusal_at_each(limit: RiskLimit, told: int) -> None:
    stand = Stand()
    stand.quote_both()
    desk = stand.engine.state.desks["INXU"]
    order = copy.copy(next(each for each in stand.engine.state.held.book.live.values() if each.series == "INXU"))
    records = []
    for price in (4000, 4100):
        order.price = Price(price)
        records.append(desk.refused_anew(order, "risk: no", limit))
    assert len([record for record in records if record is not None]) == told
