"""Has it come back? After a fault quoting resumes, the last window is quoted, and at the end somebody is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.clock import NS_PER_S
from domain.market import SERIES
from domain.money import INDEX_PER_POINT
from domain.reasons import BY_ITSELF, Reason
from domain.window import Window
from sim.campaign.faults import Fault

if TYPE_CHECKING:
    from sim.campaign.scene import Scene

CALM_ORDERS = 1
TAIL_NS = 66 * NS_PER_S
FEES_READ_NS = 660 * NS_PER_S
# The daemon's own tail runs from when it was sure, and its own cancel-all may follow.
# Reasons that rightly outlast any fault: a person, or the day's own rules, must lift them.
LASTING = frozenset(
    {
        Reason.FINAL_MINUTE_STALE, Reason.STRICT_STAND_DOWN, Reason.RISK_LIMIT, Reason.WINDOW_CLOSED, Reason.T_MINUS_2S,
    }
)  # fmt: skip


class Liveness:
    """Looks whether quoting is back."""

    def __init__(self, world: Scene) -> None:
        self._checks = world.checks
        self._timeline = world.timeline
        self._box = world.box
        self._windows = world.windows
        self._faults = world.faults
        self._kinds = world.kinds
        self._events = world.exchange.state.events
        self._value = world.paths.value
        self._member = world.exchange.member

    def arrange(self, series: tuple[str, ...], end_ns: int) -> None:
        """Have it all looked at in its time."""
        for fault in self._faults:
            settle_ns = int(self._kinds[fault.kind].settle_s * NS_PER_S)
            if settle_ns:
                self._timeline.at(fault.until_ns + settle_ns, self._resumed, fault)
        if self._windows:
            last = self._windows[-1]
            for name in series:
                self._timeline.at(last.freeze_ns - NS_PER_S, self._calm, name, last)
        self._timeline.at(end_ns - NS_PER_S, self._quiet)

    def _resumed(self, fault: Fault) -> None:
        """Quoting must be back by now, if nothing else has gone wrong meanwhile and there is something to quote in."""
        now_ns = self._timeline.now_ns
        mine = now_ns - fault.until_ns
        for other in self._faults:
            settle_ns = int(self._kinds[other.kind].settle_s * NS_PER_S)
            begun = self._begun_ns(other) <= now_ns
            if other is not fault and begun and other.until_ns + max(mine, settle_ns) > now_ns:
                return
        for window in self._windows:
            if window.opens_ns + mine < now_ns < window.strict_ns - NS_PER_S:
                self._checks.counts["resumptions looked at"] += 1
                for name in window.series:
                    why = self._not_quoting(name, window)
                    if why:
                        self._checks.breach("quoting did not resume", f"{why} {mine / 1e9:.0f} s after {fault.kind}")

    def _begun_ns(self, fault: Fault) -> int:
        """When a fault begins to be felt: what is listed late is missing from the first look at its window on."""
        if fault.kind != "late_listing":
            return fault.at_ns
        return min((w.preflight_ns for w in self._windows if w.preflight_ns <= fault.at_ns <= w.target_ns), default=0)

    def _not_quoting(self, name: str, window: Window) -> str:
        """Why a series is not quoted although nothing is wrong any more; empty when it is, or need not be."""
        process = self._box.process
        if process is None:
            return "no process"
        reasons = process.engine.state.closed.get(name, ())
        if process.engine.state.paused.startswith(BY_ITSELF):
            self._checks.counts["paused by itself"] += 1
            return ""  # a person must look, and does when the window is over
        now_ns = process.clock.now().utc_ns
        stuck = [reason.value for reason in reasons if reason not in LASTING]
        if stuck:
            return f"{name}: {', '.join(stuck)}"
        exchange_series = SERIES[name].exchange_series
        if self._checks.requests.cools(exchange_series, now_ns):
            self._checks.counts["cooling for refusals"] += 1
            return ""
        rests = any(o.market.event.series.ticker == exchange_series for o in self._member.resting.values())
        if process.engine.state.refused.holds(name, process.clock.now()):
            self._checks.counts["held by refusals"] += 1  # as many as may be in a minute: the daemon waits by itself
            return ""
        if reasons or rests or self._beyond_the_ladder(name, window) or self._markets_full():
            return ""
        # Seconds before the target every rung may be as good as decided, between two strikes: then none is quoted.
        desk = process.engine.state.desks[name]
        quoting = desk.settings.quoting
        if desk.fairs and not any(map(quoting.tradable, desk.fairs)):
            self._checks.counts["no rung worth quoting"] += 1
            return ""
        return f"{name}: open, and nothing rests"

    def _markets_full(self) -> bool:
        """As many markets are in use as may be: the rungs now near the money are new ones, and refused."""
        used = {order.market.ticker for order in self._member.resting.values()}
        used |= {p.market.ticker for p in self._member.positions.values() if p.count.value and not p.settled}
        return len(used) >= self._checks.settings.risk.markets_max

    def _calm(self, series: str, window: Window) -> None:
        """The last window had no faults: it must have been quoted, unless the day's own rules forbade it."""
        process = self._box.process
        if process is None:
            self._checks.breach("calm window without quotes", "no process")
            return
        if process.engine.state.risk.paused or process.engine.state.desks[series].sentry.session_frozen:
            self._checks.counts["calm window forbidden"] += 1
            return
        tail_ends_ns = self._checks.swept_ns + TAIL_NS
        # The vendor's quota is waited out, and that may take as long as a short window.
        cooling_ns = int(self._kinds["quota_eviction"].settle_s * NS_PER_S)
        evicted = [f.until_ns + cooling_ns for f in self._faults if f.kind == "quota_eviction"]
        fees_changed = any(f.kind == "fee_terms" and f.at_ns > window.opens_ns - FEES_READ_NS for f in self._faults)
        # It may find out about a stranger at the very end of his minute.
        told_ns = self._checks.stranger_told_ns
        stranger_ns = told_ns + TAIL_NS if told_ns else 0
        held_ns = max([tail_ends_ns, stranger_ns, *evicted])
        if held_ns > window.opens_ns + NS_PER_S or fees_changed or self._beyond_the_ladder(series, window):
            self._checks.counts["calm window forbidden"] += 1
            return
        self._checks.counts["calm windows"] += 1
        if self._checks.requests.placed_in[series, window.target_ns] < CALM_ORDERS:
            reasons = ", ".join(r.value for r in process.engine.state.closed.get(series, ()))
            self._checks.breach("calm window without quotes", f"{series}: {reasons or 'open, and nothing placed'}")

    def _beyond_the_ladder(self, series: str, window: Window) -> bool:
        """The index has left the rungs that were listed in the morning: there is nothing near the money to quote."""
        for event in self._events.values():
            if event.close_ns == window.target_ns and event.series.ticker == SERIES[series].exchange_series:
                strikes = [market.strike * INDEX_PER_POINT for market in event.markets]
                points = self._value(event.series.symbol, self._timeline.now_ns)
                return not min(strikes) < points < max(strikes)
        return True

    def _quiet(self) -> None:
        process = self._box.process
        if process is None or process.engine.state.started is None:
            self._checks.breach("calm window without quotes", "no process at the end")
            return
        self._checks.settled(process)
