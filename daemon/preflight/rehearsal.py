"""The rehearsal of controls: each one is made to bite, in an engine of its own with the settings in force. Pure.

The engine is the daemon's own, made from the same configuration in the same build. It is put into a roomy window,
whatever the plan in force: a short one ends, or turns strict, before a limit can be seen to bite. It is told what a
control is there for: an index that falls silent, a loss, a kill file. The control bites when the gate, which did
not name its reason before, names it afterwards, and when what must leave for the exchange is among the actions. Nothing
of this reaches the running engine, a file or a socket. What the rehearsal cannot show is the exchange's side: the group
trigger and the cancel-all are proven there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from daemon.engine.memory import read_memory, remember
from daemon.engine.settings import EngineSettings
from daemon.engine.step import Engine
from domain.actions import AnyAction, CancelAll, FeedControl
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    CancelAllOutcome,
    ClockSample,
    Command,
    ExchangeStatusRead,
    FeedState,
    FeedStatus,
    JournalFault,
    KillSwitch,
    Operator,
    RestrictedRead,
    Started,
    Tick,
    Verdict,
    Wake,
)
from domain.ids import RequestId
from domain.market import SERIES
from domain.money import CASH_PER_DOLLAR, IndexValue
from domain.reasons import Reason
from domain.records import FeedSwitchEntry, GuardTripEntry
from domain.window import Window
from execution.flatten import TAIL_NS
from feeds.failover import Mode
from feeds.standby import NO_FEED
from guards.evidence.controls import REHEARSED
from guards.killswitch import KILL_FILE
from guards.limits.figure import PPM
from guards.windows import WindowPlan

FIRST_MONO_NS: Final = 10**12
LOOK_NS: Final = 100 * NS_PER_MS
TICK_NS: Final = 250 * NS_PER_MS
WARM_NS: Final = 2 * NS_PER_S
LEVEL: Final = 5_000_000_000
JUMP: Final = LEVEL // 50
EQUITY: Final = 1_000 * CASH_PER_DOLLAR
CLOCK_OFF_NS: Final = 10 * NS_PER_S
ROOMY: Final = {
    "template": "short",
    "period_s": 600,
    "preflight_lead_s": 550,
    "open_lead_s": 500,
    "strict_lead_s": 120,
}


class Rehearsal:
    """One engine in one window, and time in hand."""

    def __init__(self, settings: EngineSettings, window: Window, at_utc_ns: int) -> None:
        self.settings, self.window = settings, window
        self.engine = Engine(settings)
        self.now = Now(FIRST_MONO_NS, at_utc_ns)
        self.out: list[AnyAction] = []
        self.feeds = [feed for feed in (settings.primary, settings.secondary) if feed != NO_FEED]
        self.level = LEVEL

    def begin(self, recovered: str = "") -> None:
        """A good start, as far as the gate's votes in question need it."""
        self.tell(Started("rehearsal", 1, "rehearsal", "", "", recovered))
        self.tell(KillSwitch(active=False, source=KILL_FILE, reason=""), RestrictedRead(), ClockSample(0, NS_PER_MS))
        self.tell(self.status(trading=True))

    def status(self, *, trading: bool) -> ExchangeStatusRead:
        """The exchange's word on itself."""
        return ExchangeStatusRead(RequestId(0), self.now, exchange_active=True, trading_active=trading)

    def tell(self, *events: AnyEvent) -> None:
        """Step over events, now."""
        for event in events:
            self.out += self.engine.step(event, self.now)

    def wait(self, ns: int, *feeds: str) -> None:
        """Let time pass; these feeds tell both indices a new value four times a second."""
        until_ns = self.now.mono_ns + ns
        while self.now.mono_ns < until_ns:
            self.now = Now(self.now.mono_ns + LOOK_NS, self.now.utc_ns + LOOK_NS)
            if feeds and self.now.mono_ns % TICK_NS < LOOK_NS:
                self.level += 10_000 if self.level == LEVEL else -10_000
                self.tick(*feeds)
            self.tell(Wake())

    def tick(self, *feeds: str) -> None:
        """One value of each index on these feeds."""
        for feed in feeds:
            for name in self.settings.series:
                symbol, stamp_ns = SERIES[name].symbol, self.now.utc_ns - NS_PER_MS
                self.tell(Tick(feed, symbol, IndexValue(self.level), "", stamp_ns, self.now.mono_ns, self.now.utc_ns))

    def names(self, reason: Reason) -> bool:
        """Whether the closed gate of every series names this reason."""
        return all(reason in self.engine.state.closed[name] for name in self.settings.series)

    def sent(self, kind: type[AnyAction]) -> bool:
        """Whether such an action left."""
        return any(isinstance(action, kind) for action in self.out)


