"""What one window of one series comes to: plain data, gathered by `fold`, read by `report` and by the ledger.

What no record has said is None, and stays None until a report prints "not recorded". Prices, counts and
cash are the integers of domain.money; instants are Unix nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from domain.clock import NS_PER_MS, NS_PER_S
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR
from domain.records import (
    AdoptionEntry,
    Entry,
    FeedSwitchEntry,
    FeePathEntry,
    ForeignFillEntry,
    GuardTripEntry,
    LimitsEntry,
    OperatorActionEntry,
    SchedulerWindow,
    StrictStandDownEntry,
    TimeToFlatEntry,
    WindowResultEntry,
    WsFreshnessEntry,
)
from domain.window import Phase

BUCKET_NS: Final = 500 * NS_PER_MS
WORTH: Final = {"yes": PRICE_PER_DOLLAR, "no": 0}

Said = TypeVar("Said", bound=Entry)


@dataclass(slots=True)
class QuoteRow:
    """One order of ours, from its intent to its end."""

    client_order_id: str
    created_ns: int
    ticker: str
    side: Side
    price: int
    count: int
    fair: int
    is_live: bool = True
    order_id: str | None = None
    acked_ns: int | None = None
    place_rtt_ms: float | None = None
    cancelled_ns: int | None = None
    cancel_source: str | None = None
    cancel_rtt_ms: float | None = None
    failed_ns: int | None = None
    failure_stage: str | None = None
    error_message: str | None = None
    filled: int = 0
    last_fill_ns: int | None = None

    @property
    def edge(self) -> int:
        """Fair value against our price, in our favour, before fees; a Price."""
        return self.fair - self.price if self.side is Side.BID else self.price - self.fair

    def ended_ns(self, at_latest_ns: int) -> int:
        """When it stopped resting, as far as the records say; the window's target otherwise."""
        if self.failed_ns is not None:
            return self.created_ns if self.failure_stage != "unknown" else at_latest_ns
        if self.filled >= self.count and self.last_fill_ns is not None:
            return self.last_fill_ns
        return min(at_latest_ns, self.cancelled_ns) if self.cancelled_ns is not None else at_latest_ns


@dataclass(slots=True, frozen=True)
class FillRow:
    """One execution of ours."""

    utc_ns: int
    trade_id: str
    client_order_id: str
    order_id: str
    ticker: str
    side: Side
    price: int
    count: int
    fee: int
    liquidity: str

    @property
    def yes_count(self) -> int:
        """What it did to our net YES contracts."""
        return self.count if self.side is Side.BID else -self.count

    def pnl(self, worth: int | None) -> int | None:
        """Cash it made once a YES contract was worth that, fee included; None before."""
        return None if worth is None else self.yes_count * (worth - self.price) - self.fee


@dataclass(slots=True, frozen=True)
class SettlementRow:
    """How one market ended, as the exchange says and as we computed it."""

    utc_ns: int
    ticker: str
    result: str
    own_verdict: str
    index_value: int | None
    position: int
    revenue: int
    fee: int
    pnl: int
    expiration_value: str | None = None
    told_worth: int | None = None
    odd: int = 0

    @property
    def worth(self) -> int | None:
        """What one YES contract came to; older records tell it by their result alone."""
        return self.told_worth if self.told_worth is not None else WORTH.get(self.result)


@dataclass(slots=True, frozen=True)
class Moment(Generic[Said]):
    """Something that happened in a window, with what its record said: a trip, a switch, a time to flat, a command."""

    utc_ns: int
    said: Said


@dataclass(slots=True)
class Track:
    """The index through the window: lowest, highest and last value and the longest silence of each half second."""

    buckets: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    ticks: int = 0
    last_mono_ns: int | None = None

    def tick(self, utc_ns: int, mono_ns: int, value: int) -> None:
        """One value received."""
        silence_ns = 0 if self.last_mono_ns is None else mono_ns - self.last_mono_ns
        self.last_mono_ns = mono_ns
        self.ticks += 1
        at = utc_ns // BUCKET_NS
        low, high, _, longest_ns = self.buckets.get(at, (value, value, value, 0))
        self.buckets[at] = (min(low, value), max(high, value), value, max(longest_ns, silence_ns))


