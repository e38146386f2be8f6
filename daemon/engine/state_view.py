# long: one protocol for each machine, read as a table
"""What readers of the state are given: the same object, with nothing that writes and nothing that acts.

Screens, snapshots, files and votes take `StateView`, so that the type checker refuses them a write or an act. What lies
in the containers (an order, a market's account) is the state's own and is not copied: readers leave it as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from daemon.engine.settings import EngineSettings
from daemon.engine.settling.window_result import Result
from domain.clock import Now
from domain.counts import Counted
from domain.events import FeedStatus, Started, Tick
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Market, Series, Side, Top
from domain.money import Cash, Count, Price
from domain.reasons import Reason, RungReason
from domain.window import Phase, Window
from execution.balance import BalanceRecord
from execution.budget import BudgetRecord
from execution.cancel_all import Scope
from execution.flatten import Flattening
from execution.groups import Group
from execution.orders import Order
from execution.positions import MarketAccount
from execution.quoter import Others
from execution.reconcile import Drift
from execution.strangers import ForeignFill, Unclaimed
from feeds.failover import FailoverState
from feeds.quarantine import SetAside
from feeds.scores import ScoresRecord, Tally
from guards.index_freshness import IndexFreshness
from guards.risk import AccountShape
from guards.vote import Vote
from pricing.fair import Ladder


class SentryView(Protocol):
    """The guard of one index."""

    @property
    def last(self) -> Tick | None:
        """The newest valid value."""
        ...

    @property
    def trips(self) -> int:
        """Times stale in a final minute, this session."""
        ...

    def state(self) -> dict[str, Any]:
        """For the snapshot."""
        ...


class SigmaView(Protocol):
    """The volatility of one index."""

    @property
    def sigma_ppm(self) -> float | None:
        """Parts per million per root second."""
        ...


class PlanView(Protocol):
    """When windows are."""

    def market_open(self, utc_ns: int) -> bool:
        """Whether values are expected."""
        ...

    def current_window(self, series: str, utc_ns: int) -> Window | None:
        """The window at an instant."""
        ...

    def next_window(self, series: str, utc_ns: int) -> Window | None:
        """The one after an instant."""
        ...

    def windows_on(self, day: dt.date) -> tuple[Window, ...]:
        """Those of a day."""
        ...


class CanaryView(Protocol):
    """Jumps of one index."""

    def state(self) -> dict[str, int]:
        """What survives a restart."""
        ...


class FirstView(Protocol):
    """First values of one index."""

    @property
    def close(self) -> int:
        """The last value seen while no session ran."""
        ...


class DeskView(Protocol):
    """One series."""

    @property
    def canary(self) -> CanaryView:
        """What is held of its values."""
        ...

    @property
    def first(self) -> FirstView:
        """Its first values."""
        ...

    @property
    def series(self) -> Series:
        """Which."""
        ...

    @property
    def plan(self) -> PlanView:
        """Its windows."""
        ...

    @property
    def settings(self) -> EngineSettings:
        """What it was made with."""
        ...

    @property
    def sentry(self) -> SentryView:
        """Its index."""
        ...

    @property
    def sigma(self) -> SigmaView:
        """Its volatility."""
        ...

    @property
    def window(self) -> Window | None:
        """Its present window."""
        ...

    @property
    def phase(self) -> Phase:
        """Of that window."""
        ...

    @property
    def ladder(self) -> Ladder | None:
        """The rungs that can be priced."""
        ...

    @property
    def markets(self) -> Mapping[Ticker, Market]:
        """By ticker."""
        ...

    @property
    def markets_target_ns(self) -> int:
        """The target of the window that they belong to."""
        ...

    @property
    def tops(self) -> Mapping[Ticker, Top]:
        """The newest tops of books."""
        ...

    @property
    def books_fresh(self) -> AbstractSet[Ticker]:
        """Whose books are current."""
        ...

    @property
    def looked_at(self) -> Mapping[Ticker, Others]:
        """What the quotes were last worked out from."""
        ...

    @property
    def unquoted(self) -> Mapping[tuple[Ticker, Side], RungReason]:
        """Why a chosen side is not wanted."""
        ...

    @property
    def restricted(self) -> AbstractSet[Ticker]:
        """The markets that our key may not trade today."""
        ...

    @property
    def confined(self) -> Container[Ticker] | None:
        """The markets that risk confines it to."""
        ...

    @property
    def waiting_for_group(self) -> bool:
        """Whether a place waits for a group or tokens."""
        ...

    @property
    def edge_needed(self) -> int | None:
        """At every price."""
        ...

    @property
    def fairs(self) -> Sequence[Price]:
        """Fair value of every rung."""
        ...

    def center(self) -> int:
        """The index of the rung nearest the money."""
        ...

    def freshness(self, now: Now) -> IndexFreshness:
        """How fresh the index is."""
        ...


class KillView(Protocol):
    """The kill latch."""

    @property
    def latched(self) -> bool:
        """Whether it is closed."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    def vote(self, now: Now) -> Vote:
        """What it says now."""
        ...

    def state(self) -> dict[str, Any]:
        """For the snapshot."""
        ...


