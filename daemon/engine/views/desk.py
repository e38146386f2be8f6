"""One series: its index, its windows, its ladder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from daemon.engine.settings import EngineSettings
from domain.clock import Now
from domain.events import Tick
from domain.ids import Ticker
from domain.market import Market, Series, Side, Top
from domain.money import Price
from domain.reasons import RungReason
from domain.window import Phase, Window
from execution.quoter import Others
from guards.index_freshness import IndexFreshness
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
    def vetoed(self) -> AbstractSet[Ticker]:
        """Markets that the restricted list names."""
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
