"""The frozen picture of the daemon: what HTTP, the page, the terminal and the metrics may see, and nothing else.

The engine draws a new one when asked; ages in it are true at `now`. Readers that hold it longer add the time since.
Prices are integers of 1/10,000 dollar, counts of 1/100 contract, cash of 1e-6 dollar, index values of 1e-6 points.
"""

from __future__ import annotations

import msgspec

from domain.clock import Now
from domain.reasons import GateStatus
from guards.index_freshness import IndexFreshness

PASSING = frozenset({GateStatus.PASS.value, GateStatus.NOT_CONFIGURED.value})


class Gate(msgspec.Struct, frozen=True):
    """One guard's vote: for a series, or for everything when `series` is empty.

    `waits`: the vote says only that this is not the time (no window, a planned stand-down); it turns by itself before
    the next window opens.
    """

    name: str
    series: str
    status: str
    reason: str
    detail: str
    age_s: float | None
    limit_s: float | None
    waits: bool = False

    @property
    def against(self) -> bool:
        """Whether this vote keeps orders in now."""
        return self.status not in PASSING

    @property
    def holds(self) -> bool:
        """Whether this vote keeps orders in beyond the present window."""
        return self.against and not self.waits


class FeedView(msgspec.Struct, frozen=True):
    """One feed's session; `age_ms` by symbol, None for a symbol never seen. `set_aside`: why it is not chosen now."""

    name: str
    host: str
    state: str
    reason: str
    active: bool
    ages_ms: dict[str, float | None]
    ticks: int
    reconnects: int
    set_aside: str = ""


class ProviderView(msgspec.Struct, frozen=True):
    """A provider of data today: seconds of market hours in which it was looked at, and those in which it was well."""

    name: str
    looks: int
    good: int


class VixView(msgspec.Struct, frozen=True):
    """I:VIX: its band, its newest value (1e-6 points) with its age, and the share of our size that it allows.

    `due_later`: no value is expected yet, because the market is closed or has opened less than a minute ago.
    """

    band: str
    value: int | None
    feed: str
    age_s: float | None
    limit_s: float
    factor_ppm: int
    why: str
    due_later: bool


class BreakerView(msgspec.Struct, frozen=True):
    """One breaker: what it measures now, where it trips, and why it has; empty while it has not."""

    name: str
    reading: str
    bound: str
    tripped: str


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
    permission: str
    reasons: tuple[str, ...]
    trips: int
    fee_path: str


class RungView(msgspec.Struct, frozen=True):
    """One rung of a ladder near the money; `why_bid` and `why_ask` say why that side of it has no quote of ours."""

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
    why_bid: str
    why_ask: str


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


class Holding(msgspec.Struct, frozen=True):
    """An open position in one market that is not settled yet, in a ladder on the screen or not.

    `count` is net YES contracts, negative when short. `average` is the average price of the contracts held, None where
    no fill explains them. `marked` is its P&L after fees at `fair`; both are None where no fair value is known, as
    between the target and the settlement. `worst_loss` is the larger loss of the two outcomes.
    """

    series: str
    ticker: str
    strike: int | None
    target_ns: int
    count: int
    average: int | None
    fair: int | None
    marked: int | None
    worst_loss: int
    fees: int


class Exposure(msgspec.Struct, frozen=True):
    """The open positions of a series together; `unmarked` of its markets have no fair value and are not in `marked`.

    `realised` is our own P&L of its settled markets.
    """

    series: str
    markets: int
    net: int
    gross: int
    marked: int
    worst_loss: int
    unmarked: int
    realised: int


class FlatView(msgspec.Struct, frozen=True):
    """Whether it is proven that nothing of ours rests at the exchange; if not, what is missing for the proof."""

    proven: bool
    why: str


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


class LimitView(msgspec.Struct, frozen=True):
    """One limit on money at risk: what is measured, how much is used, how much may be, as text and as a share.

    `share_ppm`: used over the limit in millionths; above a million it is passed. A limit of nothing is whole.
    """

    name: str
    words: str
    used: str
    most: str
    share_ppm: int


class ControlView(msgspec.Struct, frozen=True):
    """One control that must be proven: when it last was (Unix seconds, None for never), its limit, and its drill.

    `status`: NOT_CONFIGURED where the configuration does not want it proven. `by`: what proves it.
    """

    name: str
    by: str
    does: str
    status: str
    proven_s: float | None
    age_s: float | None
    limit_s: float
    drill: str


class WriteTokensView(msgspec.Struct, frozen=True):
    """Write tokens: what is there, what is kept for cancels, what the bucket holds."""

    tokens: float
    reserve: float
    capacity: float


class Status(msgspec.Struct, frozen=True):
    """Everything at one instant. `counts`: the engine's, in the order of domain.counts.Counted; `errors`: logged.

    `session`: the trading day (ISO date), which `providers` and `fallbacks` are counted in. `orders_wait`: why nothing
    new is placed for now although no gate is against it; empty when nothing waits.
    """

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
    holdings: tuple[Holding, ...]
    exposures: tuple[Exposure, ...]
    flat: FlatView
    windows: tuple[WindowResult, ...]
    realised: int
    unrealised: int
    fees: int
    day_loss_used: int
    day_loss_realised: int
    day_loss_limit: int
    limits: tuple[LimitView, ...]
    cancel_all: CancelAllView
    budget: WriteTokensView
    counts: tuple[int, ...]
    errors: int
    session: str
    providers: tuple[ProviderView, ...]
    fallbacks: int
    vix: VixView
    breakers: tuple[BreakerView, ...]
    breaker_warning: str
    close_out: str = ""
    controls: tuple[ControlView, ...] = ()
    orders_wait: str = ""

    @property
    def ready(self) -> bool:
        """Whether orders could be sent now or at the next window: no gate holds. No gate at all is no evidence."""
        return bool(self.gates) and not self.stopping and not any(gate.holds for gate in self.gates)


class TaskHealth(msgspec.Struct, frozen=True):
    """One task of the shell: how long ago it made progress, and how long it may go without.

    `began`: whether it ever made progress; until then the age counts from the start of the process.
    """

    name: str
    age_s: float
    limit_s: float
    began: bool = True
