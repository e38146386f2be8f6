"""Risk limits: counted when sent, released when gone, and a session that survives a restart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import Now
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.reasons import GateStatus, Reason, RiskDecision
from guards.exposure import exposures
from guards.limits.losses import decision_on
from guards.limits.settings import RiskSettings
from guards.risk import RiskGuard
from tests.guards.limits.made import DAY, DOLLAR, UNPRICED, Account, Holding, Order, Untold
from tests.guards.made import at

WHOLE_DAY = {"event_share_ppm": 1_000_000, "series_share_ppm": 1_000_000}  # one event may use all of the day


def order(
    ticker: str = "A",
    side: Side = Side.BID,
    price: int = 5000,
    contracts: int = 1,
    *,
    series: str = "INXU",
    target_ns: int = 1,
) -> Order:
    return Order(Ticker(ticker), side, Price(price), Count(contracts * 100), series, target_ns)


def said(guard: RiskGuard, order: Order, account: Account, now: Now) -> str:
    refusal = guard.refusal(order, account, UNPRICED, now)
    return "" if refusal is None else refusal.why


def decided(guard: RiskGuard, account: Account) -> RiskDecision | None:
    judgement = guard.advance(DAY, account)
    return None if judgement is None else judgement.decision


def begun(account: Account, **settings: int) -> RiskGuard:
    guard = RiskGuard(RiskSettings(**settings))
    guard.advance(DAY, account)
    return guard


def test_what_was_told_and_is_not_booked_uses_the_limits_like_a_position() -> None:
    account = Account()
    guard = begun(account, per_market_contracts=5)
    account.untold[ClientOrderId("a")] = Untold(unbooked=Count(300))
    assert guard.used(account) == 3 * 500_000
    assert said(guard, order(contracts=2), account, at(0)) == ""
    account.untold[ClientOrderId("b")] = Untold(doubted=Count(100))
    assert "5 contracts net" in said(guard, order(contracts=2), account, at(0))
    assert said(guard, order(side=Side.ASK, contracts=5), account, at(0)) == ""
    account.ledger.markets[Ticker("A")] = Holding(result="yes")
    assert guard.used(account) == 0, "a market that is settled holds nothing any more"


def test_markets_of_untold_fills_are_in_use() -> None:
    account = Account()
    guard = begun(account, markets_max=1)
    account.untold[ClientOrderId("a")] = Untold(unbooked=Count(100))
    assert guard.confined_to(account) == frozenset({Ticker("A")})


def test_a_market_that_was_bought_and_sold_again_leaves_its_place_to_another() -> None:
    account = Account()
    guard = begun(account, markets_max=2)
    account.ledger.markets |= {Ticker("A"): Holding(Count(100)), Ticker("B"): Holding(cash=Cash(-DOLLAR // 100))}
    assert guard.confined_to(account) is None
    assert said(guard, order("C"), account, at(0)) == ""
    account.ledger.markets[Ticker("B")].position = Count(-100)
    assert guard.confined_to(account) == frozenset({Ticker("A"), Ticker("B")})
    assert said(guard, order("C"), account, at(0)) == "risk: 2 markets are in use already"
    assert said(guard, order("B", Side.ASK), account, at(0)) == "", "one in use may have more"
    account.ledger.markets[Ticker("B")].position = Count(0)
    account.send(order("D"))
    assert guard.confined_to(account) == frozenset({Ticker("A"), Ticker("D")})
    assert said(guard, order("B"), account, at(0)) == "risk: 2 markets are in use already", "and then it comes last"


def test_risk_closed_when_it_knows_nothing() -> None:
    account = Account(balance=None)
    guard = RiskGuard()
    assert guard.vote(account, at(0)).status is GateStatus.UNKNOWN
    guard.advance(DAY, account)
    assert guard.vote(account, at(0)).status is GateStatus.UNKNOWN
    assert "equity is not known" in said(guard, order(), account, at(0))
    account.balance = Cash(DOLLAR)
    guard.advance(DAY, account)
    assert guard.vote(account, at(0)).status is GateStatus.PASS
    assert guard.next_deadline(at(0)) is None


@pytest.mark.step("K18")
@pytest.mark.parametrize(
    ("side", "price", "contracts", "refused"),
    [
        (Side.BID, 7500, 100, False),  # $75.00 exactly
        (Side.BID, 7501, 100, True),
        (Side.ASK, 2500, 100, False),
        (Side.ASK, 2499, 100, True),
    ],
)
def test_limit_per_order(side: Side, price: int, contracts: int, *, refused: bool) -> None:
    account = Account()
    guard = begun(account, per_market_contracts=1000, per_window_contracts=1000)
    why = said(guard, order(side=side, price=price, contracts=contracts), account, at(0))
    assert ("is over $75" in why) is refused


@pytest.mark.parametrize("side", list(Side))
def test_limit_per_market_counts_position_and_everything_on_that_side(side: Side) -> None:
    account = Account()
    guard = begun(account)
    sign = 1 if side is Side.BID else -1
    account.ledger.markets[Ticker("A")] = Holding(position=Count(sign * 200))
    account.send(order(side=side, contracts=2))
    assert said(guard, order(side=side, contracts=1), account, at(0)) == ""
    assert "5 contracts net" in said(guard, order(side=side, contracts=2), account, at(0))
    # The other direction has the position to give back first.
    other = Side.ASK if side is Side.BID else Side.BID
    assert said(guard, order(side=other, contracts=7), account, at(0)) == ""
    assert "5 contracts net" in said(guard, order(side=other, contracts=8), account, at(0))


def test_limit_per_window_counts_all_its_rungs_and_no_other_window() -> None:
    account = Account()
    guard = begun(account)
    account.send(*(order(name, contracts=5) for name in "ABC"), order("D", contracts=4))
    assert said(guard, order("E"), account, at(0)) == ""
    assert "20 contracts net" in said(guard, order("E", contracts=2), account, at(0))
    assert said(guard, order("E", contracts=2, target_ns=2), account, at(0)) == ""
    assert said(guard, order("E", contracts=2, series="NASDAQ100U"), account, at(0)) == ""


def test_limit_of_markets() -> None:
    account = Account()
    guard = begun(account)
    account.send(*(order(f"M{n}") for n in range(9)))
    account.ledger.markets[Ticker("held")] = Holding(position=Count(100))
    account.ledger.markets[Ticker("over")] = Holding(position=Count(100), result="yes")
    assert said(guard, order("M3"), account, at(0)) == ""
    assert "10 markets" in said(guard, order("new"), account, at(0))


def test_limit_per_day_is_realised_and_worst_case_of_filled_and_may_be_live() -> None:
    account = Account(balance=Cash(1_000_000 * DOLLAR))
    guard = begun(account, per_day_dollars=10, **WHOLE_DAY)
    account.ledger.realised = Cash(-4 * DOLLAR)
    guard.advance(DAY, account)
    account.ledger.markets[Ticker("A")] = Holding(position=Count(400), cash=Cash(-2 * DOLLAR))
    account.send(order("B", Side.ASK, 2500, 4))  # may lose $3
    assert guard.used(account) == 9 * DOLLAR
    assert said(guard, order("C", contracts=2), account, at(0)) == ""
    assert "day's use would reach $10.50" in said(guard, order("C", contracts=3), account, at(0))


def test_profit_does_not_raise_the_days_limit() -> None:
    account = Account()
    guard = begun(account, per_day_dollars=10, **WHOLE_DAY)
    account.ledger.realised = Cash(500 * DOLLAR)
    guard.advance(DAY, account)
    assert guard.used(account) == 0
    assert said(guard, order(price=9000, contracts=5), account, at(0)) == ""
    account.send(order("B", price=9000, contracts=5), order("C", price=9000, contracts=5))
    assert "day's use" in said(guard, order(price=9000, contracts=5), account, at(0))


def test_an_order_already_in_the_book_is_not_counted_twice() -> None:
    account = Account()
    guard = begun(account)
    one = order(contracts=5)
    account.send(one)
    assert said(guard, one, account, at(0)) == ""


def test_the_days_loss_closes_the_gate() -> None:
    account = Account(balance=Cash(1_000_000 * DOLLAR))
    guard = begun(account)
    account.ledger.realised = Cash(-1000 * DOLLAR)
    guard.advance(DAY, account)
    vote = guard.vote(account, at(0))
    assert (vote.status, vote.reason) == (GateStatus.FAIL, Reason.RISK_LIMIT)


def test_value_at_risk_of_what_is_not_priced_is_its_worst_case() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account, stress_limit_ppm=1_000_000)
    assert said(guard, order(price=5000, contracts=4), account, at(0)) == ""
    assert "value_at_risk" in said(guard, order(price=5001, contracts=4), account, at(0))
    assert said(begun(account, var_limit_ppm=20_010), order(price=5001, contracts=4), account, at(0)) != ""


@pytest.mark.parametrize(
    ("loss", "decision"),
    [
        (0, RiskDecision.ALLOW),
        (239_900, RiskDecision.ALLOW),  # 2.399 %
        (240_000, RiskDecision.SOFT_PAUSE),  # 2.40 %
        (299_999, RiskDecision.SOFT_PAUSE),
        (300_000, RiskDecision.HARD_STOP),  # 3.00 %
    ],
)
def test_daily_loss_against_equity(loss: int, decision: RiskDecision) -> None:
    assert decision_on(Cash(loss), Cash(10_000_000), RiskSettings()) is decision


def test_no_equity_is_no_room_to_lose() -> None:
    assert decision_on(Cash(0), Cash(0), RiskSettings()) is RiskDecision.HARD_STOP


def test_a_daily_loss_pauses_until_resumed_and_tells_once() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account)
    account.ledger.realised = Cash(-2_500_000)
    assert decided(guard, account) is RiskDecision.SOFT_PAUSE
    assert guard.advance(DAY, account) is None
    assert guard.vote(account, at(0)).status is GateStatus.FAIL
    account.ledger.realised = Cash(0)
    guard.advance(DAY, account)
    assert guard.vote(account, at(0)).status is GateStatus.FAIL  # never heals by itself
    guard.resume()
    assert guard.vote(account, at(0)).status is GateStatus.PASS
    account.ledger.realised = Cash(-3_000_000)
    assert decided(guard, account) is RiskDecision.HARD_STOP
    assert "3.000 %" in guard.paused


@pytest.mark.step("H08")
def test_a_new_session_begins_with_the_result_so_far_but_keeps_a_pause() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account)
    account.ledger.realised = Cash(-2_500_000)
    guard.advance(DAY, account)
    guard.advance("2026-11-24", account)
    assert (guard.loss, bool(guard.paused)) == (0, True)
    account.ledger.realised = Cash(-3_500_000)
    guard.advance("2026-11-24", account)
    assert guard.loss == DOLLAR


def test_the_first_reason_of_a_pause_is_kept() -> None:
    guard = RiskGuard()
    guard.pause("inventory drift")
    guard.pause("later")
    assert guard.paused == "inventory drift"


def test_the_session_survives_a_restart() -> None:
    account = Account(balance=Cash(100 * DOLLAR))
    guard = begun(account)
    account.ledger.realised = Cash(-2_500_000)
    guard.advance(DAY, account)
    again = RiskGuard()
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()
    account.balance = Cash(50 * DOLLAR)
    assert again.advance(DAY, account) is None
    assert again.loss == 2_500_000
    assert again.vote(account, at(0)).status is GateStatus.FAIL


FILLS = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 9999), st.integers(1, 500)), min_size=0, max_size=6
)


@given(held=FILLS, live=FILLS, yes=st.booleans(), which=st.sets(st.integers(0, 5)))
def test_no_outcome_and_no_set_of_fills_loses_more_than_the_worst_case(
    held: list[tuple[Side, int, int]], live: list[tuple[Side, int, int]], which: set[int], *, yes: bool
) -> None:
    account = Account()
    holding = account.ledger.markets[Ticker("A")] = Holding()
    for side, price, count in held:
        sign = 1 if side is Side.BID else -1
        holding.position = Count(holding.position + sign * count)
        holding.cash = Cash(holding.cash - sign * price * count)
    for side, price, count in live:
        account.send(Order(side=side, price=Price(price), remaining=Count(count)))
    worst = exposures(account.ledger.markets, account.book.live, account.untold)[Ticker("A")].worst_loss
    net, cash = int(holding.position), int(holding.cash)
    for number, (side, price, count) in enumerate(live):
        if number in which:
            sign = 1 if side is Side.BID else -1
            net, cash = net + sign * count, cash - sign * price * count
    assert -(cash + (net * 10_000 if yes else 0)) <= worst
