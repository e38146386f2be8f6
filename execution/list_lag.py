"""How far the exchange's list of orders lags behind what happened, learned from what it shows and lacks.

A list that still shows an order after the exchange had said that it ended lags by at least the time between; so does
one that lacked an order which a later list shows. What such lists tell is kept, and the 99th percentile of it is
SETTLE: how long after an act a list must be asked to prove anything, a second at least, eight at most. A list further
behind than that proves nothing, and new places wait for as long as it was seen to be (docs/contracts.md, Quoting).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from domain.clock import NS_PER_S

SETTLE_NS: Final = NS_PER_S
# The longest that a list is believed to lag behind what happened.
SETTLE_MAX_NS: Final = 8 * NS_PER_S
SAMPLES_MAX: Final = 100
# For so long after it was seen to lag more than can be waited for, a list is not known to have caught up.
BEHIND_NS: Final = 30 * NS_PER_S


class ListLag:
    """`settle_ns`: how long after an act or news a list must be asked to prove anything."""

    __slots__ = ("_behind_ns", "_samples", "settle_ns")

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=SAMPLES_MAX)
        self._behind_ns: int | None = None
        self.settle_ns = SETTLE_NS

    def learn(self, lag_ns: int, now_ns: int) -> None:
        """One list was seen to lag by at least this much, 0 where it showed what was young."""
        self._samples.append(lag_ns)
        p99_ns = sorted(self._samples)[-(-len(self._samples) * 99 // 100) - 1]
        self.settle_ns = max(SETTLE_NS, min(p99_ns, SETTLE_MAX_NS))
        if lag_ns > SETTLE_MAX_NS:
            self._behind_ns = now_ns

    def behind(self, now_ns: int) -> bool:
        """Whether a list was lately seen further behind than can be waited for."""
        return self.behind_for_ns(now_ns) > 0

    def behind_for_ns(self, now_ns: int) -> int:
        """For how long new places wait if no other such list comes; 0 when they need not."""
        return 0 if self._behind_ns is None else max(0, self._behind_ns + BEHIND_NS - now_ns)
