"""What a socket session is: a pure protocol machine that the one reconnecting loop carries.

Everything a machine is told returns a `SessionStep`: events for the engine, and what to write to the socket, in order.
A machine never waits; it answers `next_deadline` with the instant at which it wants `tick`, always later than now.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from domain.clock import Now
from domain.events import AnyEvent


class HangUp(NamedTuple):
    """Close the socket; whatever is behind it in the same step is not sent."""

    reason: str


Outgoing = str | bytes | HangUp


class SessionStep(msgspec.Struct, frozen=True):
    """What follows from one input: events for the engine, messages for the wire.

    `sooner` is whether `next_deadline` may now lie nearer than when it was last asked; a machine that takes thousands
    of messages a second says no to most of them.
    """

    events: tuple[AnyEvent, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    sooner: bool = True


QUIET: Final = SessionStep(sooner=False)
CLOSED_AS_TOLD: Final = "closed as told"  # the reason `closed` gets when the shell was told to close: a confirmation


class SocketSession(Protocol):
    """One socket's protocol. Instants are monotonic nanoseconds."""

    def connected(self, now: Now) -> SessionStep:
        """The upgrade succeeded; a new connection begins with empty state."""
        ...

    def received(self, data: str | bytes, now: Now) -> SessionStep:
        """One message arrived (text as bytes or str)."""
        ...

    def tick(self, now: Now) -> SessionStep:
        """A deadline of this machine may have come."""
        ...

    def closed(self, reason: str, now: Now) -> SessionStep:
        """The connection is gone, or could not be made."""
        ...

    def next_deadline(self, now: Now) -> int | None:
        """When `tick` is wanted next; None when only input can change anything."""
        ...

    def retry_at(self, now: Now) -> int | None:
        """The earliest instant of the next attempt; None when another attempt cannot succeed."""
        ...

    def proven(self, now: Now) -> bool:
        """Whether this connection worked long enough to forget the failures before it."""
        ...
