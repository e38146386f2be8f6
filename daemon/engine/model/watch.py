"""Feeds the breakers: marks of the index at fixed instants, what we filled at which fair value, and what settled.

It takes in each value and each fill as they come, and looks at what has settled with the chores; what trips closes the
gate from the next step on, opens an incident and is told. It places and cancels nothing.
"""

from __future__ import annotations

from typing import Final

from daemon.engine.desk import Desk
from daemon.engine.model.evidence import INSTANTS_S, abs_z_ppm, outcome_of
from daemon.engine.settling.window_result import Mark, Result, Stake
from daemon.engine.state import State
from domain.actions import AnyAction
from domain.alert_types.catalogue import BreakerTrippedAlert, ModelDoubtedAlert, Severity
from domain.clock import NS_PER_S, Now
from domain.events import Fill, Tick
from domain.market import Side
from domain.money import PRICE_PER_CENT, PRICE_PER_DOLLAR
from domain.reasons import Breach
from domain.records import BreachEntry
from domain.window import Phase
from guards.model.breakers import Breaker
from guards.windows import FOREVER_NS

GAP_NS: Final = 5 * NS_PER_S
NEAR_DEVIATIONS: Final = 2
EDGES: Final = frozenset({PRICE_PER_CENT, PRICE_PER_DOLLAR - PRICE_PER_CENT, 0, PRICE_PER_DOLLAR})


class Marking:
    """Where one series stands in its window: its last value, and the next instant of which the value is kept."""

    __slots__ = ("due_ns", "last", "passed", "target_ns")

    def __init__(self, target_ns: int, first_ns: int) -> None:
        self.target_ns = target_ns
        self.last: Tick | None = None
        self.passed = sum(target_ns - left_s * NS_PER_S < first_ns for left_s in INSTANTS_S)
        self.due_ns = self._due_ns()

    def following(self) -> None:
        """Go on to the next instant."""
        self.passed += 1
        self.due_ns = self._due_ns()

    def _due_ns(self) -> int:
        left = INSTANTS_S[self.passed :]
        return self.target_ns - left[0] * NS_PER_S if left else FOREVER_NS


class ModelWatch:
    """Bound to one state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.marking: dict[str, Marking] = {}
        self._ends: dict[str, float] = {}
        self._session = ""
        self._basis: dict[str, tuple[int, float, int] | None] = {}

    def value(self, desk: Desk, tick: Tick) -> None:
        """A value of the index that counts; of each instant the last one at or before it is kept."""
        window, at = desk.window, self.marking.get(desk.series.name)
        if window is None:
            return
        if at is None or at.target_ns != window.target_ns:
            at = self.marking[desk.series.name] = Marking(window.target_ns, tick.event_ns)
        while tick.event_ns > at.due_ns:
            self._mark(desk, at)
        at.last = tick

    def _mark(self, desk: Desk, at: Marking) -> None:
        result = self.state.results.by_window.get((desk.series.name, at.target_ns))
        last, sigma = at.last, desk.sigma.sigma_ppm
        if result is not None and last is not None and sigma is not None and at.due_ns - last.event_ns <= GAP_NS:
            result.marks = (*result.marks, Mark(INSTANTS_S[at.passed], last.value, sigma))
        at.following()

    def filled(self, fill: Fill) -> None:
        """One of our orders was executed: what it is worth by our own fair value now."""
        state = self.state
        account = state.held.ledger.markets.get(fill.ticker)
        result = state.results.by_window.get((account.series, account.target_ns)) if account is not None else None
        if result is None:
            return
        desk = state.desks.get(result.series)
        market = desk.markets.get(fill.ticker) if desk is not None else None
        if desk is None or market is None or desk.basis is None or desk.markets_target_ns != result.target_ns:
            result.whole = False
            return
        fair = desk.fairs[list(desk.markets).index(fill.ticker)]
        count = fill.count if fill.side is Side.BID else -fill.count
        result.stakes = (*result.stakes, Stake(fill.ticker, count, fill.price, fair))
        result.seen = desk.basis

    def look(self, now: Now, out: list[AnyAction]) -> None:
        """What has settled, what a session ended with, and what is quoted now."""
        state = self.state
        tripped = [trip for target_ns in self._decided() for trip in self._settled(target_ns)]
        if state.session != self._session:
            for series, sigma in self._ends.items():
                tripped += state.breakers.session_ended(series, sigma)
            self._session, self._ends = state.session, {}
        for name, desk in state.desks.items():
            if desk.phase is Phase.FROZEN and desk.sigma.sigma_ppm is not None:
                self._ends[name] = desk.sigma.sigma_ppm
            tripped += self._quoted(desk, now)
        for breaker in tripped:
            why = state.breakers.tripped[breaker]
            out.append(BreachEntry(Breach.BREAKER_TRIPPED, f"{breaker}: {why}"))
            out.append(BreakerTrippedAlert(Severity.ERROR, breaker.value, why))
            state.account_votes_until_ns = 0
        warning = state.breakers.warning()
        if warning and not state.breakers.warned:
            out.append(ModelDoubtedAlert(Severity.WARNING, warning))
        state.breakers.warned = bool(warning)

    def _decided(self) -> list[int]:
        """The targets of windows that are reported in every series and have not been weighed."""
        results = self.state.results.by_window.values()
        waiting = {result.target_ns for result in results if result.reported and not result.weighed}
        return sorted(waiting - {result.target_ns for result in results if not result.reported})

    def _settled(self, target_ns: int) -> list[Breaker]:
        results, breakers = self.state.results, self.state.breakers
        fresh: list[Result] = []
        for result in results.by_window.values():
            if result.target_ns == target_ns and not result.weighed:
                result.weighed = True
                fresh.append(result)
        tripped = [trip for each in fresh if each.settled for trip in breakers.event(abs_z_ppm(each.marks))]
        outcome = outcome_of(fresh, results.markets)
        return tripped if outcome is None else [*tripped, *breakers.window(outcome)]

    def _quoted(self, desk: Desk, now: Now) -> list[Breaker]:
        """The rungs within two deviations while we may quote: whether any of their prices has moved."""
        state, name, basis = self.state, desk.series.name, desk.basis
        if state.closed.get(name) != () or desk.phase is not Phase.QUOTING or basis is None or desk.ladder is None:
            return state.breakers.rungs(name, (), now.mono_ns)
        value, sigma_ppm, left_ns = basis
        reach = NEAR_DEVIATIONS * value * sigma_ppm / 1_000_000 * (max(left_ns, 0) / NS_PER_S) ** 0.5
        strikes = (
            (m.ticker, m.floor_strike or m.cap_strike or 0, f)
            for m, f in zip(desk.ladder.markets, desk.fairs, strict=True)
        )
        near = tuple((ticker, int(fair)) for ticker, strike, fair in strikes if abs(strike - value) <= reach)
        at_edge = bool(near) and all(fair in EDGES for _, fair in near)
        return state.breakers.rungs(name, near, now.mono_ns, at_edge=at_edge)
