"""Which of two feeds is believed, and in standby mode which one may have a socket (docs/contracts.md, Failover).

Hot: both feeds deliver. A feed is fresh while its newest valid value, of any index, is at most 1200 ms old. From a
stale primary to a fresh secondary, and from a stale secondary to a fresh primary, at once; from a fresh secondary back
to a fresh primary only 5 s after the last switch. Both stale is a state of its own, reached by timer.

Standby: one account has one authenticated socket, and two evict each other. On loss or 5 s of silence the open socket
is closed, its end is confirmed, and only then the other host is opened. After `max_connections` nothing is opened for
60 s. Attempts that never brought a value are spaced out. There is no voluntary return: it would cost a gap.

A value is valid when its stamp is strictly newer than the last of its feed and index. Time is the monotonic stamp.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import msgspec

from domain.actions import FeedControl
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, FeedState, FeedStatus, Tick
from feeds.session import CLOSED_AS_TOLD

GONE: Final = frozenset({FeedState.DOWN, FeedState.COOLING, FeedState.FATAL})
NOTHING: Final[tuple[FeedControl, ...]] = ()
NO_FEED: Final = "none"  # the secondary's name when only one host is configured


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


class FailoverSettings(msgspec.Struct, frozen=True):
    """Limits (docs/contracts.md, Failover); `open_budget_ms`: how long a standby host may take to its first value."""

    stale_limit_ms: int = 1_200
    fail_back_after_ms: int = 5_000
    silence_limit_ms: int = 5_000
    cooldown_ms: int = 60_000
    open_budget_ms: int = 15_000
    retry_first_ms: int = 1_000
    retry_most_ms: int = 30_000
    close_again_ms: int = 5_000


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
        "_settings",
        "_standby",
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
    ) -> None:
        """Name the two feeds; `expects` tells whether silence means anything at an instant (market hours).

        A secondary named NO_FEED does not exist: it is never opened, and never fresh.
        """
        assert primary != secondary, "two feeds need two names"
        self.mode: Final = mode
        self._pair: Final = (primary, secondary)
        self._settings: Final = settings or FailoverSettings()
        self._values: dict[tuple[str, str], Tick] = {}
        self._newest_ns: dict[str, int] = {}
        self._standby: Final = _Standby(self._pair, self._settings, expects) if mode is Mode.STANDBY else None
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
                if self._standby is not None:
                    self._standby.heard(event.feed, now)
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

    # --- what it answers ---

    def state(self, now: Now) -> FailoverState:
        """What the pair amounts to."""
        if self._standby is not None and self._standby.phase is not Phase.OPEN:
            return FailoverState.FATAL if self._standby.phase is Phase.HALTED else FailoverState.SWITCHING
        if not any(self._fresh(feed, now) for feed in self._pair):
            return FailoverState.BOTH_STALE
        return FailoverState.PRIMARY if self.active == self._pair[0] else FailoverState.SECONDARY

    def value(self, symbol: str, now: Now) -> Tick | None:
        """The newest valid value of an index on the active feed, however old; None when there was none."""
        del now  # the age is the freshness guard's to judge
        return self._values.get((self.active, symbol))

    def age_ns(self, feed: str, now: Now) -> int | None:
        """Time since the newest valid value of a feed; None when there was none."""
        newest = self._newest_ns.get(feed)
        return None if newest is None else now.mono_ns - newest

    def next_deadline(self, now: Now) -> int | None:
        """The next instant at which something changes with no event to say so, always later than now."""
        limit_ns = self._settings.stale_limit_ms * NS_PER_MS
        dues = [newest + limit_ns + 1 for newest in self._newest_ns.values()]
        if self._standby is not None:
            due = self._standby.due(now)
            dues += [] if due is None else [due]
        elif self.active == self._pair[1] and self.last_switch is not None:
            dues.append(self.last_switch.at.mono_ns + self._settings.fail_back_after_ms * NS_PER_MS)
        return min((due for due in dues if due > now.mono_ns), default=None)

    # --- hot ---

    def _judge_hot(self, now: Now) -> None:
        primary, secondary = self._pair
        primary_fresh, secondary_fresh = self._fresh(primary, now), self._fresh(secondary, now)
        if self.active == primary:
            if not primary_fresh and secondary_fresh:
                self._activate(secondary, now, f"{primary} is stale")
        elif primary_fresh and not secondary_fresh:
            self._activate(primary, now, f"{secondary} is stale")
        elif primary_fresh and self._settled(now):
            self._activate(primary, now, f"{primary} is fresh again")

    def _fresh(self, feed: str, now: Now) -> bool:
        age = self.age_ns(feed, now)
        return age is not None and age <= self._settings.stale_limit_ms * NS_PER_MS

    def _settled(self, now: Now) -> bool:
        last = self.last_switch
        return last is None or now.mono_ns - last.at.mono_ns >= self._settings.fail_back_after_ms * NS_PER_MS

    def _activate(self, feed: str, now: Now, reason: str) -> None:
        if feed != self.active:
            self.last_switch = Switch(now, self.active, feed, reason)
            self.switches += 1
            self.active = feed


class Phase(enum.StrEnum):
    """Where a standby pair stands: a host is open, being closed, or awaited; halted when both are fatal."""

    IDLE = "idle"
    OPEN = "open"
    CLOSING = "closing"
    WAITING = "waiting"
    HALTED = "halted"


class _Standby:
    """At most one open socket over two hosts."""

    __slots__ = (
        "_alarm_ns",
        "_barren",
        "_expects",
        "_fatal",
        "_following",
        "_heard_once",
        "_lost",
        "_not_before_ns",
        "_pair",
        "_quiet_since_ns",
        "_settings",
        "feed",
        "phase",
        "why",
    )

    def __init__(self, pair: tuple[str, str], settings: FailoverSettings, expects: Callable[[Now], bool]) -> None:
        self._pair: Final = pair
        self._settings: Final = settings
        self._expects: Final = expects
        self.phase = Phase.IDLE
        self.feed = pair[0]
        self.why = ""
        self._following = pair[0]
        self._fatal: set[str] = {NO_FEED} & set(pair)  # never to be opened
        self._barren = 0
        self._heard_once = False
        self._lost = ""
        self._quiet_since_ns = 0
        self._not_before_ns = 0
        self._alarm_ns: int | None = None

    def start(self, now: Now) -> tuple[FeedControl, ...]:
        return self._open(self._following, now) if self.phase is Phase.IDLE else NOTHING

    def heard(self, feed: str, now: Now) -> None:
        if feed == self.feed and self.phase is Phase.OPEN:
            self._quiet_since_ns = now.mono_ns
            self._heard_once = True
            self._barren = 0

    def told(self, status: FeedStatus, now: Now) -> None:
        """A session changed state. Only the end of the socket in question matters here."""
        if status.state not in GONE or status.feed != self.feed:
            return
        if status.state is FeedState.FATAL:
            self._fatal.add(status.feed)
        if status.state is FeedState.COOLING:
            self._not_before_ns = max(self._not_before_ns, now.mono_ns + self._settings.cooldown_ms * NS_PER_MS)
        if self.phase is Phase.CLOSING and status.reason == CLOSED_AS_TOLD:
            self.phase = Phase.WAITING
        elif self.phase is Phase.OPEN and not self._lost:
            self._lost = f"{status.feed} {status.state}: {status.reason}"

    def judge(self, now: Now) -> tuple[FeedControl, ...]:
        """Close what has failed; open what is next once the other is known to be closed."""
        if self.phase is Phase.OPEN:
            why = self._lost or self._silence(now)
            return self._close(why, now) if why else NOTHING
        if self.phase is Phase.CLOSING and self._alarm_ns is not None and now.mono_ns >= self._alarm_ns:
            self._alarm_ns = now.mono_ns + self._settings.close_again_ms * NS_PER_MS
            return (FeedControl(feed=self.feed, open=False),)
        if self.phase is Phase.WAITING and now.mono_ns >= self._not_before_ns:
            if self._fatal.issuperset(self._pair):
                self.phase = Phase.HALTED
                return NOTHING
            return self._open(self._following, now)
        return NOTHING

    def due(self, now: Now) -> int | None:
        if self.phase is Phase.OPEN:
            return max(self._quiet_since_ns + self._patience_ns() + 1, now.mono_ns + 1)
        if self.phase is Phase.CLOSING:
            return self._alarm_ns
        return max(self._not_before_ns, now.mono_ns + 1) if self.phase is Phase.WAITING else None

    def _patience_ns(self) -> int:
        limit_ms = self._settings.silence_limit_ms if self._heard_once else self._settings.open_budget_ms
        return limit_ms * NS_PER_MS

    def _silence(self, now: Now) -> str:
        if now.mono_ns - self._quiet_since_ns <= self._patience_ns():
            return ""
        if not self._expects(now):
            self._quiet_since_ns = now.mono_ns
            return ""
        return f"{self.feed} silent for {self._patience_ns() / NS_PER_S:g} s"

    def _close(self, why: str, now: Now) -> tuple[FeedControl, ...]:
        self.phase = Phase.CLOSING
        self.why = why
        self._alarm_ns = now.mono_ns + self._settings.close_again_ms * NS_PER_MS
        evicted = now.mono_ns < self._not_before_ns
        other = self._pair[self.feed == self._pair[0]]
        # An eviction is the account's trouble, not the host's: stay with the host. Neither go to one that refused us.
        stay = (evicted and self.feed not in self._fatal) or other in self._fatal
        self._following = self.feed if stay else other
        if not self._heard_once:
            self._barren += 1
            waits = min(self._settings.retry_first_ms << min(self._barren - 1, 10), self._settings.retry_most_ms)
            # The first failure may go straight to the other host; from then on both are suspect.
            wait_ms = waits if self._barren > 1 or stay else 0
            self._not_before_ns = max(self._not_before_ns, now.mono_ns + wait_ms * NS_PER_MS)
        return (FeedControl(feed=self.feed, open=False),)

    def _open(self, feed: str, now: Now) -> tuple[FeedControl, ...]:
        self.phase = Phase.OPEN
        self.feed = feed
        self._lost = ""
        self._heard_once = False
        self._quiet_since_ns = now.mono_ns
        self._alarm_ns = None
        return (FeedControl(feed=feed, open=True),)
