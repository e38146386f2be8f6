"""What survives a restart, what must not, and what the new run does about it."""

from __future__ import annotations

import msgspec
import pytest

from daemon.engine.memory import remember, restore
from daemon.settings.build import build_engine
from domain.actions import CancelAll, CancelOrders, Place, Read, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted
from domain.door import Refused
from domain.events import CancelAllMarker, Command, Fill, KillSwitch, OrderState, Stop
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.orders import OrderStatus
from tests.daemon.exchange import BASE, Resting
from tests.daemon.stand import CANCELLING, PERIOD_S, Stand

MS, S = NS_PER_MS, NS_PER_S


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    return stand


def restarted(before: Stand, *, after_ns: int = 2 * S) -> Stand:
    """Another process takes over: the same exchange, later clocks, a memory, and nothing else."""
    before.forget()
    before.crash(after_ns)
    return before


def test_what_is_remembered_and_restored_is_remembered_the_same() -> None:
    stand = quoting()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run(100 * MS)
    stand.operator(Command.PAUSE)
    stand.operator(Command.CANCEL_ALL)
    stand.step(KillSwitch(active=True, source="file", reason="fire"))
    stand.run(30 * MS)
    first = remember(stand.engine.state)
    engine = build_engine(stand.settings, stand.reference)
    restore(engine.state, first.decode(), stand.now())
    once, again = msgspec.json.decode(first), msgspec.json.decode(remember(engine.state))
    for tree in (once, again):
        tree.pop("epoch"), tree.pop("budget"), tree.pop("lived"), tree.pop("windows"), tree.pop("feeds")
        for row in tree["groups"]:
            row.pop("retry_ns"), row.pop("triggered_ns"), row.pop("asked_ns")
        for row in tree["orders"]:
            row["state"] = "placing" if row["state"] == OrderStatus.PLACING else "open"
    assert again == once


@pytest.mark.step("H05")
def test_the_snapshot_holds_all_that_an_operator_needs_before_a_restart() -> None:
    stand = quoting()
    stand.tell(*stand.exchange.execute(stand.exchange.resting("INXU")[0].order_id))
    stand.run(300 * MS)
    tree = msgspec.json.decode(remember(stand.engine.state))
    listed = {str(order.order_id) for order in stand.exchange.resting()}
    assert listed <= {row["order_id"] for row in tree["orders"]}, "each with the exchange's own id"
    assert {ticker: row["position"] for ticker, row in tree["ledger"]["markets"].items() if row["position"]}
    assert {(row["series"], row["phase"], row["target_ns"]) for row in tree["windows"]} == {
        (series, "quoting", stand.target_ns) for series in BASE
    }
    assert tree["feeds"]
    assert (tree["feeds"]["active"], tree["feeds"]["switches"]) == ("massive", 0)
    assert tree["budget"], "the write budget"
    assert tree["budget"]["capacity"] > 0
    assert tree["tail_until_utc_ns"] == 0
    stand.operator(Command.CANCEL_ALL)
    asked = msgspec.json.decode(remember(stand.engine.state))
    assert asked["empty_reason"] == "operator_cli"
    assert asked["empty_requests"] == ["operator_cli"]
    assert asked["tail_until_utc_ns"] > stand.utc_ns


@pytest.mark.parametrize(
    ("mono_s", "utc_s", "known_s"),
    [(3, 3, 3), (3, 2, 2), (2, 3, 2), (-900, 60, 0), (9, -5, 0)],
    ids=["both clocks", "set back a little", "suspended", "another boot", "set back"],
)
def test_how_long_ago_the_run_before_lived_is_what_both_clocks_agree_on(mono_s: int, utc_s: int, known_s: int) -> None:
    stand = quoting()
    kept, lived = remember(stand.engine.state), stand.engine.state.last_now
    engine = build_engine(stand.settings, stand.reference)
    now = Now(lived.mono_ns + mono_s * S, lived.utc_ns + utc_s * S)
    restore(engine.state, kept.decode(), now)
    orders = [order for order in engine.state.held.book.live.values() if order.state is OrderStatus.OPEN]
    assert orders
    assert {now.mono_ns - order.alive_ns for order in orders} == {known_s * S}


