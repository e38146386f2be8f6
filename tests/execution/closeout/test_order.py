"""The one order that takes: at once or not at all, only reducing, and only with leave that has not run out."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from domain.clock import Now
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Count, Price
from execution.closeout.order import ClosingOrder, closing_request
from execution.closeout.permission import SENDING_NS, CloseOut, permit
from execution.kalshi.wire import KalshiAccount

BEGUN = Now(5, 7)
LEAVE = permit("1", "ada", "why", BEGUN, confirmed=True, recorded=True)
assert isinstance(LEAVE, CloseOut)
ORDER = ClosingOrder(ClientOrderId("ladderd-closeall-1-1"), Ticker("T"), Side.ASK, Price(4_200), Count(37), 2, LEAVE)


@pytest.mark.step("K13")
def test_how_it_is_spelled() -> None:
    request = closing_request(KalshiAccount(subaccount=3), ORDER, BEGUN)
    assert (request.method, request.path) == ("POST", "/trade-api/v2/portfolio/events/orders")
    assert json.loads(request.body) == {
        "ticker": "T", "side": "ask", "count": "0.37", "price": "0.4200", "client_order_id": "ladderd-closeall-1-1",
        "exchange_index": 2, "subaccount": 3, "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross", "reduce_only": True, "post_only": False,
    }  # fmt: skip


@pytest.mark.step("K13")
def test_it_is_not_sent_after_its_leave() -> None:
    closing_request(KalshiAccount(), ORDER, Now(BEGUN.mono_ns + SENDING_NS, 0))
    with pytest.raises(AssertionError, match="leave to take has run out"):
        closing_request(KalshiAccount(), ORDER, Now(BEGUN.mono_ns + SENDING_NS + 1, 0))


@pytest.mark.parametrize("change", [{"price": Price(0)}, {"price": Price(10_000)}, {"count": Count(0)}])
def test_what_only_a_bug_could_ask_for(change: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        closing_request(KalshiAccount(), replace(ORDER, **change), BEGUN)
