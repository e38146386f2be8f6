"""The exchange guard: status, and its age."""

from __future__ import annotations

import pytest

from domain.events import ExchangeStatusRead
from domain.ids import RequestId
from domain.reasons import GateStatus, Reason
from guards.exchange import ExchangeGuard
from tests.guards.made import at


def status(ms: float, *, up: bool = True, trading: bool = True) -> ExchangeStatusRead:
    return ExchangeStatusRead(RequestId(1), at(ms), exchange_active=up, trading_active=trading)


def test_exchange_closed_when_it_knows_nothing() -> None:
    vote = ExchangeGuard().vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.EXCHANGE_PAUSED)


@pytest.mark.parametrize(("up", "trading"), [(True, False), (False, True), (False, False)])
def test_both_must_run(*, up: bool, trading: bool) -> None:
    guard = ExchangeGuard()
    guard.observe(status(0, up=up, trading=trading))
    vote = guard.vote(at(1))
    assert (vote.status, vote.reason) == (GateStatus.FAIL, Reason.EXCHANGE_PAUSED)
    guard.observe(status(2))
    assert guard.vote(at(3)).status is GateStatus.PASS


def test_an_old_answer_is_no_answer_and_is_seen_by_timer() -> None:
    guard = ExchangeGuard()
    guard.observe(status(0))
    assert guard.next_deadline(at(0)) == at(120_000).mono_ns + 1
    assert guard.vote(at(120_000)).status is GateStatus.PASS
    assert guard.vote(at(120_000.000001)).status is GateStatus.UNKNOWN
    assert guard.next_deadline(at(120_001)) is None


def test_an_answer_asked_before_a_refusal_does_not_lift_it() -> None:
    guard = ExchangeGuard()
    guard.observe(status(0))
    guard.refused("trading is paused", at(100))
    guard.observe(status(50))
    assert guard.vote(at(200)).status is GateStatus.FAIL
    guard.observe(status(150))
    assert guard.vote(at(200)).status is GateStatus.PASS
