from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.positions import Ledger, LedgerRecord, record, restore

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