def test_orders_that_ended_while_nobody_ran_are_gone_by_a_list_after_a_restart() -> None:
    stand = quoting()
    ended = {order.client_order_id for order in stand.exchange.resting("INXU")}
    for order in stand.exchange.resting("INXU"):
        stand.exchange.execute(order.order_id)  # nobody hears of it
    stand = restarted(stand)
    stand.run(9 * S)  # no list had shown them, so one must be asked that long after they came to life
    assert ended
    assert not ended & set(stand.live())


def test_a_text_of_another_shape_is_refused_not_guessed_at() -> None:
    stand = Stand()
    with pytest.raises(Refused):
        restore(build_engine(stand.settings, stand.reference).state, '{"schema":1}', stand.now())


def test_after_a_crash_what_rests_is_adopted_cancelled_and_quoted_anew_under_new_names() -> None:
    stand = restarted(quoting())
    old = {o.client_order_id for o in stand.exchange.resting()}
    assert len(old) == 4
    stand.run(1 * S)
    assert not old & {o.client_order_id for o in stand.exchange.resting()}
    assert stand.sent(TriggerGroup, CancelOrders)
    assert stand.sent(CancelAll) == []
    stand.quote_both()
    new = {a.client_order_id for a in stand.sent(Place) if isinstance(a, Place)}
    assert new
    assert not new & old


def test_without_any_memory_what_rests_is_adopted_from_the_list() -> None:
    before = quoting()
    stand = Stand(begin=False)
    stand.mono_ns, stand.utc_ns = before.mono_ns + S, before.utc_ns + S
    stand.next_tick_ns = stand.mono_ns
    stand.exchange = before.exchange
    stand.exchange.now = stand.now
    stand.begin()
    stand.engine.state.held.numbers.epoch += 7
    stand.run(2 * S)
    assert all(o.since_ns > before.mono_ns for o in stand.exchange.orders.values() if not o.ended_ns)


def test_positions_trades_and_limits_in_use_go_on() -> None:
    before = quoting()
    before.tell(*before.exchange.execute(before.exchange.resting("INXU")[0].order_id))
    before.run(100 * MS)
    used = before.engine.state.risk.used(before.engine.state.held)
    held = before.engine.state.held.ledger.open_positions()
    stand = restarted(before)
    assert stand.engine.state.held.ledger.open_positions() == held
    assert stand.engine.state.risk.used(stand.engine.state.held) == used
    stand.run(5 * S)
    assert stand.records("order_filled") == [], "the trade that the listing repeats is known"
    stand.run_before_target(-20 * S)
    result = next(row for row in stand.records("window_result") if row["series"] == "INXU")
    assert (result["settled"], result["pnl"]) == (True, 1_000_000 - 4_300 * 100)


def test_a_position_met_first_in_the_list_of_fills_still_belongs_to_its_window() -> None:
    before = quoting()
    before.exchange.execute(before.exchange.resting("INXU")[0].order_id)
    stand = Stand(begin=False)
    stand.mono_ns, stand.utc_ns = before.mono_ns + S, before.utc_ns + S
    stand.next_tick_ns = stand.mono_ns
    stand.exchange = before.exchange
    stand.exchange.now = stand.now
    stand.exchange.bad.unreadable = (Read.MARKETS,)
    stand.begin()
    stand.engine.state.held.numbers.epoch += 7
    stand.run(3 * S)
    assert stand.records("order_filled")
    stand.exchange.bad.unreadable = ()
    stand.run_before_target(-20 * S)
    result = next(row for row in stand.records("window_result") if row["series"] == "INXU")
    assert (result["settled"], result["pnl"]) == (True, 1_000_000 - 4_300 * 100)
    assert stand.engine.state.held.ledger.open_positions() == {}


