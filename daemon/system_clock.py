"""The one file that reads a clock (tests/test_tidy.py holds everybody else to it)."""

from __future__ import annotations

import time

from domain.clock import Now


class SystemClock:
    """The machine's own monotonic and wall clocks."""

    __slots__ = ()

    def now(self) -> Now:
        """Read both clocks, monotonic first."""
        return Now(time.monotonic_ns(), time.time_ns())
