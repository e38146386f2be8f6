"""What flat means: the exchange's own list says so, twice, asked late enough."""

from __future__ import annotations

from domain.actions import Ask, CancelAll, CancelOrders, Read, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import (
    CancelAllMarker,
    Command,
)
from domain.records import TimeToFlatEntry
from execution.cancel_all import Scope
from execution.list_lag import SETTLE_NS
from tests.daemon.stand import Stand

MS, S = NS_PER_MS, NS_PER_S


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def flat_at(stand: Stand) -> int:
    return next(step.now.mono_ns for step in stand.story if any(isinstance(a, TimeToFlatEntry) for a in step.actions))


def test_flat_needs_two_empty_listings_asked_settle_after_the_last_act() -> None:
    stand = quoting()
    stand.exchange.bad.list_lag_ns = 400 * MS
    stand.operator(Command.CANCEL_ALL)
    stand.run(4 * S)
    acted_ns = stand.last(CancelAll)
    flat_ns = flat_at(stand)
    assert flat_ns >= acted_ns + SETTLE_NS + 200 * MS
    (row,) = (row for row in stand.records("time_to_flat") if row["series"] == "all")
    assert stand.last_record("time_to_flat") >= acted_ns + 2 * S, "later after an account-wide cancel-all"
    assert (row["series"], row["trigger"], row["orders"]) == ("all", "operator_cli", 4)
    assert 400 <= row["ms"] < 1_000, "to the first empty list, lag included; not to the proof"


def test_the_time_to_flat_of_young_orders_is_not_that_of_a_list_which_never_knew_them() -> None:
    stand = Stand()
    stand.exchange.bad.list_lag_ns = 400 * MS
    while not stand.exchange.resting():
        stand.run(1 * MS)
    stand.run(20 * MS)
    stand.forget()
    stand.operator(Command.CANCEL_ALL)
    stand.run(3 * S)
    row = next(row for row in stand.records("time_to_flat") if row["series"] == "all")
    assert row["orders"] > 0
    assert 400 <= row["ms"] <= 1_300


def test_a_burst_of_requests_is_one_cancel_all_and_each_has_its_record_and_its_end() -> None:
    stand = quoting()
    for _ in range(30):
        stand.operator(Command.CANCEL_ALL, "operator_sigusr1")
        stand.run(20 * MS)
    newest_ns = stand.mono_ns - 20 * MS
    stand.run(2 * S)
    assert len(stand.sent(CancelAll)) == 1
    assert stand.exchange.resting() == []
    done = stand.records("cancel_all_done")
    assert len(stand.records("operator_action")) == len(done) == 30
    assert {row["reason"] for row in done} == {"operator_sigusr1"}
    ended_ns = stand.last_record("cancel_all_done")
    assert ended_ns >= newest_ns + 200 * MS, "two listings asked after the newest of them"
    assert round(done[-1]["ms"] * MS) == ended_ns - newest_ns
    assert stand.engine.state.held.completed_cancel_alls == 30


def test_a_request_that_comes_just_before_the_proof_is_proven_anew() -> None:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    while not (flattening := stand.engine.state.held.flattenings[Scope.ACCOUNT]).empties:
        stand.run(1 * MS)
    asked_ns = stand.mono_ns
    stand.operator(Command.CANCEL_ALL)
    assert stand.engine.state.held.flattenings[Scope.ACCOUNT] is flattening
    before = {a.request_id for a in stand.sent(Ask) if isinstance(a, Ask)}
    stand.run(1 * S)
    later = [a for a in stand.sent(Ask) if isinstance(a, Ask) and a.what is Read.RESTING and a.request_id not in before]
    assert len(later) >= 2
    assert len(stand.records("cancel_all_done")) == 2
    assert stand.last_record("cancel_all_done") > asked_ns + 200 * MS
    assert len(stand.sent(CancelAll)) == 1


def test_an_operators_request_is_sent_although_a_mere_look_is_under_way() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    stand.step(CancelAllMarker(stand.utc_ns, "watch", "quiet"))
    stand.run(50 * MS)
    assert stand.sent(CancelAll) == []
    stand.operator(Command.CANCEL_ALL)
    stand.run(3 * S)
    assert len(stand.sent(CancelAll)) == 1
    assert [row["reason"] for row in stand.records("cancel_all_done")] == ["watcher", "operator_cli"]


def test_a_cancel_by_id_sent_late_makes_older_listings_worthless() -> None:
    stand = quoting()
    stand.exchange.bad.lose, stand.exchange.bad.deaf = (CancelAll, TriggerGroup), True
    stand.operator(Command.PAUSE)
    stand.run(6 * S)
    acted_ns = stand.last(CancelOrders)
    flat_ns = flat_at(stand)
    assert flat_ns >= acted_ns + SETTLE_NS
    assert stand.exchange.resting() == []


def test_what_outlives_an_acknowledged_cancel_all_is_cancelled_again() -> None:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    stand.run(50 * MS)
    stand.forget()
    stand.exchange.stranger("KXINXU-1800000120-T05")
    stand.run(3 * S)
    assert stand.sent(CancelAll)
    assert stand.exchange.resting() == []