def rehearse(settings: EngineSettings, now: Now) -> tuple[str, ...]:
    """What does not bite, each in one line; nothing when every control of the list does. Takes a second or less."""
    plan = WindowPlan(msgspec.structs.replace(settings.plan.settings, **ROOMY))
    window = plan.next_window(settings.series[0], now.utc_ns)
    if window is None:
        return ("no window is known in which to rehearse",)
    told = ((name, _bites(CONTROLS[name], settings._replace(plan=plan), window)) for name in REHEARSED)
    return tuple(f"{name}: {problem}" for name, problem in told if problem)


def _bites(control: Callable[[Rehearsal], bool], settings: EngineSettings, window: Window) -> str:
    stage = Rehearsal(settings, window, window.opens_ns + NS_PER_S)
    try:
        return "" if control(stage) else "does not bite"
    except Exception as problem:  # noqa: BLE001 # tidy: swallow - a control that raises is a control that does not bite
        return f"raised {type(problem).__name__}: {problem}"


def _turns(stage: Rehearsal, reason: Reason, events: Iterable[AnyEvent]) -> bool:
    """Whether these events have the gate name a reason that it did not name before."""
    before = stage.names(reason)
    stage.tell(*events)
    return not before and stage.names(reason)


def _freshness(stage: Rehearsal) -> bool:
    stage.begin()
    stage.wait(WARM_NS, *stage.feeds)
    before = stage.names(Reason.WS_STALE)
    slack_ns = 2 * TICK_NS
    stage.wait(stage.settings.freshness.soft_limit_ms * NS_PER_MS + slack_ns)
    return not before and stage.names(Reason.WS_STALE)


def _freshness_trip(stage: Rehearsal) -> bool:
    stage.begin()
    lead_ns = stage.window.strict_ns - WARM_NS - stage.now.utc_ns
    stage.now = Now(stage.now.mono_ns + lead_ns, stage.now.utc_ns + lead_ns)
    stage.wait(WARM_NS + LOOK_NS, *stage.feeds)
    before = stage.names(Reason.FINAL_MINUTE_STALE)
    stage.wait(stage.settings.freshness.strict_limit_ms * NS_PER_MS + 2 * TICK_NS)
    stage.tick(*stage.feeds)  # it stays flat when the index comes back
    return not before and stage.names(Reason.FINAL_MINUTE_STALE) and stage.sent(GuardTripEntry)


def _freeze(stage: Rehearsal) -> bool:
    stage.begin()
    state, window = stage.engine.state, stage.window
    early_ns = window.freeze_ns - state.ladders.lead_ns - NS_PER_S - stage.now.utc_ns
    stage.now = Now(stage.now.mono_ns + early_ns, stage.now.utc_ns + early_ns)
    stage.tell(Wake())
    before = stage.names(Reason.T_MINUS_2S)
    stage.wait(NS_PER_S + LOOK_NS)
    return not before and stage.names(Reason.T_MINUS_2S) and stage.now.utc_ns < window.freeze_ns


