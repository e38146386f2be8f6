"""The frozen picture of the daemon: what HTTP, the page, the terminal and the metrics may see, and nothing else.

The engine draws a new one when asked; ages in it are true at `now`. Readers that hold it longer add the time since.
Prices are integers of 1/10,000 dollar, counts of 1/100 contract, cash of 1e-6 dollar, index values of 1e-6 points.
"""

from __future__ import annotations

import msgspec

from domain.clock import Now
from guards.index_freshness import IndexFreshness


class Gate(msgspec.Struct, frozen=True):
    """One guard's vote: for a series, or for everything when `series` is empty."""

    name: str
    series: str
    status: str
    reason: str
    detail: str
    age_s: float | None
    limit_s: float | None


class FeedView(msgspec.Struct, frozen=True):
    """One feed's session; `age_ms` by symbol, None for a symbol never seen."""

    name: str
    host: str
    state: str
    reason: str
    active: bool
    ages_ms: dict[str, float | None]
    ticks: int
    reconnects: int


class SeriesView(msgspec.Struct, frozen=True):
    """One series: its window, the index, and whether we may quote it."""

    name: str
    symbol: str
    phase: str
    window: str | None
    opens_ns: int | None
    strict_ns: int | None
    flatten_ns: int | None
    freeze_ns: int | None
    target_ns: int | None
    seconds_to_freeze: float | None
    index_value: int | None
    freshness: IndexFreshness
    active_feed: str
    volatility_ppm: int | None
    open: bool
    reasons: tuple[str, ...]
    trips: int
    fee_path: str


class RungView(msgspec.Struct, frozen=True):
    """One rung of a ladder near the money."""

    series: str
    ticker: str
    strike: int
    fair: int | None
    bid: int | None
    bid_count: int
    ask: int | None
    ask_count: int
    our_bid: int | None
    our_ask: int | None
    position: int


class OrderView(msgspec.Struct, frozen=True):
    """One order that may be live."""

    client_order_id: str
    order_id: str
    series: str
    ticker: str
    side: str
    price: int
    remaining: int
    state: str
    age_ms: float
    expiration_s: int
    group_id: str


class WindowResult(msgspec.Struct, frozen=True):
    """A finished window of this run, as far as it is known."""

    label: str
    series: str
    target_ns: int
    quotes: int
    fills: int
    pnl: int | None
    settled: bool
    trips: int
    report: str


class CancelAllView(msgspec.Struct, frozen=True):
    """The account-wide cancel-all: whether one is under way, its tail, and how long the last took to read flat."""

    active: bool
    reason: str
    tail_s: float
    last_time_to_flat_ms: float | None
    completed: int


class Budget(msgspec.Struct, frozen=True):
    """Write tokens: what is there, what is kept for cancels, what the bucket holds."""

    tokens: float
    reserve: float
    capacity: float


class Status(msgspec.Struct, frozen=True):
    """Everything at one instant."""

    now: Now
    pid: int
    run_id: str
    mode: str
    build_id: str
    config_hash: str
    started_utc_ns: int
    seq: int
    market_hours: bool
    execution_enabled: bool
    kill_switch: bool
    kill_reason: str
    paused: bool
    pause_reason: str
    armed: bool
    stopping: bool
    reconciled: bool
    reconcile_age_s: float | None
    exchange_up: bool
    stream_up: bool
    clock_offset_ms: float | None
    clock_uncertainty_ms: float | None
    gates: tuple[Gate, ...]
    feeds: tuple[FeedView, ...]
    series: tuple[SeriesView, ...]
    ladder: tuple[RungView, ...]
    orders: tuple[OrderView, ...]
    windows: tuple[WindowResult, ...]
    realised: int
    unrealised: int
    fees: int
    day_loss_used: int
    day_loss_limit: int
    cancel_all: CancelAllView
    budget: Budget
    counters: dict[str, int]
    histograms: dict[str, tuple[float, ...]]

    @property
    def ready(self) -> bool:
        """Whether orders could be sent now or at the next window: every gate that votes passes."""
        return all(gate.status in {"PASS", "NOT_CONFIGURED"} for gate in self.gates)


class TaskHealth(msgspec.Struct, frozen=True):
    """One task of the shell: how long ago it made progress, and how long it may go without.

    `began`: whether it ever made progress; until then the age counts from the start of the process.
    """

    name: str
    age_s: float
    limit_s: float
    began: bool = True
