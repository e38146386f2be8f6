"""The exchange's schedule in the engine: read at the start and again, it stands quotes down before a standstill."""

from __future__ import annotations

import pytest

from daemon.engine.shown.gates import gates_of
from domain.actions import Ask, Place, Read
from domain.clock import NS_PER_S
from domain.events import Standstill
from domain.reasons import Reason
from guards.schedule import THURSDAY_NIGHT
from ops.status import Gate
from tests.daemon.stand import Stand

S = NS_PER_S


def asked(stand: Stand) -> int:
    return sum(isinstance(act, Ask) and act.what is Read.SCHEDULE for act in stand.acts)


def shown(stand: Stand) -> Gate:
    [gate] = [gate for gate in gates_of(stand.engine.state) if gate.name == "schedule"]
    return gate


@pytest.mark.step("H19")
def test_announced_maintenance_pulls_the_quotes_a_minute_ahead_and_lets_them_back_at_its_end() -> None:
    stand = Stand(begin=False)
    start_ns = stand.utc_ns + 75 * S
    stand.exchange.maintenance = (Standstill(start_ns, start_ns + 10 * S),)
    stand.begin()
    stand.quote_both()
    assert shown(stand).status == "PASS"
    assert "next standstill" in shown(stand).detail
    [record] = stand.records("exchange_schedule")
    assert (record["start_ns"], record["end_ns"], record["announced"]) == (start_ns, start_ns + 10 * S, 1)
    stand.run(start_ns - 60 * S - stand.utc_ns - 1)
    assert stand.exchange.resting()
    stand.run(2 * S)
    assert stand.engine.state.closed["INXU"] == (Reason.KALSHI_MAINTENANCE,)
    assert not stand.exchange.resting()
    assert (shown(stand).status, shown(stand).reason) == ("FAIL", "kalshi_maintenance")
    stand.forget()
    stand.run(start_ns + 10 * S - stand.utc_ns - 1)
    assert not any(isinstance(act, Place) for act in stand.acts)
    stand.run(5 * S)
    assert stand.engine.state.schedule.vote(stand.now()).open


@pytest.mark.step("H19")
def test_without_a_schedule_that_can_be_read_nothing_is_quoted() -> None:
    stand = Stand(begin=False)
    stand.exchange.bad.unreadable = (Read.SCHEDULE,)
    stand.begin()
    stand.run(20 * S)
    assert not any(isinstance(act, Place) for act in stand.acts)
    assert stand.engine.state.closed["INXU"] == (Reason.SCHEDULE_UNKNOWN,)
    stand.exchange.bad.unreadable = ()
    stand.quote_both()
    assert stand.live()


@pytest.mark.step("H19")
def test_it_is_read_again_every_ten_minutes_and_what_is_new_counts_at_once() -> None:
    stand = Stand()
    stand.run(5 * S)
    assert asked(stand) == 1
    stand.exchange.hours = THURSDAY_NIGHT
    stand.run(590 * S)
    assert asked(stand) == 1
    stand.run(15 * S)
    assert asked(stand) == 2
    assert len(stand.records("exchange_schedule")) == 2
    stand.run(600 * S)
    assert (asked(stand), len(stand.records("exchange_schedule"))) == (3, 2)


@pytest.mark.step("H19")
def test_a_standstill_that_ends_before_the_next_window_only_waits() -> None:
    stand = Stand()
    stand.run(5 * S)
    target_ns = stand.target_ns
    stand.exchange.maintenance = (Standstill(target_ns + 2 * S, target_ns + 10 * S),)
    stand.run_before_target(-1 * S)
    stand.engine.state.held.reads.soon(
        next(k for k in stand.engine.state.held.reads.slots if k.what is Read.SCHEDULE), 0
    )
    stand.run(2 * S)
    gate = shown(stand)
    assert (gate.status, gate.waits) == ("FAIL", True)
