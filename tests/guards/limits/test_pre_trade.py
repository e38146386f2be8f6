"""Each limit alone: what it lets through to the cent, and what it refuses by its name."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from domain.ids import Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.reasons import RiskLimit
from guards.limits.outcomes import WHOLE
from guards.limits.pre_trade import ROWS
from guards.limits.settings import RiskSettings
from guards.risk import RiskGuard
from pricing.outcomes import Outcomes
from tests.guards.limits.made import DAY, DOLLAR, UNPRICED, Account, Order, Told
from tests.guards.made import at

TARGET = 10**19
# Every limit but the one under test is out of the way.
WIDE: dict[str, int] = {
    "per_order_dollars": 10_000, "per_day_dollars": 100_000, "per_week_dollars": 500_000, "markets_max": 100,
    "signals_max": 1_000_000,
    "per_market_contracts": 10_000, "per_window_contracts": 10_000, "joint_delta_contracts": 10_000,
    "event_share_ppm": 1_000_000, "series_share_ppm": 1_000_000,
    "var_limit_ppm": 1_000_000, "stress_limit_ppm": 1_000_000,
    "daily_loss_pause_ppm": 999_999, "daily_loss_stop_ppm": 1_000_000,
}  # fmt: skip


class Bite(NamedTuple):
    """One limit: the settings that put it in the way, an order that it just lets through, and one that it does not."""

    limit: RiskLimit
    settings: dict[str, int]
    passes: Order
    refused: Order
    account: Account
    outlook: Told = UNPRICED


def bid(ticker: str = "A", price: int = 5000, contracts: int = 1, series: str = "INXU") -> Order:
    return Order(Ticker(ticker), Side.BID, Price(price), Count(contracts * 100), series)


def holding(*held: tuple[str, int, int], balance: int = 10_000, series: str = "INXU") -> Account:
    account = Account(balance=Cash(balance * DOLLAR))
    for ticker, contracts, price in held:
        account.hold(ticker, contracts, price, series=series)
    return account


# At the money, one chance in two; YES pays above the bound.
EVEN = Told({("INXU", TARGET): Outcomes((WHOLE // 2, WHOLE // 2), {Ticker("A"): (1, 2)}, (1, 1), {Ticker("A"): WHOLE})})
# YES is certain by the model, and no stress takes it away.
SURE = Told({("INXU", TARGET): Outcomes((0, WHOLE), {Ticker("A"): (1, 2)}, (0, 1), {Ticker("A"): WHOLE})})
HALF = Told({("INXU", TARGET): Outcomes((0, WHOLE), {Ticker("A"): (1, 2)}, (0, 1), {Ticker("A"): WHOLE // 2})})
R = RiskLimit
BITES = (
    Bite(R.PER_ORDER, {"per_order_dollars": 75}, bid("A", 7500, 100), bid("A", 7501, 100), holding()),
    Bite(R.MARKETS, {"markets_max": 2}, bid("B"), bid("C"), holding(("A", 1, 5000), ("B", 1, 5000))),
    Bite(R.SIGNALS, {"signals_max": 2}, bid("B"), bid("C"), holding(("A", 1, 5000), ("B", 1, 5000))),
    Bite(R.PER_MARKET, {"per_market_contracts": 5}, bid(contracts=3), bid(contracts=4), holding(("A", 2, 5000))),
    Bite(R.PER_WINDOW, {"per_window_contracts": 20}, bid(contracts=5), bid(contracts=6), holding(("B", 15, 5000))),
    Bite(
        R.JOINT_DELTA,
        {"joint_delta_contracts": 15},
        bid(contracts=10),
        bid(contracts=12),
        holding(("N", 10, 5000), series="NASDAQ100U"),
        HALF,
    ),
    Bite(R.CASH, {}, bid(price=9999, contracts=3), bid(price=9999, contracts=4), holding(balance=3)),
    Bite(R.PER_DAY, {"per_day_dollars": 10}, bid(contracts=4), bid(contracts=5), holding(("B", 16, 5000))),
    Bite(
        R.EVENT_SHARE,
        {"per_day_dollars": 40, "event_share_ppm": 250_000},
        bid(contracts=4),
        bid(contracts=5),
        holding(("B", 16, 5000)),
    ),
    Bite(
        R.SERIES_SHARE,
        {"per_day_dollars": 25, "series_share_ppm": 400_000},
        bid(contracts=4),
        bid(contracts=5),
        holding(("B", 16, 5000)),
    ),
    Bite(R.PER_WEEK, {"per_week_dollars": 10}, bid(contracts=4), bid(contracts=5), holding(("B", 16, 5000))),
    Bite(
        R.DAY_ROOM,
        {"daily_loss_pause_ppm": 24_000, "daily_loss_stop_ppm": 30_000},
        bid(price=4800, contracts=5),
        bid(price=4900, contracts=5),
        holding(balance=100),
    ),
    Bite(R.VALUE_AT_RISK, {"var_limit_ppm": 20_000}, bid(contracts=4), bid(contracts=5), holding(balance=100), EVEN),
    Bite(R.STRESS, {"stress_limit_ppm": 20_000}, bid(contracts=4), bid(contracts=5), holding(balance=100), SURE),
)

# What is asked of one order alone knows no others; that markets count when an order is sent is in test_risk.py, and a
# signal is never released within its session.
SENT = tuple(bite for bite in BITES if bite.limit not in {R.PER_ORDER, R.MARKETS, R.SIGNALS})


def asked(bite: Bite, order: Order, **settings: int) -> RiskLimit | None:
    guard = RiskGuard(RiskSettings(**(WIDE | settings)))
    guard.advance(DAY, bite.account)
    for ticker in bite.account.ledger.markets:
        guard.sent(ticker)
    refusal = guard.refusal(order, bite.account, bite.outlook, at(0))
    return None if refusal is None else refusal.limit


@pytest.mark.step("K18")
@pytest.mark.step("O13")
@pytest.mark.parametrize("bite", BITES, ids=lambda bite: bite.limit.value)
def test_each_limit_alone_bites_to_the_cent_and_by_its_name(bite: Bite) -> None:
    assert asked(bite, bite.passes, **bite.settings) is None
    assert asked(bite, bite.refused, **bite.settings) is bite.limit
    if bite.limit is not R.CASH:
        assert asked(bite, bite.refused) is None, "nothing else stands in the way"


@pytest.mark.step("K18")
@pytest.mark.parametrize("bite", SENT, ids=lambda bite: bite.limit.value)
def test_an_order_counts_from_the_moment_it_is_sent(bite: Bite) -> None:
    assert asked(bite, bite.passes, **bite.settings) is None
    bite.account.send(bite.passes)
    again = Order(*(getattr(bite.passes, name) for name in ("ticker", "side", "price", "remaining", "series")))
    assert asked(bite, again, **bite.settings) is bite.limit
    del bite.account.book.live[bite.passes.client_order_id]
    assert asked(bite, again, **bite.settings) is None, "released when it is proven gone"


def test_every_limit_of_an_order_is_in_the_table_and_none_twice() -> None:
    assert {bite.limit for bite in BITES} == set(ROWS)


@pytest.mark.step("K18")
def test_all_limits_together_at_their_defaults() -> None:
    account = Account(balance=Cash(1000 * DOLLAR))
    guard = RiskGuard()
    guard.advance(DAY, account)
    sent = []
    for number in range(400):
        series = ("INXU", "NASDAQ100U")[number % 2]
        ticker, side = Ticker(f"{series}{number // 2 % 8}"), list(Side)[number // 16 % 2]
        order = Order(ticker, side, Price(5500 if side is Side.BID else 4500), Count(100), series)
        if guard.refusal(order, account, UNPRICED, at(0)) is None:
            account.send(order)
            sent.append(order)
    used = guard.used(account)
    assert sent
    assert used <= 20 * DOLLAR, "value at risk: two per cent of a thousand dollars"
    assert len({order.ticker for order in sent}) <= 10
    assert {guard.refusal(o, account, UNPRICED, at(0)) is not None for o in (bid("Z"), bid("INXU0"))} == {True}


@pytest.mark.step("K17")
@pytest.mark.parametrize(
    ("order", "refused"),
    [
        (bid(contracts=10), False),
        (bid(contracts=11), True),
        (Order(Ticker("A"), Side.ASK, Price(5000), Count(5000)), False),
        (Order(Ticker("A"), Side.ASK, Price(5000), Count(5100)), True),
    ],
)
def test_both_series_one_way_are_capped_together_and_a_hedge_of_them_is_not(order: Order, *, refused: bool) -> None:
    """As shipped: fifteen contracts' worth. Twenty of the other series lean ten up, at half of what one gains there."""
    held = {("INXU", "A"), ("NASDAQ100U", "N")}
    both = Told(
        {
            (series, TARGET): Outcomes((0, WHOLE), {Ticker(name): (1, 2)}, (0, 1), {Ticker(name): WHOLE // 2})
            for series, name in held
        }
    )
    shipped = {"joint_delta_contracts": RiskSettings().joint_delta_contracts}
    account = holding(("N", 20, 5000), series="NASDAQ100U")
    found = asked(Bite(R.JOINT_DELTA, shipped, order, order, account, both), order, **shipped)
    assert found is (R.JOINT_DELTA if refused else None)


@pytest.mark.step("K17")
@pytest.mark.parametrize(("limit", "day_dollars"), [(RiskLimit.EVENT_SHARE, 40), (RiskLimit.SERIES_SHARE, 25)])
def test_each_share_of_the_day_bites_by_its_name(limit: RiskLimit, day_dollars: int) -> None:
    """As shipped: a quarter for an event, two fifths for a series, of the day's dollars and not of the week's."""
    name, shipped = f"{limit.value}_ppm", RiskSettings()
    wide = WIDE | {"per_day_dollars": day_dollars, name: getattr(shipped, name)}
    guard, account = RiskGuard(RiskSettings(**wide)), holding(("B", 16, 5000))
    guard.advance(DAY, account)
    assert guard.refusal(bid(contracts=4), account, UNPRICED, at(0)) is None
    refused = guard.refusal(bid(contracts=5), account, UNPRICED, at(0))
    assert refused is not None
    assert refused.limit is limit
