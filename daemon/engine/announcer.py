"""What people are told that no single event says: an index or every feed has gone, a pause.

Each is said once, and once more when it is over, where it ends by itself. Nothing is decided here: guards do that.

A series is told when its own index is out of its limit and has been silent for longer than arming allows, so that a
value a little late in the final minute is no news; one that was never seen, when it should have come. While no value is
expected (outside market hours) there is no outage. The feeds are lost when neither delivers anything: in standby the
other host is given the time that it takes to open it.
"""

from __future__ import annotations

from collections.abc import Iterable

from daemon.engine.desk import Desk
from domain.alert_types.catalogue import (
    AnyAlert,
    FeedQuarantinedAlert,
    FeedsBackAlert,
    FeedsLostAlert,
    IndexFreshAlert,
    IndexStaleAlert,
    PausedAlert,
    Severity,
)
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.window import Phase
from feeds.failover import DualFeedFailover, FailoverState, Mode
from feeds.quarantine import SetAside
from guards.index_freshness import IndexFreshness
from guards.windows import WindowPlan

FIRST_VALUE_NS = 10 * NS_PER_S
LOST_AFTER_NS = {Mode.HOT: 2 * NS_PER_S, Mode.STANDBY: 10 * NS_PER_S}
DELIVERING = frozenset({FailoverState.PRIMARY, FailoverState.SECONDARY})


class Announcer:
    """Makes alerts; remembers what was told, and since when values are expected."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        self._expected_since_ns: int | None = None
        self._stale_since_ns: dict[str, int] = {}
        self._nothing_since_ns: int | None = None
        self._lost = False
        self._paused = ""

    def look(self, desks: Iterable[Desk], failover: DualFeedFailover, paused: str, now: Now) -> list[AnyAlert]:
        """What is news now; `paused` is why quoting is paused, whoever asked for it, or nothing."""
        news: list[AnyAlert] = []
        if paused not in ("", self._paused):
            news.append(PausedAlert(Severity.WARNING, paused))
        self._paused = paused
        news += [_quarantined(mark, now) for mark in failover.take_news()]
        if not self._plan.market_open(now.utc_ns):
            self._expected_since_ns = self._nothing_since_ns = None
            self._stale_since_ns.clear()
            self._lost = False
            return news
        if self._expected_since_ns is None:
            self._expected_since_ns = now.mono_ns
        expected_ns = now.mono_ns - self._expected_since_ns
        phased = [(desk.freshness(now), desk.phase is not Phase.CLOSED) for desk in desks]
        found = [self._index(facts, now, expected_ns, in_window=inside) for facts, inside in phased]
        found.append(self._feeds(failover, now, in_window=any(inside for _, inside in phased)))
        return news + [alert for alert in found if alert is not None]

    def _index(self, one: IndexFreshness, now: Now, expected_ns: int, *, in_window: bool) -> AnyAlert | None:
        told_ns = self._stale_since_ns.get(one.series)
        told = one.series, one.symbol, one.feed, one.age_ms, one.limit_ms, one.basis
        if one.fresh:
            if told_ns is None:
                return None
            del self._stale_since_ns[one.series]
            return IndexFreshAlert(Severity.INFO, *told, (now.mono_ns - told_ns) / NS_PER_S)
        patience_ns = FIRST_VALUE_NS if one.age_ns is None else round(one.arm_limit_ms * NS_PER_MS)
        silent_ns = expected_ns if one.age_ns is None else min(one.age_ns, expected_ns)
        if told_ns is not None or silent_ns <= patience_ns:
            return None
        self._stale_since_ns[one.series] = now.mono_ns
        severity = Severity.ERROR if in_window else Severity.WARNING
        return IndexStaleAlert(severity, *told, one.received_utc_ns)

    def _feeds(self, failover: DualFeedFailover, now: Now, *, in_window: bool) -> AnyAlert | None:
        state = failover.state(now)
        if state in DELIVERING:
            was_lost, self._lost, self._nothing_since_ns = self._lost, False, None
            return FeedsBackAlert(Severity.INFO, state.value, failover.active) if was_lost else None
        if self._nothing_since_ns is None:
            self._nothing_since_ns = now.mono_ns
        if self._lost or now.mono_ns - self._nothing_since_ns <= LOST_AFTER_NS[failover.mode]:
            return None
        self._lost = True
        severity = Severity.CRITICAL if in_window else Severity.ERROR
        return FeedsLostAlert(severity, state.value, failover.active)


def _quarantined(mark: SetAside, now: Now) -> FeedQuarantinedAlert:
    left_s = round((mark.until_ns - now.mono_ns) / NS_PER_S, 1)
    return FeedQuarantinedAlert(Severity.WARNING, mark.feed, mark.symbol, mark.why, left_s)
