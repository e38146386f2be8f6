from __future__ import annotations

import msgspec
import pytest

from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.list_lag import SETTLE_MAX_NS
from execution.strangers import Claims, Strangers
from tests.execution.made import TICKER, said

TOLD_NS = 5 * SETTLE_MAX_NS


def fill(trade: str, order_id: str) -> Fill:
    return Fill(
        TradeId(trade), OrderId(order_id), ClientOrderId(""), TICKER, Side.BID, Price(4_000), Count(100), Cash(0),
        is_taker=False, exchange_ms=1,
    )  # fmt: skip


def waiting(*fills: Fill) -> Strangers:
    strangers = Strangers()
    for each in fills:
        strangers.wait(each, TOLD_NS)
    return strangers


@pytest.mark.parametrize("status", ["resting", "executed", "canceled"])
def test_the_list_of_orders_says_whose_a_fill_is_and_each_is_told_once(status: str) -> None:
    strangers = waiting(fill("a", "x1"), fill("b", "x2"))
    orders = [said("ladderd-1-1", status, order_id="x1"), said("by-hand", status, order_id="x2")]
    claims = strangers.decide(orders, TOLD_NS)
    assert [f.client_order_id for f in claims.ours] == ["ladderd-1-1"]
    assert [f.client_order_id for f in claims.foreign] == ["by-hand"]
    assert strangers.decide(orders, TOLD_NS) == Claims((), ())
    assert not strangers.unclaimed


def test_an_order_that_no_list_has_is_not_ours_but_a_young_list_decides_nothing() -> None:
    strangers = waiting(fill("a", "x1"))
    assert strangers.decide([], TOLD_NS + SETTLE_MAX_NS - 1) == Claims((), ())
    assert strangers.unclaimed
    (foreign,) = strangers.decide([], TOLD_NS + SETTLE_MAX_NS).foreign
    assert foreign == fill("a", "x1")


def test_a_fill_that_is_told_again_waits_no_longer_for_that() -> None:
    strangers = waiting(fill("a", "x1"))
    strangers.wait(fill("a", "x1"), TOLD_NS + 10 * SETTLE_MAX_NS)
    assert strangers.decide([], TOLD_NS + SETTLE_MAX_NS).foreign


def test_nothing_of_the_fill_but_its_name_changes() -> None:
    one = msgspec.structs.replace(fill("a", "x1"), fee=Cash(7), is_taker=True, side=Side.ASK)
    claims = waiting(one).decide([said("ladderd-1-1", order_id="x1")], TOLD_NS)
    assert claims.ours == (msgspec.structs.replace(one, client_order_id=ClientOrderId("ladderd-1-1")),)
