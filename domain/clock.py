"""Time as a value.

`Now` is stamped once, at the edge, and handed down as an argument: nothing below the shell reads a clock. Two stamps
travel together because they answer different questions. `mono_ns` measures how long ago something was and never
steps; `utc_ns` says which instant of the exchange's day it is, and can be stepped by an operator or by NTP.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Now(msgspec.Struct, frozen=True, array_like=True):
    """One reading of both clocks, in integer nanoseconds (`utc_ns` since the Unix epoch)."""

    mono_ns: int
    utc_ns: int


class Clock(Protocol):
    """Whatever can be asked for the time: the system's clock, or the virtual one of the simulation."""

    def now(self) -> Now:
        """Read both clocks."""
        ...


def utc_ms(now: Now) -> int:
    """Unix milliseconds, as the exchange's signatures and stamps want them."""
    return now.utc_ns // NS_PER_MS
