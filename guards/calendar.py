"""The New York Stock Exchange's days: open until 16:00, until 13:00, or closed. All hours are New York's.

Two sources, and both must agree: the rules of the `holidays` package, and a committed table of 400 days that a person
has read. A day on which they differ counts as closed and is named. After the table's last day nothing is known, so
every day is closed: an old installation stops by itself instead of quoting into a holiday that was declared since.
Before the table's first day (replays, old reports) the package speaks alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from domain.errors import ConfigurationError

OPEN_MINUTE = 9 * 60 + 30
FULL_CLOSE_HOUR = 16
HALF_CLOSE_HOUR = 13
TABLE_DAYS = 400
TABLE_NAME = "configs/nyse_days.csv"
TABLE_HEADER = "day,session,close_et,note"
KNOWN_UNTIL = dt.date(2027, 12, 25)

_ONE_DAY = dt.timedelta(days=1)
_SATURDAY = 5
_CLOSE_HOURS = {"full": FULL_CLOSE_HOUR, "half": HALF_CLOSE_HOUR, "closed": None}
_CLOSE_TEXT = {FULL_CLOSE_HOUR: "16:00", HALF_CLOSE_HOUR: "13:00", None: ""}
_SESSION_TEXT = {hour: text for text, hour in _CLOSE_HOURS.items()}


class NyseCalendar:
    """Close hours by day. `table` is the parsed committed table; without it the package speaks until KNOWN_UNTIL."""

    __slots__ = ("_closures", "_halves", "_known_until", "_table")

    def __init__(self, table: Mapping[dt.date, int | None] | None = None) -> None:
        """Make a calendar over the table of `parse_table`. Takes some 0.2 s the first time: do it before the loop."""
        from holidays.financial.ny_stock_exchange import (  # noqa: PLC0415 - loads every exchange; demos do without
            NewYorkStockExchange,
        )

        # The package's constructors carry no annotations.
        self._closures = NewYorkStockExchange()  # type: ignore[no-untyped-call]
        self._halves = NewYorkStockExchange(categories=("half_day",))  # type: ignore[no-untyped-call]
        self._table = dict(table) if table else {}
        self._known_until = max(self._table) if self._table else KNOWN_UNTIL

    @property
    def known_until(self) -> dt.date:
        """The last day of which anything is known."""
        return self._known_until

    def close_hour(self, day: dt.date) -> int | None:
        """The hour (ET) at which the exchange closes that day: 16, 13, or None for a day without a session."""
        if day > self._known_until:
            return None
        ruled = self._ruled(day)
        return ruled if self._table.get(day, ruled) == ruled else None

    def disagreements(self) -> tuple[str, ...]:
        """The days on which package and table differ, as lines for the operator; such days count as closed."""
        return tuple(
            f"{TABLE_NAME}: {day} is {_SESSION_TEXT[hour]} in the table but {_SESSION_TEXT[self._ruled(day)]} by the"
            " holidays package; find out which is right and correct the table or update the package"
            for day, hour in sorted(self._table.items())
            if self._ruled(day) != hour
        )

    def _ruled(self, day: dt.date) -> int | None:
        if day.weekday() >= _SATURDAY or day in self._closures:
            return None
        return HALF_CLOSE_HOUR if day in self._halves else FULL_CLOSE_HOUR

    def note(self, day: dt.date) -> str:
        """Why a day is short or closed, in a few words; empty on an ordinary day."""
        if day.weekday() >= _SATURDAY:
            return "weekend"
        return str(self._closures.get(day) or self._halves.get(day) or "")


def parse_table(text: str) -> dict[dt.date, int | None]:
    """Read the committed table. Raises ConfigurationError naming the line: every day once, in order, none missing."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != TABLE_HEADER:
        raise ConfigurationError(f"{TABLE_NAME}: line 1 must read {TABLE_HEADER!r}; restore the file")
    table: dict[dt.date, int | None] = {}
    expected: dt.date | None = None
    for number, line in enumerate(lines[1:], start=2):
        day, hour = _parse_row(number, line)
        if expected is not None and day != expected:
            raise ConfigurationError(f"{TABLE_NAME}: line {number}: found {day}, expected {expected}; restore the file")
        table[day] = hour
        expected = day + _ONE_DAY
    if not table:
        raise ConfigurationError(f"{TABLE_NAME}: has no days; restore the file")
    return table


def _parse_row(number: int, line: str) -> tuple[dt.date, int | None]:
    fields = line.split(",", 3)
    try:
        day = dt.date.fromisoformat(fields[0])
        hour = _CLOSE_HOURS[fields[1]]
        close = fields[2]
    except (ValueError, KeyError, IndexError) as error:
        raise ConfigurationError(
            f"{TABLE_NAME}: line {number}: {line!r} is not day,full|half|closed,close,note; restore the file"
        ) from error
    if close != _CLOSE_TEXT[hour]:
        raise ConfigurationError(
            f"{TABLE_NAME}: line {number}: a {fields[1]} day closes at {_CLOSE_TEXT[hour] or 'no hour'}, not {close!r}"
        )
    return day, hour


def render_table(first: dt.date, days: int = TABLE_DAYS) -> str:
    """Write the table that the package's rules give, for a person to read before it is committed."""
    calendar = NyseCalendar({first + (days - 1) * _ONE_DAY: None})
    rows = [TABLE_HEADER]
    for offset in range(days):
        day = first + offset * _ONE_DAY
        hour = calendar._ruled(day)  # noqa: SLF001 - same module
        rows.append(f"{day},{_SESSION_TEXT[hour]},{_CLOSE_TEXT[hour]},{calendar.note(day).replace(',', ';')}")
    return "\n".join(rows) + "\n"
