"""How well each provider of data served today: looks that found it well, of all looks, and fallbacks (pure).

Once a second in market hours the daemon looks at each provider that should deliver. A feed is well while its newest
valid value is fresh by the failover's limit, the exchange while its stream is up. A feed that is kept closed on purpose
is not looked at. A fallback is a turn from the primary feed to the secondary; the return is none. Both start again at
zero with the session's date, and a restart within a session goes on from the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from domain.clock import NS_PER_S, Now

EXCHANGE: Final = "exchange"
LOOK_NS: Final = NS_PER_S
# What a process that has just started has not connected yet is not the provider's miss.
GRACE_NS: Final = 5 * NS_PER_S


class Looked(NamedTuple):
    """One provider at one look."""

    name: str
    well: bool


class Tally(msgspec.Struct, frozen=True):
    """One provider in one session: how often it was looked at, and how often it was well."""

    looks: int = 0
    good: int = 0


class ScoresRecord(msgspec.Struct, frozen=True):
    """For the snapshot."""

    session: str = ""
    tallies: dict[str, Tally] = {}
    fallbacks: int = 0


class Scores:
    """The tallies of one session (ISO date)."""

    __slots__ = ("_next_ns", "_session", "_tallies", "fallbacks")

    def __init__(self) -> None:
        self._session = ""
        self._tallies: dict[str, Tally] = {}
        self._next_ns: int | None = None
        self.fallbacks = 0

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """By provider, those that were looked at in this session."""
        return MappingProxyType(self._tallies)

    def turn(self, session: str) -> None:
        """Another session starts at zero."""
        if session != self._session:
            self._session, self._tallies, self.fallbacks = session, {}, 0

    def due(self, now: Now) -> bool:
        """Whether it is time to look; a stall costs looks, for it says nothing of a provider."""
        if self._next_ns is None:
            self._next_ns = now.mono_ns + GRACE_NS
        if now.mono_ns < self._next_ns:
            return False
        late_ns = now.mono_ns - self._next_ns
        self._next_ns = now.mono_ns + LOOK_NS - (late_ns if late_ns < LOOK_NS else 0)
        return True

    def look(self, seen: Iterable[Looked]) -> None:
        """Count one look at each of these."""
        for name, well in seen:
            before = self._tallies.get(name, Tally())
            self._tallies[name] = Tally(before.looks + 1, before.good + well)

    def fell_back(self) -> None:
        """The primary feed was given up for the secondary."""
        self.fallbacks += 1

    def record(self) -> ScoresRecord:
        """For the snapshot."""
        return ScoresRecord(self._session, dict(self._tallies), self.fallbacks)

    def restore(self, recorded: ScoresRecord) -> None:
        """Go on from a snapshot, one of another day until the next `turn`."""
        self._session, self._tallies = recorded.session, dict(recorded.tallies)
        self.fallbacks = recorded.fallbacks
