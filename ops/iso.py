"""Instants as people and machines read them: ISO 8601 in UTC, and the exchange's wall time in New York.

Only formatting: an instant comes in as Unix nanoseconds, text goes out. Fractions are cut, never rounded up, so that
a printed instant is never later than the one it stands for.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from domain.clock import NS_PER_MS, NS_PER_S

NEW_YORK = ZoneInfo("America/New_York")


def iso_utc(utc_ns: int) -> str:
    """Unix nanoseconds -> "2026-03-06T15:00:00.123Z"."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_S)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // NS_PER_MS:03d}Z"


def iso_et(utc_ns: int) -> str:
    """Unix nanoseconds -> "2026-03-06T10:00:00-05:00", the wall time in New York with its offset."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_S)
    local = dt.datetime.fromtimestamp(seconds, NEW_YORK)
    if rest_ns < NS_PER_MS:
        return local.isoformat(timespec="seconds")
    return local.replace(microsecond=rest_ns // 1000).isoformat(timespec="milliseconds")
