"""Records of the states of windows, feeds, fees, controls and runs."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.ids import ClientOrderId, Ticker
from domain.money import Cash, IndexValue
from domain.record_types.entry import Entry, Milliseconds, Named
from domain.window import Phase


class SchedulerWindow(msgspec.Struct, frozen=True):
    """A window as the schedule shows it; instants in New York's time."""

    label: str
    target_type: str
    series: tuple[str, ...]
    start_et: str
    target_et: str
    freeze_et: str
    freshness_strict_et: str
    flatten_at_et: str


class WindowPhaseEntry(Entry, frozen=True):
    """A series entered another phase of its window."""

    series: Named
    label: str
    phase: Phase
    target_ns: int
    scheduler_window: SchedulerWindow


class LimitsEntry(Entry, frozen=True):
    """The limits in force in a window, as this run was configured when it met it. `basis`: what the ages are."""

    series: Named
    target_ns: int
    basis: Literal["age", "lateness"]
    arm_limit_ms: int
    soft_limit_ms: int
    strict_limit_ms: int
    stale_threshold_ms: int
    divergence_bps: int
    minimum_ev_cents: int
    contracts_per_order: int
    per_order_dollars: int
    per_day_dollars: int
    markets_max: int
    per_market_contracts: int
    per_window_contracts: int


class WindowResultEntry(Entry, frozen=True):
    """A window is over. `print`: our print of the index, rounded to a cent; `pnl` is null until all is settled."""

    series: Named
    label: str
    target_ns: int
    print: IndexValue | None
    expiration_value: str
    quotes: int
    fills: int
    trips: int
    pnl: Cash | None
    settled: bool


class WsFreshnessEntry(Entry, frozen=True):
    """How young the index was in a window: gaps between its values, and the cadence that was learned."""

    series: Named
    target_ns: int
    basis: str
    age_p50_ms: Milliseconds | None
    age_p99_ms: Milliseconds | None
    cadence_p50_ms: Milliseconds | None
    cadence_p99_ms: Milliseconds | None
    ticks: int


class FeedSwitchEntry(Entry, frozen=True):
    """Another feed is trusted from here on. `age_ms`: of the newest value of the feed that was left."""

    from_feed: str
    to_feed: str
    why: str
    age_ms: float | None


class FeePathEntry(Entry, frozen=True):
    """Which fees a series is quoted with: our file's, and what the exchange says. `problem` blocks, `warning` does not.

    `multiplier_ppm`: the exchange's multiplier of the fee, in millionths.
    """

    series: Named
    maker: str | None
    maker_coefficient: str | None
    taker_coefficient: str | None
    effective: str | None
    fee_type: str
    multiplier_ppm: int
    problem: str
    warning: str


class ExchangeScheduleEntry(Entry, frozen=True):
    """The exchange's schedule says something new. `start_ns`, `end_ns`: the standstill that is on or comes next.

    `announced`: how many announced maintenances it holds besides its weekly hours.
    """

    start_ns: int | None
    end_ns: int | None
    announced: int


class TimeToFlatEntry(Entry, frozen=True):
    """The exchange's list was proven empty. `series`: or the whole account; `orders`: how many might have been live."""

    series: Named
    trigger: str
    ms: Milliseconds
    orders: int


class DrillEntry(Entry, frozen=True):
    """The session's drill of a control: what it waits for, that it was missed, or proven with its time to flat."""

    control: Named
    result: Literal["waits", "missed", "proven"]
    why: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    client_order_id: ClientOrderId | UnsetType = UNSET
    ticker: Ticker | UnsetType = UNSET
    ms: Milliseconds | UnsetType = UNSET


class CancelAllDoneEntry(Entry, frozen=True):
    """A request for a cancel-all ended flat, so long after it was made."""

    reason: str
    ms: Milliseconds


class CancelAllMarkerEntry(Entry, frozen=True):
    """Some process left the mark of an account-wide cancel-all: its tail is obeyed."""

    by: str
    reason: str


class ConfigEntry(Entry, frozen=True):
    """A run began: hash of its configuration, build, and mode."""

    hash: str
    build_id: str
    mode: str
