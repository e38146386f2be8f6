from __future__ import annotations

import msgspec
import pytest

from daemon.engine.control_ages import ROOM_NS, TOGETHER, Controls
from domain.clock import NS_PER_S, Now
from domain.events import CloseOutTold, Command, KillSwitch
from domain.reasons import GateStatus, Reason
from execution.drill import ControlSettings
from guards.evidence.controls import CANCEL_ALL, CONTROLS, GROUP_TRIGGER, HANDS, KILL_FILE, REHEARSED, RESTART, SIGUSR1
from guards.killswitch import KILL_FILE as KILL_FILE_SOURCE
from ops.readiness import readiness
from tests.daemon.scenes import drawn
from tests.daemon.stand import Stand

HOUR_NS = 3_600 * NS_PER_S
NOW = Now(10**12, 1_800_000_000 * NS_PER_S)


def later(ns: int) -> Now:
    return Now(NOW.mono_ns + ns, NOW.utc_ns + ns)


def test_closed_when_it_knows_nothing() -> None:
    for control in (GROUP_TRIGGER, CANCEL_ALL):
        vote = Controls(ControlSettings()).vote(control, NOW)
        assert vote.status is GateStatus.UNKNOWN
        assert vote.reason is Reason.PROOF_TOO_OLD


def test_a_proof_passes_to_its_limit_and_fails_past_it() -> None:
    controls = Controls(ControlSettings(proof_limit_s=3600))
    controls.prove(GROUP_TRIGGER, NOW.utc_ns)
    assert controls.vote(GROUP_TRIGGER, later(HOUR_NS)).open
    assert controls.vote(GROUP_TRIGGER, later(HOUR_NS + 1)).status is GateStatus.FAIL


def test_an_older_proof_does_not_replace_a_younger_one() -> None:
    controls = Controls(ControlSettings())
    controls.prove(GROUP_TRIGGER, NOW.utc_ns)
    controls.prove(GROUP_TRIGGER, NOW.utc_ns - HOUR_NS)
    assert controls.proven == {GROUP_TRIGGER: NOW.utc_ns}


def test_a_control_that_is_not_drilled_does_not_vote() -> None:
    controls = Controls(ControlSettings(drill_cancel_all=False))
    assert controls.vote(CANCEL_ALL, NOW).status is GateStatus.NOT_CONFIGURED
    assert not controls.wants_cancel_all(NOW, None)


def test_the_cancel_all_is_drilled_at_once_when_never_proven_and_else_only_where_its_tail_fits() -> None:
    controls = Controls(ControlSettings(proof_limit_s=3600))
    assert controls.wants_cancel_all(NOW, 0)
    controls.prove(CANCEL_ALL, NOW.utc_ns)
    assert not controls.wants_cancel_all(NOW, None)
    half_old = later(HOUR_NS // 2 + 1)
    assert not controls.wants_cancel_all(half_old, ROOM_NS)
    assert controls.wants_cancel_all(half_old, ROOM_NS + 1)


def test_proofs_are_plain_values() -> None:
    controls = Controls(ControlSettings())
    controls.prove(CANCEL_ALL, NOW.utc_ns)
    assert msgspec.json.decode(msgspec.json.encode(controls.proven)) == controls.proven


# --- all the others, in one vote ---------------------------------------------------------------------------------


def proven(names: tuple[str, ...], *, live: bool = False, settings: ControlSettings | None = None) -> Controls:
    controls = Controls(settings or ControlSettings(), live=live)
    for name in names:
        controls.prove(name, NOW.utc_ns)
    return controls


@pytest.mark.step("X03")
@pytest.mark.parametrize("missing", TOGETHER)
def test_a_control_that_was_never_proven_is_unknown_and_named(missing: str) -> None:
    vote = proven(tuple(name for name in TOGETHER if name != missing), live=True).together(NOW)
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.PROOF_TOO_OLD)
    assert vote.detail.startswith(f"{missing}: never proven here; ")


@pytest.mark.step("X03")
@pytest.mark.parametrize("old", TOGETHER)
def test_a_proof_that_is_too_old_fails_and_is_named(old: str) -> None:
    controls = proven(TOGETHER, live=True)
    assert controls.together(NOW).open
    now = later(controls.limit_ns(old) + 1)
    for name in TOGETHER:
        if name != old:
            controls.prove(name, now.utc_ns)
    vote = controls.together(now)
    assert (vote.status, vote.reason) == (GateStatus.FAIL, Reason.PROOF_TOO_OLD)
    assert vote.detail.startswith(f"{old}: last proven ")


def test_the_proof_nearest_its_limit_is_named_with_its_age() -> None:
    controls = proven(TOGETHER)
    controls.prove("freeze", NOW.utc_ns + HOUR_NS)
    vote = controls.together(later(HOUR_NS))
    assert vote.open
    assert vote.age_ns == HOUR_NS
    assert "freeze" not in vote.detail


