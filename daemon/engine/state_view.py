"""What readers of the state are given: the same object, with nothing that writes and nothing that acts.

Screens, snapshots, files and votes take `StateView`, so that the type checker refuses them a write or an act. What lies
in the containers (an order, a market's account) is the state's own and is not copied: readers leave it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from daemon.engine.incidents.opened import Owed
from daemon.engine.settings import EngineSettings
from daemon.engine.views.desk import DeskView, PlanView
from daemon.engine.views.feeds import FailoverView, ScoresView
from daemon.engine.views.guards import (
    AgesView,
    BreakersView,
    ClockView,
    ControlsView,
    EvidenceView,
    ExchangeView,
    KillView,
    LevelView,
    RestrictedView,
    RiskView,
    ScheduleView,
)
from daemon.engine.views.held import HeldView
from daemon.engine.views.work import BooksView, CloseOutsView, LaddersView, RefusalsView, ResultsView
from domain.clock import Now
from domain.events import FeedStatus, Started
from domain.reasons import Reason
from guards.limits.account import OutlookShape
from guards.vote import Vote


class IncidentsView(Protocol):
    """Breaches."""

    @property
    def owed(self) -> Mapping[str, Owed]:
        """Incidents whose file is not written yet."""
        ...

    def record(self) -> tuple[Owed, ...]:
        """For the snapshot."""
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
    def close_outs(self) -> CloseOutsView:
        """Runs of close-all."""
        ...

    @property
    def refused(self) -> RefusalsView:
        """What the exchange refused."""
        ...

    @property
    def incidents(self) -> IncidentsView:
        """Breaches."""
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
    def schedule(self) -> ScheduleView:
        """The exchange's schedule."""
        ...

    @property
    def breakers(self) -> BreakersView:
        """Whether our own results speak against the model."""
        ...

    @property
    def restricted(self) -> RestrictedView:
        """The restricted list."""
        ...

    @property
    def level(self) -> LevelView:
        """I:VIX."""
        ...

    @property
    def risk(self) -> RiskView:
        """Risk."""
        ...

    @property
    def outlook(self) -> OutlookShape:
        """The outcomes of what is priced now."""
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
    def armed_for(self) -> tuple[str, str]:
        """Configuration and build that were armed."""
        ...

    @property
    def evidence(self) -> EvidenceView:
        """What the last preflight said."""
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
