"""Whether the exchange is open for orders, as far as it told us and its schedule says.

The status answer names two things: the exchange runs, trading runs; both must. It is asked again and again, so an old
answer is no answer. Every Thursday from 03:00 to 05:00 New York time trading pauses (docs/exchange.md 9); we stand
down a minute before, because orders that rest through a pause can be hit the moment it ends.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import ExchangeStatusRead
from domain.reasons import Reason
from domain.stamps import NEW_YORK
from guards.vote import PASS, Vote, fail, unknown
from guards.windows import FOREVER_NS

DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One weekly pause: weekday (Monday 0) and New York minutes of that day."""

    weekday: int
    start_minute: int
    end_minute: int


THURSDAY_NIGHT = Maintenance(weekday=3, start_minute=180, end_minute=300)


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """`maintenance` is empty for an exchange on loopback that has none."""

    status_age_limit_ms: int = 120_000
    maintenance: tuple[Maintenance, ...] = (THURSDAY_NIGHT,)
    maintenance_lead_s: int = 60


class ExchangeGuard:
    """One for the process."""

    __slots__ = ("_asked_ns", "_pauses", "_settings", "_trading", "_weekly", "_why")

    def __init__(self, settings: ExchangeSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or ExchangeSettings()
        self._asked_ns: int | None = None
        self._trading = False
        self._why = ""
        self._pauses: tuple[tuple[int, int], ...] = ()
        self._weekly: tuple[int, int, tuple[tuple[int, int], ...]] = (0, 0, ())

    def observe(self, status: ExchangeStatusRead) -> None:
        """Take a status answer; its age counts from when it was asked."""
        if self._asked_ns is not None and status.asked.mono_ns < self._asked_ns:
            return
        self._asked_ns = status.asked.mono_ns
        self._trading = status.exchange_active and status.trading_active
        self._why = "" if self._trading else "trading is paused" if status.exchange_active else "the exchange is down"

    def refused(self, why: str, now: Now) -> None:
        """A request was refused because the exchange is paused: believe it until a later status says otherwise."""
        self._asked_ns = now.mono_ns
        self._trading = False
        self._why = why

    def scheduled(self, pauses: tuple[tuple[int, int], ...]) -> None:
        """Announced maintenance, as (start, end) in Unix nanoseconds, besides the weekly one."""
        self._pauses = pauses

    def vote(self, now: Now) -> Vote:
        """PASS while a young answer says that trading runs and no maintenance is near."""
        for start_ns, end_ns in self._spans(now.utc_ns):
            if start_ns <= now.utc_ns < end_ns:
                return fail(Reason.KALSHI_MAINTENANCE, "scheduled maintenance of the exchange")
        if self._asked_ns is None:
            return unknown(Reason.EXCHANGE_PAUSED, "the exchange's status has not been read yet")
        age_ns, limit_ns = now.mono_ns - self._asked_ns, self._settings.status_age_limit_ms * NS_PER_MS
        if not self._trading:
            return fail(Reason.EXCHANGE_PAUSED, self._why, age_ns=age_ns, limit_ns=limit_ns)
        if age_ns > limit_ns:
            return unknown(Reason.EXCHANGE_PAUSED, "the last status of the exchange is too old")
        return Vote(PASS.status, age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """The next edge of a maintenance, or when the status grows too old."""
        utc_ns, mono_ns = now.utc_ns, now.mono_ns
        edges = [mono_ns + edge_ns - utc_ns for span in self._spans(utc_ns) for edge_ns in span if edge_ns > utc_ns]
        if self._asked_ns is not None and self._trading:
            edges.append(self._asked_ns + self._settings.status_age_limit_ms * NS_PER_MS + 1)
        return min([edge for edge in edges if edge > mono_ns], default=None)

    def _spans(self, utc_ns: int) -> tuple[tuple[int, int], ...]:
        """Every pause that is on or comes next, its lead included."""
        lead_ns = self._settings.maintenance_lead_s * NS_PER_S
        since_ns, until_ns, weekly = self._weekly
        if not since_ns <= utc_ns < until_ns:
            weekly = tuple(_next_span(pause, utc_ns) for pause in self._settings.maintenance)
            self._weekly = (utc_ns, min((end_ns for _, end_ns in weekly), default=FOREVER_NS), weekly)
        return tuple((start_ns - lead_ns, end_ns) for start_ns, end_ns in weekly + self._pauses)


def _next_span(pause: Maintenance, utc_ns: int) -> tuple[int, int]:
    """The weekly pause of today if it has not ended, else the next one, in Unix nanoseconds."""
    today = dt.datetime.fromtimestamp(utc_ns // NS_PER_S, NEW_YORK).date()
    ahead = (pause.weekday - today.weekday()) % DAYS_PER_WEEK
    span = _span_on(pause, today + dt.timedelta(days=ahead))
    return span if span[1] > utc_ns else _span_on(pause, today + dt.timedelta(days=ahead + DAYS_PER_WEEK))


def _span_on(pause: Maintenance, day: dt.date) -> tuple[int, int]:
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    first, last = (
        int(midnight.replace(hour=minute // 60, minute=minute % 60).timestamp()) * NS_PER_S
        for minute in (pause.start_minute, pause.end_minute)
    )
    return first, last
