from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.positions import Ledger, LedgerRecord, MarketAccount, record, restore
from execution.settlement import Payment
from tests.sim.exchange.rig import Rig
from tests.sim.exchange.trading import TRADES, earned, fill_of, settlements_of, trade_at_random

T = Ticker("KXINXU-X-T1")


def fill(trade: str, side: Side, price: int, count: int = 100, fee: int = 0) -> Fill:
    return Fill(
        TradeId(trade), OrderId("o"), ClientOrderId("c"), T, side, Price(price), Count(count), Cash(fee), False, 0
    )


def test_a_fill_counts_once_by_its_trade_id() -> None:
    ledger = Ledger()
    assert ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    assert not ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    assert ledger.position(T) == 100


def test_a_bid_that_settles_yes_earns_the_rest_of_the_dollar() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    assert ledger.settle(T, "yes", Cash(0)) == 600_000
    assert ledger.realised == 600_000


@pytest.mark.parametrize(("told", "counts"), [(0, 1_000), (1_000, 1_000), (1_500, 1_500)])
def test_an_ask_that_settles_yes_loses_the_rest_of_the_dollar_and_its_fees_once(told: int, counts: int) -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.ASK, 4000, fee=1_000), "INXU", 1)
    assert ledger.settle(T, "yes", Cash(told)) == -600_000 - counts


@pytest.mark.parametrize("result", ["yes", "no"])
@pytest.mark.parametrize("side", list(Side))
def test_a_fill_told_after_the_settlement_is_worth_what_its_market_settled_to(side: Side, result: str) -> None:
    told_in_time, told_late = Ledger(), Ledger()
    fills = [fill("a", Side.BID, 4_000), fill("b", side, 4_700, 200, fee=1_000)]
    for each in fills:
        told_in_time.fill(each, "INXU", 1)
    told_in_time.settle(T, result, Cash(0))
    told_late.fill(fills[0], "INXU", 1)
    told_late.settle(T, result, Cash(0))
    told_late.fill(fills[1], "INXU", 1)
    assert record(told_late) == record(told_in_time)


def test_settling_twice_books_once() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    ledger.settle(T, "no", Cash(0))
    assert ledger.settle(T, "no", Cash(0)) is None
    assert ledger.realised == -400_000


@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 9_999), st.integers(1, 500)), max_size=20))
def test_worst_loss_bounds_both_outcomes(trades: list[tuple[Side, int, int]]) -> None:
    ledger = Ledger()
    for number, (side, price, count) in enumerate(trades):
        ledger.fill(fill(str(number), side, price, count), "INXU", 1)
    worst = ledger.worst_loss()
    for result in ("yes", "no"):
        again = restore(msgspec.json.decode(msgspec.json.encode(record(ledger)), type=LedgerRecord))
        pnl = again.settle(T, result, Cash(0))
        assert pnl is None or pnl >= -worst


def test_a_ledger_survives_being_written_down() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    kept = restore(msgspec.json.decode(msgspec.json.encode(record(ledger)), type=LedgerRecord))
    assert kept.open_positions() == {T: 100}
    assert not kept.fill(fill("a", Side.BID, 4000), "INXU", 1)


# --- against the exchange's own ledger --------------------------------------------------------------------------------


def booked(made: Rig) -> Ledger:
    ledger = Ledger()
    for each in made.member.fills:
        ledger.fill(fill_of(each), "INXU", 1)
    return ledger


@pytest.mark.parametrize("seed", range(40))
def test_the_walk_is_the_exchanges_balance_to_the_cent_after_every_trade_and_after_settlement(seed: int) -> None:
    looks: list[int] = []

    def look(made: Rig) -> None:
        looks.append(booked(made).paid_in() - earned(made))

    made = trade_at_random(seed, look)
    assert looks == [0] * TRADES
    ledger = booked(made)
    rows = settlements_of(made)
    for ticker in list(ledger.markets):
        row = rows.get(ticker)
        result = made.exchange.state.markets[ticker].result
        ledger.settle(ticker, result, row.fee if row else Cash(0))
    assert ledger.paid_in() == ledger.realised == earned(made)
    assert ledger.settled_fees == sum(each.fee for each in made.member.fills)


def test_a_fee_that_the_settlement_told_before_its_fill_was_listed_is_charged_once() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4_000, fee=1_000), "INXU", 1)
    assert ledger.settle(T, "yes", Cash(3_500)) == 600_000 - 3_500
    ledger.fill(fill("b", Side.BID, 4_000, fee=2_500), "INXU", 1)
    assert (ledger.realised, ledger.settled_fees) == (1_200_000 - 3_500, 3_500)


# --- what an operator adopted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("result", "ours", "others"), [("yes", 600_000, -550_500), ("no", -400_000, 449_500)])
def test_an_adopted_fill_is_held_and_settled_but_is_never_our_profit(result: str, ours: int, others: int) -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4_000), "INXU", 1)
    ledger.fill(fill("theirs", Side.ASK, 4_500, fee=500), "INXU", 1, adopted=True)
    assert ledger.position(T) == 0
    assert ledger.settle(T, result, Cash(500)) == ours
    assert (ledger.own_realised, ledger.adopted) == (ours, others)
    assert ledger.realised == ours + others
    again = restore(msgspec.json.decode(msgspec.json.encode(record(ledger)), type=LedgerRecord))
    assert again.own_realised == ours


