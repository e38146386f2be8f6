"""The exchange's RFC3339 stamps as Unix nanoseconds, exactly.

The recorded stamps have 0 to 6 digits after the second, at times five ("31.28563"). The library's parser keeps six and
drops what follows, so the fraction is read here as an integer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.clock import NS_PER_S

_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def parse_ns(text: str) -> int:
    """Return "2026-11-23T16:59:50.5Z" as Unix nanoseconds. Raises ValueError for anything but a full RFC3339 stamp."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC3339 stamp: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = found.groups()
    at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    unix = (at - _EPOCH) // _SECOND
    if sign is not None:
        ahead = int(off_hour) * 3_600 + int(off_minute) * 60
        unix += ahead if sign == "-" else -ahead
    return unix * NS_PER_S + int((fraction or "").ljust(9, "0"))
