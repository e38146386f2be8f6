"""Values that should not be believed at once: a bad print, the first ones after a silence, a market that stands still.

A print. A value that jumps by over 6 deviations of the time passed, or over 0.15 %, is held back with all that follow
until two in a row lie within 3 deviations of each other. If they agree with the level before, the value was bad and is
used for nothing; if with the new level, it was a move. More than 3 such moves in a window: it stays flat.

First values. After the start of a session, or of a connection, a feed's index counts once 5 values that each changed
have come over 5 s. A value equal to the previous close to the last digit is the close told again, and counts as not
seen; a first value over 3 % from that close needs 30 s of values.

Standing still. No index has changed for 5 s in a session (new stamps on old values change nothing): the market, or its
source, is halted. Closed until each index that was moving before has changed twice. One alone is for `stuck.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import Tick
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail, unknown

PPM = 1_000_000
HELD_MAX = 16


class CanarySettings(msgspec.Struct, frozen=True):
    """Limits of docs/contracts.md, Quoting. Deviations are of the index per root of the seconds passed."""

    jump_deviations: float = 6.0
    jump_ppm: int = 1_500
    agree_deviations: float = 3.0
    agree_floor_ppm: int = 50
    moves_max: int = 3
    first_values: int = 5
    first_ms: int = 5_000
    far_ppm: int = 30_000
    far_ms: int = 30_000
    still_ms: int = 5_000
    halted_ms: int = 30_000
    moving_ms: int = 60_000


QUICK = CanarySettings(first_values=2, first_ms=1_000)
"""For the short windows of demos and tests."""


class Judged(NamedTuple):
    """What may be used now, in order; the value found bad, if one was; and whether a jump was found to be a move."""

    good: tuple[Tick, ...]
    bad: Tick | None = None
    moved: bool = False


class PrintCanary:
    """One per series; give it the values of the feed in use that freshness accepted."""

    __slots__ = ("_held", "_level", "_moves", "_settings", "_window_ns")

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._level: Tick | None = None
        self._held: list[Tick] = []
        self._moves = 0
        self._window_ns = 0

    @property
    def suspects(self) -> bool:
        """Whether a value is held back."""
        return bool(self._held)

    def window(self, target_ns: int) -> None:
        """Count moves for this window."""
        if target_ns != self._window_ns:
            self._window_ns, self._moves = target_ns, 0

    def observe(self, tick: Tick, sigma_ppm: float | None) -> Judged:
        """Judge one value; `sigma_ppm`: the index's deviation per root second, None while unknown."""
        if self._level is None or not self._held:
            if self._level is not None and self._jumps(self._level, tick, sigma_ppm):
                self._held = [tick]
                return Judged(())
            self._level = tick
            return Judged((tick,))
        self._held.append(tick)
        first, before = self._held[0], self._held[-2]
        if len(self._held) <= 2 or not self._agree(before, tick, sigma_ppm):  # noqa: PLR2004 - the jump and two more
            self._held = [first, *self._held[1:][-HELD_MAX:]]
            return Judged(())
        bad = first if abs(tick.value - self._level.value) <= abs(tick.value - first.value) else None
        good = (before, tick) if bad is not None or len(self._held) > 3 else tuple(self._held)  # noqa: PLR2004 - as above
        self._held, self._level = [], tick
        self._moves += bad is None
        return Judged(good, bad, bad is None)

    def _jumps(self, level: Tick, tick: Tick, sigma_ppm: float | None) -> bool:
        moved_ppm = abs(tick.value - level.value) * PPM / level.value
        if moved_ppm > self._settings.jump_ppm:
            return True
        usual_ppm = _usual_ppm(level, tick, sigma_ppm)
        return usual_ppm is not None and moved_ppm > self._settings.jump_deviations * usual_ppm

    def _agree(self, one: Tick, other: Tick, sigma_ppm: float | None) -> bool:
        apart_ppm = abs(other.value - one.value) * PPM / one.value
        usual_ppm = _usual_ppm(one, other, sigma_ppm)
        limit_ppm = self._settings.jump_ppm / 2 if usual_ppm is None else self._settings.agree_deviations * usual_ppm
        return apart_ppm <= max(limit_ppm, self._settings.agree_floor_ppm)

    def vote(self) -> Vote:
        """Closed while a value is held back, and for the rest of a window with too many moves."""
        if self._held:
            detail = f"{self._held[0].symbol}: jumped to {self._held[0].raw}; two values must agree first"
            return fail(Reason.BAD_PRINT, detail)
        if self._moves > self._settings.moves_max:
            return fail(Reason.BAD_PRINT, f"{self._moves} jumps in this window: it stays flat")
        return PASS

    def state(self) -> dict[str, int]:
        """What survives a restart: the jumps of the window."""
        return {"window_ns": self._window_ns, "moves": self._moves}

    def restore(self, state: dict[str, int]) -> None:
        """Take over what `state` said before the restart."""
        self._window_ns, self._moves = state["window_ns"], state["moves"]


def _usual_ppm(one: Tick, other: Tick, sigma_ppm: float | None) -> float | None:
    """One deviation over the time between two values, at least a second's; None while that is unknown."""
    passed_s = max(1.0, (other.event_ns - one.event_ns) / NS_PER_S)
    return None if sigma_ppm is None else sigma_ppm * math.sqrt(passed_s)


