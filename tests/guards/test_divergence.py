"""Divergence: two feeds of one index, compared on a tick while both are young."""

from __future__ import annotations

import pytest

from domain.reasons import GateStatus, Reason
from guards.divergence import DivergenceGuard, DivergenceSettings
from tests.guards.made import at, tick

APART = 6700 * (1 + 6e-4)
TOGETHER = 6700 * (1 + 4e-4)


def pair(guard: DivergenceGuard, ms: float, secondary: float) -> None:
    guard.observe(tick(ms, 6700), at(ms))
    guard.observe(tick(ms + 1, secondary, feed="polygon"), at(ms + 1))


def diverged() -> DivergenceGuard:
    guard = DivergenceGuard("I:SPX")
    for ms in (0, 100):
        pair(guard, ms, APART)
    assert guard.diverged
    return guard


def test_divergence_closed_when_it_knows_nothing() -> None:
    vote = DivergenceGuard("I:SPX").vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.FEED_DIVERGENCE)


def test_left_out_by_configuration_it_does_not_vote() -> None:
    guard = DivergenceGuard("I:SPX", enabled=False)
    assert guard.vote(at(0)).status is GateStatus.NOT_CONFIGURED


def test_one_feed_has_nothing_to_contradict_it() -> None:
    guard = DivergenceGuard("I:SPX")
    guard.observe(tick(0), at(0))
    assert guard.vote(at(0)).status is GateStatus.PASS


def test_three_times_running_closes_and_three_times_running_opens() -> None:
    guard = DivergenceGuard("I:SPX")
    guard.observe(tick(0, 6700), at(0))
    turned = [guard.observe(tick(n, APART, feed="polygon"), at(n)) for n in (1, 2, 3)]
    assert turned == [False, False, True]
    assert guard.vote(at(3)).status is GateStatus.FAIL
    turned = [guard.observe(tick(n, TOGETHER, feed="polygon"), at(n)) for n in (4, 5, 6)]
    assert turned == [False, False, True]
    assert guard.vote(at(6)).status is GateStatus.PASS


def test_an_agreement_between_starts_the_count_over() -> None:
    guard = DivergenceGuard("I:SPX")
    guard.observe(tick(0, 6700), at(0))
    for n, value in enumerate((APART, APART, TOGETHER, APART, APART), start=1):
        guard.observe(tick(n, value, feed="polygon"), at(n))
    assert not guard.diverged


def test_a_disagreement_between_starts_the_lifting_over() -> None:
    guard = diverged()
    for n, value in enumerate((TOGETHER, TOGETHER, APART, TOGETHER, TOGETHER), start=200):
        guard.observe(tick(n, value, feed="polygon"), at(n))
    assert guard.diverged


def test_a_value_that_waited_too_long_is_not_compared() -> None:
    guard = DivergenceGuard("I:SPX", DivergenceSettings(running=1))
    guard.observe(tick(1199, 6700), at(1199))
    guard.observe(tick(0, APART, feed="polygon"), at(1200))
    assert not guard.diverged


@pytest.mark.parametrize(("other", "apart"), [(10_005, False), (10_005.000001, True), (9994, True)])
def test_the_limit_itself_passes(other: float, *, apart: bool) -> None:
    guard = DivergenceGuard("I:SPX", DivergenceSettings(running=1))
    guard.observe(tick(0, 10_000), at(0))
    guard.observe(tick(1, other, feed="polygon"), at(1))
    assert guard.diverged is apart


@pytest.mark.parametrize(("age_ms", "compared"), [(1199, True), (1200, False)])
def test_only_young_values_are_compared(age_ms: float, *, compared: bool) -> None:
    guard = DivergenceGuard("I:SPX", DivergenceSettings(running=1))
    guard.observe(tick(0, 6700), at(0))
    guard.observe(tick(age_ms, APART, feed="polygon"), at(age_ms))
    assert guard.diverged is compared


def test_silence_cures_nothing() -> None:
    guard = diverged()
    for n in range(20):
        guard.observe(tick(5000 + n, 6700), at(5000 + n))
    assert guard.vote(at(60_000)).status is GateStatus.FAIL


def test_other_indices_do_not_count_and_the_evidence_is_kept() -> None:
    guard = diverged()
    assert not guard.observe(tick(200, 25_000, symbol="I:NDX"), at(200))
    assert guard.comparison() == {"massive": 6_700_000_000, "polygon": round(APART * 1_000_000)}
    assert guard.next_deadline(at(200)) is None
