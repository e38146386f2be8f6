"""Two hosts of one account: which of them may have a socket (docs/contracts.md, Failover).

One account has one authenticated socket, and two evict each other. On loss or 5 s of silence the open socket is closed,
its end is confirmed, and only then the other host is opened; a host that failed is not opened again within its recovery
period. After `max_connections` nothing is opened for 60 s. Attempts that never brought a value are spaced out. There is
no voluntary return: it would cost a gap.

Silence is that of every index. One index that is dead or stuck while others tick sends us to the other host once, if
that was not found as bad before, and never in a final minute: the healthy index would lose its socket. If it is dead
there too we stay, and the other host is tried again when its quarantine ends.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from domain.actions import FeedControl
from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import FeedState, FeedStatus
from domain.setting import key
from feeds.quarantine import Quarantine
from feeds.session import CLOSED_AS_TOLD

GONE: Final = frozenset({FeedState.DOWN, FeedState.COOLING, FeedState.FATAL})
NOTHING: Final[tuple[FeedControl, ...]] = ()
NEVER_NS: Final = 1 << 62
NO_FEED: Final = "none"  # the secondary's name when only one host is configured


class FailoverSettings(msgspec.Struct, frozen=True):
    """Limits of docs/contracts.md, Failover; `open_budget_ms` is how long a standby host may take to its first value.

    `fail_back_s` is also the recovery period of a host that was lost. `symbol_silence_ms`: how long one index
    may be silent while others tick; `quarantine_ms`: how long a feed is not chosen for an index that was bad there.
    """

    stale_threshold_ms: Annotated[
        int, key("How long the active feed may be silent before the other one is used.", "H17", ge=100, le=60_000)
    ] = 1200
    fail_back_s: Annotated[
        int, key("How long after a switch the primary may be returned to at the earliest.", "H17", ge=0, le=600)
    ] = 5
    standby_silence_s: Annotated[
        int, key("In standby mode: the silence after which the other host is dialled.", "H17", ge=1, le=120)
    ] = 5
    cooldown_ms: int = 60_000
    open_budget_ms: int = 15_000
    retry: Backoff = Backoff(1_000, 30_000)
    close_again_ms: int = 5_000
    symbol_silence_ms: int = 10_000
    quarantine_ms: int = 600_000
    refused: Backoff = Backoff(30_000, 600_000)


class StandbyPhase(enum.StrEnum):
    """Where a standby pair stands: a host is open, being closed, or awaited; halted when both are fatal."""

    IDLE = "idle"
    OPEN = "open"
    CLOSING = "closing"
    WAITING = "waiting"
    HALTED = "halted"


class Standby:
    """At most one open socket over two hosts."""

    __slots__ = (
        "_alarm_ns",
        "_barren",
        "_calm",
        "_expects",
        "_following",
        "_heard_once",
        "_lost",
        "_not_before_ns",
        "_opened_ns",
        "_pair",
        "_quarantine",
        "_quiet_since_ns",
        "_recovers_ns",
        "_refusals",
        "_refused_until_ns",
        "_settings",
        "_symbol_ns",
        "feed",
        "phase",
        "why",
    )

    def __init__(
        self,
        pair: tuple[str, str],
        symbols: tuple[str, ...],
        settings: FailoverSettings,
        quarantine: Quarantine,
        expects: Callable[[Now], bool],
        calm: Callable[[Now], bool],
    ) -> None:
        """`expects`: whether silence means anything; `calm`: whether a working socket may be given up now."""
        self._pair: Final = pair
        self._settings: Final = settings
        self._quarantine: Final = quarantine
        self._expects: Final = expects
        self._calm: Final = calm
        self._symbol_ns: dict[str, int] = dict.fromkeys(symbols, 0)
        self._recovers_ns: dict[str, int] = {}
        self._opened_ns = 0
        self.phase = StandbyPhase.IDLE
        self.feed = pair[0]
        self.why = ""
        self._following = pair[0]
        self._refusals: dict[str, int] = {}
        self._refused_until_ns: dict[str, int] = dict.fromkeys({NO_FEED} & set(pair), NEVER_NS)
        self._barren = 0
        self._heard_once = False
        self._lost = ""
        self._quiet_since_ns = 0
        self._not_before_ns = 0
        self._alarm_ns: int | None = None

    def start(self, now: Now) -> tuple[FeedControl, ...]:
        """Open the first host."""
        return self._open(self._following, now) if self.phase is StandbyPhase.IDLE else NOTHING

    def heard(self, feed: str, symbol: str, now: Now) -> None:
        """A valid value of an index came on a feed."""
        if feed != self.feed or self.phase is not StandbyPhase.OPEN:
            return
        self._quiet_since_ns = now.mono_ns
        self._barren = 0
        if not self._heard_once:
            # The first value: from now on the other indices should come too.
            self._heard_once = True
            self._refusals.pop(feed, None)
            self._symbol_ns = dict.fromkeys(self._symbol_ns, now.mono_ns)
        if symbol in self._symbol_ns:
            self._symbol_ns[symbol] = now.mono_ns

    def told(self, status: FeedStatus, now: Now) -> None:
        """A session changed state. Only the end of the socket in question matters here."""
        if status.state not in GONE or status.feed != self.feed:
            return
        if status.state is FeedState.FATAL and not self._refused(status.feed, now):
            refusals = self._refusals[status.feed] = self._refusals.get(status.feed, 0) + 1
            self._refused_until_ns[status.feed] = now.mono_ns + self._settings.refused.wait_ns(refusals)
        if status.state is FeedState.COOLING:
            self._not_before_ns = max(self._not_before_ns, now.mono_ns + self._settings.cooldown_ms * NS_PER_MS)
        if self.phase is StandbyPhase.CLOSING and status.reason.startswith(CLOSED_AS_TOLD):
            self.phase = StandbyPhase.WAITING
        elif self.phase is StandbyPhase.OPEN and not self._lost:
            self._lost = f"{status.feed} {status.state}: {status.reason}"

    def judge(self, now: Now) -> tuple[FeedControl, ...]:
        """Close what has failed; open what is next once the other is known to be closed."""
        if self.phase is StandbyPhase.OPEN:
            why = self._lost or self._silence(now)
            return self._close(why, now) if why else self._hop(now)
        if self.phase is StandbyPhase.CLOSING and self._alarm_ns is not None and now.mono_ns >= self._alarm_ns:
            self._alarm_ns = now.mono_ns + self._settings.close_again_ms * NS_PER_MS
            return (FeedControl(feed=self.feed, open=False),)
        if self.phase in {StandbyPhase.WAITING, StandbyPhase.HALTED} and now.mono_ns >= self._not_before_ns:
            willing = [feed for feed in (self._following, *self._pair) if not self._refused(feed, now)]
            if not willing:
                self.phase = StandbyPhase.HALTED
                return NOTHING
            return self._open(willing[0], now)
        return NOTHING

    def due(self, now: Now) -> int | None:
        """When `judge` is wanted next, later than now."""
        if self.phase is StandbyPhase.OPEN:
            dues = [max(self._quiet_since_ns + self._patience_ns() + 1, now.mono_ns + 1)]
            limit_ns = self._settings.symbol_silence_ms * NS_PER_MS
            dues += [heard_ns + limit_ns + 1 for heard_ns in self._symbol_ns.values() if self._heard_once]
            return min(due for due in dues if due > now.mono_ns)
        if self.phase is StandbyPhase.CLOSING:
            return self._alarm_ns
        if self.phase is StandbyPhase.HALTED:
            return max(min(self._refused_until_ns.values()), self._not_before_ns, now.mono_ns + 1)
        return max(self._not_before_ns, now.mono_ns + 1) if self.phase is StandbyPhase.WAITING else None

    def _patience_ns(self) -> int:
        limit_ms = self._settings.standby_silence_s * 1_000 if self._heard_once else self._settings.open_budget_ms
        return limit_ms * NS_PER_MS

    def _silence(self, now: Now) -> str:
        if now.mono_ns - self._quiet_since_ns <= self._patience_ns():
            return ""
        if not self._expects(now):
            self._quiet_since_ns = now.mono_ns
            return ""
        return f"{self.feed} silent for {self._patience_ns() / NS_PER_S:g} s"

    def _hop(self, now: Now) -> tuple[FeedControl, ...]:
        """Leave a socket that works for an index that does not: only for a host that was not found as bad."""
        self._look_at_each(now)
        bad = self._quarantine.bad_since(self.feed, self._opened_ns, now)
        other = self._other()
        may = not self._refused(other, now) and not self._quarantine.of(other, now) and not self._recovering(other, now)
        if not bad or not may or not self._calm(now):
            return NOTHING
        self._quarantine.renew(self.feed, now)
        return self._close(f"{self.feed}: {', '.join(f'{mark.symbol} {mark.why}' for mark in bad)}", now)

    def _look_at_each(self, now: Now) -> None:
        """Set the open host aside for each index that is silent there while others tick."""
        limit_ns = self._settings.symbol_silence_ms * NS_PER_MS
        silent = [symbol for symbol, heard_ns in self._symbol_ns.items() if now.mono_ns - heard_ns > limit_ns]
        if not silent or not self._heard_once:
            return
        if not self._expects(now):
            self._symbol_ns.update(dict.fromkeys(silent, now.mono_ns))
            return
        for symbol in silent:
            self._quarantine.set_aside(self.feed, symbol, f"silent for {limit_ns / NS_PER_S:g} s", now)

    def _other(self) -> str:
        return self._pair[self.feed == self._pair[0]]

    def _refused(self, feed: str, now: Now) -> bool:
        """Whether a host has refused our key lately: it is asked again slowly, for good keys have been refused too."""
        return self._refused_until_ns.get(feed, 0) > now.mono_ns

    def _recovering(self, feed: str, now: Now) -> bool:
        return self._recovers_ns.get(feed, 0) > now.mono_ns

    def _close(self, why: str, now: Now) -> tuple[FeedControl, ...]:
        self.phase = StandbyPhase.CLOSING
        self._recovers_ns[self.feed] = now.mono_ns + self._settings.fail_back_s * NS_PER_S
        self.why = why
        self._alarm_ns = now.mono_ns + self._settings.close_again_ms * NS_PER_MS
        evicted = now.mono_ns < self._not_before_ns
        other = self._other()
        # An eviction is the account's trouble, not the host's: stay with the host. Neither go to one that refused us.
        stay = (evicted and not self._refused(self.feed, now)) or self._refused(other, now)
        self._following = self.feed if stay else other
        if not stay:
            # A host that failed is not chosen again within its recovery period, also when this one fails as well.
            self._not_before_ns = max(self._not_before_ns, self._recovers_ns.get(other, 0))
        if not self._heard_once:
            self._barren += 1
            # The first failure may go straight to the other host; from then on both are suspect.
            wait_ns = self._settings.retry.wait_ns(self._barren) if self._barren > 1 or stay else 0
            self._not_before_ns = max(self._not_before_ns, now.mono_ns + wait_ns)
        return (FeedControl(feed=self.feed, open=False),)

    def _open(self, feed: str, now: Now) -> tuple[FeedControl, ...]:
        self.phase = StandbyPhase.OPEN
        self.feed = feed
        self._lost = ""
        self._heard_once = False
        self._quiet_since_ns = self._opened_ns = now.mono_ns
        self._alarm_ns = None
        return (FeedControl(feed=feed, open=True),)
