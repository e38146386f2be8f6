"""The loop stall guard: quiet for a second, and until each series can be believed again."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_MS
from domain.reasons import GateStatus, Reason
from guards.stall import StallGuard
from tests.guards.made import at

BOTH = ("INXU", "NASDAQ100U")


def believed() -> StallGuard:
    guard = StallGuard(BOTH)
    for series in BOTH:
        guard.agreed(series)
    return guard


def test_stall_closed_when_it_knows_nothing() -> None:
    guard = StallGuard(BOTH)
    vote = guard.vote("INXU", at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.LOOP_STALL)
    guard.agreed("INXU")
    assert guard.vote("INXU", at(0)).status is GateStatus.PASS
    assert guard.vote("NASDAQ100U", at(0)).status is GateStatus.UNKNOWN


@pytest.mark.parametrize(("lag_ns", "closes"), [(100 * NS_PER_MS, False), (100 * NS_PER_MS + 1, True)])
def test_a_short_lag_is_forgiven(lag_ns: int, *, closes: bool) -> None:
    guard = believed()
    assert guard.observe(lag_ns, BOTH, at(0)) is closes
    assert (guard.vote("INXU", at(0)).status is GateStatus.FAIL) is closes


def test_closed_for_a_second_even_if_values_agree_at_once() -> None:
    guard = believed()
    guard.observe(400 * NS_PER_MS, BOTH, at(0))
    guard.agreed("INXU")
    assert guard.next_deadline(at(0)) == at(1000).mono_ns
    assert guard.vote("INXU", at(999.999)).status is GateStatus.FAIL
    assert guard.vote("INXU", at(1000)).status is GateStatus.PASS
    assert guard.next_deadline(at(1000)) is None


def test_each_series_waits_for_its_own_value() -> None:
    guard = believed()
    guard.observe(400 * NS_PER_MS, BOTH, at(0))
    guard.agreed("NASDAQ100U")
    assert guard.vote("INXU", at(60_000)).status is GateStatus.FAIL
    assert guard.vote("NASDAQ100U", at(60_000)).status is GateStatus.PASS


def test_a_second_stall_starts_over() -> None:
    guard = believed()
    guard.observe(400 * NS_PER_MS, BOTH, at(0))
    guard.agreed("INXU")
    guard.observe(200 * NS_PER_MS, BOTH, at(900))
    assert guard.stalls == 2
    assert guard.next_deadline(at(900)) == at(1900).mono_ns
    assert guard.vote("INXU", at(2000)).status is GateStatus.FAIL
