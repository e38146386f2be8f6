"""Net, gross and concentration: what is held and what may be live, each contract at a dollar."""

from __future__ import annotations

import pytest

from domain.clock import Now
from domain.ids import Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.reasons import RiskDecision, RiskLimit
from guards.exposure import MarketExposure, exposures
from guards.limits.portfolio import portfolio
from guards.limits.settings import RiskSettings
from guards.risk import RiskGuard
from tests.guards.limits.made import DAY, DOLLAR, UNPRICED, Account, Order, only
from tests.guards.made import at

NOW: Now = at(0)


def used(account: Account) -> tuple[int, ...]:
    markets = exposures(account.ledger.markets, account.book.live, account.untold)
    return tuple(figure.used for figure in portfolio(markets, RiskSettings()))


def test_net_is_the_larger_direction_gross_is_both() -> None:
    account = Account()
    account.hold("A", 30, 5000)
    account.hold("B", -10, 5000)
    assert used(account)[:2] == (20 * DOLLAR, 40 * DOLLAR)
    account.send(Order(Ticker("C"), Side.ASK, Price(5000), Count(5000)))
    assert used(account)[:2] == (30 * DOLLAR, 90 * DOLLAR)


def test_concentration_is_over_a_tenth_of_the_gross_limit_at_least() -> None:
    account = Account()
    account.hold("A", 1000, 5000)
    assert used(account)[2] == 100_000, "$500 of $5,000, not of $1,000"
    account.hold("A", 10_000, 5000)
    assert used(account)[2] == 500_000


@pytest.mark.step("O13")
@pytest.mark.parametrize(
    ("limit", "held", "most"),
    [
        (RiskLimit.NET, [(1001, 5000)], {"net_dollars": 1000}),
        (RiskLimit.GROSS, [(501, 5000), (-500, 5000)], {"gross_dollars": 1000}),
        (RiskLimit.CONCENTRATION, [(1000, 7100)], {"concentration_ppm": 700_000, "gross_dollars": 1000}),
    ],
)
def test_each_pauses_until_somebody_resumes(
    limit: RiskLimit, held: list[tuple[int, int]], most: dict[str, int]
) -> None:
    account = Account(balance=Cash(1_000_000 * DOLLAR))
    guard = RiskGuard(RiskSettings(event_loss_dollars=100_000, **most))
    guard.advance(DAY, account)
    marks = {}
    for number, (contracts, price) in enumerate(held):
        account.hold(f"M{number}", contracts, price)
        marks[Ticker(f"M{number}")] = Price(price)
    judged = only(guard.judge(marks, 0, account, UNPRICED, NOW))
    assert (judged.decision, judged.limit) == (RiskDecision.SOFT_PAUSE, limit)
    assert not guard.vote(account, NOW).open
    assert guard.judge(marks, 0, account, UNPRICED, NOW) == [], "told once"
    account.ledger.markets.clear()
    guard.judge({}, 0, account, UNPRICED, NOW)
    assert not guard.vote(account, NOW).open, "never heals by itself"
    guard.resume()
    assert guard.vote(account, NOW).open


def test_a_market_that_holds_nothing_is_nothing() -> None:
    figures = portfolio({Ticker("A"): MarketExposure("INXU", 1)}, RiskSettings())
    assert [figure.used for figure in figures] == [0, 0, 0]
