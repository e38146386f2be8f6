"""What must be true, looked at from outside: the exchange's record, the requests on the wire, the steps as recorded.

Each check has a name, and the first breach of each name in a unit is kept with its instant. Nothing here asks a guard
for its opinion; what the daemon knows is compared with what was really so. Counters say how often the rare things were
seen, because a check that was never reached has proven nothing. A check runs when something that it looks at has
changed: what rests (`checks_resting`), what leaves (`checks_requests`), phases and the page's answer (`checks_phases`),
the books once all is quiet (`checks_settled`); the rest is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain.actions import AnyAction, Exit, Place
from domain.alert_types.catalogue import UnexplainedCancelsAlert
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    BookTop,
    CancelAllMarker,
    Command,
    JournalFault,
    KillSwitch,
    LoopStall,
    Operator,
    OrderUpdated,
    PlaceOutcome,
    Started,
    Stop,
    StreamStatus,
    Tick,
    Verdict,
    Wake,
)
from domain.market import SERIES
from domain.records import (
    Entry,
    FeedSwitchEntry,
    GuardTripEntry,
    KillSwitchEntry,
    OperatorActionEntry,
    RiskDecisionEntry,
    TimeToFlatEntry,
    WindowPhaseEntry,
    type_of,
)
from execution.kalshi.wire import KalshiRequest
from guards.volatility import SYMBOL as VIX
from ops.alerts.raised import raised_by
from sim.campaign.checks.phases import PhaseChecks
from sim.campaign.checks.record import CheckRecord, WindowAt
from sim.campaign.checks.requests import RequestChecks
from sim.campaign.checks.resting import RestingChecks
from sim.campaign.checks.settled import SettledChecks
from sim.campaign.checks.taken_away import TakenAwayChecks
from sim.campaign.checks.volatility import VolatilityChecks

if TYPE_CHECKING:
    from daemon.settings.tree import Settings
    from sim.campaign.ports.process import Process
    from sim.exchange.core import Exchange
    from sim.exchange.gateway.calls import Asked, Operation
    from sim.virtual.timeline import Timeline

KEPT_NS = 1_500 * NS_PER_MS
FRESH_NS = 600 * NS_PER_MS
EXIT_LIMIT_NS = 21 * NS_PER_S
CLEARED_NS = 250 * NS_PER_MS
STILL_NS = 5_250 * NS_PER_MS  # five seconds, and the look at the clocks after them
JUMP_PPM = 1_600
LATE_MS = 3_000  # two seconds, and what may be wrong about the exchange's clock
LATE_RUNNING = 2
TOO_DEAR = "insufficient_balance"


class Checks(CheckRecord):
    """The onlooker of one unit: takes in what happens, keeps what was broken."""

    def __init__(
        self,
        timeline: Timeline,
        exchange: Exchange,
        settings: Settings,
        skew_ns: Callable[[], int],
        window_at: WindowAt,
    ) -> None:
        super().__init__(timeline, exchange, settings, skew_ns, window_at)
        self._resumed_utc_ns = 0
        self._life_began_ns = 0
        self._cash_known = False
        self._stamps: dict[tuple[str, str], int] = {}
        self._feed_newest_ns: dict[str, int] = {}
        # Of the feed in use: the newest value of each index, when it last changed, values still to come after a jump.
        self._believed = ""
        self._values: dict[str, int] = {}
        self._moved_ns: dict[str, int] = {}
        self._unsettled: dict[str, int] = {}
        self._late: dict[str, int] = {}  # how many messages running of each book came too late
        self._equity: tuple[str, int] | None = None
        self._two_feeds = settings.feeds.mode == "hot"
        self.resting = RestingChecks(self)
        self.requests = RequestChecks(self, self.resting)
        self.taken_away = TakenAwayChecks(self, self.resting)
        self.volatility = VolatilityChecks(self)
        self.phases = PhaseChecks(self)
        self.books = SettledChecks(self)
        self._hears: dict[type, Callable[[Process, Any, Now], None]] = {
            Started: self._started,
            KillSwitch: self._kill_switch,
            Stop: self._stop,
            StreamStatus: self._stream,
            JournalFault: self._journal_fault,
            LoopStall: self._loop_stall,
            PlaceOutcome: self._placed,
            OrderUpdated: lambda _, event, now: self.taken_away.updated(event, now),
            CancelAllMarker: self._marker,
            Operator: self._operator,
            BalanceRead: self._balance_read,
        }
        exchange.state.listeners.append(self.resting.noticed)

    # --- what happens, passed on to whoever looks at it --------------------------------------------------------------

    def asked(self, operation: Operation, asked: Asked, status: int) -> None:
        """The exchange has carried out (or refused by itself) one request."""
        self.requests.asked(operation, asked, status)

    def writing(self, process: Process, request: KalshiRequest) -> None:
        """A request is about to be written."""
        self.requests.writing(process, request)

    def readiness(self, process: Process, ready: bool) -> None:  # noqa: FBT001 - a fact
        """What the page says about readiness."""
        self.phases.readiness(process, ready)

    def froze(self) -> None:
        """An event has closed."""
        self.resting.froze()

    def settled(self, process: Process) -> None:
        """Everything is quiet and settled."""
        self.books.settled(process)

    # --- steps -----------------------------------------------------------------------------------------------------

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """The engine took one step."""
        self.counts["steps"] += 1
        kind = type(event)
        if kind is Tick:
            self._tick(process, event, now)
        elif kind is BookTop:
            self._book(event)
        else:
            # Market data ends no order and adds none to our book; what it makes us place is looked at when it rests.
            hears = self._hears.get(kind)
            if hears is not None:
                hears(process, event, now)
            if kind is not Wake:
                self.resting.subset(process)
        if actions:
            self._acted(process, actions, now)
        if self.resting.any:
            self.resting.may_rest(process, now)

    def _acted(self, process: Process, actions: list[AnyAction], now: Now) -> None:
        for action in actions:
            raised = raised_by(action)
            if raised is not None:
                self.counts[f"alert {raised.kind}"] += 1
            if isinstance(action, Entry):
                self._record(process, action, now)
            elif isinstance(action, Place):
                self._place(action, now)
            elif isinstance(action, Exit):
                self._exit(action, now)
            elif isinstance(action, UnexplainedCancelsAlert):
                self.stranger_told_ns = self.timeline.now_ns
        budget = process.engine.state.held.budget
        if budget.tokens_milli < 0 or budget.quoting_milli < 0:
            self.breach("budget negative", "our own reckoning is below zero")

    def _tick(self, process: Process, tick: Any, now: Now) -> None:  # noqa: ANN401 - a Tick, known by its type
        key = (tick.feed, tick.symbol)
        if tick.event_ns <= self._stamps.get(key, 0):
            return
        self._stamps[key] = tick.event_ns
        if tick.symbol == VIX:
            self.volatility.told(tick)  # no index of ours: it says nothing about a feed
            return
        self.newest_value_ns[tick.symbol] = self._feed_newest_ns[tick.feed] = tick.received_mono_ns
        self._moved(process, tick)
        if self._two_feeds:
            self._feed_kept(process, tick, now)

    def _book(self, event: Any) -> None:  # noqa: ANN401 - a BookTop, known by its type
        """How late a book's message is, by the exchange's true clock."""
        top = event.top
        if top.exchange_ms:
            age_ms = (self.timeline.now_ns + self.skew_ns()) // NS_PER_MS - top.exchange_ms
            self._late[top.ticker] = self._late.get(top.ticker, 0) + 1 if age_ms > LATE_MS else 0
            self.counts["late books"] += age_ms > LATE_MS

    def _stream(self, _process: Process, _event: StreamStatus, _now: Now) -> None:
        self._late.clear()

    def _moved(self, process: Process, tick: Any) -> None:  # noqa: ANN401 - as above
        """What the index did on the feed in use: whether it moves at all, and whether it has just jumped."""
        active = process.engine.state.failover.active
        if active != self._believed:
            self._believed = active
            self._values.clear()
            self._unsettled.clear()
        if tick.feed != active:
            return
        before = self._values.get(tick.symbol)
        self._values[tick.symbol] = tick.value
        if before != tick.value:
            self._moved_ns[tick.symbol] = tick.received_mono_ns
        if self._unsettled.get(tick.symbol):
            self._unsettled[tick.symbol] -= 1
        elif before is not None and abs(tick.value - before) * 1_000_000 > JUMP_PPM * before:
            self._unsettled[tick.symbol] = 2
            self.counts["jumps seen"] += 1

    def _feed_kept(self, process: Process, tick: Any, now: Now) -> None:  # noqa: ANN401 - as above
        """With two live feeds the one believed is not the one that fell silent: asked when the other one speaks."""
        active = process.engine.state.failover.active
        if tick.feed == active or active not in self._feed_newest_ns:
            return
        mine_ns, other_ns = now.mono_ns - self._feed_newest_ns[active], now.mono_ns - tick.received_mono_ns
        if mine_ns > KEPT_NS and other_ns < FRESH_NS:
            self.breach("stale feed kept", f"{active} is {mine_ns / 1e6:.0f} ms old, the other {other_ns / 1e6:.0f} ms")

    # --- events ----------------------------------------------------------------------------------------------------

    def _started(self, process: Process, event: Started, now: Now) -> None:
        self.tell(f"started {event.run_id}")
        self.process, self.stop_ns = process, 0
        self.disturbed(1)
        self._life_began_ns = now.mono_ns
        self.halts.pop("stop", None)
        self.halts.pop("journal", None)
        self.newest_value_ns.clear()
        self._feed_newest_ns.clear()
        self._moved_ns.clear()
        self._late.clear()
        self._values.clear()
        self._unsettled.clear()
        self.taken_away.forget()
        self.volatility.forget()
        self._stamps.clear()
        self._cash_known = False
        # A restart on the same day goes on with the day's starting equity.
        state, before = process.engine.state.risk.state(), self._equity
        if before is not None and state["session"] == before[0] and state["equity"] != before[1]:
            self.breach("limits forgotten by a restart", f"equity {before[1]} became {state['equity']}")

    def _kill_switch(self, _process: Process, event: KillSwitch, now: Now) -> None:
        if event.active:
            self.halts.setdefault("kill switch", now.mono_ns)

    def _stop(self, _process: Process, _event: Stop, now: Now) -> None:
        self.halts["stop"] = self.stop_ns = now.mono_ns

    def _journal_fault(self, _process: Process, _event: JournalFault, now: Now) -> None:
        self.halts["journal"] = now.mono_ns

    def _placed(self, _process: Process, event: PlaceOutcome, now: Now) -> None:
        if event.verdict is not Verdict.ACCEPTED:
            self.requests.not_taken(event.client_order_id, now.utc_ns)
            if event.code == TOO_DEAR and self.timeline.now_ns > self.rest_disturbed_ns:
                self.resting.limits.too_dear(event.client_order_id)
        else:
            self.taken_away.outcome(event, now)

    def _balance_read(self, _process: Process, _event: BalanceRead, _now: Now) -> None:
        self._cash_known = True

    def _loop_stall(self, _process: Process, _event: LoopStall, _now: Now) -> None:
        self.counts["loop stalls"] += 1

    def _marker(self, _process: Process, event: CancelAllMarker, now: Now) -> None:
        # A restart reads it again; what was asked for before somebody resumed is over.
        if not event.by.startswith("run-") and event.asked_utc_ns > self._resumed_utc_ns:
            self.halts.setdefault("cancel-all", now.mono_ns)

    def _operator(self, _process: Process, event: Operator, now: Now) -> None:
        self.tell(f"operator {event.command.value}")
        if event.command is Command.CANCEL_ALL:
            self.halts.setdefault("cancel-all", now.mono_ns)
        elif event.command is Command.PAUSE:
            self.halts.setdefault("pause", now.mono_ns)

    def _resumed(self, process: Process, refused: tuple[str, ...], now: Now) -> None:
        """Somebody asked to resume; while the kill file is there, whatever is answered lifts nothing."""
        self.resume_refused = bool(refused)
        if not refused and not process.box.disk.kill_text:
            self._resumed_utc_ns = now.utc_ns
            self.taken_away.resumed()
            for name in ("kill switch", "cancel-all", "pause"):
                self.halts.pop(name, None)

    # --- actions ---------------------------------------------------------------------------------------------------

    def _record(self, process: Process, record: Entry, now: Now) -> None:
        if isinstance(record, TimeToFlatEntry):
            self.slowest_flat_ms = max(self.slowest_flat_ms, record.ms)
            self.counts["flattenings"] += 1
        elif isinstance(record, WindowPhaseEntry):
            self.phases.entered(process, record, now)
        elif isinstance(record, OperatorActionEntry):
            if record.command == Command.RESUME:
                self._resumed(process, record.refused or (), now)
        elif isinstance(record, GuardTripEntry):
            self.counts[f"trip {record.reason}"] += 1
        elif isinstance(record, FeedSwitchEntry | KillSwitchEntry | RiskDecisionEntry):
            self.counts[type_of(type(record))] += 1
            if isinstance(record, RiskDecisionEntry):
                self.tell(f"gate {record.series or 'day'}: {record.decision} {record.reason}")

    def _place(self, place: Place, now: Now) -> None:
        self.taken_away.placing(place, now)
        self.volatility.placing(place, now)
        if not self._cash_known:
            self.resting.limits.equity_unknown(place.client_order_id)
        if place.cleared.not_after_mono_ns > now.mono_ns + CLEARED_NS:
            self.breach("place past its permission", f"{place.client_order_id}: permission too long")
        still_ns = now.mono_ns - max(self._moved_ns.values(), default=now.mono_ns)
        if still_ns > STILL_NS:
            self.breach(
                "place while no index moves", f"{place.client_order_id}: {still_ns / 1e9:.1f} s without a change"
            )
        if self._late.get(place.ticker, 0) >= LATE_RUNNING:
            self.breach("place on a late book", f"{place.client_order_id}: its book comes over {LATE_MS} ms late")
        if self._unsettled.get(SERIES[place.cleared.series].symbol):
            self.breach("place on a jump", f"{place.client_order_id}: not two values yet since the index jumped")

    def _exit(self, action: Exit, now: Now) -> None:
        resting = len(self.exchange.member.resting)
        self.tell(f"exit {action.code} {action.reason}")
        if action.code == 0 and resting:
            self.breach("exit not flat", f"exit 0 with {resting} orders resting")
        if self.stop_ns:
            self.slowest_stop_ms = max(self.slowest_stop_ms, (now.mono_ns - self.stop_ns) / NS_PER_MS)
            if now.mono_ns - self.stop_ns > EXIT_LIMIT_NS:
                self.breach("exit not flat", f"stopping took {(now.mono_ns - self.stop_ns) / 1e9:.1f} s")

    # --- lives -----------------------------------------------------------------------------------------------------

    def ended(self, process: Process, why: str) -> None:
        """A process is no more."""
        self.tell(f"process ended: {why}")
        state = process.engine.state.risk.state()
        old_enough = process.clock.now().mono_ns - self._life_began_ns > 5 * NS_PER_S
        if state["equity"] is not None and old_enough:
            self._equity = (state["session"], state["equity"])
        self.counts["lives"] += 1
        self.process = None
        self.disturbed(5)
        if why.startswith("crash"):
            self.breach("engine crashed", why)
        # A halt that was only just heard may not have reached the disk before a SIGKILL.
        young_ns = process.clock.now().mono_ns - process.box.disk.sync_ns - 300 * NS_PER_MS
        if why == "SIGKILL":
            self.halts = {n: at for n, at in self.halts.items() if at < young_ns or n == "kill switch"}