def _failover(stage: Rehearsal) -> bool:
    settings = stage.settings
    if settings.secondary == NO_FEED:
        return True  # nothing to turn to, as configured
    stage.begin()
    if settings.feed_mode is Mode.HOT:
        stage.wait(WARM_NS, *stage.feeds)
        stage.wait(settings.failover.stale_threshold_ms * NS_PER_MS + NS_PER_S, settings.secondary)
        return stage.sent(FeedSwitchEntry)
    stage.tell(FeedStatus(settings.primary, FeedState.LIVE, ""))
    stage.wait(WARM_NS, settings.primary)
    stage.wait((settings.failover.standby_silence_s + 1) * NS_PER_S)
    stage.tell(FeedStatus(settings.primary, FeedState.DOWN, "closed as told"))
    stage.wait(NS_PER_S)
    return any(isinstance(a, FeedControl) and a.open and a.feed == settings.secondary for a in stage.out)


def _kill_switch(stage: Rehearsal) -> bool:
    stage.begin()
    said = KillSwitch(active=True, source=KILL_FILE, reason="rehearsed")
    return _turns(stage, Reason.KILL_SWITCH, [said]) and stage.sent(CancelAll)


def _cancel_all_tail(stage: Rehearsal) -> bool:
    stage.begin()
    stage.tell(Operator(Command.CANCEL_ALL, "rehearsal", "rehearsed", Reason.OPERATOR_SIGUSR1.value, ""))
    asked = [action for action in stage.out if isinstance(action, CancelAll)]
    if not asked or not stage.names(Reason.PAUSED):
        return False
    outcome = CancelAllOutcome(asked[0].request_id, verdict=Verdict.ACCEPTED, http_status=200, code="", detail="")
    stage.tell(outcome)
    begun = stage.names(Reason.CANCEL_ALL_TAIL)
    stage.wait(TAIL_NS - NS_PER_S)
    return begun and stage.names(Reason.CANCEL_ALL_TAIL)


def _day_loss(stage: Rehearsal) -> bool:
    settings, state = stage.settings, stage.engine.state
    memory = read_memory(remember(state))
    lost = -(-settings.risk.daily_loss_stop_ppm * EQUITY // PPM)
    session = settings.plan.session_date(stage.now.utc_ns).isoformat()
    risk = memory.risk | {"session": session, "equity": EQUITY, "realised_before": lost, "loss": lost}
    stage.begin(msgspec.json.encode(msgspec.structs.replace(memory, risk=risk)).decode())
    return stage.names(Reason.KILL_SWITCH) and stage.sent(CancelAll)


def _exchange_pause(stage: Rehearsal) -> bool:
    stage.begin()
    return _turns(stage, Reason.EXCHANGE_PAUSED, [stage.status(trading=False)])


def _clock(stage: Rehearsal) -> bool:
    stage.begin()
    return _turns(stage, Reason.CLOCK_UNTRUSTED, [ClockSample(CLOCK_OFF_NS, NS_PER_MS)])


def _bad_print(stage: Rehearsal) -> bool:
    stage.begin()
    stage.wait(WARM_NS, *stage.feeds)
    before = stage.names(Reason.BAD_PRINT)
    stage.level += JUMP
    stage.now = Now(stage.now.mono_ns + TICK_NS, stage.now.utc_ns + TICK_NS)
    stage.tick(*stage.feeds)
    return not before and stage.names(Reason.BAD_PRINT)


def _restricted_list(stage: Rehearsal) -> bool:
    stage.begin()
    return _turns(stage, Reason.RESTRICTIONS_UNKNOWN, [RestrictedRead(problem="rehearsed")])


def _journal(stage: Rehearsal) -> bool:
    stage.begin()
    return _turns(stage, Reason.JOURNAL_FAULT, [JournalFault("rehearsed")]) and stage.engine.state.stopping is not None


CONTROLS: Final[dict[str, Callable[[Rehearsal], bool]]] = {
    "freshness": _freshness,
    "freshness_trip": _freshness_trip,
    "freeze": _freeze,
    "failover": _failover,
    "kill_switch": _kill_switch,
    "cancel_all_tail": _cancel_all_tail,
    "day_loss": _day_loss,
    "exchange_pause": _exchange_pause,
    "clock": _clock,
    "bad_print": _bad_print,
    "restricted_list": _restricted_list,
    "journal": _journal,
}