class ExchangeView(Protocol):
    """What the exchange says of itself."""

    def vote(self, now: Now) -> Vote:
        """What it says now."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When it turns by itself."""
        ...


class ClockView(Protocol):
    """How far our clock can be believed."""

    @property
    def offset_ns(self) -> int | None:
        """Of the exchange's clock."""
        ...

    @property
    def uncertainty_ns(self) -> int | None:
        """Of that offset."""
        ...

    def vote(self, now: Now) -> Vote:
        """What it says now."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When it turns by itself."""
        ...


class RiskView(Protocol):
    """The limits, and how much of them is used."""

    @property
    def loss(self) -> int:
        """Realised today."""
        ...

    def vote(self, account: AccountShape, now: Now) -> Vote:
        """What it says now."""
        ...

    def state(self) -> dict[str, Any]:
        """For the snapshot."""
        ...

    def used(self, account: AccountShape) -> int:
        """The day's loss with what is open at its worst."""
        ...


class ControlsView(Protocol):
    """When each control was last proven."""

    @property
    def proven(self) -> Mapping[str, int]:
        """Unix nanoseconds by control."""
        ...

    def vote(self, control: str, now: Now) -> Vote:
        """Whether the proof is young enough."""
        ...


class FailoverView(Protocol):
    """Which feed is believed."""

    @property
    def active(self) -> str:
        """Its name."""
        ...

    @property
    def switches(self) -> int:
        """So far."""
        ...

    def state(self, now: Now) -> FailoverState:
        """What the pair amounts to."""
        ...

    def value_on(self, feed: str, symbol: str) -> Tick | None:
        """The newest value of a feed."""
        ...

    def aside(self, feed: str, now: Now) -> tuple[SetAside, ...]:
        """What of a feed is set aside."""
        ...


class ScoresView(Protocol):
    """How well each provider served today."""

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """By provider."""
        ...

    @property
    def fallbacks(self) -> int:
        """Turns from the primary feed to the secondary."""
        ...

    def record(self) -> ScoresRecord:
        """For the snapshot."""
        ...


class NumbersView(Protocol):
    """What requests are numbered with."""

    @property
    def epoch(self) -> int:
        """Of this run."""
        ...


class BookView(Protocol):
    """Orders that may be live."""

    @property
    def live(self) -> Mapping[ClientOrderId, Order]:
        """By client order id."""
        ...


class LedgerView(Protocol):
    """Positions and results."""

    @property
    def markets(self) -> Mapping[Ticker, MarketAccount]:
        """By ticker."""
        ...

    @property
    def trades(self) -> Iterable[TradeId]:
        """Those booked."""
        ...

    @property
    def realised(self) -> Cash:
        """Result of all settled markets."""
        ...

    @property
    def realised_of(self) -> Mapping[str, Cash]:
        """By series."""
        ...

    @property
    def own_realised(self) -> Cash:
        """Ours of it."""
        ...

    @property
    def settled_fees(self) -> Cash:
        """Charged on them."""
        ...

    @property
    def adopted(self) -> Cash:
        """The part that is not ours."""
        ...

    def position(self, ticker: Ticker) -> Count:
        """Net contracts."""
        ...


