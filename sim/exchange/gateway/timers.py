"""What the gateway needs of time: to be called later, and to have the exchange looked at when something is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Timers(Protocol):
    """An event loop, or a timeline."""

    def later(self, delay_ns: int, act: Callable[..., None], *args: object) -> None:
        """Have `act(*args)` called so much later."""
        ...

    def arm(self) -> None:
        """Something may be due sooner: look at the exchange's next deadline again."""
        ...
