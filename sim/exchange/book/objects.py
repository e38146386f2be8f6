"""What the exchange keeps: series, events, markets, accounts, orders, groups, fills.

Reads of the real exchange lag its writes by some 0.4 s, so whatever a list shows is kept with its recent past
(`Versioned`, and `Order.versions`): a read asks for the value as it was at `now - lag`. The matching engine itself only
ever uses the newest value.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from sim.exchange.book.book import Book
from sim.exchange.book.fixed import NS, PRICE_ONE

KEEP_NS = 30 * NS
"""How far back a lagging read may look."""


class Versioned:
    """A number with its recent past; `value` is the newest."""

    __slots__ = ("past", "value")

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self.past: deque[tuple[int, int]] = deque()

    def set(self, at_ns: int, value: int) -> None:
        """Replace the value as of `at_ns`, dropping a past that no read can reach any more."""
        past = self.past
        past.append((at_ns, self.value))
        while past[0][0] < at_ns - KEEP_NS:
            past.popleft()
        self.value = value

    def at(self, at_ns: int) -> int:
        """The value as it was at `at_ns`."""
        value = self.value
        for changed_ns, before in reversed(self.past):
            if changed_ns <= at_ns:
                break
            value = before
        return value


class OrderState(msgspec.Struct, frozen=True):
    """Everything about an order that can change. Price, counts and cash in the units of `fixed`."""

    status: str
    price: int
    initial: int
    remaining: int
    updated_ns: int
    filled: int = 0
    maker_cost: int = 0
    taker_cost: int = 0
    maker_fees: int = 0
    taker_fees: int = 0
    expiration_s: int | None = None
    reason: str = ""
    client_order_id: str = ""


@dataclass(slots=True, eq=False)
class Series:
    """One ladder's family, with its fee terms and their history (newest first)."""

    ticker: str
    symbol: str
    title: str
    exchange_index: int
    strike_step: int
    suffix_below: str
    fee_type: str = "quadratic"
    fee_multiplier: float | int = 1
    fee_changes: list[dict[str, object]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Event:
    """One hour of one series: its markets, and what the account had resting in it."""

    ticker: str
    series: Series
    close_ns: int
    open_ns: int
    created_ns: int
    title: str
    sub_title: str
    markets: list[Market] = field(default_factory=list)
    fee_type_override: str | None = None
    fee_multiplier_override: float | int | None = None
    settled_ns: int | None = None
    scalar: int | None = None  # what one YES contract of each market will be worth, whatever the index says
    late_ns: int = 0  # by how much its settlement will come later than usual
    value_text: str = ""
    own_resting: int = 0
    own_resting_after_freeze_max: int = 0
    own_last_resting_ns: int | None = None

    @property
    def freeze_ns(self) -> int:
        """Two seconds before the close: from here on nothing of the account may rest."""
        return self.close_ns - 2 * NS


@dataclass(slots=True, eq=False)
class Market:
    """One rung. `status` is the exchange's word for its place in life."""

    ticker: str
    market_id: str
    event: Event
    strike: int
    price_ranges: list[tuple[int, int, int]]
    price_level_structure: str
    book: Book[Order]
    status: str = "initialized"
    result: str = ""
    worth: int = 0
    updated_ns: int = 0
    halted: bool = False
    volume: int = 0
    dollar_volume: int = 0
    open_interest: int = 0
    last_price: int = 0
    last_size: int = 0
    previous_price: int = 0
    holders: list[tuple[Account, Position]] = field(default_factory=list)

    @property
    def exchange_index(self) -> int:
        """The shard on which this market trades."""
        return self.event.series.exchange_index

    def on_grid(self, price: int) -> bool:
        """Whether an order may have this price: inside a range, strictly between 0 and 1, on its step."""
        if not 0 < price < PRICE_ONE:
            return False
        return any(lo <= price <= hi and (price - lo) % step == 0 for lo, hi, step in self.price_ranges)


@dataclass(slots=True, eq=False)
class Position:
    """Net contracts of one account in one market (+ YES, - NO), with its cost basis and history of cash."""

    market: Market
    subaccount: int
    count: Versioned = field(default_factory=Versioned)
    cost: Versioned = field(default_factory=Versioned)
    realized: int = 0
    fees: int = 0
    traded: int = 0
    shares: int = 0
    volume: int = 0
    updated_ns: int = 0
    settled: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """A member: cash per (subaccount, shard), positions per (subaccount, ticker), and everything it ever sent."""

    name: str
    user_id: str
    is_member: bool
    cash: dict[tuple[int, int], Versioned] = field(default_factory=dict)
    reserved: dict[tuple[int, int], Versioned] = field(default_factory=dict)
    positions: dict[tuple[int, str], Position] = field(default_factory=dict)
    client_order_ids: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    resting: dict[str, Order] = field(default_factory=dict)
    departed: deque[tuple[int, Order]] = field(default_factory=deque)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    tail_until_ns: int = 0
    tail_subaccount: int | None = None

    def purse(self, subaccount: int, shard: int) -> Versioned:
        """Cash of one subaccount on one shard, made at zero when first asked for."""
        return self.cash.setdefault((subaccount, shard), Versioned())

    def held(self, subaccount: int, shard: int) -> Versioned:
        """Cash set aside there for resting orders."""
        return self.reserved.setdefault((subaccount, shard), Versioned())

    def position(self, subaccount: int, market: Market) -> Position:
        """The position there, made flat when first asked for."""
        found = self.positions.get((subaccount, market.ticker))
        if found is None:
            found = self.positions[subaccount, market.ticker] = Position(market, subaccount)
            market.holders.append((self, found))
        return found


@dataclass(slots=True, eq=False)
class Group:
    """An order group: contracts filled in a rolling 15 s may not reach `limit`."""

    id: str
    account: Account
    subaccount: int
    exchange_index: int
    limit: int
    triggered: bool = False
    filled: deque[tuple[int, int]] = field(default_factory=deque)
    resting: dict[str, Order] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Order:
    """One order, resting or not. `side` is the side of the YES book: bid or ask."""

    id: str
    serial: int
    account: Account
    market: Market
    side: str
    time_in_force: str
    self_trade_prevention: str
    post_only: bool
    cancel_on_pause: bool
    subaccount: int
    created_ns: int
    group: Group | None
    state: OrderState
    versions: list[tuple[int, OrderState]] = field(default_factory=list)
    reserved: int = 0
    reserve_full: int = 0
    reserve_count: int = 0
    fee_carry: int = 0

    def become(self, at_ns: int, state: OrderState) -> None:
        """Take the next state, keeping the one before for lagging reads."""
        versions = self.versions
        versions.append((at_ns, self.state))
        while len(versions) > 1 and versions[0][0] < at_ns - KEEP_NS:
            versions.pop(0)
        self.state = state

    def at(self, at_ns: int) -> OrderState | None:
        """The state as it was at `at_ns`; None before the order existed."""
        if at_ns < self.created_ns:
            return None
        for changed_ns, before in self.versions:
            if changed_ns > at_ns:
                return before
        return self.state


@dataclass(slots=True, frozen=True, eq=False)
class Trade:
    """One match, as the public tape shows it."""

    id: str
    serial: int
    market: Market
    price: int
    count: int
    taker_side: str
    at_ns: int


@dataclass(slots=True, frozen=True, eq=False)
class Fill:
    """One side of a match, as its owner sees it. `fee` is what was charged, rounding included."""

    trade: Trade
    order: Order
    is_taker: bool
    fee: int
    post_position: int
    at_ns: int


@dataclass(slots=True, frozen=True, eq=False)
class Settlement:
    """What one account got for one market when it settled. Counts and cash in the units of `fixed`."""

    market: Market
    subaccount: int
    yes_count: int
    yes_cost: int
    no_count: int
    no_cost: int
    revenue: int
    fees: int
    at_ns: int
