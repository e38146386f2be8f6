"""The day's loss, realised and marked: pauses, steps after a resume, the stop; and events that are stopped."""

from __future__ import annotations

import json

import pytest

from domain.clock import NS_PER_S
from domain.ids import Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.reasons import GateStatus, RiskDecision, RiskLimit
from guards.exposure import MarketExposure
from guards.limits.losses import decision_on, marked
from guards.limits.settings import RiskSettings
from guards.risk import Judgement, RiskGuard
from tests.guards.limits.made import DAY, DOLLAR, UNPRICED, Account, Order, only
from tests.guards.made import at

ALLOW, PAUSE, STOP = RiskDecision.ALLOW, RiskDecision.SOFT_PAUSE, RiskDecision.HARD_STOP
TARGET = 10**19
A = Ticker("A")


UNSTRAINED = {"stress_limit_ppm": 1_000_000, "var_limit_ppm": 1_000_000}


def begun(account: Account, **settings: int) -> RiskGuard:
    guard = RiskGuard(RiskSettings(**settings))
    guard.advance(DAY, account)
    return guard


def look(guard: RiskGuard, account: Account, mark: int | None, age_s: int = 0) -> list[Judgement]:
    """One look at the marks, and the step after it."""
    marks = {} if mark is None else {A: Price(mark)}
    found = guard.judge(marks, age_s * NS_PER_S, account, UNPRICED, at(0))
    judgement = guard.advance(DAY, account)
    return [*found, *([] if judgement is None else [judgement])]


@pytest.mark.step("O13")
@pytest.mark.parametrize(
    ("loss", "resumed_at_ppm", "decision"),
    [
        (239_900, None, ALLOW),  # 2.399 %
        (240_000, None, PAUSE),  # 2.40 %
        (299_999, None, PAUSE),
        (300_000, None, STOP),  # 3.00 %
        (269_900, 24_000, ALLOW),
        (270_000, 24_000, PAUSE),  # 0.30 % further than where somebody resumed
        (289_900, 26_000, ALLOW),
        (290_000, 26_000, PAUSE),
        (300_000, 29_999, STOP),  # whatever was resumed
    ],
)
def test_what_a_loss_asks_for(loss: int, resumed_at_ppm: int | None, decision: RiskDecision) -> None:
    assert decision_on(loss, 10_000_000, RiskSettings(), resumed_at_ppm) is decision


@pytest.mark.step("O13")
def test_what_is_held_counts_at_its_mark_and_the_realised_loss_beside_it() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account, **UNSTRAINED)
    account.hold("A", 4, 6000)
    assert look(guard, account, 6000) == []
    account.ledger.realised = Cash(-1_500_000)  # 1.5 %
    paused = only(look(guard, account, 3700))  # and 0.92 % at its mark
    assert (paused.decision, paused.limit) == (PAUSE, RiskLimit.DAY_LOSS)
    assert "2.420 %" in paused.why
    stopped = only(look(guard, account, 2200))
    assert stopped.decision is STOP


@pytest.mark.step("O13")
def test_without_a_mark_it_counts_its_worst_outcome_and_a_gain_helps_nobody() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account, **UNSTRAINED)
    account.hold("A", 4, 6000)
    paused = only(look(guard, account, None))
    assert paused.decision is PAUSE
    assert "$2.40" in paused.why
    other = Account(balance=Cash(100 * DOLLAR))
    guard = begun(other)
    other.ledger.realised = Cash(-2_400_000)
    other.hold("A", 4, 1000)
    paused = only(look(guard, other, 9000))
    assert paused.decision is PAUSE, "what is held may be worth nothing by the settlement"


@pytest.mark.step("O13")
@pytest.mark.step("G05")
def test_after_a_resume_each_further_step_pauses_again_and_the_cap_stops_whatever_was_resumed() -> None:
    account = Account(balance=Cash(1000 * DOLLAR))
    guard = begun(account)
    told = []
    for loss_ppm in range(23_000, 30_001, 500):
        account.ledger.realised = Cash(-loss_ppm * 1000)
        told += [(loss_ppm, each.decision) for each in look(guard, account, None)]
        guard.resume()
    assert told == [(24_000, PAUSE), (27_000, PAUSE), (30_000, STOP)]
    vote = guard.vote(account, at(0))
    assert (vote.status, "past the stop" in vote.detail) == (GateStatus.FAIL, True), "no resume opens it that day"
    assert [each.decision for each in look(guard, account, None)] == [STOP], "and it stops again"


