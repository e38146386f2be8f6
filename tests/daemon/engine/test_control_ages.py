from __future__ import annotations

import msgspec

from daemon.engine.control_ages import CANCEL_ALL, GROUP_TRIGGER, ROOM_NS, Controls
from domain.clock import NS_PER_S, Now
from domain.reasons import GateStatus, Reason
from execution.drill import ControlSettings

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
