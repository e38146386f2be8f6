"""Records of risk decisions and of the guards."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from domain.ids import GroupId, Ticker
from domain.money import IndexValue
from domain.reasons import RiskDecision, RiskLimit, RungReason, VixBand
from domain.record_types.entry import Entry, InvalidRecordError, Milliseconds, Named, some_told, whole


class RiskDecisionEntry(Entry, frozen=True):
    """A series' gate turned, or, with a limit, risk has decided something by itself. `reason`: codes, or a sentence.

    With a limit and a series it is about that series' event.
    """

    decision: RiskDecision
    approved: bool
    reason: str
    series: Named | UnsetType = UNSET
    limit: RiskLimit | UnsetType = UNSET


class GuardTripEntry(Entry, frozen=True):
    """A guard closed. `reason` says which; the other keys are its evidence.

    A stale final minute tells series, age_ms, limit_ms, window, count, session_frozen and feeds (Unix ns of each feed's
    newest value); feeds that disagree tell symbol and values; a lost order group tells series and group_id.
    """

    reason: Named
    series: Named | UnsetType = UNSET
    age_ms: float | UnsetType | None = UNSET
    limit_ms: Milliseconds | UnsetType = UNSET
    window: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    session_frozen: bool | UnsetType = UNSET
    feeds: dict[str, int] | UnsetType = UNSET
    symbol: Named | UnsetType = UNSET
    values: dict[str, IndexValue] | UnsetType = UNSET
    group_id: GroupId | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One of the three shapes, whole."""
        Entry.__post_init__(self)
        stale = (self.age_ms, self.limit_ms, self.window, self.count, self.session_frozen, self.feeds)
        apart = (self.symbol, self.values)
        one = some_told(*stale) + some_told(*apart) + some_told(self.group_id) == 1
        if not one or not whole(*stale) or not whole(*apart) or some_told(self.series) == some_told(*apart):
            raise InvalidRecordError("a guard trip tells the evidence of one guard, whole")


class KillSwitchEntry(Entry, frozen=True):
    """The kill latch closed. `source`: what closed it."""

    source: str
    reason: str


class StrictStandDownEntry(Entry, frozen=True):
    """A series stands down in its final minute as planned: its index comes too seldom for the limit."""

    series: Named
    cadence_p99_ms: Milliseconds | None
    limit_ms: Milliseconds


class VolatilityLevelEntry(Entry, frozen=True):
    """I:VIX has reached another band. `value`: null when none is known. `factor_ppm`: the share of our size allowed."""

    band: VixBand
    value: IndexValue | None
    feed: str
    factor_ppm: int
    reason: str


class RestrictedListEntry(Entry, frozen=True):
    """The restricted list was read anew. `problem`: why it could not be."""

    names: tuple[str, ...]
    tactics: tuple[str, ...]
    problem: str


class MarketVetoedEntry(Entry, frozen=True):
    """A listed market is refused: the restricted list names it, its event or its series. `window`: its target."""

    series: Named
    window: int
    ticker: Ticker


class UnquotedRung(msgspec.Struct, frozen=True):
    """Why each side of a rung is not quoted; null for a side on which an order of ours may rest."""

    ticker: Ticker
    bid: RungReason | None
    ask: RungReason | None


class RungsUnquotedEntry(Entry, frozen=True):
    """Why rungs near the money are quoted or not has changed, for these; at most one such record a second and series.

    While the gate of the series is closed nothing is quoted, and `risk_decision` says why. `window`: its target.
    """

    series: Named
    window: int
    rungs: tuple[UnquotedRung, ...]
