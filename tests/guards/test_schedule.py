"""The schedule guard: hours and announced maintenance, New York's clocks, and what is not known."""

from __future__ import annotations

import datetime as dt

import pytest

from domain.clock import NS_PER_S, Now
from domain.events import ExchangeScheduleRead, OpenHours, Standstill, WeeklyHours
from domain.ids import RequestId
from domain.reasons import GateStatus, Reason
from guards.schedule import DAYS, THURSDAY_NIGHT, ScheduleGuard, ScheduleSettings
from guards.vote import Vote
from guards.windows import FOREVER_NS

ROUND_THE_CLOCK = (WeeklyHours(0, FOREVER_NS, DAYS),)


def wall(text: str) -> Now:
    return Now(10**12, int(dt.datetime.fromisoformat(text).timestamp()) * NS_PER_S)


def span(start: str, end: str) -> Standstill:
    return Standstill(wall(start).utc_ns, wall(end).utc_ns)


def told(
    now: Now, weeks: tuple[WeeklyHours, ...] = ROUND_THE_CLOCK, maintenance: tuple[Standstill, ...] = ()
) -> ExchangeScheduleRead:
    return ExchangeScheduleRead(RequestId(1), now, weeks, maintenance)


def reading(text: str, weeks: tuple[WeeklyHours, ...], *maintenance: Standstill) -> Vote:
    guard, now = ScheduleGuard(), wall(text)
    guard.observe(told(now, weeks, maintenance))
    return guard.vote(now)


@pytest.mark.step("H19")
def test_schedule_closed_when_it_knows_nothing() -> None:
    for settings in (ScheduleSettings(), ScheduleSettings(stands_in=None)):
        vote = ScheduleGuard(settings).vote(wall("2026-11-24T16:00:00Z"))
        assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.SCHEDULE_UNKNOWN)


@pytest.mark.step("H19")
def test_thursday_night_stands_in_for_a_schedule_that_nobody_could_read() -> None:
    assert ScheduleGuard().vote(wall("2026-11-26T08:30:00Z")).reason is Reason.KALSHI_MAINTENANCE
    local = ScheduleGuard(ScheduleSettings(stands_in=None))
    assert local.vote(wall("2026-11-26T08:30:00Z")).reason is Reason.SCHEDULE_UNKNOWN


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
def test_the_hours_of_a_week_are_new_yorks(text: str, *, paused: bool) -> None:
    vote = reading(text, THURSDAY_NIGHT)
    assert (vote.reason is Reason.KALSHI_MAINTENANCE) is paused
    assert vote.open is not paused


@pytest.mark.step("H19")
def test_the_schedule_is_the_exchanges_own_and_not_a_thursday() -> None:
    assert reading("2026-11-26T08:30:00Z", ROUND_THE_CLOCK).open
    shut = (WeeklyHours(0, FOREVER_NS, tuple(day for day in DAYS if day.weekday != 1)),)
    vote = reading("2026-11-24T16:00:00Z", shut)
    assert (vote.status, vote.reason) == (GateStatus.FAIL, Reason.KALSHI_MAINTENANCE)
    assert "from 2026-11-24T00:00:00-05:00 to 2026-11-25T00:00:00-05:00" in vote.detail


@pytest.mark.step("H19")
def test_announced_maintenance_closes_a_minute_ahead_and_opens_at_its_end() -> None:
    pause = span("2026-11-24T16:30:00Z", "2026-11-24T16:45:00Z")
    assert reading("2026-11-24T16:28:59Z", ROUND_THE_CLOCK, pause).open
    assert not reading("2026-11-24T16:29:00Z", ROUND_THE_CLOCK, pause).open
    assert not reading("2026-11-24T16:44:59Z", ROUND_THE_CLOCK, pause).open
    assert reading("2026-11-24T16:45:00Z", ROUND_THE_CLOCK, pause).open


@pytest.mark.parametrize("weeks", [(), (WeeklyHours(0, NS_PER_S, DAYS),)])
def test_hours_that_are_over_or_were_never_told_are_closed(weeks: tuple[WeeklyHours, ...]) -> None:
    assert reading("2026-11-24T16:00:00Z", weeks).reason is Reason.KALSHI_MAINTENANCE


def test_hours_of_two_weeks_change_at_their_instant() -> None:
    edge_ns = wall("2026-11-24T16:00:00Z").utc_ns
    weeks = (WeeklyHours(0, edge_ns, DAYS), WeeklyHours(edge_ns, FOREVER_NS, (OpenHours(1, 720, 1440),)))
    assert reading("2026-11-24T15:58:00Z", weeks).open
    assert not reading("2026-11-24T15:59:00Z", weeks).open
    assert reading("2026-11-24T17:00:00Z", weeks).open


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00Z", "2026-11-26T07:58:00Z", "2026-11-26T08:30:00Z"])
def test_the_edges_of_a_standstill_are_deadlines(text: str) -> None:
    guard, now = ScheduleGuard(), wall(text)
    guard.observe(told(now, THURSDAY_NIGHT))
    before = guard.vote(now).reason is Reason.KALSHI_MAINTENANCE
    for _ in range(10_000):
        deadline = guard.next_deadline(now)
        assert deadline is not None
        assert deadline > now.mono_ns
        now = Now(deadline, now.utc_ns + deadline - now.mono_ns)
        guard.observe(told(now, THURSDAY_NIGHT))
        if (guard.vote(now).reason is Reason.KALSHI_MAINTENANCE) is not before:
            break
    expected = "2026-11-26T10:00:00Z" if before else "2026-11-26T07:59:00Z"
    assert now.utc_ns == wall(expected).utc_ns


@pytest.mark.step("H19")
def test_an_old_reading_is_no_reading_and_is_seen_by_timer() -> None:
    guard, now = ScheduleGuard(), wall("2026-11-24T12:00:00Z")
    guard.observe(told(now))
    old_ns = now.mono_ns + 3_600 * NS_PER_S
    assert guard.next_deadline(now) == old_ns + 1
    assert guard.vote(Now(old_ns, now.utc_ns)).open
    assert guard.vote(Now(old_ns + 1, now.utc_ns)).reason is Reason.SCHEDULE_UNKNOWN


def test_only_what_is_new_is_told_and_an_earlier_answer_is_dropped() -> None:
    guard, now = ScheduleGuard(ScheduleSettings(stands_in=ROUND_THE_CLOCK)), wall("2026-11-24T12:00:00Z")
    later = Now(now.mono_ns + 1, now.utc_ns + 1)
    assert guard.observe(told(later))
    assert not guard.observe(told(later))
    assert not guard.observe(told(now, THURSDAY_NIGHT))
    assert guard.standstill(later) is None
    assert guard.observe(told(later, THURSDAY_NIGHT))
    assert guard.standstill(later) == span("2026-11-26T08:00:00Z", "2026-11-26T10:00:00Z")
