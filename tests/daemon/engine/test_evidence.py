"""Trading needs a passed preflight: a start's first place, an opening window, `arm` and `resume` all ask for it."""

from __future__ import annotations

import pytest

from domain.actions import Answer, Place, RunPreflight
from domain.clock import NS_PER_S
from domain.events import Command, PreflightRun
from domain.findings.finding import DUE_LATER, FAIL, Finding
from domain.records import PreflightEntry
from tests.daemon.stand import Stand

S = NS_PER_S
FULL = (Finding("disk", FAIL, "0.1 GiB free"),)
LATER = (Finding("data_freshness", DUE_LATER, "judged at 09:31"),)


def waiting(**changes: object) -> Stand:
    """A stand whose preflight finds what a test wants."""
    stand = Stand(begin=False)
    for name, value in changes.items():
        setattr(stand, name, value)
    stand.begin()
    return stand


@pytest.mark.step("K01")
def test_nothing_is_placed_before_the_preflight_of_this_run_has_passed() -> None:
    stand = waiting(preflight_ns=30 * S)
    stand.run(25 * S)
    assert stand.sent(RunPreflight)
    assert not stand.sent(Place)
    assert stand.closed() == ("proof_too_old", "no_evidence"), "it rehearses the controls, too"
    stand.run(10 * S)
    stand.quote_both()
    ended = next(step.now.mono_ns for step in stand.story if isinstance(step.event, PreflightRun))
    assert all(step.now.mono_ns >= ended for step in stand.story if step.did(Place))


@pytest.mark.step("K01")
def test_a_preflight_that_fails_keeps_the_gate_closed_until_one_passes() -> None:
    stand = waiting(preflight_against=FULL)
    stand.run(30 * S)
    assert not stand.sent(Place)
    told = [record for record in stand.acts if isinstance(record, PreflightEntry)]
    assert told[0].against == ("disk: FAIL 0.1 GiB free",)
    assert len(stand.sent(RunPreflight)) > 2, "it looks again by itself"
    stand.preflight_against = ()
    stand.run(5 * S)
    stand.quote_both()


@pytest.mark.step("K01")
def test_what_is_judged_later_opens_no_window() -> None:
    stand = waiting(preflight_later=LATER)
    stand.run(30 * S)
    assert not stand.sent(Place)


@pytest.mark.step("K01")
def test_a_restart_inside_a_window_looks_anew_before_its_first_place() -> None:
    stand = waiting()
    stand.quote_both()
    stand.preflight_against = FULL
    stand.forget()
    stand.crash(S)
    stand.run(20 * S)
    assert not stand.sent(Place)
    assert stand.closed() == ("no_evidence",)


def answered(stand: Stand, command: Command) -> str:
    """What an operator is told."""
    (told,) = [action for action in stand.operator(command) if isinstance(action, Answer)]
    return told.text


@pytest.mark.step("K01", "A02")
@pytest.mark.parametrize("command", [Command.ARM, Command.RESUME])
def test_arm_and_resume_are_refused_without_it_and_have_it_look_again(command: Command) -> None:
    stand = waiting(preflight_against=FULL)
    stand.run(10 * S)
    stand.operator(Command.PAUSE)
    asked = len(stand.sent(RunPreflight))
    stand.preflight_against = ()
    assert "disk: 0.1 GiB free" in answered(stand, command)
    stand.run(S // 10)
    assert len(stand.sent(RunPreflight)) > asked
    assert "evidence" not in answered(stand, command)


@pytest.mark.step("K01")
def test_an_operator_may_ask_for_one_and_is_answered_when_it_is_over() -> None:
    stand = waiting()
    stand.quote_both()
    stand.preflight_against = FULL
    stand.forget()
    assert not [a for a in stand.operator(Command.PREFLIGHT) if isinstance(a, Answer)]
    stand.run(S)
    (told,) = stand.sent(Answer)
    assert isinstance(told, Answer)
    assert "disk" in told.text
    assert stand.closed() == (), "the window that evidence opened stays open"


@pytest.mark.step("A02")
def test_what_was_armed_is_this_configuration_in_this_build() -> None:
    stand = Stand()
    stand.quote_both()
    stand.operator(Command.ARM)
    session = stand.engine.state.session
    assert stand.engine.state.armed_session == session
    stand.crash(S)
    assert stand.engine.state.armed_session == session, "a crash inside the session keeps it"
    for name in ("config_hash", "build_id"):
        stand.operator(Command.ARM)
        setattr(stand, name, f"another {name}")
        stand.crash(S)
        assert stand.engine.state.armed_session == "", name
        stand.run(5 * S)