def test_the_write_budget_is_not_filled_by_a_restart() -> None:
    before = quoting()
    budget = before.engine.state.held.budget
    budget.spend(budget.capacity, before.mono_ns)
    budget.quoting_milli = 0
    begun_ns = before.mono_ns
    stand = restarted(before, after_ns=300 * MS)
    while not (budget := stand.engine.state.held.budget).known:
        stand.run(10 * MS)
    flowed_milli = (stand.mono_ns - begun_ns) * budget.refill_per_s // 10**6
    assert budget.capacity * 200 < budget.tokens_milli <= flowed_milli < budget.capacity * 500
    assert budget.quoting_milli <= flowed_milli // 2


HOUR_S = 3_600


def with_old_fills(*ages_s: int) -> Stand:
    """A start without any memory on an account that traded so long ago, in windows that are settled by now."""
    stand = Stand(begin=False)
    for number, age_s in enumerate(ages_s):
        traded_s = stand.utc_ns // S - age_s
        target_s = -(-traded_s // PERIOD_S) * PERIOD_S
        stand.exchange.vanished.add(str(target_s))
        # Nobody but the list of orders can say that these were ours.
        ended = OrderState(
            OrderId(f"x{number}"), ClientOrderId(f"ladderd-1-{number}"), Ticker(f"KXINXU-{target_s}-T07"), Side.BID,
            Price(4_300), "executed", Count(100), Count(100), Count(0), GroupId(""), 0,
        )  # fmt: skip
        stand.exchange.orders[ended.order_id] = Resting(ended, 0, 1)
        stand.exchange.fills.append(
            Fill(
                TradeId(f"old-{number}"),
                OrderId(f"x{number}"),
                ClientOrderId(""),
                Ticker(f"KXINXU-{target_s}-T07"),
                Side.BID,
                Price(4_300),
                Count(100),
                Cash(0),
                is_taker=False,
                exchange_ms=traded_s * 1_000,
            )
        )
    stand.begin()
    return stand


def test_a_lost_memory_and_the_fills_of_yesterday_keep_nothing_closed() -> None:
    stand = with_old_fills(*range(9 * HOUR_S, 23 * HOUR_S, HOUR_S))
    stand.quote_both()
    stand.run(40 * S)
    account = stand.engine.state.held
    assert stand.engine.state.books.drift == ""
    assert account.counts[Counted.FILLS_OF_DAYS_PAST] == 14
    assert account.ledger.markets == {}
    assert stand.engine.state.risk.loss == 0
    assert all(stand.exchange.resting(series) for series in ("INXU", "NASDAQ100U"))


def test_a_lost_memory_and_the_fills_of_today_are_settled_and_count_against_today() -> None:
    stand = with_old_fills(40, 2 * HOUR_S)
    stand.quote_both()
    stand.run(40 * S)
    account = stand.engine.state.held
    assert stand.engine.state.books.drift == ""
    assert account.ledger.open_positions() == {}
    assert stand.engine.state.risk.loss == 2 * 4_300 * 100, "both rungs settled no, and were bought"
    for told in ("settlement", "stray_settlement", "window_result"):
        assert [row["pnl"] for row in stand.records(told)] == [-4_300 * 100], "one is of no window of this plan"
    assert all(stand.exchange.resting(series) for series in ("INXU", "NASDAQ100U"))


def test_the_kill_latch_and_a_pause_survive() -> None:
    before = quoting()
    before.operator(Command.KILL)
    before.operator(Command.PAUSE)
    before.run(5 * S)
    stand = restarted(before)
    stand.run(80 * S)
    assert set(stand.closed()) == {"kill_switch_engaged", "paused"}
    assert stand.sent(Place) == []


def test_a_cancel_all_under_way_is_completed() -> None:
    before = quoting()
    before.exchange.bad.lose, before.exchange.bad.deaf = CANCELLING, True
    before.operator(Command.CANCEL_ALL)
    before.run(50 * MS)
    assert before.exchange.resting()
    before.exchange.bad.lose = ()
    stand = restarted(before)
    stand.run(3 * S)
    assert stand.sent(CancelAll)
    assert stand.exchange.resting() == []
    assert stand.engine.state.held.completed_cancel_alls == 1
    assert "paused" in stand.closed()


def test_each_request_that_waits_for_a_cancel_all_has_its_end_in_the_next_run() -> None:
    before = quoting()
    before.exchange.bad.lose, before.exchange.bad.deaf = CANCELLING, True
    before.operator(Command.CANCEL_ALL)
    before.run(50 * MS)
    before.operator(Command.CANCEL_ALL, "operator_sigusr1")
    before.step(Stop("SIGTERM"))
    before.exchange.bad.lose = ()
    stand = restarted(before)
    stand.run(3 * S)
    assert [row["reason"] for row in stand.records("cancel_all_done")] == ["operator_cli", "operator_sigusr1"]


def test_a_marker_read_again_after_a_resume_pauses_nothing_but_its_tail_is_obeyed() -> None:
    before = quoting()
    marker = CancelAllMarker(before.utc_ns, "cancel-all", "operator_cli")
    before.step(marker)
    before.run(3 * S)
    assert "paused" in before.closed()
    before.operator(Command.RESUME)
    before.run(1 * S)
    stand = restarted(before)
    stand.step(marker)
    stand.run(3 * S)
    assert stand.engine.state.paused == ""
    assert "cancel_all_tail" in stand.closed()
    stand.step(CancelAllMarker(stand.utc_ns, "cancel-all", "operator_cli"))
    assert stand.engine.state.paused


def test_the_tail_of_a_cancel_all_is_obeyed_across_the_restart() -> None:
    before = quoting()
    before.step(KillSwitch(active=True, source="file", reason="fire"))
    begun_ns = before.mono_ns
    before.run(5 * S)
    before.step(KillSwitch(active=False, source="file", reason=""))
    before.operator(Command.RESUME)
    stand = restarted(before)
    stand.run_to(begun_ns + 65 * S)
    assert stand.sent(Place) == []
    stand.quote_both()


def test_a_shutdown_is_not_taken_up_again_but_its_orders_are_cancelled() -> None:
    before = quoting()
    before.exchange.bad.lose, before.exchange.bad.deaf = CANCELLING, True
    before.step(Stop("SIGTERM"))
    before.run(20 * MS)
    before.exchange.bad.lose = ()
    stand = restarted(before)
    stand.run(3 * S)
    assert stand.exit is None
    assert [o for o in stand.exchange.resting() if o.client_order_id.startswith(f"ladderd-{1_800_000_000}-")] == []


def test_a_cancel_all_that_a_shutdown_joined_is_not_forgotten_with_the_shutdown() -> None:
    before = quoting()
    before.exchange.bad.lose, before.exchange.bad.deaf = CANCELLING, True
    before.operator(Command.CANCEL_ALL)
    before.step(Stop("SIGTERM"))
    before.run(20 * MS)
    before.exchange.bad.lose = ()
    stand = restarted(before)
    stand.run(3 * S)
    assert stand.sent(CancelAll)
    assert [row["reason"] for row in stand.records("cancel_all_done")] == ["operator_cli"]


def test_trips_and_frozen_sessions_survive() -> None:
    before = quoting()
    before.run_before_target(15 * S)
    before.silence("INXU")
    before.run(1 * S)
    stand = restarted(before, after_ns=S)
    stand.run_before_target(0)
    assert stand.engine.state.desks["INXU"].sentry.trips == 1
    assert all(a.cleared.series != "INXU" for a in stand.sent(Place) if isinstance(a, Place))


def test_ages_books_and_volatility_do_not_survive() -> None:
    stand = restarted(quoting())
    assert {"freshness_missing", "book_stale", "not_reconciled"} <= set(stand.closed())


def test_the_payload_is_plain_json_that_another_program_can_read() -> None:
    tree = msgspec.json.decode(remember(quoting().engine.state))
    assert tree["schema"] == 1
    assert len(tree["orders"]) == 4


def test_an_epoch_is_never_used_again_even_if_the_clock_was_set_back() -> None:
    before = quoting()
    engine = build_engine(before.settings, before.reference)
    restore(engine.state, remember(before.engine.state).decode(), before.now())
    assert engine.state.held.numbers.epoch == before.engine.state.held.numbers.epoch