@dataclass(slots=True)
class WindowFold:
    """All that was recorded of one window of one series."""

    series: str
    target_ns: int
    label: str | None = None
    scheduler_window: SchedulerWindow | None = None
    fee_path: FeePathEntry | None = None
    freshness: WsFreshnessEntry | None = None
    limits: LimitsEntry | None = None
    result: WindowResultEntry | None = None
    phases: list[tuple[int, str]] = field(default_factory=list)
    quotes: list[QuoteRow] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)
    adopted: list[FillRow] = field(default_factory=list)
    settlements: list[SettlementRow] = field(default_factory=list)
    trips: list[Moment[GuardTripEntry]] = field(default_factory=list)
    stand_downs: list[Moment[StrictStandDownEntry]] = field(default_factory=list)
    switches: list[Moment[FeedSwitchEntry]] = field(default_factory=list)
    flats: list[Moment[TimeToFlatEntry]] = field(default_factory=list)
    not_ours: list[Moment[ForeignFillEntry | AdoptionEntry]] = field(default_factory=list)
    commands: list[Moment[OperatorActionEntry]] = field(default_factory=list)
    strikes: dict[str, int] = field(default_factory=dict)
    tracks: dict[str, Track] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Whether its last phase says that it is not running."""
        return bool(self.phases) and self.phases[-1][1] == Phase.CLOSED

    @property
    def pnl(self) -> int | None:
        """Booked profit of the window: as its result says, else of all settled markets; None when neither does."""
        said = self.result.pnl if self.result is not None else None
        return said if said is not None else total(row.pnl for row in self.settlements)

    @property
    def fees(self) -> int | None:
        """Fees of all fills; None when one does not say. No fills, no fees."""
        return total(row.fee for row in self.fills) if self.fills else 0

    @property
    def pnl_from_fills(self) -> int | None:
        """The same profit worked out from our fills and the markets' results, for comparison.

        A settlement tells the fees of its market's fills again (docs/exchange.md 5): they are not charged
        twice. Only where it tells more than the fills did, the difference is charged too.
        """
        if not self.fills:
            return 0 if self.result or self.settlements else None
        net = total(row.pnl(self.worths.get(row.ticker)) for row in self.fills)
        untold = total(self._untold_fee(row) for row in self.settlements)
        odd = sum(row.odd for row in self.settlements)
        return None if net is None or untold is None else net + odd - untold

    @property
    def worths(self) -> dict[str, int | None]:
        """What one YES contract of each settled market came to."""
        return {row.ticker: row.worth for row in self.settlements}

    def _untold_fee(self, settlement: SettlementRow) -> int:
        """What a settlement charges beyond the fees that its market's fills told; the fills of others count too."""
        told = sum(row.fee for row in (*self.fills, *self.adopted) if row.ticker == settlement.ticker)
        return max(0, settlement.fee - told)

    @property
    def contracts(self) -> int | None:
        """Contracts filled, a Count."""
        return total(row.count for row in self.fills) if self.fills else 0

    @property
    def resting_ns(self) -> int:
        """For how long at least one order of ours was out, by the records."""
        spans = sorted((quote.created_ns, quote.ended_ns(self.target_ns)) for quote in self.quotes)
        covered, until = 0, 0
        for start, end in spans:
            covered += max(0, end - max(start, until))
            until = max(until, end)
        return covered


def total(amounts: Iterable[int | None]) -> int | None:
    """The sum, or None when there is nothing to add or any amount was not recorded."""
    known = list(amounts)
    found = [amount for amount in known if amount is not None]
    return sum(found) if found and len(found) == len(known) else None


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed (nearest rank); None of none."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-int(share * 1000) * len(ordered) // 1000))
    return ordered[min(rank, len(ordered)) - 1]


def seconds(nanoseconds: int) -> float:
    """Nanoseconds as seconds, for printing only."""
    return nanoseconds / NS_PER_S
