"""The guards of the whole account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from domain.clock import Now
from domain.events import PreflightRun, Standstill
from domain.window import Phase
from guards.limits.account import AccountShape, OutlookShape
from guards.limits.figure import LimitUse
from guards.model.breakers import BreakerReading, BreakerRecord
from guards.volatility import VixLevel
from guards.vote import Vote


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


class ScheduleView(Protocol):
    """The exchange's own schedule."""

    def vote(self, now: Now) -> Vote:
        """What it says now."""
        ...

    def standstill(self, now: Now) -> Standstill | None:
        """The standstill that is on, or comes next."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When it turns by itself."""
        ...


class BreakersView(Protocol):
    """The breakers."""

    def vote(self) -> Vote:
        """Whether one is tripped."""
        ...

    def readings(self) -> tuple[BreakerReading, ...]:
        """What each measures."""
        ...

    def warning(self) -> str:
        """Why the model is to be watched."""
        ...

    def record(self) -> BreakerRecord:
        """For the snapshot."""
        ...


class RestrictedView(Protocol):
    """The restricted list."""

    def vote(self, now: Now) -> Vote:
        """Whether it is known, and lets us quote at all."""
        ...


class LevelView(Protocol):
    """I:VIX."""

    def shown(self, now: Now) -> VixLevel:
        """What it amounts to."""
        ...

    def expected(self, now: Now) -> bool:
        """Whether a value is due."""
        ...

    def vote(self, now: Now) -> Vote:
        """Whether it lets us quote."""
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

    def figures(self, account: AccountShape, outlook: OutlookShape, age_ns: int, now: Now) -> tuple[LimitUse, ...]:
        """How much of each limit is used."""
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

    def together(self, now: Now) -> Vote:
        """The same of all controls that do not vote apart."""
        ...

    def asked(self, control: str) -> bool:
        """Whether the configuration wants it proven."""
        ...

    def limit_ns(self, control: str) -> int:
        """How old its proof may be."""
        ...


class AgesView(Protocol):
    """How old the exchange's messages are when they arrive."""

    def vote(self, channel: str, now: Now) -> Vote:
        """What one channel's age says."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When that turns by itself."""
        ...


class EvidenceView(Protocol):
    """The guard over the preflight's evidence."""

    @property
    def last(self) -> PreflightRun | None:
        """What it said."""
        ...

    def age_ns(self, now: Now) -> int | None:
        """How old it is."""
        ...

    def waits(self, phase: Phase) -> bool:
        """Whether its vote turns by itself before the next window opens."""
        ...
