"""The balance, walked to the cent: what it was when the books were opened, and everything booked since, is what it is.

`opening` is the exchange's cash less all that our ledger did to it, so it never changes while the books agree. It is
compared only while nothing rests, nothing is under way and everything that is over is settled, by a read asked a SETTLE
after the last of it: then every cent has its reason. A gap counts when two looks in a row show the same one.

A single credit or debit while nothing of ours happened is money that somebody moved, and waits for an operator. Any
other gap, or a second one, says that fills, fees or settlements are not what we booked.
"""

from __future__ import annotations

import msgspec

from domain.money import Cash


class BalanceRecord(msgspec.Struct, frozen=True):
    """The walk as the snapshot holds it. `idle`: nothing of ours happened since the books last agreed."""

    opening: Cash | None
    gap: Cash
    moved: bool
    paid_in: Cash
    idle: bool


class BalanceWalk:
    """`gap` is what two looks agreed on, zero when the books agree; `moved` when it is money that somebody moved."""

    def __init__(self) -> None:
        self.opening: Cash | None = None
        self.gap = Cash(0)
        self.moved = False
        self.suspected = Cash(0)
        self.paid_in = Cash(0)
        self.agreed_ns = 0
        self.idle = True

    def look(self, balance: Cash, paid_in: Cash, asked_ns: int, changed_ns: int) -> bool:
        """Compare once; False when a second look has to decide. `changed_ns`: the last news of any order of ours."""
        if self.opening is None:
            self.opening = Cash(balance - paid_in)
        gap = Cash(balance - paid_in - self.opening)
        if not gap:
            self.gap = self.suspected = Cash(0)
            self.moved, self.idle = False, True
            self.paid_in, self.agreed_ns = paid_in, asked_ns
            return True
        if gap == self.gap:
            return True
        if gap != self.suspected:
            self.suspected = gap
            return False
        idle = self.idle and paid_in == self.paid_in and changed_ns <= self.agreed_ns
        # A second movement, on top of one that nobody has explained, is no single one.
        self.moved = idle and not self.gap
        self.gap, self.suspected = gap, Cash(0)
        return True

    def adopt(self) -> None:
        """Take the exchange's balance as the truth from the next look on."""
        self.opening = None
        self.gap = self.suspected = Cash(0)
        self.moved = False

    def record(self, changed_ns: int, *, live: bool) -> BalanceRecord:
        """As plain values; orders that may be live at the end of a run are something of ours that happened."""
        idle = self.idle and changed_ns <= self.agreed_ns and not live
        return BalanceRecord(self.opening, self.gap, self.moved, self.paid_in, idle)

    def restore(self, kept: BalanceRecord) -> None:
        """Go on where the run before stopped."""
        self.opening, self.gap, self.moved = kept.opening, kept.gap, kept.moved
        self.paid_in, self.idle = kept.paid_in, kept.idle
