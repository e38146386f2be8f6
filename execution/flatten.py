"""Proof that we are flat, and how long it took, as the exchange's own list tells it.

A flattening begins when something empties the desired set while orders may be live: a window's edge, a guard, an
operator. It ends only when nothing in its scope is PLACING, unknown or live, and two listings in a row, both
asked at least SETTLE after our last act, were empty. Time to flat is measured to the first empty listing that can
know: from the trigger to the exchange's list showing zero. Reads lag writes, so a list may be empty because it is
older than our orders: one knows an order that it has shown before, or that came to life SETTLE before it was asked.
While a flattening runs the listing is asked again every POLL.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S
from domain.ids import ClientOrderId
from execution.cancel_all import Scope
from execution.list_lag import SETTLE_NS
from execution.orders import Order

POLL_NS = 220 * NS_PER_MS
EMPTIES_NEEDED = 2
# docs/contracts.md, Quoting.
SWEPT_SETTLE_NS = 2 * NS_PER_S
# After an account-wide cancel-all the exchange may kill new orders for a minute (docs/exchange.md 7).
TAIL_NS = 65 * NS_PER_S
# Lost answers to the listing itself are asked for again after this.


class Flattening(msgspec.Struct):
    """One trigger being carried out, for one series or for the whole account.

    `settle_ns`: how far the list of orders may lag, as it was learned.
    `requests`: who asked for it, and when (monotonic); none of them is done before lists asked after the newest.
    """

    scope: Scope | str
    trigger: str
    started_ns: int
    orders: int
    acted_ns: int
    first_empty_ns: int = 0
    empties: int = 0
    done: bool = False
    sent: bool = False
    requests: list[tuple[str, int]] = []
    members: dict[ClientOrderId, Order] = {}
    settle_ns: int = SETTLE_NS

    def acted(self, now_ns: int) -> None:
        """Something was sent or answered in this scope: older listings prove nothing any more."""
        self.acted_ns = max(self.acted_ns, now_ns)
        self.empties = 0

    def ask(self, reason: str, now_ns: int) -> None:
        """One more request for the same: what is under way will do, if the proof is asked for after it."""
        self.requests.append((reason, now_ns))
        self.empties = 0

    def join(self, orders: Iterable[Order]) -> None:
        """These may be live in the scope: a list that cannot know them yet is not the end of the time to flat."""
        self.members.update((order.client_order_id, order) for order in orders)

    def listed(self, resting: int, live: int, asked_ns: int, now_ns: int) -> None:
        """A whole listing arrived: so many of the scope's orders rest in it, and so many may be live in our book."""
        if resting:
            self.first_empty_ns, self.empties = 0, 0
            return
        if asked_ns < self.started_ns or (self.requests and asked_ns < self.requests[-1][1]):
            return
        knows = all(order.listed or asked_ns >= order.alive_ns + self.settle_ns for order in self.members.values())
        if not self.first_empty_ns and knows:
            self.first_empty_ns = now_ns
        if asked_ns >= self.acted_ns + self.proof_ns:
            self.empties += 1
        self.done = self.empties >= EMPTIES_NEEDED and not live

    def next_listing_ns(self, asked_ns: int) -> int:
        """When to ask again, given when the last listing was asked.

        Until the first empty one every POLL; then only those count that are asked SETTLE after the last act.
        """
        again = asked_ns + POLL_NS
        if self.first_empty_ns:
            again = max(again, self.acted_ns + self.proof_ns)
        return again

    @property
    def proof_ns(self) -> int:
        """How long after our last act a list must be asked to prove anything: more after an account-wide cancel-all."""
        swept = self.scope is Scope.ACCOUNT and self.sent
        return max(self.settle_ns, SWEPT_SETTLE_NS) if swept else self.settle_ns

    @property
    def time_to_flat_ns(self) -> int | None:
        """From the trigger to the first empty listing of those that led to the proof."""
        return self.first_empty_ns - self.started_ns if self.first_empty_ns else None
