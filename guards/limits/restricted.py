"""The restricted list: markets, events, series and tactics that we do not trade, whatever the model says.

A name stands for everything below it, in any case: a series for all its ladders, an event for all its rungs. It does
not matter in which of the lists a name stands. Not read, or not readable, is nothing quoted. A file that does not exist
restricts nothing; one that vanishes while we run counts as unreadable.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable

from domain.clock import Now
from domain.errors import ConfigurationError
from domain.events import RestrictedRead
from domain.ids import Ticker
from domain.market import Market, Series
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown

QUOTING = "quoting"
TACTICS = frozenset({QUOTING})
LISTS = ("markets", "events", "series", "tactics")
RESTRICTED_BYTES_MAX = 256 << 10


def parse_restricted(text: str, path: str) -> RestrictedRead:
    """What a file says. Raises ConfigurationError naming file, line, and what to do."""
    if len(text) > RESTRICTED_BYTES_MAX:
        most_kib = RESTRICTED_BYTES_MAX >> 10
        raise ConfigurationError(f"{path}: is larger than {most_kib} KiB; name events or series instead")
    try:
        given = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        why = str(problem) or "nested too deeply"
        message = f'{path}: {why}; write lists like markets = ["KXINXU-26MAR06H1000-T6800"]'
        raise ConfigurationError(message) from None
    for name, listed in given.items():
        place = f"{path}:{_line_of(name, text)}: {name}"
        if name not in LISTS:
            raise ConfigurationError(f"{place}: no such list; there are {', '.join(LISTS)}")
        if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
            raise ConfigurationError(f"{place}: must be a list of names, each in quotes")
        strange = [one for one in listed if name == "tactics" and one.strip().lower() not in TACTICS]
        if strange:
            raise ConfigurationError(f"{place}: no tactic {strange[0]!r}; there is {', '.join(sorted(TACTICS))}")
    names = {one.strip().upper() for key in LISTS[:3] for one in given.get(key, [])}
    tactics = {one.strip().lower() for one in given.get("tactics", [])}
    return RestrictedRead(tuple(sorted(names)), tuple(sorted(tactics)))


def _line_of(name: str, text: str) -> int:
    lines = text.splitlines()
    return next((place for place, line in enumerate(lines, 1) if line.lstrip().startswith(name)), 1)


class RestrictedList:
    """One for the process."""

    __slots__ = ("_known", "_names")

    def __init__(self) -> None:
        """Know nothing: closed."""
        self._known: RestrictedRead | None = None
        self._names: frozenset[str] = frozenset()

    def observe(self, event: RestrictedRead) -> None:
        """The file was read anew, or could not be."""
        self._known = event
        self._names = frozenset(event.names)

    def vetoed(self, series: Series, markets: Iterable[Market]) -> frozenset[Ticker]:
        """Which of these markets are restricted, by any name of theirs."""
        names = self._names
        if not names:
            return frozenset()
        whole = not names.isdisjoint({series.name.upper(), series.exchange_series.upper()})
        return frozenset(
            market.ticker
            for market in markets
            if whole or market.ticker.upper() in names or market.event_ticker.upper() in names
        )

    def vote(self, now: Now) -> Vote:  # noqa: ARG002 - the contract of every guard
        """Closed before the list was read, while it cannot be, and while quoting itself is restricted."""
        known = self._known
        if known is None:
            return unknown(Reason.RESTRICTIONS_UNKNOWN, "the restricted list has not been read yet")
        if known.problem:
            return unknown(Reason.RESTRICTIONS_UNKNOWN, known.problem)
        if QUOTING in known.tactics:
            return fail(Reason.TACTIC_RESTRICTED, "the restricted list names the tactic quoting")
        return PASS
