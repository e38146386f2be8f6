from __future__ import annotations

import pytest

from domain.events import Fill, OddRow, OrdersRead, OrderState, PositionsRead, PositionState
from domain.ids import ClientOrderId, OrderId, RequestId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.list_lag import SETTLE_MAX_NS, SETTLE_NS
from execution.orders import OrderBook, OrderStatus
from execution.positions import Ledger
from execution.reconcile import (
    Drift,
    DriftKind,
    DriftLimits,
    OrdersFinding,
    PositionCheck,
    Reconciled,
    compare_orders,
    series_of,
    worst_of,
)
from tests.execution.made import TICKER, at, opened, order, said

LATER = 10 * SETTLE_NS


def compare(
    book: OrderBook, *listed: OrderState, asked_ns: int = LATER, exclusive: bool = True, resting_only: bool = True
) -> OrdersFinding:
    read = OrdersRead(RequestId(1), at(asked_ns), 0, resting_only, listed)
    return compare_orders(book, read, {TICKER: 5}, exclusive=exclusive, now_ns=asked_ns + 1)


def test_agreement_is_silent() -> None:
    book = OrderBook()
    opened(book, "ladderd-1-1")
    found = compare(book, said("ladderd-1-1"))
    assert (found.drifts, found.adopted, found.buried) == ((), (), ())
    assert found.resting == {"INXU": 1}


def test_what_a_late_enough_list_lacks_is_buried_and_a_young_one_buries_nothing() -> None:
    book = OrderBook()
    opened(book, "ladderd-1-1")
    assert compare(book, asked_ns=SETTLE_MAX_NS - 1).buried == ()
    assert [o.client_order_id for o in compare(book, asked_ns=SETTLE_MAX_NS).buried] == ["ladderd-1-1"]


def test_an_order_in_flight_is_never_buried() -> None:
    book = OrderBook()
    book.add(order())
    assert compare(book).buried == ()


def test_an_orphan_of_ours_is_adopted_unwanted_with_its_window() -> None:
    book = OrderBook()
    (adopted,) = compare(book, said("ladderd-3-9")).adopted
    assert (adopted.unwanted, adopted.state, adopted.target_ns, adopted.series) == (True, OrderStatus.OPEN, 5, "INXU")
    assert compare(book, said("ladderd-3-9")).adopted == ()


def test_a_strangers_order_is_drift_only_in_an_account_of_our_own() -> None:
    (drift,) = compare(OrderBook(), said("bob-1", order_id="x1")).drifts
    assert (drift.kind, drift.what) == ("FOREIGN_ORDER", "x1")
    assert compare(OrderBook(), said("bob-1", order_id="x1"), exclusive=False).drifts == ()


@pytest.mark.parametrize("status", ["canceled", "executed"])
def test_ended_orders_of_history_are_neither_adopted_nor_foreign(status: str) -> None:
    found = compare(OrderBook(), said("ladderd-3-9", status), said("bob-1", status, order_id="x"), resting_only=False)
    assert (found.drifts, found.adopted, found.resting) == ((), (), {})


def test_the_ended_record_of_an_unknown_place_ends_it() -> None:
    book = OrderBook()
    opened(book, "ladderd-1-1")
    compare(book, said("ladderd-1-1", "canceled"), asked_ns=1, resting_only=False)
    assert ClientOrderId("ladderd-1-1") in book.gone


def test_series_by_the_tickers_first_part() -> None:
    assert series_of("KXINXU-26NOV21-T5") == "INXU"
    assert series_of("KXNASDAQ100U-26NOV21-T5") == "NASDAQ100U"
    assert series_of("KXINXUX-1") == series_of("") == ""


# --- positions -------------------------------------------------------------------------------------------------------


def held(count: int, target_ns: int = 1 << 62) -> Ledger:
    ledger = Ledger()
    fill = Fill(
        TradeId("t"), OrderId("o"), ClientOrderId("c"), TICKER, Side.BID, Price(4_000), Count(count), Cash(0),
        is_taker=False, exchange_ms=0,
    )  # fmt: skip
    ledger.fill(fill, "INXU", target_ns)
    return ledger


def read(*rows: tuple[str, int], asked_ns: int = LATER) -> PositionsRead:
    return PositionsRead(RequestId(1), at(asked_ns), tuple(PositionState(Ticker(t), Count(n)) for t, n in rows))


