"""The work around quoting: reconciliation, ladders, results, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from daemon.engine.settling.window_result import Result
from domain.events import CloseOutTold
from domain.ids import Ticker


class RefusalsView(Protocol):
    """What the exchange refused."""

    @property
    def restricted(self) -> AbstractSet[Ticker]:
        """Markets that our key may not trade."""
        ...


class CloseOutsView(Protocol):
    """Runs of close-all."""

    @property
    def runs(self) -> Mapping[str, CloseOutTold]:
        """The newest ones, by name."""
        ...

    def line(self) -> str:
        """The newest in one line, or nothing."""
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
