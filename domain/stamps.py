"""Instants as text: one place for every form that leaves or enters the process.

An instant is Unix nanoseconds. Fractions are cut, never rounded up, so that a printed instant is never later than the
one it stands for. What comes from outside is read as RFC 3339, digit by digit: the library's parser keeps six digits of
a fraction and drops what follows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.clock import NS_PER_MS, NS_PER_S

# Beyond these an instant in nanoseconds, or the distance of two, could not be written down.
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2200
NEW_YORK: Final = ZoneInfo("America/New_York")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def utc_ns_text(utc_ns: int) -> str:
    """2026-03-06T14:50:00.123456789Z, always nine digits: as the journal writes it."""
    seconds, nanoseconds = divmod(utc_ns, NS_PER_S)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def utc_ms_text(utc_ns: int) -> str:
    """2026-03-06T15:00:00.123Z, always three digits: as logs, pages and status write it."""
    return f"{utc_ns_text(utc_ns)[:23]}Z"


def utc_text(utc_ns: int) -> str:
    """2026-03-06T15:00:00Z, with milliseconds only when there are some: as window edges are written."""
    text = utc_ns_text(utc_ns)
    return f"{text[:23] if utc_ns % NS_PER_S >= NS_PER_MS else text[:19]}Z"


def et_text(utc_ns: int) -> str:
    """2026-03-06T10:00:00-05:00, New York's wall time with its offset; milliseconds only when there are some."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_S)
    local = datetime.fromtimestamp(seconds, NEW_YORK).replace(microsecond=rest_ns // 1000)
    return local.isoformat(timespec="milliseconds" if rest_ns >= NS_PER_MS else "seconds")


def parse_rfc3339(text: str) -> int:
    """Return "2026-11-23T16:59:50.5Z" as Unix nanoseconds. Raises ValueError for anything but RFC 3339 of our age."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 stamp: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = found.groups()
    if not YEAR_MIN <= int(year) <= YEAR_MAX:
        raise ValueError(f"a year beyond {YEAR_MIN} to {YEAR_MAX}: {text!r}")
    at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    unix = (at - _EPOCH) // _SECOND
    if sign is not None:
        if int(off_hour) > 23 or int(off_minute) > 59:  # noqa: PLR2004 - a clock's
            raise ValueError(f"not an RFC 3339 stamp: {text!r}")
        ahead = int(off_hour) * 3_600 + int(off_minute) * 60
        unix += ahead if sign == "-" else -ahead
    return unix * NS_PER_S + int((fraction or "").ljust(9, "0"))
