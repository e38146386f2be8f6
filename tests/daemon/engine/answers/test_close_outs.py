"""What a close-all writes of itself is recorded once and pauses; what it filled is booked as ours, whoever tells it."""

from __future__ import annotations

import msgspec
import pytest

from daemon.engine.memory import read_memory, remember
from domain.actions import Place
from domain.clock import NS_PER_S
from domain.events import CloseOutOrder, CloseOutTold, Command, Fill, Filled, OrderState, PositionState
from domain.ids import GroupId, OrderId, Ticker, TradeId, close_out_order_id
from domain.market import Side
from domain.money import Cash, Count, Price
from tests.daemon.exchange import Resting
from tests.daemon.stand import Stand
from tests.heard import heard

S = NS_PER_S
NAME = close_out_order_id("1800000000000-7", 1)
OUTCOME = "flat: two lists of positions show nothing, and nothing rests"


def holding() -> Stand:
    """Long one contract of a rung, told and listed."""
    stand = Stand()
    stand.quote_both()
    bid = next(order for order in stand.exchange.resting("INXU") if order.side is Side.BID)
    stand.tell(*stand.exchange.execute(bid.order_id))
    stand.run(3 * S)
    assert stand.engine.state.held.ledger.open_positions() == {bid.ticker: 100}
    stand.forget()
    return stand


def told(stand: Stand, *, after_s: int = 0) -> CloseOutTold:
    (ticker,) = stand.engine.state.held.ledger.open_positions()
    order = CloseOutOrder(NAME, ticker, Side.ASK, Price(4000), Count(100))
    return CloseOutTold("1800000000000-7", "ada", "she said so", 10, stand.now().utc_ns + after_s * S, (order,))


def ended(begun: CloseOutTold, *left: PositionState) -> CloseOutTold:
    orders = tuple(msgspec.structs.replace(order, filled=Count(100)) for order in begun.orders)
    return msgspec.structs.replace(begun, orders=orders, left=left, outcome=OUTCOME)


def closed(stand: Stand, order: CloseOutOrder) -> Fill:
    """The exchange's side of it: the order is over, and one fill, for which we paid, is listed."""
    now = stand.now()
    ident = OrderId("c1")
    state = OrderState(
        ident, order.client_order_id, order.ticker, order.side, order.price, "executed", order.count, order.count,
        Count(0), GroupId(""), 0,
    )  # fmt: skip
    stand.exchange.orders[ident] = Resting(state, now.mono_ns, ended_ns=now.mono_ns)
    fill = Fill(
        TradeId("tc1"), ident, order.client_order_id, order.ticker, order.side, order.price, order.count, Cash(20_000),
        is_taker=True, exchange_ms=now.utc_ns // 1_000_000,
    )  # fmt: skip
    stand.exchange.fills.append(fill)
    return fill


def alerts(stand: Stand) -> list[tuple[str, str]]:
    said = heard(stand.acts)
    return [(alert.kind, alert.severity.value) for alert in said if alert.kind.startswith(("close_all", "taker"))]


@pytest.mark.step("K13")
def test_who_and_why_are_recorded_and_quoting_pauses_first() -> None:
    stand = holding()
    begun = told(stand)
    stand.step(begun)
    stand.step(begun)
    assert stand.engine.state.paused == "close-all by ada: she said so"
    assert len(stand.records("close_out")) == 1
    (record,) = stand.records("close_out")
    assert (record["by"], record["cause"], record["cap_cents"]) == ("ada", "she said so", 10)
    (order,) = stand.records("close_out_order")
    assert (order["client_order_id"], order["count"], "filled" in order) == (NAME, 100, False)
    assert alerts(stand) == [("close_all", "warning")]
    stand.run(5 * S)
    assert stand.exchange.resting() == []
    assert stand.last(Place) <= stand.last_record("close_out")


@pytest.mark.step("K13")
@pytest.mark.parametrize("road", ["stream", "list"])
@pytest.mark.parametrize("first", ["file", "fill"])
def test_what_it_filled_is_ours_by_whatever_road_it_is_told(road: str, first: str) -> None:
    stand = holding()
    begun = told(stand)
    if first == "file":
        stand.step(begun)
    fill = closed(stand, begun.orders[0])
    if road == "stream":
        stand.step(Filled(fill))
    stand.run(40 * S)
    if first == "fill":
        stand.step(begun)
    stand.step(ended(begun))
    stand.run(5 * S)
    state = stand.engine.state
    assert state.held.ledger.open_positions() == {}
    assert state.books.drift == ""
    assert state.parity.drifts == ()
    assert [row["liquidity_side"] for row in stand.records("order_filled")] == ["taker"]
    assert ("taker_fill", "critical") not in alerts(stand)
    assert not state.kill.latched
    assert alerts(stand)[-1] == ("close_all_ended", "info")


@pytest.mark.step("K13")
def test_its_end_says_what_is_left_and_the_page_has_a_line() -> None:
    stand = holding()
    begun = told(stand)
    stand.step(begun)
    assert state_line(stand) == "close-all by ada: 1 orders, 0.00 closed; no end told yet"
    stand.step(ended(begun, PositionState(Ticker("KXINXU-X-T1"), Count(-250))))
    assert alerts(stand)[-1] == ("close_all_ended", "error")
    _, last = stand.records("close_out")
    assert (last["outcome"], last["left"]) == (OUTCOME, [["KXINXU-X-T1", -250]])
    assert [row.get("filled") for row in stand.records("close_out_order")] == [None, 100]
    assert state_line(stand).endswith(f"1.00 closed; {OUTCOME}; left: KXINXU-X-T1 -2.50")


def state_line(stand: Stand) -> str:
    return stand.engine.state.close_outs.line()


def test_a_restart_remembers_the_runs_and_records_none_twice() -> None:
    stand = holding()
    begun = told(stand)
    stand.step(begun)
    assert read_memory(remember(stand.engine.state)).close_outs == (begun,)
    stand.crash(S)
    stand.forget()
    stand.step(begun)
    assert stand.records("close_out") == []
    assert stand.engine.state.paused == "close-all by ada: she said so"


def test_a_file_from_before_a_resume_pauses_nothing() -> None:
    stand = holding()
    begun = told(stand, after_s=-5)
    stand.engine.state.resumed_utc_ns = stand.now().utc_ns
    stand.step(begun)
    assert stand.engine.state.paused == ""
    assert len(stand.records("close_out")) == 1


def test_a_resume_goes_on_after_it() -> None:
    stand = holding()
    begun = told(stand)
    stand.step(begun)
    stand.step(ended(begun))
    closed(stand, begun.orders[0])
    stand.run(40 * S)
    stand.operator(Command.RESUME)
    assert stand.engine.state.paused == ""


def test_many_runs_do_not_grow_without_bound() -> None:
    stand = holding()
    for number in range(50):
        stand.step(msgspec.structs.replace(told(stand), ident=f"run-{number}"))
    assert list(stand.engine.state.close_outs.runs) == [f"run-{number}" for number in range(34, 50)]
