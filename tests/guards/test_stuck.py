"""Stuck feeds: a stamp that stands still, a value that stands still while the other index moves."""

from __future__ import annotations

from domain.reasons import GateStatus, Reason
from guards.stuck import StuckGuard
from tests.guards.made import at, tick


def moving_peer(guard: StuckGuard, first_ms: int, count: int = 3) -> None:
    for n in range(count):
        guard.observe(tick(first_ms + n, 25_000 + n, symbol="I:NDX"), at(first_ms + n))


def test_stuck_closed_when_it_knows_nothing() -> None:
    vote = StuckGuard("I:SPX").vote(at(0), market_open=True)
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.FEED_STUCK)


def test_the_same_stamp_three_times_running() -> None:
    guard = StuckGuard("I:SPX")
    for n, value in enumerate((6700, 6701)):
        guard.observe(tick(n, value, stamp_ms=0), at(n))
        assert guard.vote(at(n), market_open=True).status is GateStatus.PASS
    guard.observe(tick(2, 6702, stamp_ms=0), at(2))
    assert guard.vote(at(2), market_open=False).status is GateStatus.FAIL
    guard.observe(tick(3, 6702), at(3))
    assert guard.vote(at(3), market_open=False).status is GateStatus.PASS


def test_the_same_value_for_thirty_seconds_while_the_other_index_moves() -> None:
    guard = StuckGuard("I:SPX")
    guard.observe(tick(0), at(0))
    moving_peer(guard, 1000)
    for second in range(1, 30):
        guard.observe(tick(second * 1000), at(second * 1000))
    assert guard.next_deadline(at(29_000)) == at(30_000).mono_ns
    assert guard.vote(at(29_999.999), market_open=True).status is GateStatus.PASS
    vote = guard.vote(at(30_000), market_open=True)
    assert (vote.status, vote.reason, vote.age_ns) == (GateStatus.FAIL, Reason.FEED_STUCK, 30_000_000_000)
    assert guard.vote(at(90_000), market_open=True).status is GateStatus.FAIL
    assert guard.next_deadline(at(30_000)) is None
    guard.observe(tick(91_000, 6700.01), at(91_000))
    assert guard.vote(at(91_000), market_open=True).status is GateStatus.PASS


def test_a_quiet_market_is_not_stuck() -> None:
    guard = StuckGuard("I:SPX")
    guard.observe(tick(0), at(0))
    for second in range(1, 40):
        guard.observe(tick(second * 1000, 25_000, symbol="I:NDX"), at(second * 1000))
    assert guard.vote(at(40_000), market_open=True).status is GateStatus.PASS


def test_outside_market_hours_a_still_value_is_normal() -> None:
    guard = StuckGuard("I:SPX")
    guard.observe(tick(0), at(0))
    moving_peer(guard, 1000)
    assert guard.vote(at(40_000), market_open=False).status is GateStatus.PASS
    assert guard.vote(at(40_000), market_open=True).status is GateStatus.FAIL


def test_only_movement_since_our_own_last_change_counts() -> None:
    guard = StuckGuard("I:SPX")
    guard.observe(tick(0, 6700), at(0))
    moving_peer(guard, 1000)
    guard.observe(tick(2000, 6701), at(2000))
    assert guard.vote(at(40_000), market_open=True).status is GateStatus.PASS
