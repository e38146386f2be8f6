"""The exchange's own schedule: the hours of its week, and the maintenance that it has announced. Pure.

Hours are New York's wall time, and a day that closes at 00:00 runs to its end (docs/exchange.md 9.1). A schedule in
which one entry cannot be read is refused whole: half of it would read as hours in which nothing is planned.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from domain.actions import Ask
from domain.door import Door, Name
from domain.events import ExchangeScheduleRead, OpenHours, Standstill, WeeklyHours
from domain.stamps import parse_rfc3339
from execution.kalshi.codes import BODY_BYTES_MAX
from execution.kalshi.pages import Script, one
from execution.kalshi.wire import KalshiAccount

DAY_MINUTES: Final = 1_440
HOURS_MAX: Final = 23
_HH_MM: Final = re.compile(r"([0-9]{2}):([0-5][0-9])")


class WireHours(msgspec.Struct):
    """One session of a day, HH:MM."""

    open_time: Name
    close_time: Name


Day = Annotated[list[WireHours], msgspec.Meta(max_length=32)]


class WireWeek(msgspec.Struct):
    """A week's hours, and the instants between which they are in force."""

    start_time: Name
    end_time: Name
    monday: Day
    tuesday: Day
    wednesday: Day
    thursday: Day
    friday: Day
    saturday: Day
    sunday: Day

    def read(self) -> WeeklyHours:
        """As ours. Raises ValueError."""
        days = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)
        hours = tuple(_hours(weekday, each) for weekday, day in enumerate(days) for each in day)
        return WeeklyHours(*_span(self.start_time, self.end_time), hours)


class WireMaintenance(msgspec.Struct):
    """One announced maintenance."""

    start_datetime: Name
    end_datetime: Name


class WireSchedule(msgspec.Struct):
    """The schedule itself."""

    standard_hours: Annotated[list[WireWeek], msgspec.Meta(min_length=1, max_length=64)]
    maintenance_windows: Annotated[list[WireMaintenance], msgspec.Meta(max_length=512)]


class ScheduleAnswer(msgspec.Struct):
    """GET /exchange/schedule."""

    schedule: WireSchedule


_schedule: Final = Door(ScheduleAnswer, BODY_BYTES_MAX, bounded=True).read


def read_schedule(account: KalshiAccount, ask: Ask) -> Script:
    """Script of Read.SCHEDULE. Raises ValueError for hours or instants that are none."""
    body, asked = yield from one(account, "/exchange/schedule", _schedule)
    told = body.schedule
    maintenance = [Standstill(*_span(each.start_datetime, each.end_datetime)) for each in told.maintenance_windows]
    weeks = tuple(week.read() for week in told.standard_hours)
    return ExchangeScheduleRead(ask.request_id, asked, weeks, tuple(maintenance))


def _hours(weekday: int, told: WireHours) -> OpenHours:
    opens, closes = _minute(told.open_time), _minute(told.close_time) or DAY_MINUTES
    if opens >= closes:
        raise ValueError(f"hours that end before they begin: {told.open_time} to {told.close_time}")
    return OpenHours(weekday, opens, closes)


def _minute(text: str) -> int:
    found = _HH_MM.fullmatch(text)
    if found is None or int(found[1]) > HOURS_MAX:
        raise ValueError(f"not a time of day, HH:MM: {text!r}")
    return int(found[1]) * 60 + int(found[2])


def _span(start: str, end: str) -> tuple[int, int]:
    start_ns, end_ns = parse_rfc3339(start), parse_rfc3339(end)
    if start_ns >= end_ns:
        raise ValueError(f"a span that ends before it begins: {start} to {end}")
    return start_ns, end_ns
