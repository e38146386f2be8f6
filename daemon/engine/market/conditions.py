"""What the market and its rules allow besides the index.

I:VIX limits size and edge; the restricted list bars markets; the exchange's own schedule says when it stands still.

Each changes what the engine finds when it decides, and tells what has turned; nothing here places or cancels.
"""

from __future__ import annotations

from daemon.engine.state import State
from domain.actions import AnyAction
from domain.alert_types.catalogue import VolatilityLevelAlert
from domain.clock import Now
from domain.events import ExchangeScheduleRead, MarketsRead, RestrictedRead, Tick
from domain.records import ExchangeScheduleEntry, MarketVetoedEntry, RestrictedListEntry, VolatilityLevelEntry
from guards.volatility import SEVERITY


class MarketConditions:
    """Bound to one state."""

    def __init__(self, state: State) -> None:
        self.state = state

    def passing(self, now: Now, *, before: bool, out: list[AnyAction]) -> None:
        """Time has passed; `before`: whether an index was expected until now. A session begins or ends."""
        state = self.state
        if now.mono_ns >= state.level.turns_ns:
            self.level_turned(now, out)
        if state.index_expected is before:
            return
        state.level.session(now, market_open=state.index_expected)
        if state.index_expected:
            for desk in state.desks.values():
                desk.first.begin()

    def schedule_read(self, event: ExchangeScheduleRead, now: Now, out: list[AnyAction]) -> None:
        """The exchange has told its schedule; what is new of it is recorded, with the standstill that comes next."""
        state = self.state
        state.held.reads.answered(event.request_id, now.mono_ns)
        if state.schedule.observe(event):
            following = state.schedule.standstill(now)
            start_ns = None if following is None else following.start_ns
            end_ns = None if following is None else following.end_ns
            out.append(ExchangeScheduleEntry(start_ns, end_ns, len(event.maintenance)))

    def restricted(self, event: RestrictedRead, now: Now, out: list[AnyAction]) -> None:
        """The restricted list has changed: what it names is refused from this step on, and cancelled where it rests."""
        state = self.state
        state.restricted.observe(event)
        state.account_votes_until_ns = now.mono_ns
        out.append(RestrictedListEntry(event.names, event.tactics, event.problem))
        self.veto(out)

    def listed(self, event: MarketsRead, now: Now, out: list[AnyAction]) -> None:
        """A ladder was listed: a rung that cannot be read is told at once, and restricted ones are refused by name."""
        self.state.ladders.markets_read(event, now, out)
        if event.odd:
            self.state.parity.tell(out)
        self.veto(out)

    def veto(self, out: list[AnyAction]) -> None:
        """Work out again what the list bars in each present ladder; each market newly barred is a record."""
        for desk in self.state.desks.values():
            vetoed = self.state.restricted.vetoed(desk.series, desk.markets.values())
            named = sorted(vetoed - desk.vetoed)
            out.extend(MarketVetoedEntry(desk.series.name, desk.markets_target_ns, ticker) for ticker in named)
            desk.moved = desk.moved or vetoed != desk.vetoed
            desk.vetoed = vetoed

    def level(self, tick: Tick, now: Now, out: list[AnyAction]) -> None:
        """A value of I:VIX, which is no index of ours: it says nothing about the health of a feed."""
        self.state.level.observe(tick)
        if now.mono_ns >= self.state.level.turns_ns:
            self.level_turned(now, out)

    def level_turned(self, now: Now, out: list[AnyAction]) -> None:
        """I:VIX may have reached another band: size and edge follow at once, and it is recorded and told."""
        state, level = self.state, self.state.level
        if not level.advance(now):
            return
        state.account_votes_until_ns = 0
        for desk in state.desks.values():
            desk.allow_size(level.factor_ppm)
        shown = level.shown(now)
        told = shown.band, shown.value, shown.feed, shown.factor_ppm, shown.why
        out.append(VolatilityLevelEntry(*told))
        if state.index_expected and level.told is not level.band:
            level.told = level.band
            out.append(VolatilityLevelAlert(SEVERITY[level.band], *told))
