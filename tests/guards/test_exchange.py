"""The exchange guard: status, its age, and maintenance by schedule."""

from __future__ import annotations

import datetime as dt

import pytest

from domain.clock import NS_PER_S, Now
from domain.events import ExchangeStatusRead
from domain.ids import RequestId
from domain.reasons import GateStatus, Reason
from guards.exchange import ExchangeGuard, ExchangeSettings
from tests.guards.made import at


def status(ms: float, *, up: bool = True, trading: bool = True) -> ExchangeStatusRead:
    return ExchangeStatusRead(RequestId(1), at(ms), exchange_active=up, trading_active=trading)


def wall(text: str) -> Now:
    return Now(10**12, int(dt.datetime.fromisoformat(text).timestamp()) * NS_PER_S)


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
    guard = ExchangeGuard(ExchangeSettings(maintenance=()))
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


@pytest.mark.step("H19")
@pytest.mark.parametrize(
    ("text", "paused"),
    [
        ("2026-11-26T07:58:59Z", False),  # Thursday, winter: 03:00 ET is 08:00Z; a minute of lead
        ("2026-11-26T07:59:00Z", True),
        ("2026-11-26T09:59:59Z", True),
        ("2026-11-26T10:00:00Z", False),
        ("2026-07-09T07:30:00Z", True),  # Thursday, summer
        ("2026-07-09T09:00:00Z", False),
        ("2026-11-25T08:30:00Z", False),
    ],
)
def test_thursday_nights_maintenance_is_new_yorks(text: str, *, paused: bool) -> None:
    guard = ExchangeGuard()
    now = wall(text)
    guard.observe(ExchangeStatusRead(RequestId(1), now, exchange_active=True, trading_active=True))
    vote = guard.vote(now)
    assert (vote.reason is Reason.KALSHI_MAINTENANCE) is paused
    assert vote.open is not paused


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00Z", "2026-11-26T07:58:00Z", "2026-11-26T08:30:00Z"])
def test_the_edges_of_maintenance_are_deadlines(text: str) -> None:
    guard = ExchangeGuard()
    now = wall(text)
    guard.observe(ExchangeStatusRead(RequestId(1), now, exchange_active=True, trading_active=True))
    before = guard.vote(now).reason is Reason.KALSHI_MAINTENANCE
    for _ in range(10_000):
        deadline = guard.next_deadline(now)
        assert deadline is not None
        assert deadline > now.mono_ns
        now = Now(deadline, now.utc_ns + deadline - now.mono_ns)
        guard.observe(ExchangeStatusRead(RequestId(1), now, exchange_active=True, trading_active=True))
        if (guard.vote(now).reason is Reason.KALSHI_MAINTENANCE) is not before:
            break
    expected = "2026-11-26T10:00:00Z" if before else "2026-11-26T07:59:00Z"
    assert now.utc_ns == wall(expected).utc_ns


def test_announced_pauses_count_too() -> None:
    guard = ExchangeGuard()
    guard.observe(status(0))
    start_ns = at(60_000).utc_ns + 60 * NS_PER_S
    guard.scheduled(((start_ns, start_ns + NS_PER_S),))
    assert guard.next_deadline(at(0)) == at(60_000).mono_ns
    assert guard.vote(at(59_999)).open
    assert guard.vote(at(60_000)).reason is Reason.KALSHI_MAINTENANCE