def test_an_adopted_fill_at_fair_is_not_our_profit_either() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4_000), "INXU", 1)
    ledger.fill(fill("theirs", Side.ASK, 9_900, count=200), "INXU", 1, adopted=True)
    account = ledger.markets[T]
    assert account.own_marked(Price(6_000)) == 200_000
    assert account.marked(Price(6_000)) == 200_000 + 780_000


@pytest.mark.parametrize("result", ["yes", "no"])
def test_an_adopted_fill_of_a_settled_market_is_kept_apart_too(result: str) -> None:
    early, late = Ledger(), Ledger()
    for ledger in (early, late):
        ledger.fill(fill("a", Side.BID, 4_000), "INXU", 1)
    early.fill(fill("theirs", Side.ASK, 4_500, fee=500), "INXU", 1, adopted=True)
    early.settle(T, result, Cash(0))
    late.settle(T, result, Cash(0))
    late.fill(fill("theirs", Side.ASK, 4_500, fee=500), "INXU", 1, adopted=True)
    assert record(late) == record(early)


@pytest.mark.parametrize(("held", "cash"), [(300, -2_000_000), (-100, 0), (0, 0)])
def test_a_position_that_nobody_explains_is_adopted_at_the_worst_price(held: int, cash: int) -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4_000), "INXU", 1)
    assert ledger.adopt_position(T, Count(held), "INXU", 1) == cash
    account = ledger.markets[T]
    assert (account.position, account.adopted_position) == (held, held - 100)
    assert account.worst_loss >= 400_000
    assert ledger.settle(T, "yes", Cash(0)) == 600_000


def test_what_was_realised_is_known_by_series_and_adds_up_over_a_restart() -> None:
    ledger = Ledger()
    other = Ticker("KXNASDAQ100U-T1")
    ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    ledger.fill(msgspec.structs.replace(fill("b", Side.ASK, 3000), ticker=other), "NASDAQ100U", 1)
    ledger.settle(T, "no", Cash(0))
    ledger.settle(other, "no", Cash(0))
    kept = restore(msgspec.json.decode(msgspec.json.encode(record(ledger)), type=LedgerRecord))
    assert kept.realised_of == {"INXU": -400_000, "NASDAQ100U": 300_000}
    assert sum(kept.realised_of.values()) == kept.own_realised


@given(
    st.lists(
        st.tuples(st.sampled_from([1, -1]), st.integers(1, 9_999), st.integers(1, 5).map(lambda n: n * 100)),
        min_size=1,
        max_size=12,
    )
)
def test_the_average_price_is_that_of_the_contracts_held(trades: list[tuple[int, int, int]]) -> None:
    """Against one list of single contracts, each with its price: what is closed leaves the average as it was."""
    account, side, held = MarketAccount("INXU", 1), 0, 0
    average = 0.0
    for sign, price, count in trades:
        if held and sign != side:
            closing = min(held, count)
            held, count_left = held - closing, count - closing
            if not held:
                side, average = 0, 0.0
        else:
            count_left = count
        if count_left:
            average = (average * held + price * count_left) / (held + count_left)
            side, held = sign, held + count_left
        account.trade(sign, Price(price), Count(count))
        assert account.position == side * held
        assert (account.average is None) == (not held)
        assert not held or abs((account.average or 0) - average) <= 1


def test_a_round_trip_does_not_move_the_average_of_what_is_left() -> None:
    account = MarketAccount("INXU", 1)
    for sign, price, count in ((1, 4_000, 200), (-1, 9_000, 100)):
        account.trade(sign, Price(price), Count(count))
    assert (account.position, account.average) == (100, 4_000)
    account.trade(-1, Price(7_000), Count(300))
    assert (account.position, account.average) == (-200, 7_000)


def test_an_amended_settlement_is_booked_anew_and_counts_once() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4000), "INXU", 1)
    ledger.settle(T, "yes", Cash(0))
    half = Payment(Price(5_000), Cash(500_000))
    assert ledger.settle(T, "scalar", Cash(0), half) == 100_000
    assert ledger.settle(T, "scalar", Cash(0), half) is None
    assert (ledger.realised, ledger.realised_of["INXU"]) == (100_000, 100_000)
    assert ledger.open_positions() == {}


def test_what_is_left_over_of_a_value_that_is_not_whole_is_booked_too() -> None:
    ledger = Ledger()
    ledger.fill(fill("a", Side.BID, 4000, 300), "INXU", 1)
    assert ledger.settle(T, "scalar", Cash(0), Payment(Price(5_000), Cash(1_515_000))) == 315_000
    ledger.fill(fill("late", Side.BID, 4000, 100), "INXU", 1)
    assert ledger.realised == 415_000


def test_a_market_settled_by_an_earlier_version_keeps_what_it_was_worth() -> None:
    ledger = Ledger()
    ledger.markets[T] = MarketAccount("INXU", 1, Count(100), Cash(-400_000), result="yes")
    kept = restore(record(ledger))
    kept.fill(fill("late", Side.BID, 4000, 100), "INXU", 1)
    assert kept.realised == 600_000