def test_a_list_that_is_too_young_proves_nothing() -> None:
    assert PositionCheck().compare(held(100), read(asked_ns=SETTLE_NS - 1), 0) is None
    assert PositionCheck().compare(held(100), read((TICKER, 100), asked_ns=SETTLE_NS), 0) == ()


@pytest.mark.parametrize(
    ("own", "rows", "kind"),
    [
        (100, (), "MISSING_AT_EXCHANGE"),
        (100, ((TICKER, 200),), "COUNT_MISMATCH"),
        (100, ((TICKER, -100),), "COUNT_MISMATCH"),
        (0, ((TICKER, 100),), "MISSING_LOCALLY"),
    ],
)
def test_drift_is_said_only_when_two_lists_in_a_row_agree_on_it(
    own: int, rows: tuple[tuple[str, int], ...], kind: str
) -> None:
    check, ledger = PositionCheck(), held(own) if own else Ledger()
    assert check.compare(ledger, read(*rows), 0) == ()
    drifts = check.compare(ledger, read(*rows), 0)
    assert drifts is not None
    assert [d.kind for d in drifts] == [kind]
    assert check.compare(ledger, read(*([(TICKER, own)] if own else [])), 0) == ()
    assert check.suspected == {}


def test_two_lists_that_differ_from_each_other_are_no_proof() -> None:
    check = PositionCheck()
    check.compare(held(100), read((TICKER, 200)), 0)
    assert check.compare(held(100), read((TICKER, 300)), 0) == ()


def test_settled_markets_and_other_peoples_series_do_not_count() -> None:
    ledger = held(100)
    ledger.settle(TICKER, "yes", Cash(0))
    check = PositionCheck()
    for _ in range(2):
        assert check.compare(ledger, read(("KXOTHER-1", 500), (TICKER, 100)), 0) == ()


def test_a_market_whose_target_has_passed_may_be_settled_before_we_are_told() -> None:
    check, ledger = PositionCheck(), held(100, target_ns=1)
    for _ in range(3):
        assert check.compare(ledger, read(), 0) == ()
    check.compare(ledger, read((TICKER, 200)), 0)
    assert check.compare(ledger, read((TICKER, 200)), 0) != ()


def test_the_worst_in_one_line() -> None:
    assert worst_of([]) == ""
    one, moved = Drift(DriftKind.COUNT_MISMATCH, "b", "c"), Drift(DriftKind.CASH_MOVED, "d", "e", critical=False)
    assert worst_of([one]) == "COUNT_MISMATCH b: c"
    assert worst_of([moved]) == "", "a warning closes no gate"
    assert worst_of([moved, one, one, one]) == "COUNT_MISMATCH b: c (and 2 more)"


@pytest.mark.parametrize(
    ("count", "told"), [(0, None), (199, None), (200, False), (399, False), (400, True), (2_000, True)]
)
def test_a_share_of_the_limit_warns_and_then_is_critical(count: int, told: bool | None) -> None:  # noqa: FBT001
    drift = DriftLimits(10, 20).judge(DriftKind.EXCHANGE_DRIFT, "all", count, 2_000)
    assert (None if drift is None else drift.critical) is told


def test_only_books_that_were_read_and_agree_are_all_right() -> None:
    assert Reconciled().ok
    assert not Reconciled(unknown="balance: HTTP 503").ok
    assert not Reconciled(differences=(Drift(DriftKind.CASH_MOVED, "d", "e", critical=False),)).ok


# --- rows that cannot be read --------------------------------------------------------------------------


def test_an_odd_row_of_an_order_of_ours_rests_and_buries_nothing_and_one_of_nobody_is_critical() -> None:
    book = OrderBook()
    mine = opened(book)
    odd = (OddRow(mine.order_id, "no such side"), OddRow("stranger", "no such side"))
    listing = OrdersRead(RequestId(1), at(LATER), 0, resting_only=True, orders=(), odd=odd)
    found = compare_orders(book, listing, {}, exclusive=True, now_ns=LATER + 1)
    assert (found.buried, found.resting) == ((), {mine.series: 1})
    assert [(drift.kind, drift.what, drift.critical) for drift in found.drifts] == [
        (DriftKind.ODD_ROW, mine.order_id, False),
        (DriftKind.ODD_ROW, "stranger", True),
    ]


def test_a_position_that_cannot_be_read_is_not_taken_for_none() -> None:
    check = PositionCheck()
    listing = PositionsRead(RequestId(1), at(LATER), (), (OddRow(TICKER, "no count"),))
    assert check.compare(held(100), listing, 0) == ()
    assert check.suspected == {}
