"""Whether the exchange's own schedule lets us rest orders now: its weekly hours, and the maintenance it has announced.

The schedule is read from the exchange again and again (docs/exchange.md 9.1). We stand down a minute before each
standstill, because orders that rest through a pause can be hit the moment it ends. A schedule that was never read, or
whose last reading is too old, is unknown, which closes the gate; Thursday night, when the exchange is known to pause,
then stands in for it, so that the reason shown there is the right one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from domain.clock import NS_PER_S, Now
from domain.events import ExchangeScheduleRead, OpenHours, Standstill, WeeklyHours
from domain.reasons import GateStatus, Reason
from domain.stamps import NEW_YORK, et_text
from guards.vote import Vote, fail, unknown
from guards.windows import FOREVER_NS

Span = tuple[int, int]

DAYS_AHEAD: Final = 9
DAY_MINUTES: Final = 1_440
DAY_NS: Final = 86_400 * NS_PER_S
THURSDAY: Final = 3
DAYS: Final = tuple(OpenHours(weekday, 0, DAY_MINUTES) for weekday in range(7))
OTHER_DAYS: Final = (*DAYS[:THURSDAY], *DAYS[THURSDAY + 1 :])
THURSDAY_NIGHT: Final = (
    WeeklyHours(0, FOREVER_NS, (*OTHER_DAYS, OpenHours(THURSDAY, 0, 180), OpenHours(THURSDAY, 300, DAY_MINUTES))),
)
"""What stands in for a schedule that is not known. Trading pauses on Thursdays from 03:00 to 05:00 in New York."""


class ScheduleSettings(msgspec.Struct, frozen=True):
    """`stands_in`: the hours that count while none could be read; None for an exchange that has no usual ones."""

    stands_in: tuple[WeeklyHours, ...] | None = THURSDAY_NIGHT
    lead_s: int = 60
    read_interval_s: int = 600
    age_limit_s: int = 3_600


class ScheduleGuard:
    """One for the process."""

    __slots__ = ("_asked_ns", "_maintenance", "_pauses", "_settings", "_since_ns", "_until_ns", "_weeks")

    def __init__(self, settings: ScheduleSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or ScheduleSettings()
        self._asked_ns: int | None = None
        self._weeks = self._settings.stands_in  # None: nothing is known of its hours
        self._maintenance: tuple[Standstill, ...] = ()
        self._pauses: tuple[Standstill, ...] = ()
        self._since_ns = self._until_ns = 0

    def observe(self, told: ExchangeScheduleRead) -> bool:
        """Take a reading; its age counts from when it was asked. Whether it says anything else than the one before."""
        if self._asked_ns is not None and told.asked.mono_ns < self._asked_ns:
            return False
        first, self._asked_ns = self._asked_ns is None, told.asked.mono_ns
        if not first and (told.weeks, told.maintenance) == (self._weeks, self._maintenance):
            return False
        self._weeks, self._maintenance = told.weeks, told.maintenance
        self._until_ns = 0
        return True

    def standstill(self, now: Now) -> Standstill | None:
        """The standstill that is on, or comes next; None when none is in sight."""
        return next((pause for pause in self._ahead(now.utc_ns) if pause.end_ns > now.utc_ns), None)

    def vote(self, now: Now) -> Vote:
        """PASS while a schedule that was read lately says that trading runs, and goes on for the lead."""
        following, lead_ns = self.standstill(now), self._settings.lead_s * NS_PER_S
        if following is not None and following.start_ns - lead_ns <= now.utc_ns:
            return fail(Reason.KALSHI_MAINTENANCE, f"closed by the exchange's schedule {_between(following)}")
        if self._asked_ns is None:
            return unknown(Reason.SCHEDULE_UNKNOWN, "the exchange's schedule has not been read yet")
        age_ns, limit_ns = now.mono_ns - self._asked_ns, self._settings.age_limit_s * NS_PER_S
        if age_ns > limit_ns:
            return unknown(Reason.SCHEDULE_UNKNOWN, "the last reading of the exchange's schedule is too old")
        ahead = f"next standstill {_between(following)}" if following is not None else "no standstill in sight"
        return Vote(GateStatus.PASS, None, ahead, age_ns, limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """The next edge of a standstill, or when the last reading grows too old."""
        lead_ns, utc_ns = self._settings.lead_s * NS_PER_S, now.utc_ns
        edges = [edge for pause in self._ahead(utc_ns)[:2] for edge in (pause.start_ns - lead_ns, pause.end_ns)]
        turns = [now.mono_ns + edge - utc_ns for edge in edges if edge > utc_ns]
        if self._asked_ns is not None:
            turns.append(self._asked_ns + self._settings.age_limit_s * NS_PER_S + 1)
        return min([at for at in turns if at > now.mono_ns], default=None)

    def _ahead(self, utc_ns: int) -> tuple[Standstill, ...]:
        """Every standstill of the days ahead that has not ended, in order; worked out anew when one ends."""
        if not self._since_ns <= utc_ns < self._until_ns:
            announced = ((each.start_ns, each.end_ns) for each in self._maintenance)
            closed = () if self._weeks is None else _closed_hours(self._weeks, utc_ns)
            found = _joined((*closed, *announced))
            self._pauses = tuple(Standstill(*span) for span in found if span[1] > utc_ns)
            ends = [pause.end_ns for pause in self._pauses[:1]]
            self._since_ns, self._until_ns = utc_ns, min([utc_ns + DAY_NS, *ends])
        return self._pauses


def _between(pause: Standstill) -> str:
    return f"from {et_text(pause.start_ns)} to {et_text(pause.end_ns)}"


def _closed_hours(weeks: tuple[WeeklyHours, ...], utc_ns: int) -> Iterator[Span]:
    """What lies between the hours of trading, from a day back to a week ahead."""
    today = dt.datetime.fromtimestamp(utc_ns // NS_PER_S, NEW_YORK).date()
    days = [today + dt.timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD)]
    edge_ns = _instant_ns(days[0], 0)
    for opens_ns, closes_ns in _joined(_trading_hours(weeks, days)):
        if opens_ns > edge_ns:
            yield edge_ns, opens_ns
        edge_ns = closes_ns
    end_ns = _instant_ns(days[-1], DAY_MINUTES)
    if edge_ns < end_ns:
        yield edge_ns, end_ns


def _trading_hours(weeks: tuple[WeeklyHours, ...], days: list[dt.date]) -> Iterator[Span]:
    for day in days:
        for week in weeks:
            for hours in week.hours:
                if hours.weekday == day.weekday():
                    opens_ns = max(_instant_ns(day, hours.open_minute), week.start_ns)
                    closes_ns = min(_instant_ns(day, hours.close_minute), week.end_ns)
                    if opens_ns < closes_ns:
                        yield opens_ns, closes_ns


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch or overlap made one."""
    joined: list[Span] = []
    for start_ns, end_ns in sorted(spans):
        if joined and start_ns <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end_ns)
        else:
            joined.append((start_ns, end_ns))
    return joined


def _instant_ns(day: dt.date, minute: int) -> int:
    """A New York minute of a day as Unix nanoseconds."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return int((midnight + dt.timedelta(minutes=minute)).timestamp()) * NS_PER_S