class BudgetView(Protocol):
    """The write tokens."""

    @property
    def known(self) -> bool:
        """Whether the limits were read."""
        ...

    @property
    def tokens_milli(self) -> int:
        """In the bucket."""
        ...

    @property
    def capacity(self) -> int:
        """Of it."""
        ...

    def reserve(self, live_orders: int, groups: int) -> int:
        """Kept for cancels."""
        ...

    def record(self, now: Now) -> BudgetRecord | None:
        """For the snapshot."""
        ...


class GroupsView(Protocol):
    """Order groups."""

    @property
    def known(self) -> Mapping[GroupId, Group]:
        """By id."""
        ...


class ConvergerView(Protocol):
    """What may be live, by series."""

    def live_of(self, series: str) -> list[Order]:
        """Of one series."""
        ...


class CountsView(Protocol):
    """What is too frequent for a record."""

    def __getitem__(self, count: Counted) -> int:
        """One."""
        ...

    def values(self) -> tuple[int, ...]:
        """All."""
        ...

    def record(self) -> dict[str, int]:
        """For the snapshot."""
        ...


class StrangersView(Protocol):
    """Fills of which nobody of ours knows the order."""

    @property
    def unclaimed(self) -> Mapping[TradeId, Unclaimed]:
        """Nobody knows whose."""
        ...

    @property
    def foreign(self) -> Mapping[TradeId, ForeignFill]:
        """Not ours, and not adopted."""
        ...


class WalkView(Protocol):
    """The balance, walked to the cent."""

    def record(self, changed_ns: int, *, live: bool) -> BalanceRecord:
        """For the snapshot."""
        ...


class RefusalsView(Protocol):
    """What the exchange refused."""

    @property
    def restricted(self) -> AbstractSet[Ticker]:
        """Markets that our key may not trade."""
        ...


class HeldView(Protocol):
    """What is ours at the exchange."""

    @property
    def unread_settlements(self) -> Mapping[Ticker, str]:
        """Settlements that cannot be read, and why."""
        ...

    @property
    def strangers(self) -> StrangersView:
        """Fills that may not be ours."""
        ...

    @property
    def orphans(self) -> Mapping[OrderId, Drift]:
        """Orders of ours that were found, by the exchange's id."""
        ...

    @property
    def walk(self) -> WalkView:
        """The balance."""
        ...

    @property
    def changed_ns(self) -> int:
        """The last news of any order of ours."""
        ...

    @property
    def opened_utc_ns(self) -> int:
        """When these books were opened first, in whatever run."""
        ...

    @property
    def numbers(self) -> NumbersView:
        """Numbers."""
        ...

    @property
    def book(self) -> BookView:
        """Orders."""
        ...

    @property
    def ledger(self) -> LedgerView:
        """Positions."""
        ...

    @property
    def budget(self) -> BudgetView:
        """Tokens."""
        ...

    @property
    def groups(self) -> GroupsView:
        """Groups."""
        ...

    @property
    def converger(self) -> ConvergerView:
        """Live orders by series."""
        ...

    @property
    def counts(self) -> CountsView:
        """Counts."""
        ...

    @property
    def untold(self) -> Mapping[ClientOrderId, Order]:
        """Orders whose fills are not all in the ledger."""
        ...

    @property
    def balance(self) -> Cash | None:
        """Cash, None while unread."""
        ...

    @property
    def spent(self) -> Cash:
        """What fills have taken out of it since it was read."""
        ...

    @property
    def flattenings(self) -> Mapping[Scope | str, Flattening]:
        """Under way, by scope."""
        ...

    @property
    def order_drifts(self) -> tuple[Drift, ...]:
        """What does not fit."""
        ...

    @property
    def target_of(self) -> Mapping[Ticker, int]:
        """The target of a market."""
        ...

    @property
    def tail_until_utc_ns(self) -> int:
        """The end of a cancel-all's tail."""
        ...

    @property
    def times_to_flat_ns(self) -> Sequence[int]:
        """The newest."""
        ...

    @property
    def completed_cancel_alls(self) -> int:
        """Requests that ended flat."""
        ...


