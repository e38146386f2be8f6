"""The kill latch: first reason wins, a person opens it, unknown is closed."""

from __future__ import annotations

import json

import pytest

from domain.reasons import GateStatus, Reason
from guards.killswitch import KillLatch
from tests.guards.made import at


def read() -> KillLatch:
    """A latch whose watcher has reported that all is well."""
    latch = KillLatch()
    latch.observe(False, "file", "", at(0))
    return latch


def test_killswitch_closed_when_it_knows_nothing() -> None:
    vote = KillLatch().vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.NOT_RECONCILED)
    assert read().vote(at(0)).status is GateStatus.PASS


@pytest.mark.step("K03")
def test_the_file_closes_it_and_its_removal_alone_opens_nothing() -> None:
    latch = read()
    assert latch.observe(True, "file", "unreadable", at(1))
    assert latch.vote(at(2)).status is GateStatus.FAIL
    assert not latch.observe(True, "file", "still there", at(2))
    latch.observe(False, "file", "", at(3))
    assert latch.vote(at(4)).status is GateStatus.FAIL
    assert latch.resume() == ""
    assert latch.vote(at(5)).status is GateStatus.PASS


@pytest.mark.step("G08")
def test_the_first_reason_wins_and_is_kept() -> None:
    latch = read()
    assert latch.kill("risk.kill_switch", "daily loss", at(1))
    assert not latch.kill("compliance.kill_switch", "later", at(2))
    assert not latch.observe(True, "file", "later still", at(3))
    assert (latch.source, latch.reason) == ("risk.kill_switch", "daily loss")
    vote = latch.vote(at(11))
    assert vote.detail == "risk.kill_switch: daily loss"
    assert vote.age_ns == 10_000_000


def test_resuming_is_refused_while_a_source_still_says_stop() -> None:
    latch = read()
    latch.observe(True, "execution_halted", "1", at(1))
    latch.kill("operator_http", "drill", at(2))
    assert latch.resume() == "execution_halted still says stop: 1; end that, then resume"
    assert latch.latched
    latch.observe(False, "execution_halted", "", at(3))
    assert latch.resume() == ""
    assert not latch.latched


def test_a_kill_before_the_first_report_stays_after_it() -> None:
    latch = KillLatch()
    latch.kill("operator_cli", "now", at(0))
    latch.observe(False, "file", "", at(1))
    assert latch.vote(at(2)).status is GateStatus.FAIL


def test_the_latch_survives_a_restart_but_must_be_read_again() -> None:
    latch = read()
    latch.kill("file", "present", at(1))
    again = KillLatch()
    again.restore(json.loads(json.dumps(latch.state())))
    assert again.state() == latch.state()
    assert again.vote(at(2)).status is GateStatus.FAIL
    fresh = KillLatch()
    fresh.restore(read().state())
    assert fresh.vote(at(2)).status is GateStatus.UNKNOWN


def test_a_restored_open_latch_opens_nothing() -> None:
    latch = read()
    latch.kill("file", "present", at(1))
    latch.restore(read().state())
    assert latch.latched


def test_time_alone_changes_nothing() -> None:
    assert read().next_deadline(at(0)) is None
