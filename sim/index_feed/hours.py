"""When the simulated vendor has values: always (so that a demo can run at night), or in New York's sessions only."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import holidays

from domain.clock import NS_PER_S
from domain.stamps import NEW_YORK

OPENS: Final = dt.time(9, 30)
CLOSES: Final = dt.time(16, 0)
CLOSES_EARLY: Final = dt.time(13, 0)
MIDNIGHT: Final = dt.time(0, 0)
SATURDAY: Final = 5


class Special(NamedTuple):
    """A day of the exchanges' calendar that is not a plain one."""

    date: dt.date
    name: str
    early_close: bool


class Hours:
    """The vendor's regular hours."""

    __slots__ = ("_always", "_closed", "_early")

    def __init__(self, *, always: bool) -> None:
        """`always`: every day from midnight to midnight New York time."""
        self._always: Final = always
        self._closed: Final = holidays.financial_holidays("NYSE")
        self._early: Final = holidays.financial_holidays("NYSE", categories=("half_day",))

    def session(self, date: dt.date) -> tuple[int, int] | None:
        """Start and end (UTC ns) of a date's session; None when there is none."""
        if self._always:
            return instant(date, MIDNIGHT), instant(date + dt.timedelta(days=1), MIDNIGHT)
        if date.weekday() >= SATURDAY or date in self._closed:
            return None
        return instant(date, OPENS), instant(date, CLOSES_EARLY if date in self._early else CLOSES)

    def is_open(self, utc_ns: int) -> bool:
        """Whether values are published at an instant."""
        if self._always:
            return True
        span = self.session(date_of(utc_ns))
        return span is not None and span[0] <= utc_ns < span[1]

    def last_session(self, utc_ns: int, back: int = 0) -> tuple[dt.date, int, int]:
        """The newest session that has begun by an instant, or the one `back` sessions before it."""
        date = date_of(utc_ns)
        while True:
            span = self.session(date)
            if span is not None and span[0] <= utc_ns:
                if back == 0:
                    return date, *span
                back -= 1
            date -= dt.timedelta(days=1)

    def specials(self, date: dt.date, days: int) -> list[Special]:
        """Closures and early closes from a date on."""
        found = []
        for ahead in range(days):
            day = date + dt.timedelta(days=ahead)
            if day in self._closed:
                found.append(Special(day, self._closed[day], early_close=False))
            elif day in self._early and day.weekday() < SATURDAY:
                found.append(Special(day, self._early[day].partition(" (")[0], early_close=True))
        return found


def instant(date: dt.date, time: dt.time) -> int:
    """UTC nanoseconds of a New York date and time."""
    return round(dt.datetime.combine(date, time, NEW_YORK).timestamp()) * NS_PER_S


def date_of(utc_ns: int) -> dt.date:
    """New York's date at an instant."""
    return local(utc_ns).date()


def local(utc_ns: int) -> dt.datetime:
    """New York's date and time at an instant, to the second."""
    return dt.datetime.fromtimestamp(utc_ns // NS_PER_S, NEW_YORK)
