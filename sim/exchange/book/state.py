"""The state of the exchange, and its own future.

Everything that will happen without a request (expiry, freeze mark, close, settlement, the end of a pause) is an entry
of one heap ordered by its nominal instant; `advance` carries out what is due, in that order, before anything else looks
at the state. So what a request sees never depends on how late a timer fired, and the same seed gives the same history.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import CASH_ONE
from sim.exchange.book.objects import Account, Event, Group, Market, Order, Series, Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.exchange.book.notices import Notice

TRADES_KEPT_MAX = 20_000
NS_PER_MS = 1_000_000
# The bits of a uuid that say "version 4, variant 1", and those that are free (RFC 9562, 5.4).
UUID_FIXED = 4 << 76 | 2 << 62
UUID_FREE = (1 << 128) - 1 - (15 << 76 | 3 << 62)


@dataclass(slots=True)
class Config:
    """What can be chosen about the exchange; defaults are the reference's best reading."""

    tier: str = "advanced"
    balance: int = 10_000 * CASH_ONE
    shards: tuple[int, ...] = (0, 2)
    funded_shard: int = 0
    auto_route: bool = True
    flat_errors: bool = False
    clock_tolerance_ms: int = 6_000
    list_lag_ms: int = 400
    expiry_latency_ms: tuple[int, int] = (0, 200)
    close_cancel_ms: int = 300
    settle_delay_s: tuple[float, float] = (60.0, 127.0)
    tail_s: float = 60.0
    tail_kill_ms: tuple[int, int] = (20, 1_000)
    tail_voids_percent: int = 50
    group_window_s: int = 15
    thursday_pause: bool = True


@dataclass(slots=True)
class Pauses:
    """Which halts are on. Reasons are counted apart, so that a fault does not end a scheduled maintenance."""

    trading: dict[str, int | None] = field(default_factory=dict)
    exchange: dict[str, int | None] = field(default_factory=dict)


class State:
    """All objects by their names, the seeded generator, and the heap of what is to come."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        self.rng = Random(seed)
        self.series: dict[str, Series] = {}
        self.events: dict[str, Event] = {}
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.orders: dict[str, Order] = {}
        self.groups: dict[str, Group] = {}
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT_MAX)
        self.pauses = Pauses()
        self.announced: list[tuple[int, int]] = []  # maintenance: from when to when
        self.fees_collected = 0
        self.now_ns = 0
        self.serial = 0
        self.listeners: list[Callable[[Notice], None]] = []
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def new_id(self) -> str:
        """A uuid (version 4 in form) drawn from the seeded generator."""
        digits = f"{self.rng.getrandbits(128) & UUID_FREE | UUID_FIXED:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def next_serial(self) -> int:
        """A number that only grows: the order of creation."""
        self.serial += 1
        return self.serial

    def emit(self, notice: Notice) -> None:
        """Tell every listener, in the order in which they came."""
        for listener in self.listeners:
            listener(notice)

    def at(self, when_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(when_ns, *args)` carried out at `when_ns`."""
        heapq.heappush(self._heap, (when_ns, self.next_serial(), act, args))

    def next_deadline_ns(self) -> int | None:
        """The instant of the next entry, or None."""
        return self._heap[0][0] if self._heap else None

    def advance(self, now_ns: int) -> None:
        """Carry out everything due at or before `now_ns`; time never goes back."""
        while self._heap and self._heap[0][0] <= now_ns:
            when_ns, _, act, args = heapq.heappop(self._heap)
            self.now_ns = max(self.now_ns, when_ns)
            act(self.now_ns, *args)
        self.now_ns = max(self.now_ns, now_ns)

    def account(self, name: str, *, is_member: bool) -> Account:
        """The account of that name, opened when first asked for; a member gets its balance on one shard."""
        found = self.accounts.get(name)
        if found is None:
            found = self.accounts[name] = Account(name, self.new_id(), is_member)
            for shard in self.config.shards:
                found.purse(0, shard).value = (
                    self.config.balance if is_member and shard == self.config.funded_shard else 0
                )
        return found

    def lagged_ns(self, now_ns: int) -> int:
        """The instant that lagging reads show at `now_ns`."""
        return now_ns - self.config.list_lag_ms * NS_PER_MS
