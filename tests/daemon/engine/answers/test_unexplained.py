"""Cancels that nobody of ours asked for pause; each explanation there is does not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from domain.actions import CancelOrders, Place
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import (
    CancelAllMarker,
    Command,
    Filled,
    GroupUpdated,
    MarketChanged,
    OrderUpdated,
    PlaceOutcome,
    Verdict,
)
from domain.ids import ClientOrderId, GroupId, RequestId
from domain.money import Count
from ops.alerts.raised import Raised
from tests.daemon.stand import Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def kill(stand: Stand, reason: str = "", most: int = 99, every: int = 1) -> int:
    """Somebody has every order of ours cancelled, or each second one; how many there were."""
    orders = stand.exchange.resting()[:most:every]
    killed = [event for order in orders for event in stand.exchange.end(order.order_id, reason)]
    for event in killed:
        stand.step(event)
    return len(killed)


def paused(stand: Stand) -> bool:
    return "nobody of ours asked" in stand.engine.state.paused


def told(stand: Stand, kind: str) -> list[Raised]:
    return heard(stand.acts, kind)


def test_a_strangers_cancel_all_pauses_with_an_alert_and_the_tail_and_gets_few_new_orders() -> None:
    stand = quoting()
    began_ns = stand.mono_ns
    kill(stand)
    while stand.mono_ns < began_ns + 60 * S:
        stand.run(50 * MS)
        kill(stand)
    assert paused(stand)
    assert len(stand.sent(Place)) <= 20
    (alert,) = told(stand, "unexplained_cancels")
    assert alert.severity == "critical"
    assert alert.payload["count"] >= 4
    first = next(s for s in stand.story if heard(s.actions, "unexplained_cancels"))
    assert first.now.mono_ns - began_ns <= 5 * S
    assert stand.engine.state.held.tail_until_utc_ns >= first.now.utc_ns + 65 * S
    stand.forget()
    stand.run(60 * S)
    assert stand.sent(Place) == [], "until somebody resumes"
    stand.operator(Command.RESUME)
    assert stand.engine.state.paused == ""


def test_what_we_ask_for_after_it_explains_nothing() -> None:
    stand = quoting()
    assert kill(stand, every=2) >= 2, "the groups of the others are triggered by the pause"
    stand.run(1 * S)
    stand.operator(Command.PAUSE)
    stand.run(1 * S)
    assert len(told(stand, "unexplained_cancels")) == 1


def test_an_expiry_that_was_still_to_come_explains_nothing() -> None:
    stand = quoting()
    stand.run_before_target(5_100 * MS)
    assert kill(stand) >= 2
    stand.run(1_600 * MS)
    assert paused(stand)


def test_orders_that_end_as_soon_as_they_were_placed_are_refused_places_whatever_explains_it() -> None:
    stand = quoting()
    stand.engine.state.unexplained.active = lambda _now: False
    began_ns = stand.mono_ns
    while stand.mono_ns < began_ns + 30 * S:
        stand.run(50 * MS)
        kill(stand)
    assert not paused(stand), "it is explained"
    assert 5 <= len(stand.sent(Place)) <= 28, "twenty, and what rested when the twentieth was heard of"
    assert {alert.payload["ticker"] for alert in told(stand, "places_refused")} - {""}, "and each market cools"


def test_after_a_restart_it_is_paused_still() -> None:
    stand = quoting()
    kill(stand)
    stand.run(3 * S)
    stand.crash(90 * S)
    stand.run(1 * S)
    assert paused(stand)


def test_one_alone_or_two_far_apart_are_no_such_sign() -> None:
    stand = quoting()
    kill(stand, most=1)
    stand.run(6 * S)
    kill(stand, most=1)
    stand.run(4 * S)
    assert not stand.engine.state.paused
    assert stand.exchange.resting()


def test_two_four_seconds_apart_are() -> None:
    stand = quoting()
    kill(stand, most=1)
    stand.run(4 * S)
    kill(stand, most=1)
    stand.run(2 * S)
    assert paused(stand)


def test_orders_cancelled_on_arrival_count() -> None:
    stand = quoting()
    for order in list(stand.engine.state.held.book.live.values())[:2]:
        stand.step(
            PlaceOutcome(
                RequestId(1), Verdict.ACCEPTED, 201, client_order_id=order.client_order_id, order_id=order.order_id,
                filled=Count(0), remaining=Count(0),
            )
        )  # fmt: skip
    stand.run(2 * S)
    assert paused(stand)


def test_what_vanished_from_the_list_and_was_not_filled_counts() -> None:
    stand = quoting()
    stand.exchange.bad.silent_stream = True
    for order in stand.exchange.resting():
        stand.exchange.end(order.order_id, "")
    stand.run(45 * S)
    assert paused(stand)


@pytest.mark.parametrize(("lost", "named"), [((), True), ((CancelOrders,), False)])
def test_a_cancel_of_ours_that_came_too_late_explains_nothing_and_one_that_may_have_done_it_does(
    lost: tuple[type, ...],
    named: bool,  # noqa: FBT001 - a case
) -> None:
    stand = quoting()
    stand.exchange.bad.lose = lost
    killed = [] if lost else [e for order in stand.exchange.resting() for e in stand.exchange.end(order.order_id, "")]
    for order in stand.engine.state.held.book.live.values():
        order.unwanted = True  # as after a requote: its cancel leaves now, and news of the end is late
    stand.run(1 * S)
    assert stand.sent(CancelOrders)
    for event in killed:
        stand.step(event)
    stand.exchange.bad.lose = ()
    stand.run(4 * S)
    assert paused(stand) is named


def mark(stand: Stand) -> None:
    stand.step(CancelAllMarker(stand.utc_ns, "watcher", "watcher"))


def lose_group(what: str) -> Callable[[Stand], None]:
    def lose(stand: Stand) -> None:
        for group in {order.group_id for order in stand.exchange.resting()}:
            stand.step(GroupUpdated(group, what))

    return lose


def halt(what: str) -> Callable[[Stand], None]:
    def change(stand: Stand) -> None:
        for order in stand.exchange.resting():
            stand.step(MarketChanged(order.ticker, what))

    return change


def pause_trading(stand: Stand) -> None:
    stand.exchange.trading = False


@pytest.mark.parametrize(
    "explain",
    [mark, lose_group("triggered"), lose_group("deleted"), halt("deactivated"), halt("settled"), pause_trading],
)
@pytest.mark.parametrize("after", [False, True])
def test_what_explains_a_cancel_may_come_before_it_or_a_moment_later(
    explain: Callable[[Stand], None],
    after: bool,  # noqa: FBT001 - a case
) -> None:
    stand = quoting()
    orders = stand.exchange.resting()
    assert orders
    if not after:
        explain(stand)
    killed = [e for order in orders for e in stand.exchange.end(order.order_id, "")]
    if after:
        for event in killed:
            stand.step(event)
        for order in orders:  # what the explanation goes by is the orders that were there
            stand.exchange.orders[order.order_id].ended_ns = 0
        explain(stand)
        for order in orders:
            stand.exchange.orders[order.order_id].ended_ns = stand.mono_ns
    else:
        for event in killed:
            stand.step(event)
    stand.run(8 * S)
    assert not paused(stand)


@pytest.mark.parametrize(
    "reason",
    ["ExpiryCancel", "CloseCancel", "HaltCancel", "SelfTradeCancel", "PostOnlyCrossCancel", "Decrease", "Amend"],
)
def test_the_exchanges_own_reasons_explain(reason: str) -> None:
    stand = quoting()
    kill(stand, reason)
    stand.run(8 * S)
    assert not stand.engine.state.paused


@pytest.mark.parametrize("command", [Command.PAUSE, Command.CANCEL_ALL, Command.KILL])
def test_what_we_asked_for_explains(command: Command) -> None:
    stand = quoting()
    stand.operator(command)
    stand.run(8 * S)
    assert not paused(stand)
    assert told(stand, "unexplained_cancels") == []


def test_expiry_explains_and_so_does_the_end_of_the_window() -> None:
    stand = quoting()
    stand.exchange.bad.refuse_triggers = stand.exchange.bad.refuse_cancels = True
    stand.run_before_target(-5 * S)
    assert not paused(stand)


def test_requotes_and_whole_windows_explain_themselves() -> None:
    stand = Stand()
    for _ in range(40):
        stand.moves = {series: stand.moves[series] + 3_000_000 for series in stand.moves}
        stand.run(5 * S)
        stand.books()
    assert told(stand, "unexplained_cancels") == []


# --- somebody else trades here ---------------------------------------------------------------------------------------


def test_an_order_of_another_run_of_ours_is_another_process_named_and_flat() -> None:
    stand = quoting()
    stand.run(15 * S)
    stand.exchange.stranger("KXINXU-1800000120-T01", "ladderd-1799999999-7")
    stand.run(31 * S)
    assert stand.engine.state.paused.startswith("by itself: another process trades this account: order ladderd-")
    assert [alert.severity for alert in told(stand, "another_trader")] == ["critical"]
    assert not [o for o in stand.exchange.resting() if o.client_order_id.startswith("ladderd-18")]


def test_what_a_run_before_left_is_not_another_process() -> None:
    stand = Stand(begin=False)
    stand.exchange.stranger("KXINXU-1800000120-T05", "ladderd-1799999999-7")
    stand.begin()
    stand.run(40 * S)
    assert told(stand, "another_trader") == []


def test_an_order_by_hand_is_named_too() -> None:
    stand = quoting()
    stand.run(15 * S)
    stand.exchange.stranger(stand.exchange.resting("INXU")[0].ticker)
    stand.run(31 * S)
    (alert,) = told(stand, "another_trader")
    assert alert.payload["what"].startswith("another process trades this account: order x")
    assert stand.closed("INXU") == ("reconcile_drift",), "which keeps it flat for as long as that order rests"


def test_a_fill_of_nobody_is_named_when_it_is_of_our_time() -> None:
    stand = quoting()
    order = stand.exchange.resting("INXU")[0]
    stand.exchange.execute(order.order_id)
    fill = msgspec.structs.replace(
        stand.exchange.fills[0], client_order_id=ClientOrderId("by-hand"), order_id=order.order_id.__class__("x")
    )
    stand.step(Filled(fill))
    (alert,) = told(stand, "another_trader")
    assert alert.payload["what"].startswith("another process trades this account: fill")
    assert stand.closed("INXU") == ("reconcile_drift",), "until somebody adopts it"


def test_groups_that_nobody_of_ours_made_are_named_and_a_lost_create_of_ours_is_not() -> None:
    stand = quoting()
    stand.exchange.groups[GroupId("theirs")] = False
    stand.operator(Command.PAUSE)
    stand.run(310 * S)
    assert told(stand, "another_trader") != []
    assert GroupId("theirs") not in stand.exchange.groups
    # From then on its groups are left to it, or each would delete the other's for ever; and it is told once a minute.
    stand.exchange.groups[GroupId("theirs too")] = False
    stand.forget()
    stand.run(310 * S)
    assert GroupId("theirs too") in stand.exchange.groups
    assert len(told(stand, "another_trader")) <= 5
    # A resume takes what the other has left for leftovers: it ended, and nothing of it is named again.
    stand.operator(Command.RESUME)
    stand.forget()
    stand.run(620 * S)
    assert GroupId("theirs too") not in stand.exchange.groups
    assert told(stand, "another_trader") == []
    assert not stand.engine.state.paused


def test_an_update_of_an_order_that_is_gone_already_is_no_cancel() -> None:
    stand = quoting()
    (order, *_) = stand.exchange.resting()
    for event in stand.exchange.execute(order.order_id):
        stand.step(event)
    late = msgspec.structs.replace(stand.exchange.orders[order.order_id].state, status="canceled")
    for _ in range(3):
        stand.step(OrderUpdated(late))
    stand.run(3 * S)
    assert not paused(stand)