class BooksView(Protocol):
    """Reconciliation."""

    @property
    def drift(self) -> str:
        """What does not fit, or nothing."""
        ...

    @property
    def recovered(self) -> bool:
        """Whether all was read."""
        ...

    def reconcile_age_ns(self, now_ns: int) -> int | None:
        """Since the oldest read."""
        ...


class ResultsView(Protocol):
    """What became of the windows."""

    @property
    def by_window(self) -> Mapping[tuple[str, int], Result]:
        """By series and target."""
        ...


class LaddersView(Protocol):
    """The work around quoting."""

    @property
    def lead_ns(self) -> int:
        """How early flattening starts."""
        ...


class AgesView(Protocol):
    """How old the exchange's messages are when they arrive."""

    def vote(self, channel: str, now: Now) -> Vote:
        """What one channel's age says."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When that turns by itself."""
        ...


class StateView(Protocol):
    """All of it."""

    @property
    def ages(self) -> AgesView:
        """How old the exchange's messages are."""
        ...

    @property
    def settings(self) -> EngineSettings:
        """What it was made with."""
        ...

    @property
    def plan(self) -> PlanView:
        """Windows."""
        ...

    @property
    def desks(self) -> Mapping[str, DeskView]:
        """By series."""
        ...

    @property
    def failover(self) -> FailoverView:
        """Feeds."""
        ...

    @property
    def refused(self) -> RefusalsView:
        """What the exchange refused."""
        ...

    @property
    def scores(self) -> ScoresView:
        """Providers."""
        ...

    @property
    def clock_trust(self) -> ClockView:
        """Clock."""
        ...

    @property
    def kill(self) -> KillView:
        """Kill latch."""
        ...

    @property
    def exchange(self) -> ExchangeView:
        """Exchange."""
        ...

    @property
    def risk(self) -> RiskView:
        """Risk."""
        ...

    @property
    def controls(self) -> ControlsView:
        """Proofs."""
        ...

    @property
    def held(self) -> HeldView:
        """Ours."""
        ...

    @property
    def books(self) -> BooksView:
        """Reconciliation."""
        ...

    @property
    def results(self) -> ResultsView:
        """Results."""
        ...

    @property
    def ladders(self) -> LaddersView:
        """Ladders."""
        ...

    @property
    def session(self) -> str:
        """The trading day."""
        ...

    @property
    def last_now(self) -> Now:
        """Of the last step."""
        ...

    @property
    def started(self) -> Started | None:
        """None before the start."""
        ...

    @property
    def stream_up(self) -> bool:
        """The private stream."""
        ...

    @property
    def stream_reason(self) -> str:
        """Why it is down."""
        ...

    @property
    def paused(self) -> str:
        """Why, or nothing."""
        ...

    @property
    def resumed_utc_ns(self) -> int:
        """When somebody resumed last."""
        ...

    @property
    def armed_session(self) -> str:
        """The day that was armed."""
        ...

    @property
    def journal_fault(self) -> str:
        """Why, or nothing."""
        ...

    @property
    def empty_reason(self) -> str:
        """Of the account-wide cancel-all under way."""
        ...

    @property
    def stopping(self) -> Reason | None:
        """Why the process ends."""
        ...

    @property
    def gates(self) -> Mapping[str, Sequence[tuple[str, Vote]]]:
        """Votes of the last step, by series."""
        ...

    @property
    def account_votes(self) -> Sequence[tuple[str, Vote]]:
        """Those of the account."""
        ...

    @property
    def closed(self) -> Mapping[str, tuple[Reason, ...]]:
        """Why, by series."""
        ...

    @property
    def fee_file(self) -> str:
        """Its name."""
        ...

    @property
    def index_expected(self) -> bool:
        """Whether values should come."""
        ...

    @property
    def feed_states(self) -> Mapping[str, FeedStatus]:
        """By feed."""
        ...

    @property
    def in_window(self) -> bool:
        """Whether any window is open or about to be."""
        ...