def test_hands_are_asked_for_in_live_mode_and_where_the_configuration_says_so() -> None:
    others = tuple(name for name in TOGETHER if name not in HANDS)
    assert proven(others).together(NOW).open
    assert not proven(others, live=True).together(NOW).open
    assert not proven(others, settings=ControlSettings(drill_hands=True)).together(NOW).open
    assert proven(others, live=True, settings=ControlSettings(drill_hands=False)).together(NOW).open
    assert proven(others).vote(SIGUSR1, NOW).status is GateStatus.NOT_CONFIGURED


def test_an_old_vote_is_not_kept() -> None:
    controls = proven(TOGETHER, settings=ControlSettings(proof_limit_s=60))
    assert controls.together(later(60 * NS_PER_S)).open
    assert not controls.together(later(61 * NS_PER_S)).open


# --- in the engine -------------------------------------------------------------------------------------------------


def dated(stand: Stand) -> set[str]:
    return set(stand.engine.state.controls.proven)


@pytest.mark.step("X03")
def test_a_start_a_preflight_and_the_exchange_prove_all_but_hands_and_ready_turns_red_when_one_is_old() -> None:
    stand = Stand()
    stand.quote_both()
    assert dated(stand) >= {*REHEARSED, RESTART, GROUP_TRIGGER}
    picture = drawn(stand)
    rows = {row.name: row for row in picture.controls}
    assert list(rows) == [control.name for control in CONTROLS]
    assert rows["freeze"].status == "PASS"
    assert rows[SIGUSR1].status == "NOT_CONFIGURED"
    assert readiness(picture).ready
    oldest = next(gate for gate in picture.gates if gate.name == "controls")
    assert oldest.age_s is not None
    assert oldest.detail.startswith("the proof nearest its limit is that of ")
    stand.engine.state.controls.proven["freeze"] -= 93_600 * NS_PER_S
    stand.run(2 * NS_PER_S)
    red = readiness(drawn(stand))
    assert not red.ready
    assert (red.against[0].name, red.against[0].status) == ("controls", "FAIL")
    assert "freeze: last proven" in red.against[0].detail
    assert stand.exchange.resting() == []


@pytest.mark.step("X03")
def test_a_preflight_that_did_not_rehearse_proves_no_control() -> None:
    stand = Stand(begin=False)
    stand.rehearsed = False
    stand.begin()
    stand.run(30 * NS_PER_S)
    assert dated(stand).isdisjoint(REHEARSED)
    assert "proof_too_old" in stand.closed()
    assert stand.exchange.resting() == []


@pytest.mark.step("X03")
@pytest.mark.parametrize("quoting", [True, False])
def test_a_signal_proves_its_road_once_the_exchange_lists_nothing(quoting: bool) -> None:  # noqa: FBT001 - a case
    stand = Stand()
    if quoting:
        stand.quote_both()
    else:
        stand.run(2 * NS_PER_S)
    stand.operator(Command.CANCEL_ALL, "operator_sigusr1")
    assert SIGUSR1 not in dated(stand), "asked is not proven"
    stand.run(5 * NS_PER_S)
    assert SIGUSR1 in dated(stand)
    assert KILL_FILE not in dated(stand)


@pytest.mark.step("X03")
@pytest.mark.parametrize("source", [KILL_FILE_SOURCE, "EXECUTION_HALTED"])
def test_a_kill_proves_the_files_road_when_it_was_the_file(source: str) -> None:
    stand = Stand()
    stand.quote_both()
    stand.step(KillSwitch(active=True, source=source, reason="ann"))
    stand.run(5 * NS_PER_S)
    assert (KILL_FILE in dated(stand)) is (source == KILL_FILE_SOURCE)


@pytest.mark.step("X03")
def test_a_cancel_all_that_the_exchange_does_not_acknowledge_proves_nothing() -> None:
    stand = Stand()
    stand.quote_both()
    stand.exchange.bad.refuse_key = True
    stand.operator(Command.CANCEL_ALL, "operator_sigusr1")
    stand.run(20 * NS_PER_S)
    assert SIGUSR1 not in dated(stand)


def test_proofs_outlive_a_restart_and_a_start_is_one() -> None:
    stand = Stand()
    stand.quote_both()
    stand.operator(Command.CANCEL_ALL, "operator_sigusr1")
    stand.run(5 * NS_PER_S)
    before = dict(stand.engine.state.controls.proven)
    stand.crash(NS_PER_S)
    assert stand.engine.state.controls.proven == before
    stand.run(5 * NS_PER_S)
    assert stand.engine.state.controls.proven[RESTART] > before[RESTART]


@pytest.mark.step("X03")
def test_a_close_all_that_ended_flat_proves_itself() -> None:
    stand = Stand()
    stand.quote_both()
    told = CloseOutTold("run", "ann", "drill", 10, stand.utc_ns)
    stand.step(told)
    stand.step(msgspec.structs.replace(told, outcome="positions are flat, but orders rest"))
    assert "close_all" not in dated(stand)
    stand.step(msgspec.structs.replace(told, outcome="flat: two lists of positions show nothing, and nothing rests"))
    assert "close_all" in dated(stand)
