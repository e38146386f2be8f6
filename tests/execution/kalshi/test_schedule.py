"""The exchange's schedule as it was recorded (15 January 2026), and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from domain.actions import Read
from domain.events import ExchangeScheduleRead, OpenHours, ReadFailed, Standstill
from domain.stamps import parse_rfc3339
from tests.execution.kalshi.kalshi_fake import ask
from tests.execution.kalshi.test_reads import ASKED, Play

WHOLE = [{"close_time": "00:00", "open_time": "00:00"}]
RECORDED: dict[str, Any] = {
    "end_time": "2200-12-01T00:00:00Z",
    "friday": WHOLE,
    "monday": WHOLE,
    "saturday": WHOLE,
    "start_time": "2024-12-01T00:00:00Z",
    "sunday": WHOLE,
    "thursday": [{"close_time": "03:00", "open_time": "00:00"}, {"close_time": "00:00", "open_time": "05:00"}],
    "tuesday": WHOLE,
    "wednesday": WHOLE,
}
SPAN = {"start_datetime": "2026-11-24T16:30:00Z", "end_datetime": "2026-11-24T16:45:00Z"}


def read(*weeks: object, maintenance: object = ()) -> ExchangeScheduleRead | ReadFailed:
    body = {"schedule": {"standard_hours": weeks, "maintenance_windows": maintenance}}
    event = Play(ask(Read.SCHEDULE), ("/exchange/schedule", body)).event
    assert isinstance(event, ExchangeScheduleRead | ReadFailed)
    return event


def test_the_recorded_week_and_an_announced_maintenance() -> None:
    event = read(RECORDED, maintenance=[SPAN])
    assert isinstance(event, ExchangeScheduleRead)
    assert event.asked == ASKED
    [week] = event.weeks
    assert (week.start_ns, week.end_ns) == (parse_rfc3339(RECORDED["start_time"]), parse_rfc3339(RECORDED["end_time"]))
    assert week.hours[2:6] == (
        OpenHours(2, 0, 1440),
        OpenHours(3, 0, 180),
        OpenHours(3, 300, 1440),
        OpenHours(4, 0, 1440),
    )
    assert event.maintenance == (
        Standstill(parse_rfc3339(SPAN["start_datetime"]), parse_rfc3339(SPAN["end_datetime"])),
    )


@pytest.mark.parametrize(
    ("week", "maintenance"),
    [
        (RECORDED | {"monday": [{"open_time": "5:00", "close_time": "06:00"}]}, []),
        (RECORDED | {"monday": [{"open_time": "24:00", "close_time": "00:00"}]}, []),
        (RECORDED | {"monday": [{"open_time": "06:00", "close_time": "05:00"}]}, []),
        (RECORDED | {"monday": None}, []),
        ({key: day for key, day in RECORDED.items() if key != "sunday"}, []),
        (RECORDED | {"start_time": "soon"}, []),
        (RECORDED | {"end_time": RECORDED["start_time"]}, []),
        (RECORDED, [SPAN | {"end_datetime": "2026-11-24T16:00:00Z"}]),
        (RECORDED, [SPAN, "soon"]),
    ],
)
def test_a_schedule_with_an_odd_entry_is_refused_whole(week: object, maintenance: object) -> None:
    event = read(week, maintenance=maintenance)
    assert isinstance(event, ReadFailed)
    assert event.reason.isprintable()
    assert event.reason


def test_a_schedule_without_any_hours_is_refused() -> None:
    assert isinstance(read(), ReadFailed)
