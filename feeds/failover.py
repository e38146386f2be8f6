"""Which of two feeds is believed, and in standby mode which one may have a socket (docs/contracts.md, Failover).

Hot: both feeds deliver. A feed is fresh while its newest valid value, of any index, is at most 1200 ms old. From a
stale primary to a fresh secondary, and from a stale secondary to a fresh primary, at once; from a fresh secondary back
to a fresh primary only 5 s after the last switch. Both stale is a state of its own, reached by timer.

One index that is dead on the active feed and ticks on the other, or is told to be stuck there, sets the active feed
aside (`quarantine.py`): the other is believed if it is not set aside itself, and nobody returns before the time is up.

Standby: one account has one authenticated socket, so at most one host is open (`standby.py`).

A value is valid when its stamp is strictly newer than the last of its feed and index. Time is the monotonic stamp.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import msgspec

from domain.actions import FeedControl
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, FeedStatus, Tick
from feeds.quarantine import Quarantine, SetAside
from feeds.standby import NO_FEED, NOTHING, FailoverSettings, Standby, StandbyPhase

MS_PER_S: Final = 1_000


class Mode(enum.StrEnum):
    """Two accounts (hot) or one (standby)."""

    HOT = "hot"
    STANDBY = "standby"


class FailoverState(enum.StrEnum):
    """What the pair amounts to at an instant."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    BOTH_STALE = "both_stale"
    SWITCHING = "switching"
    FATAL = "fatal"


class Switch(msgspec.Struct, frozen=True):
    """The active feed changed."""

    at: Now
    before: str
    after: str
    reason: str