@pytest.mark.step("O13")
def test_the_marked_loss_of_one_event_stops_that_event_alone_until_it_is_over() -> None:
    account = Account()
    guard = begun(account, joint_delta_contracts=100)
    account.hold("A", 50, 6000)
    assert look(guard, account, 1001) == []  # $24.995
    stopped = only(look(guard, account, 1000))
    assert (stopped.decision, stopped.limit, stopped.series) == (RiskDecision.REDUCE, RiskLimit.EVENT_LOSS, "INXU")
    assert look(guard, account, 1000) == [], "told once"
    assert look(guard, account, 9000) == [], "a better mark does not open it again"
    assert not guard.event_vote("INXU", TARGET).open
    assert guard.event_vote("INXU", TARGET + 1).open
    assert guard.event_vote("NASDAQ100U", TARGET).open
    assert guard.vote(account, at(0)).open
    refusal = guard.refusal(Order(), account, UNPRICED, at(0))
    assert refusal is not None
    assert refusal.limit is RiskLimit.EVENT_LOSS
    assert guard.refusal(Order(Ticker("N"), series="NASDAQ100U"), account, UNPRICED, at(0)) is None
    again = RiskGuard()
    again.restore(json.loads(json.dumps(guard.state())))
    assert not again.event_vote("INXU", TARGET).open, "a restart opens it neither"


@pytest.mark.step("O13")
def test_books_that_are_too_old_pause_until_somebody_resumes() -> None:
    account = Account()
    guard = begun(account)
    assert look(guard, account, None, age_s=120) == []
    paused = only(look(guard, account, None, age_s=121))
    assert (paused.decision, paused.limit) == (PAUSE, RiskLimit.SNAPSHOT_AGE)
    assert look(guard, account, None) == []
    assert not guard.vote(account, at(0)).open, "young again, and still paused"
    guard.resume()
    assert guard.vote(account, at(0)).open


@pytest.mark.step("O13")
def test_what_is_held_and_strained_closes_the_gate_only_while_it_is() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account, daily_loss_stop_ppm=1_000_000, daily_loss_pause_ppm=999_999)
    account.hold("A", 4, 6000)
    told = only(look(guard, account, 6000))
    assert (told.decision, told.limit) == (RiskDecision.REDUCE, RiskLimit.STRESS)
    assert not guard.vote(account, at(0)).open
    assert look(guard, account, 6000) == [], "told once"
    account.hold("A", 1, 6000)
    assert look(guard, account, 6000) == []
    assert guard.vote(account, at(0)).open


@pytest.mark.step("K18")
def test_the_week_goes_on_over_days_and_restarts_and_a_new_one_begins_on_monday() -> None:
    account = Account()
    guard = begun(account, per_week_dollars=10, per_day_dollars=1000)
    account.ledger.realised = Cash(-6 * DOLLAR)
    guard.advance("2026-11-23", account)
    guard.advance("2026-11-24", account)
    order = Order(price=Price(9000), remaining=Count(500))  # may lose $4.50
    assert guard.loss == 0, "a new day"
    again = RiskGuard(RiskSettings(per_week_dollars=10, per_day_dollars=1000))
    again.restore(json.loads(json.dumps(guard.state())))
    again.advance("2026-11-25", account)
    refusal = again.refusal(order, account, UNPRICED, at(0))
    assert refusal is not None
    assert refusal.limit is RiskLimit.PER_WEEK
    account.ledger.realised = Cash(-10 * DOLLAR)
    again.advance("2026-11-27", account)
    assert "week's $10 are lost" in again.vote(account, at(0)).detail
    again.advance("2026-11-30", account)
    assert again.vote(account, at(0)).open
    assert again.refusal(order, account, UNPRICED, at(0)) is None


def test_a_snapshot_that_knew_no_week_begins_it_with_its_own_session() -> None:
    account = Account()
    guard = begun(account)
    account.ledger.realised = Cash(-6 * DOLLAR)
    guard.advance(DAY, account)
    old = {name: guard.state()[name] for name in ("session", "equity", "realised_before", "loss", "paused", "decision")}
    again = RiskGuard(RiskSettings(per_week_dollars=6))
    again.restore(old)
    again.advance("2026-11-24", account)
    assert "week's $6 are lost" in again.vote(account, at(0)).detail


def test_what_may_have_been_filled_without_a_word_counts_beside_the_mark() -> None:
    market = MarketExposure("INXU", TARGET, 100, -100 * 5000)
    market.rest(Side.BID, 4000, 100)
    assert marked({A: market}, {A: Price(5000)}) == (400_000, {("INXU", TARGET): 400_000})
