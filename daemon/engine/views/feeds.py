"""Which feed is believed, and how well each provider serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from domain.clock import Now
from domain.events import Tick
from feeds.failover import FailoverState
from feeds.quarantine import SetAside
from feeds.scores import ScoresRecord, Tally


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