class DualFeedFailover:
    """Two feeds, one believed. `switches` counts changes; `last_switch` is the newest."""

    __slots__ = (
        "_newest_ns",
        "_pair",
        "_quarantine",
        "_settings",
        "_spoke_ns",
        "_standby",
        "_symbols",
        "_values",
        "active",
        "last_switch",
        "mode",
        "switches",
    )

    def __init__(
        self,
        primary: str,
        secondary: str,
        mode: Mode,
        settings: FailoverSettings | None = None,
        expects: Callable[[Now], bool] = lambda _now: True,
        symbols: tuple[str, ...] = (),
        calm: Callable[[Now], bool] = lambda _now: True,
    ) -> None:
        """Name the two feeds; `expects` tells whether silence means anything at an instant (market hours).

        `symbols`: the indices that each feed should bring. `calm`: whether a standby socket that works for one index
        may be given up for another at an instant. A secondary named NO_FEED does not exist: never opened, never fresh.
        """
        assert primary != secondary, "two feeds need two names"
        self.mode: Final = mode
        self._pair: Final = (primary, secondary)
        self._settings: Final = settings or FailoverSettings()
        self._values: dict[tuple[str, str], Tick] = {}
        self._newest_ns: dict[str, int] = {}
        self._symbols: Final = symbols
        self._spoke_ns: dict[str, int] = {}
        self._quarantine: Final = Quarantine(self._settings.quarantine_ms)
        one_account = mode is Mode.STANDBY
        self._standby: Final = (
            Standby(self._pair, symbols, self._settings, self._quarantine, expects, calm) if one_account else None
        )
        self.active = primary
        self.last_switch: Switch | None = None
        self.switches = 0

    # --- what it is told ---

    def start(self, now: Now) -> tuple[FeedControl, ...]:
        """Open what may be open: both feeds, or in standby the primary."""
        if self._standby is not None:
            return self._standby.start(now)
        return tuple(FeedControl(feed=feed, open=True) for feed in self._pair if feed != NO_FEED)

    def observe(self, event: AnyEvent, now: Now) -> tuple[FeedControl, ...]:
        """Take a value or a status; anything else changes nothing. Returns sockets to close and open."""
        if isinstance(event, Tick) and event.feed in self._pair:
            key = (event.feed, event.symbol)
            last = self._values.get(key)
            if last is None or event.event_ns > last.event_ns:
                self._values[key] = event
                newest = self._newest_ns.get(event.feed, event.received_mono_ns)
                self._newest_ns[event.feed] = max(newest, event.received_mono_ns)
                self._spoke_ns.setdefault(event.feed, event.received_mono_ns)
                if self._standby is not None:
                    self._standby.heard(event.feed, event.symbol, now)
        elif isinstance(event, FeedStatus) and self._standby is not None and event.feed in self._pair:
            self._standby.told(event, now)
        return self.tick(now)

    def tick(self, now: Now) -> tuple[FeedControl, ...]:
        """Let time pass: the instant `next_deadline` named may have come."""
        if self._standby is None:
            self._judge_hot(now)
            return NOTHING
        controls = self._standby.judge(now)
        self._activate(self._standby.feed, now, self._standby.why)
        return controls

    def set_aside(self, feed: str, symbol: str, why: str, now: Now) -> None:
        """A guard found a feed's value of an index to be bad (stuck): it is not chosen while its time runs."""
        self._quarantine.set_aside(feed, symbol, why, now)

    # --- what it answers ---

    def aside(self, feed: str, now: Now) -> tuple[SetAside, ...]:
        """What a feed is set aside for; empty when it may be chosen."""
        return self._quarantine.of(feed, now)

    def take_news(self) -> list[SetAside]:
        """What was set aside since this was last asked."""
        news, self._quarantine.news = self._quarantine.news, []
        return news

    def state(self, now: Now) -> FailoverState:
        """What the pair amounts to."""
        if self._standby is not None and self._standby.phase is not StandbyPhase.OPEN:
            return FailoverState.FATAL if self._standby.phase is StandbyPhase.HALTED else FailoverState.SWITCHING
        if not any(self.fresh(feed, now) for feed in self._pair):
            return FailoverState.BOTH_STALE
        return FailoverState.PRIMARY if self.active == self._pair[0] else FailoverState.SECONDARY

    def value(self, symbol: str, now: Now) -> Tick | None:
        """The newest valid value of an index on the active feed, however old; None when there was none."""
        del now  # the age is the freshness guard's to judge
        return self._values.get((self.active, symbol))

    def value_on(self, feed: str, symbol: str) -> Tick | None:
        """The newest valid value of an index on one feed, active or not."""
        return self._values.get((feed, symbol))

    def age_ns(self, feed: str, now: Now) -> int | None:
        """Time since the newest valid value of a feed; None when there was none."""
        newest = self._newest_ns.get(feed)
        return None if newest is None else now.mono_ns - newest

    def fresh(self, feed: str, now: Now) -> bool:
        """Whether the newest valid value of a feed, of any index, is within the limit."""
        age = self.age_ns(feed, now)
        return age is not None and age <= self._settings.stale_threshold_ms * NS_PER_MS

    def expected(self) -> tuple[str, ...]:
        """The feeds that should deliver: both, or in standby the one that is believed."""
        return tuple(f for f in self._pair if f != NO_FEED and (self._standby is None or f == self.active))

    def next_deadline(self, now: Now) -> int | None:
        """The next instant at which something changes with no event to say so, always later than now."""
        limit_ns = self._settings.stale_threshold_ms * NS_PER_MS
        dues = [newest + limit_ns + 1 for newest in self._newest_ns.values()]
        if self._standby is not None:
            due = self._standby.due(now)
            dues += [] if due is None else [due]
        elif self.active == self._pair[1] and self.last_switch is not None:
            dues.append(self.last_switch.at.mono_ns + self._settings.fail_back_s * NS_PER_S)
        ends_ns = self._quarantine.next_end(now)
        dues += [] if ends_ns is None else [ends_ns]
        return min((due for due in dues if due > now.mono_ns), default=None)

    # --- hot ---

    def _judge_hot(self, now: Now) -> None:
        primary, secondary = self._pair
        primary_fresh, secondary_fresh = self.fresh(primary, now), self.fresh(secondary, now)
        if self.active == primary:
            if not primary_fresh and secondary_fresh:
                self._activate(secondary, now, f"{primary} is stale")
        elif primary_fresh and not secondary_fresh:
            self._activate(primary, now, f"{secondary} is stale")
        elif primary_fresh and self._settled(now) and not self._quarantine.of(primary, now):
            self._activate(primary, now, f"{primary} is fresh again")
        if self._symbols and primary_fresh and secondary_fresh:
            self._judge_each(self._pair[self.active == primary], now)

    def _judge_each(self, other: str, now: Now) -> None:
        """Both tick, but an index of the active feed may be bad: the other is believed if it has what is missing."""
        for symbol in self._symbols:
            if self._missing(symbol, other, now):
                why = f"silent for {self._settings.symbol_silence_ms / MS_PER_S:g} s"
                self._quarantine.set_aside(self.active, symbol, why, now)
        since_ns = self.last_switch.at.mono_ns if self.last_switch is not None else 0
        bad = self._quarantine.bad_since(self.active, since_ns, now)
        if not bad or self._quarantine.of(other, now):
            return
        if all(self._ticks(other, mark.symbol, now) for mark in bad):
            self._quarantine.renew(self.active, now)
            self._activate(other, now, f"{self.active}: {', '.join(f'{mark.symbol} {mark.why}' for mark in bad)}")

    def _missing(self, symbol: str, other: str, now: Now) -> bool:
        """Whether an index is dead on the active feed and ticks on the other: alike on both, it did not change."""
        last = self._values.get((self.active, symbol))
        heard_ns = self._spoke_ns[self.active] if last is None else last.received_mono_ns
        return now.mono_ns - heard_ns > self._settings.symbol_silence_ms * NS_PER_MS and self._ticks(other, symbol, now)

    def _ticks(self, feed: str, symbol: str, now: Now) -> bool:
        last = self._values.get((feed, symbol))
        return last is not None and now.mono_ns - last.received_mono_ns <= self._settings.stale_threshold_ms * NS_PER_MS

    def _settled(self, now: Now) -> bool:
        last = self.last_switch
        return last is None or now.mono_ns - last.at.mono_ns >= self._settings.fail_back_s * NS_PER_S

    def _activate(self, feed: str, now: Now, reason: str) -> None:
        if feed != self.active:
            self.last_switch = Switch(now, self.active, feed, reason)
            self.switches += 1
            self.active = feed