class _Seen(NamedTuple):
    value: int
    changes: int
    since_ns: int
    need_ns: int


class FirstValues:
    """One per series, over all its feeds. `close`: the last value seen while no session ran, 0 while unknown."""

    __slots__ = ("_seen", "_settings", "close")

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._seen: dict[str, _Seen] = {}
        self.close = 0

    def begin(self, feed: str | None = None) -> None:
        """A session begins, or one feed's connection: what came before proves nothing about what comes now."""
        if feed is None:
            self._seen.clear()
        else:
            self._seen.pop(feed, None)

    def observe(self, tick: Tick, *, market_open: bool) -> None:
        """Count a value of any feed."""
        if not market_open:
            self.close = tick.value
            self._seen.clear()
            return
        seen = self._seen.get(tick.feed)
        if seen is None:
            if tick.value == self.close:
                return
            far = self.close and abs(tick.value - self.close) * PPM > self._settings.far_ppm * self.close
            need_ms = self._settings.far_ms if far else self._settings.first_ms
            self._seen[tick.feed] = _Seen(tick.value, 1, tick.received_mono_ns, need_ms * NS_PER_MS)
        elif tick.value != seen.value:
            self._seen[tick.feed] = seen._replace(value=tick.value, changes=seen.changes + 1)

    def vote(self, feed: str, now: Now, *, market_open: bool) -> Vote:
        """Whether enough has been seen of this index on the feed in use."""
        seen, settings = self._seen.get(feed), self._settings
        if not market_open:
            return PASS
        if seen is None:
            return unknown(Reason.FIRST_VALUES, f"{feed}: no value of this session has been seen yet")
        age_ns = now.mono_ns - seen.since_ns
        if seen.changes >= settings.first_values and age_ns >= seen.need_ns:
            return PASS
        told = f"{seen.changes} of {settings.first_values} values that changed, in {age_ns / NS_PER_S:.1f} s"
        return unknown(Reason.FIRST_VALUES, f"{feed}: {told} of {seen.need_ns / NS_PER_S:g}")

    def next_deadline(self, feed: str, now: Now) -> int | None:
        """When the time that is asked for has passed."""
        seen = self._seen.get(feed)
        due_ns = 0 if seen is None else seen.since_ns + seen.need_ns
        return due_ns if due_ns > now.mono_ns else None


class Stillness:
    """One for the process; give it every index of the feed in use."""

    __slots__ = ("_changed_ns", "_settings", "_since_ns", "_told", "_values", "_wanted")

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._values: dict[str, int] = {}
        self._changed_ns: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._since_ns: int | None = None
        self._told = False

    def observe(self, tick: Tick, now: Now) -> None:
        """Count a value; only one that changed shows that the market moves."""
        before = self._values.get(tick.symbol)
        self._values[tick.symbol] = tick.value
        if before == tick.value:
            return
        self._changed_ns[tick.symbol] = now.mono_ns
        if self._since_ns is not None and before is not None and tick.symbol in self._wanted:
            self._wanted[tick.symbol] -= 1
            if self._wanted[tick.symbol] <= 0:
                del self._wanted[tick.symbol]
            if not self._wanted:
                self._since_ns = None

    def advance(self, now: Now, *, market_open: bool) -> bool:
        """Look at the time, before anything else is observed. Returns whether it is time to tell of a halt."""
        if not market_open:
            self._changed_ns.clear()
            self._wanted.clear()
            self._since_ns, self._told = None, False
            return False
        newest_ns = max(self._changed_ns.values(), default=None)
        if newest_ns is None:
            return False
        if self._since_ns is None:
            self._told = False
            if now.mono_ns - newest_ns <= self._settings.still_ms * NS_PER_MS:
                return False
            self._since_ns = newest_ns
            lively_ns = newest_ns - self._settings.moving_ms * NS_PER_MS
            self._wanted = {name: 2 for name, at_ns in self._changed_ns.items() if at_ns >= lively_ns}
        if self._told or now.mono_ns - self._since_ns < self._settings.halted_ms * NS_PER_MS:
            return False
        self._told = True
        return True

    def vote(self, now: Now) -> Vote:
        """Closed from the moment of standing still until each index has moved twice."""
        if self._since_ns is None:
            return PASS
        age_ns = now.mono_ns - self._since_ns
        detail = (
            f"no index changed for {self._settings.still_ms / 1_000:g} s: {', '.join(sorted(self._wanted))} must move"
        )
        return fail(Reason.INDICES_STILL, detail, age_ns=age_ns, limit_ns=self._settings.still_ms * NS_PER_MS)

    def next_deadline(self, now: Now) -> int | None:
        """When standing still begins to count, or is told."""
        newest_ns = max(self._changed_ns.values(), default=None)
        if newest_ns is None:
            return None
        due_ns = newest_ns + self._settings.still_ms * NS_PER_MS + 1
        if self._since_ns is not None:
            due_ns = self._since_ns + self._settings.halted_ms * NS_PER_MS
        return due_ns if due_ns > now.mono_ns else None
