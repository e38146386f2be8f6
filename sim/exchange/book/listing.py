"""Which events exist, and what they and their rungs are called.

Grammar (docs/exchange.md 12): event `KXINXU-26NOV23H1200` (series, YYMMMDD, H, close HHMM in Eastern time), market
`<event>-T6844.9999`. Strikes step 5 (S&P) or 10 (Nasdaq) points; the suffix is the strike less 0.0001 or 0.01 while
`floor_strike` is the strike itself with `greater_or_equal`. For periods under an hour seconds are appended (H120012).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from domain.stamps import NEW_YORK
from sim.exchange.book.fixed import NS

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_S = 3600
FIRST_HOUR, LAST_HOUR = 10, 16
FRIDAY = 4
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True, slots=True)
class Family:
    """What the exchange says of one series. `step` in points; `below` is what the ticker's suffix lacks."""

    ticker: str
    symbol: str
    name: str
    step: int
    decimals: int


FAMILIES = {
    "KXINXU": Family("KXINXU", "I:SPX", "S&P 500", 5, 4),
    "KXNASDAQ100U": Family("KXNASDAQ100U", "I:NDX", "Nasdaq-100", 10, 2),
}


@dataclass(frozen=True, slots=True)
class Template:
    """How close times follow each other: every `period_s` from `anchor_s`, or (None) the hours of New York."""

    period_s: int = HOUR_S
    anchor_s: int | None = None

    def closes(self, now_ns: int) -> Iterator[int]:
        """Close instants after `now_ns`, ascending, without end."""
        if self.anchor_s is None:
            yield from _hours(now_ns)
            return
        step = self.period_s * NS
        first = self.anchor_s * NS
        number = (now_ns - first) // step + 1  # the anchor only sets the phase: it may lie ahead
        while True:
            yield first + number * step
            number += 1

    def opens(self, close_ns: int) -> int:
        """When the market of that close begins to trade."""
        if self.anchor_s is not None:
            return close_ns - 10 * self.period_s * NS
        local = datetime.fromtimestamp(close_ns // NS, UTC).astimezone(NEW_YORK)
        if local.hour == LAST_HOUR:
            return _instant(local.date(), time(3, 10))
        return _instant(_trading_day_before(local.date()), time(16, 0))


def _instant(day: date, at: time) -> int:
    return int(datetime.combine(day, at, NEW_YORK).timestamp()) * NS


def _trading_day_before(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() > FRIDAY:
        day -= timedelta(days=1)
    return day


def _hours(now_ns: int) -> Iterator[int]:
    """The whole hours 10:00 to 16:00 Eastern of weekdays (holidays trade here; the client's calendar knows better)."""
    day = datetime.fromtimestamp(now_ns // NS, UTC).astimezone(NEW_YORK).date()
    while True:
        if day.weekday() <= FRIDAY:
            for hour in range(FIRST_HOUR, LAST_HOUR + 1):
                close_ns = _instant(day, time(hour))
                if close_ns > now_ns:
                    yield close_ns
        day += timedelta(days=1)


def event_ticker(series: str, close_ns: int, *, with_seconds: bool) -> str:
    """`KXINXU-26NOV23H1200`, or with seconds `...H120012`."""
    local = datetime.fromtimestamp(close_ns // NS, UTC).astimezone(NEW_YORK)
    clock = f"{local:%H%M%S}" if with_seconds else f"{local:%H%M}"
    return f"{series}-{local:%y}{MONTHS[local.month - 1]}{local:%d}H{clock}"


def market_ticker(event: str, family: Family, strike: int) -> str:
    """`<event>-T6844.9999` for strike 6845 of the S&P, `-T25959.99` for 25960 of the Nasdaq."""
    below = strike * 10**family.decimals - 1
    whole, part = divmod(below, 10**family.decimals)
    return f"{event}-T{whole}.{part:0{family.decimals}d}"


def strikes(family: Family, index_micro: int, rungs: int) -> list[int]:
    """`rungs` strikes around the index value (1e-6 points), ascending."""
    step = family.step
    middle = (index_micro + step * 500_000) // (step * 1_000_000) * step
    lowest = middle - rungs // 2 * step
    return [lowest + step * n for n in range(rungs)]


def moment(close_ns: int, *, with_seconds: bool) -> str:
    """`Nov 23, 2026 at 12pm EST`, as titles and rules write it."""
    local = datetime.fromtimestamp(close_ns // NS, UTC).astimezone(NEW_YORK)
    hour = local.hour % 12 or 12
    clock = f"{hour}:{local:%M:%S}" if with_seconds else f"{hour}"
    return f"{local:%b} {local.day}, {local.year} at {clock}{local:%p}".replace("AM", "am").replace("PM", "pm") + (
        f" {local.tzname()}"
    )
