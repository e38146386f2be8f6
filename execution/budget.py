"""The write budget: the exchange's token bucket as we reckon it, with a reserve that only cancels may touch.

The exchange refills continuously and bills each operation (docs/exchange.md 8): a place 10, a cancel by id 2, a
group trigger 10, cancel-all 2. Quoting yields first: a place is allowed only if, after it, there is still enough to
trigger every group, batch-cancel every live order and send one cancel-all twice over. Quoting has an allowance of its
own besides, refilled at half the rate, so that churn stays under half of the budget. Tokens are counted in
thousandths, so that the arithmetic is whole. Until the limits have been read there is no budget, so nothing is placed.
A restart goes on with the tokens of the run before and what has flowed in since by the wall clock: nothing, if that
was set back.
"""

from __future__ import annotations

import msgspec

from domain.clock import NS_PER_S, Now

MILLI = 1000
CANCEL_ALL_COST = 2


class BudgetRecord(msgspec.Struct, frozen=True):
    """The bucket as the snapshot holds it: what was in it at `utc_ns`."""

    utc_ns: int
    refill_per_s: int
    capacity: int
    place_cost: int
    cancel_cost: int
    group_cost: int
    tokens_milli: int
    quoting_milli: int


class Budget:
    """One write bucket."""

    __slots__ = (
        "cancel_cost",
        "capacity",
        "group_cost",
        "known",
        "place_cost",
        "quoting_milli",
        "refill_per_s",
        "stamp_ns",
        "starved",
        "tokens_milli",
    )

    def __init__(self) -> None:
        self.known = False
        self.refill_per_s = 0
        self.capacity = 0
        self.place_cost = 10
        self.cancel_cost = 2
        self.group_cost = 10
        self.tokens_milli = 0
        self.quoting_milli = 0
        self.stamp_ns = 0
        self.starved = 0

    def learn(
        self, now_ns: int, *, refill_per_s: int, capacity: int, place_cost: int, cancel_cost: int, group_cost: int
    ) -> None:
        """Take the limits that the exchange told; the bucket stays as it was, also in the run before."""
        first = not self.capacity
        self.refill(now_ns)
        self.refill_per_s = refill_per_s
        self.capacity = capacity
        self.place_cost = place_cost
        self.cancel_cost = cancel_cost
        self.group_cost = group_cost
        self.known = True
        if first:
            # A run that nobody remembers may have spent the bucket a moment ago: start with half, refill does the rest.
            self.tokens_milli = capacity * MILLI // 2
            self.quoting_milli = capacity * MILLI // 2
            self.stamp_ns = now_ns
        self.tokens_milli = min(self.tokens_milli, capacity * MILLI)
        self.quoting_milli = min(self.quoting_milli, capacity * MILLI // 2)

    def record(self, now: Now) -> BudgetRecord | None:
        """The bucket for the snapshot, as of its last refill; None when the limits were never known."""
        if not self.capacity:
            return None
        return BudgetRecord(
            now.utc_ns - (now.mono_ns - self.stamp_ns),
            self.refill_per_s,
            self.capacity,
            self.place_cost,
            self.cancel_cost,
            self.group_cost,
            self.tokens_milli,
            self.quoting_milli,
        )

    def restore(self, kept: BudgetRecord, now: Now) -> None:
        """Go on with the bucket of the run before; nothing is placed until the limits have been read again."""
        self.refill_per_s, self.capacity = kept.refill_per_s, kept.capacity
        self.place_cost, self.cancel_cost, self.group_cost = kept.place_cost, kept.cancel_cost, kept.group_cost
        self.tokens_milli, self.quoting_milli = kept.tokens_milli, kept.quoting_milli
        self.stamp_ns = now.mono_ns - max(0, now.utc_ns - kept.utc_ns)
        self.refill(now.mono_ns)

    def refill(self, now_ns: int) -> None:
        """Add what flowed in since the last look."""
        elapsed_ns = now_ns - self.stamp_ns
        if elapsed_ns > 0:
            grown = self.tokens_milli + elapsed_ns * self.refill_per_s * MILLI // NS_PER_S
            self.tokens_milli = min(self.capacity * MILLI, grown)
            allowed = self.quoting_milli + elapsed_ns * self.refill_per_s * MILLI // (2 * NS_PER_S)
            self.quoting_milli = min(self.capacity * MILLI // 2, allowed)
            self.stamp_ns = now_ns

    def reserve(self, live_orders: int, groups: int) -> int:
        """Tokens kept for cancels, given what is live; at most half the bucket, or Basic could never quote."""
        wanted = 2 * CANCEL_ALL_COST + (groups + 1) * self.group_cost + live_orders * self.cancel_cost
        return min(wanted, self.capacity // 2)

    def may_place(self, now_ns: int, live_orders: int, groups: int) -> bool:
        """Whether a place leaves the reserve untouched."""
        if not self.known:
            return False
        self.refill(now_ns)
        if self.quoting_milli < self.place_cost * MILLI:
            return False
        return self.tokens_milli >= (self.place_cost + self.reserve(live_orders, groups)) * MILLI

    def affords(self, cost: int, now_ns: int) -> bool:
        """Whether the bucket holds so much, as far as it is known at all."""
        self.refill(now_ns)
        return not self.capacity or self.tokens_milli >= cost * MILLI

    def quoted(self, cost: int, now_ns: int) -> None:
        """Take tokens for quoting: a place, or the cancel of a quote that moved."""
        self.spend(cost, now_ns)
        self.quoting_milli = max(0, self.quoting_milli - cost * MILLI)

    def spend(self, cost: int, now_ns: int) -> None:
        """Take tokens for something sent. A cancel goes out even when we reckon the bucket empty; never below zero."""
        self.refill(now_ns)
        self.tokens_milli -= cost * MILLI
        if self.tokens_milli < 0:
            self.starved += 1
            self.tokens_milli = 0

    def refused(self, now_ns: int) -> None:
        """The exchange answered 429: whatever we reckoned, the bucket is empty now."""
        self.refill(now_ns)
        self.tokens_milli = 0

    def wait_ns(self, live_orders: int, groups: int) -> int:
        """How long until a place is affordable, from the last refill."""
        if not self.known or not self.refill_per_s:
            return NS_PER_S
        short = (self.place_cost + self.reserve(live_orders, groups)) * MILLI - self.tokens_milli
        short = max(short, 2 * (self.place_cost * MILLI - self.quoting_milli))
        return max(1, -(-short * NS_PER_S // (self.refill_per_s * MILLI)))
