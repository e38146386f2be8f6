"""The rehearsal as a check of the preflight."""

from __future__ import annotations

import pytest

from daemon.preflight.rehearsal_io import look_at_controls
from domain.clock import NS_PER_S, Now
from domain.findings.finding import FAIL, PASS
from guards.evidence.controls import REHEARSED
from guards.killswitch import KillLatch
from guards.vote import PASS as OPEN
from tests.daemon.stand import START_S, short_settings

NOW = Now(10**12, START_S * NS_PER_S)


def test_controls_that_bite_pass_and_are_named() -> None:
    found = look_at_controls(short_settings(), NOW)
    assert (found.name, found.status) == ("rehearsal", PASS)
    assert all(control in found.reason for control in REHEARSED)


def test_one_that_does_not_is_a_failure_of_the_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KillLatch, "vote", lambda *_: OPEN)
    found = look_at_controls(short_settings(), NOW)
    assert found.status is FAIL
    assert "kill_switch: does not bite" in found.reason
