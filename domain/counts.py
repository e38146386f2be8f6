"""What is too frequent for a record and is therefore counted: one integer each, indexed by a closed list.

Whatever has a record in the journal needs no count: the live shell folds the steps that it performs into metrics
(ops/metrics/fold.py). What is counted here is engine state like any other: remembered over a restart, the same in a
replay, and read by the metrics' collector, which alone knows what each count is called outside (domain/metrics.py).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class Counted(enum.IntEnum):
    """Every count of the engine. The names are those of the snapshot: a renamed one starts at zero again."""

    TICKS_PRIMARY = 0
    TICKS_SECONDARY = 1
    TICKS_OTHER_SYMBOL = 2
    TICKS_NOT_POSITIVE = 3
    TICKS_NOT_NEWER = 4
    TICKS_FUTURE = 5
    TICKS_LATE = 6
    TICKS_AFTER_STALL = 7
    STALES = 8
    CYCLES = 9
    CYCLES_SKIPPED = 10
    RISK_REFUSALS = 11
    REQUOTES = 12
    GROUPS_LEAKED = 13
    FILLS_OF_DAYS_PAST = 14
    PROPOSALS = 15


COUNTS: Final = tuple(Counted)


class Counts:
    """The engine's counts. They only grow."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = [0] * len(COUNTS)

    def __getitem__(self, count: Counted) -> int:
        return self._values[count]

    def add(self, count: Counted, by: int = 1) -> None:
        """Count one more, or `by` more."""
        self._values[count] += by

    def values(self) -> tuple[int, ...]:
        """All of them, in the order of the list."""
        return tuple(self._values)

    def record(self) -> dict[str, int]:
        """For the snapshot: by name, so that a list that grew in the middle reads an older snapshot rightly."""
        return {count.name: value for count, value in zip(COUNTS, self._values, strict=True) if value}

    def restore(self, recorded: Mapping[str, int]) -> None:
        """Go on from a snapshot; what is not counted any more is dropped."""
        for count in COUNTS:
            self._values[count] = recorded.get(count.name, 0)
