"""Clock trust: against the exchange by samples, against ourselves by comparing both clocks."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_MS
from domain.reasons import GateStatus, Reason
from guards.clock_trust import ClockTrust, ClockTrustSettings
from tests.guards.made import at


def sampled(offset_ms: float = 0.0, uncertainty_ms: float = 10.0) -> ClockTrust:
    trust = ClockTrust()
    trust.look(at(0))
    trust.observe(round(offset_ms * NS_PER_MS), round(uncertainty_ms * NS_PER_MS), at(0))
    return trust


def test_clock_trust_closed_when_it_knows_nothing() -> None:
    trust = ClockTrust()
    vote = trust.vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.CLOCK_UNTRUSTED)
    assert (trust.offset_ns, trust.uncertainty_ns, trust.next_deadline(at(0))) == (None, None, None)


@pytest.mark.parametrize(
    ("offset_ms", "uncertainty_ms", "status", "warns"),
    [
        (0, 250, GateStatus.PASS, False),
        (0, 250.001, GateStatus.FAIL, False),
        (500, 10, GateStatus.PASS, False),
        (-500.001, 10, GateStatus.PASS, True),
        (1500, 10, GateStatus.PASS, True),
        (1500.001, 10, GateStatus.FAIL, True),
        (-1500.001, 10, GateStatus.FAIL, True),
    ],
)
def test_limits_of_a_sample(offset_ms: float, uncertainty_ms: float, status: GateStatus, *, warns: bool) -> None:
    trust = sampled(offset_ms, uncertainty_ms)
    assert trust.vote(at(1)).status is status
    assert bool(trust.warning) is warns


@pytest.mark.parametrize(("step_ms", "steps"), [(250, False), (-250, False), (250.001, True), (-3_600_000, True)])
def test_a_wall_step_means_no_quotes_for_thirty_seconds(step_ms: float, *, steps: bool) -> None:
    trust = sampled()
    assert bool(trust.look(at(100, wall_ms=step_ms))) is steps
    if not steps:
        assert trust.vote(at(100, wall_ms=step_ms)).status is GateStatus.PASS
        return
    trust.observe(0, 0, at(200, wall_ms=step_ms))
    assert trust.next_deadline(at(200, wall_ms=step_ms)) == at(30_100).mono_ns
    assert trust.vote(at(30_099, wall_ms=step_ms)).status is GateStatus.FAIL
    assert trust.vote(at(30_100, wall_ms=step_ms)).status is GateStatus.PASS


def test_after_a_step_a_new_sample_is_needed() -> None:
    trust = sampled()
    trust.look(at(100, wall_ms=5000))
    assert trust.offset_ns is None
    assert trust.vote(at(31_000, wall_ms=5000)).status is GateStatus.UNKNOWN


def test_slow_drift_is_no_step() -> None:
    trust = sampled()
    for n in range(1, 100):
        assert trust.look(at(n * 250, wall_ms=n * 100)) == 0


def test_an_old_sample_is_no_sample() -> None:
    trust = ClockTrust(ClockTrustSettings(sample_age_limit_ms=1000))
    trust.observe(0, 0, at(0))
    deadline = trust.next_deadline(at(0))
    assert deadline == at(1000).mono_ns + 1
    assert trust.vote(at(1000)).status is GateStatus.PASS
    assert trust.vote(at(1000.000001)).status is GateStatus.UNKNOWN
    assert trust.next_deadline(at(1000.000001)) is None


@pytest.mark.parametrize(("offset_ms", "ahead_ms"), [(0, 15), (40, 55), (-40, 15)])
def test_only_an_exchange_that_is_ahead_makes_ends_earlier_and_doubt_always_does(offset_ms: int, ahead_ms: int) -> None:
    assert sampled(offset_ms, 15).ahead_ns == ahead_ms * NS_PER_MS
    assert ClockTrust().ahead_ns == 0


def test_offset_and_uncertainty_are_told() -> None:
    trust = sampled(40, 15)
    assert (trust.offset_ns, trust.uncertainty_ns) == (40 * NS_PER_MS, 15 * NS_PER_MS)
