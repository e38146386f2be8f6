"""A resume and an arming are answered with every gate that is against them, and with what they lift themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.engine.operator_gates import account_gates, weigh
from domain.actions import Answer, Place
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, KillSwitch, Operator
from domain.reasons import Reason
from tests.daemon.engine.test_step import CLOSERS, quoting
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

MS, S = NS_PER_MS, NS_PER_S
# 2027-01-15, a Friday, in New York: 03:00, the market closed; 11:05, open, and no window prepared.
NIGHT_NS, MORNING_NS = 1_800_000_000 * S, 1_800_029_100 * S


def asked(stand: Stand, command: Command = Command.RESUME) -> Answer:
    (answer,) = (action for action in stand.operator(command) if isinstance(action, Answer))
    return answer


def raised(stand: Stand) -> list[str]:
    return [alert.kind for alert in heard(stand.acts)]


def hourly(utc_ns: int) -> Stand:
    """The real plan at an instant outside any window, on books that were read."""
    stand = Stand(begin=False, windows={"template": "hourly"}, controls={"drill_cancel_all": False})
    stand.utc_ns = utc_ns
    stand.begin()
    stand.run(20 * S)
    return stand


# --- resume ----------------------------------------------------------------------------------------------------------

NAMED = {
    Reason.SHUTDOWN: "shutdown", Reason.JOURNAL_FAULT: "journal", Reason.CLOCK_UNTRUSTED: "clock",
    Reason.EXCHANGE_PAUSED: "exchange", Reason.PRIVATE_STREAM_DOWN: "private_stream", Reason.WS_STALE: "freshness INXU",
    Reason.RECONCILE_DRIFT: "reconciliation", Reason.LOOP_STALL: "loop INXU", Reason.BOOK_STALE: "books INXU",
    Reason.FEED_DIVERGENCE: "divergence INXU", Reason.FEES_UNKNOWN: "fees INXU", Reason.KILL_SWITCH: "kill_switch",
}  # fmt: skip


@pytest.mark.step("K15", "G09")
@pytest.mark.parametrize("reason", sorted(NAMED), ids=str)
def test_a_resume_is_refused_by_every_check_that_fails_and_named(reason: Reason) -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(1 * S)
    CLOSERS[reason](stand)
    answer = asked(stand)
    assert any(line.startswith(f"{NAMED[reason]}: ") for line in answer.text.splitlines()), answer.text
    assert stand.engine.state.paused, "nothing is lifted by a resume that is refused"
    assert raised(stand)[-1] == "resume_refused"


@pytest.mark.step("K15", "G09")
def test_what_a_resume_lifts_is_named_and_recorded() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    answer = asked(stand)
    assert answer.text == ""
    assert answer.note == "lifted by this resume: pause: FAIL paused by ann: because"
    record = stand.records("operator_action")[-1]
    assert (record["by"], record["cause"], record["refused"]) == ("ann", "because", [])
    assert record["lifted"] == ["pause: FAIL paused by ann: because"]
    stand.run(2 * S)
    assert len(stand.exchange.resting()) == 4


@pytest.mark.step("K15")
def test_a_refused_resume_is_recorded_with_what_is_against_it() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    for name in BASE:
        stand.silence(name)
    stand.run(4 * S)
    asked(stand)
    refused = stand.records("operator_action")[-1]["refused"]
    assert [line.partition(":")[0] for line in refused] == ["freshness INXU", "freshness NASDAQ100U"]
    stand.run(5 * S)
    assert stand.sent(Place) == [] or stand.exchange.resting() == []


@pytest.mark.step("K15")
def test_the_kill_latch_is_lifted_only_when_every_source_is_off() -> None:
    stand = quoting()
    for source in ("state/KILL_SWITCH", "EXECUTION_HALTED"):
        stand.step(KillSwitch(active=True, source=source, reason="fire"))
    stand.run(70 * S)
    for source in ("state/KILL_SWITCH", "EXECUTION_HALTED"):
        assert f"{source} still says stop" in asked(stand).text
        stand.step(KillSwitch(active=False, source=source, reason=""))
    answer = asked(stand)
    assert answer.text == ""
    assert "lifted by this resume: kill_switch: FAIL state/KILL_SWITCH: fire" in answer.note
    assert not stand.engine.state.kill.latched


def test_a_kill_switch_that_was_not_read_yet_is_against_it() -> None:
    stand = Stand(begin=False)
    assert "kill_switch: UNKNOWN" in asked(stand).text


def test_a_pause_by_risk_and_a_frozen_session_are_lifted() -> None:
    stand = quoting()
    stand.engine.state.risk.pause("drawn")
    stand.engine.state.desks["INXU"].sentry._frozen = True  # noqa: SLF001 - two windows of trips are told elsewhere
    stand.run(1 * S)
    note = asked(stand).note
    assert "lifted by this resume: risk: FAIL drawn" in note
    assert "lifted by this resume: freshness INXU: FAIL" in note


def test_a_dead_index_behind_a_frozen_session_is_still_against_it() -> None:
    stand = quoting()
    stand.engine.state.desks["INXU"].sentry._frozen = True  # noqa: SLF001 - as above
    stand.silence("INXU")
    stand.run(4 * S)
    assert "freshness INXU: FAIL" in asked(stand).text


def test_a_lost_day_behind_a_pause_by_risk_is_still_against_it() -> None:
    engine, now = quoting().engine.state, Stand().now()
    engine.risk.pause("drawn")
    engine.risk._loss = 10**12  # noqa: SLF001 - a loss past the day's limit
    votes = [("risk", engine.risk.vote(engine.held, now))]
    gates = account_gates(votes, engine.kill, engine.risk, engine.held, now, lifts=True)
    assert weigh(gates).against == ("risk: FAIL the day's $1000 are lost",)


def test_an_unproven_flat_is_against_it_and_the_tail_is_only_told() -> None:
    stand = quoting()
    stand.exchange.bad.fail_reads = True
    stand.operator(Command.CANCEL_ALL)
    stand.run(3 * S)
    assert "cancel_all: FAIL" in asked(stand).text
    stand.exchange.bad.fail_reads = False
    stand.run(6 * S)
    answer = asked(stand)
    assert answer.text == ""
    assert "judged later: cancel_all_tail: FAIL" in answer.note
    stand.run(10 * S)
    assert stand.sent(Place) == [] or stand.closed() == ("cancel_all_tail",)


# --- outside a window ------------------------------------------------------------------------------------------------


def test_in_the_evening_the_index_is_judged_later_and_does_not_block() -> None:
    stand = hourly(NIGHT_NS)
    for name in BASE:
        stand.silence(name)
    stand.operator(Command.PAUSE)
    stand.run(20 * S)
    answer = asked(stand)
    assert answer.text == ""
    assert "judged later: freshness INXU: FAIL" in answer.note
    assert "judged later: markets NASDAQ100U: UNKNOWN" in answer.note
    assert stand.engine.state.paused == ""


@pytest.mark.step("K15")
def test_with_the_market_open_a_dead_index_blocks_outside_a_window_too() -> None:
    stand = hourly(MORNING_NS)
    stand.operator(Command.PAUSE)
    stand.silence("INXU")
    stand.run(10 * S)
    assert [line.partition(":")[0] for line in asked(stand).text.splitlines()] == ["freshness INXU"]
    for fed in stand.feeding.values():
        fed.add("INXU")
    stand.run(2 * S)
    answer = asked(stand)
    assert answer.text == ""
    assert "judged later: books INXU" in answer.note


def test_no_window_and_a_planned_stand_down_are_no_checks() -> None:
    stand = hourly(MORNING_NS)
    assert "window_closed" in stand.closed()
    answer = asked(stand)
    assert not [line for line in f"{answer.text}\n{answer.note}".splitlines() if "window INXU" in line]


# --- arm -------------------------------------------------------------------------------------------------------------


@pytest.mark.step("A02")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: s.operator(Command.PAUSE), "pause: FAIL"),
        (lambda s: s.step(KillSwitch(active=True, source="EXECUTION_HALTED", reason="not set")), "kill_switch: FAIL"),
        (CLOSERS[Reason.RECONCILE_DRIFT], "reconciliation: "),
        (CLOSERS[Reason.PRIVATE_STREAM_DOWN], "private_stream: FAIL"),
        (CLOSERS[Reason.WS_STALE], "freshness INXU: FAIL"),
    ],
)
def test_arming_is_refused_by_every_gate_that_is_against_it(spoil: Callable[[Stand], object], told: str) -> None:
    stand = quoting()
    stand.engine.state.settings = stand.engine.state.settings._replace(live=True)
    stand.run(1 * S)
    spoil(stand)
    assert told in asked(stand, Command.ARM).text
    assert stand.engine.state.armed_session == ""
    assert raised(stand)[-1] == "arm_refused"
    assert stand.records("operator_action")[-1]["refused"]


def test_arming_lifts_nothing() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(2 * S)
    assert asked(stand, Command.ARM).note == ""
    assert stand.engine.state.paused


def test_a_resume_with_no_address_to_answer_at_is_recorded_all_the_same() -> None:
    stand = quoting()
    stand.step(Operator(Command.RESUME, "ann", "because", "operator_cli", ""))
    assert stand.records("operator_action")[-1]["refused"] == []
    assert stand.sent(Answer) == []


@pytest.mark.step("A02")
def test_the_armed_state_ends_with_the_session() -> None:
    stand = quoting()
    stand.engine.state.settings = stand.engine.state.settings._replace(live=True)
    stand.run(1 * S)
    assert "not_armed" in stand.closed()
    stand.run(3 * S)
    assert asked(stand, Command.ARM).text == ""
    stand.run(1 * S)
    assert "not_armed" not in stand.closed()
    stand.wait(24 * 3600 * S)
    stand.run(1 * S)
    assert "not_armed" in stand.closed(), "another day, armed by nobody"
