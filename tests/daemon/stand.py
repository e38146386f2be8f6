"""An engine on a stand under virtual time: index, books and exchange in hand, checked from outside after every step.

The stand does what the shell does: it wakes the engine at its deadline and at least every 250 ms, carries its actions
to the exchange, and brings the answers back after `latency_ns`. Every step is kept, so that it can be replayed.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from daemon.engine.memory import remember
from daemon.engine.step import Engine
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.tree import Settings
from domain.actions import AnyAction, CancelAll, CancelOrders, Exit, Place, RunPreflight, SubscribeBooks, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    Bar,
    BookTop,
    ClockSample,
    Command,
    History,
    KillSwitch,
    Operator,
    PreflightRun,
    RestrictedRead,
    Started,
    StreamStatus,
    Tick,
    Wake,
)
from domain.findings.finding import Finding
from domain.ids import Ticker
from domain.market import SERIES, Level, Side, Top
from domain.money import Count, IndexValue, Price
from domain.records import Entry, payload_of, type_of
from domain.stamps import NEW_YORK
from execution.drill import DRILL
from tests.daemon.exchange import BASE, Exchange

START_S = 1_800_000_000
PERIOD_S, PREFLIGHT_S, OPEN_S, STRICT_S, FREEZE_S = 120, 110, 100, 20, 2
# The exchange's clock is known to a millisecond, which the lead allows for.
DOUBT_NS = NS_PER_MS
LEAD_NS = 1_500 * NS_PER_MS + DOUBT_NS
ROUND_TRIP_NS = 100 * NS_PER_MS
LOOK_NS = 250 * NS_PER_MS
VIX_EVERY_NS = 15 * NS_PER_S
FEES = (Path(__file__).resolve().parents[2] / "configs" / "fees.json").read_bytes()
FIRST_MONO_NS = 10**12


class Stepped(NamedTuple):
    """One step, as the journal would hold it."""

    event: AnyEvent
    now: Now
    actions: list[AnyAction]

    def did(self, *kinds: type[AnyAction]) -> bool:
        """Whether it led to an action of these kinds."""
        return any(isinstance(action, kinds) for action in self.actions)


def short_settings(**changes: Any) -> Settings:  # noqa: ANN401 - values of any setting
    """Windows of two minutes, hot feeds, an exchange on this machine."""
    tree: dict[str, Any] = {
        "windows": {
            "template": "short",
            "anchor_unix_s": START_S,
            "period_s": PERIOD_S,
            "preflight_lead_s": PREFLIGHT_S,
            "open_lead_s": OPEN_S,
            "strict_lead_s": STRICT_S,
        },
        "feeds": {"mode": "hot"},
        "exchange": {"rest_url": "http://127.0.0.1:1/trade-api/v2", "ws_url": "ws://127.0.0.1:1/trade-api/ws/v2"},
    }
    for key, value in changes.items():
        tree[key] = {**tree.get(key, {}), **value} if isinstance(value, dict) else value
    return Settings(**tree)


class Stand:
    """One engine, one exchange, one clock."""

    def __init__(self, *, fees: bytes | None = FEES, begin: bool = True, **changes: Any) -> None:  # noqa: ANN401
        self.settings = short_settings(**changes)
        self.reference = ReferenceData(fees)
        self.engine: Engine = build_engine(self.settings, self.reference)
        self.mono_ns = FIRST_MONO_NS
        self.utc_ns = (START_S + PERIOD_S - OPEN_S - 5) * NS_PER_S
        self.exchange = Exchange(self.now)
        self.latency_ns = 5 * NS_PER_MS
        self.tick_every_ns = 250 * NS_PER_MS
        self.feeding = {"massive": set(BASE), "polygon": set(BASE)}
        self.moves = dict.fromkeys(BASE, 0)
        self.lean_ppm = {"massive": 0, "polygon": 0}
        self.stream_up = True
        self.acts: list[AnyAction] = []
        self.story: list[Stepped] = []
        self.memories: dict[int, bytes] = {}
        self.exit: Exit | None = None
        self.next_tick_ns = self.next_vix_ns = self.mono_ns
        self.vix_points: float | None = 16.0
        self.epoch = START_S
        self.config_hash, self.build_id = "hash", "build"
        self.preflight_ns = 2 * self.latency_ns
        self.preflight_against: tuple[Finding, ...] = ()
        self.preflight_later: tuple[Finding, ...] = ()
        self.rehearsed = True
        self._coming: list[tuple[int, int, AnyEvent]] = []
        self._sending: list[tuple[int, int, AnyAction]] = []
        self._order = itertools.count()
        if begin:
            self.begin()

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def target_ns(self) -> int:
        """The target of the first window."""
        return (START_S + PERIOD_S) * NS_PER_S

    def now(self) -> Now:
        return Now(self.mono_ns, self.utc_ns)

    def wait(self, ns: int) -> None:
        """Let time pass with nobody looking."""
        self.mono_ns += ns
        self.utc_ns += ns

    def run(self, ns: int) -> None:
        """Let time pass as the shell would: answers, ticks and deadlines come when they are due."""
        self.run_to(self.mono_ns + ns)

    def run_before_target(self, ns: int) -> None:
        """Run until `ns` before the first window's target."""
        self.run_to(self.mono_ns + self.target_ns - ns - self.utc_ns)

    def run_to(self, until_ns: int) -> None:
        while self.exit is None:
            due_ns = self._due_ns()
            if due_ns > until_ns:
                break
            self.wait(max(0, due_ns - self.mono_ns))
            self._happen()
        self.wait(max(0, until_ns - self.mono_ns))

    def _due_ns(self) -> int:
        deadline = self.engine.next_deadline(self.now())
        assert deadline is None or deadline > self.mono_ns, "a deadline that is not later than now"
        due = [self.mono_ns + LOOK_NS, self.next_tick_ns]
        due += [deadline] if deadline is not None else []
        due += [queue[0][0] for queue in (self._coming, self._sending) if queue]
        return min(due)

    def _happen(self) -> None:
        """Whatever is due at this instant; a Wake when nothing else is."""
        for event in self.exchange.expire():
            self.tell(event)
        if self._sending and self._sending[0][0] <= self.mono_ns:
            action = heapq.heappop(self._sending)[2]
            self.exchange.travel_ns = self.latency_ns
            for event in self.exchange.answer(action):
                self._later(event, self.latency_ns)
        elif self._coming and self._coming[0][0] <= self.mono_ns:
            self.step(heapq.heappop(self._coming)[2])
        elif self.next_tick_ns <= self.mono_ns:
            self.next_tick_ns = self.mono_ns + self.tick_every_ns
            for feed, fed in self.feeding.items():
                for series in sorted(fed):
                    self.step(self.tick(series, feed))
            if self.vix_points is not None and self.mono_ns >= self.next_vix_ns:
                self.next_vix_ns = self.mono_ns + VIX_EVERY_NS
                self.step(self.vix(self.vix_points))
            self.step(Wake())
        else:
            self.step(Wake())

    def _later(self, event: AnyEvent, after_ns: int) -> None:
        heapq.heappush(self._coming, (self.mono_ns + after_ns, next(self._order), event))

    def tell(self, *events: AnyEvent) -> None:
        """Something is pushed; it arrives after the latency."""
        for event in events:
            self._later(event, self.latency_ns)

    # --- steps ---------------------------------------------------------------------------------------------------

    def step(self, event: AnyEvent) -> list[AnyAction]:
        """One step; its actions go to the exchange, and everything that must always hold is looked at."""
        actions = self.engine.step(event, self.now())
        self.story.append(Stepped(event, self.now(), actions))
        self.acts.extend(actions)
        self._check(actions)
        for action in actions:
            if isinstance(action, Exit):
                self.exit = action
            elif isinstance(action, SubscribeBooks):
                self.books(action.tickers)
            elif isinstance(action, RunPreflight):
                self._later(self.preflight(action.number), self.preflight_ns)
            else:
                heapq.heappush(self._sending, (self.mono_ns + self.latency_ns, next(self._order), action))
        return actions

    def _check(self, actions: list[AnyAction]) -> None:
        for action in actions:
            if isinstance(action, Entry):
                written = msgspec.json.encode(action)
                assert msgspec.json.encode(msgspec.json.decode(written, type=type(action))) == written, "700, or 700.0"
        engine = self.engine
        sides = [(o.ticker, o.side) for o in engine.state.held.book.live.values()]
        assert len(sides) == len(set(sides)), "two orders that may be live on one side of one market"
        for place in (a for a in actions if isinstance(a, Place)):
            series = place.cleared.series
            if engine.state.held.book.live[place.client_order_id].series == DRILL:
                self._check_drill(place)
                continue
            assert SERIES[series].exchange_series == place.ticker.partition("-")[0], "cleared for another series"
            assert engine.state.closed[series] == (), f"a place through a closed gate: {engine.state.closed[series]}"
            assert all(vote.open for _, vote in engine.state.gates[series]), "a place against a vote"
            assert place.group_id, "a place without a group"
            assert self.mono_ns < place.cleared.not_after_mono_ns <= self.mono_ns + 250 * NS_PER_MS
            window = engine.state.desks[series].window
            assert window is not None
            left_ns = window.freeze_ns - engine.state.ladders.lead_ns - self.utc_ns
            assert place.expiration_s * NS_PER_S <= window.target_ns - 3 * NS_PER_S, "expires later than T-3 s"
            assert place.cleared.not_after_mono_ns - self.mono_ns <= left_ns - ROUND_TRIP_NS

    def _check_drill(self, place: Place) -> None:
        """The one order that is placed outside windows: what it may be, where, and when."""
        minute = dt.datetime.fromtimestamp(self.utc_ns / NS_PER_S, NEW_YORK).time()
        assert dt.time(9, 35) <= minute < dt.time(9, 40), f"a drill at {minute}"
        assert (place.side, place.price, place.count) == (Side.BID, 100, 100)
        assert place.group_id, "a place without a group"
        assert self.utc_ns < place.expiration_s * NS_PER_S <= self.utc_ns + 60 * NS_PER_S
        assert self.mono_ns < place.cleared.not_after_mono_ns <= self.mono_ns + 250 * NS_PER_MS
        plan = self.engine.state.plan
        opens = [window.opens_ns for window in plan.windows_on(plan.session_date(self.utc_ns))]
        assert all(abs(at_ns - self.utc_ns) >= 120 * NS_PER_S for at_ns in opens), "a drill beside an opening"

    # --- what it is told -----------------------------------------------------------------------------------------

    def vix(self, points: float, feed: str = "massive") -> Tick:
        """A value of I:VIX, as old as any other."""
        value = IndexValue(round(points * 1_000_000))
        return Tick(feed, "I:VIX", value, f"{points}", self.utc_ns - 2 * NS_PER_MS, self.mono_ns, self.utc_ns)

    def tick(self, series: str, feed: str = "massive") -> Tick:
        breath = self.utc_ns // self.tick_every_ns % 2 * 10_000  # a market never stands still to the last digit
        value = BASE[series] + self.moves[series] + BASE[series] * self.lean_ppm[feed] // 1_000_000 + breath
        symbol = SERIES[series].symbol
        return Tick(feed, symbol, IndexValue(value), "0", self.utc_ns - 2 * NS_PER_MS, self.mono_ns, self.utc_ns)

    def books(self, tickers: tuple[Ticker, ...] | None = None) -> None:
        """The tops of these books, or of all that are wanted, eight cents either side of fair."""
        if not self.stream_up:
            return
        for desk in self.engine.state.desks.values():
            fair = dict(zip(desk.markets, desk.fairs, strict=False))
            for ticker in desk.wanted_books() if tickers is None else tickers:
                if ticker not in fair:
                    continue
                bid = max(100, fair[ticker] // 100 * 100 - 800)
                ask = min(9_900, fair[ticker] // 100 * 100 + 800)
                levels = ((Level(Price(bid), Count(1000)),), (Level(Price(ask), Count(1000)),))
                self._later(BookTop(Top(ticker, *levels, self.mono_ns, 0)), self.latency_ns)

    def begin(self, recovered: str = "") -> None:
        """Everything that a good start brings."""
        epoch = max(START_S, self.engine.state.held.numbers.epoch, self.epoch)
        self.step(Started(f"run-{epoch}", epoch, self.settings.mode, self.config_hash, self.build_id, recovered))
        self.step(KillSwitch(active=False, source="file", reason=""))
        self.step(RestrictedRead())
        self.step(StreamStatus(up=True, reason=""))
        self.step(ClockSample(0, DOUBT_NS))
        for series in BASE:
            first = BASE[series]
            bars = tuple(
                Bar(i * 1000, IndexValue(first + i % 2 * first // 20_000), IndexValue(first)) for i in range(120)
            )
            self.step(History(SERIES[series].symbol, 1000, bars))

    def preflight(self, number: int) -> PreflightRun:
        """What the preflight of this stand finds; a test puts its own in place of what it shall find."""
        ours = (self.config_hash, self.build_id)
        found = (self.preflight_against, self.preflight_later)
        return PreflightRun(number, *ours, 30, *found, "file", "sha", "", rehearsed=self.rehearsed)

    def crash(self, after_ns: int) -> None:
        """SIGKILL, and another process with the memory of this one; what was on its way to the exchange is lost."""
        memory = remember(self.engine.state).decode()
        self.engine = build_engine(self.settings, self.reference)
        self._coming.clear()
        self._sending.clear()
        self.epoch += 1
        self.wait(after_ns)
        self.next_tick_ns = self.next_vix_ns = self.mono_ns
        self.stream_up = True
        self.begin(memory)

    def stream(self, *, up: bool) -> None:
        """The exchange's websocket comes or goes."""
        self.stream_up = up
        self.step(StreamStatus(up=up, reason="" if up else "closed"))
        if up:
            self.books()

    def silence(self, series: str) -> None:
        """Both feeds stop telling one index."""
        for fed in self.feeding.values():
            fed.discard(series)

    def operator(self, command: Command, road: str = "operator_cli") -> list[AnyAction]:
        return self.step(Operator(command, "ann", "because", road, "id"))

    # --- what it shows -------------------------------------------------------------------------------------------

    def quote_both(self) -> None:
        """Run until both series have orders resting."""
        for _ in range(80):
            if all(self.exchange.resting(series) for series in BASE):
                return
            self.run(250 * NS_PER_MS)
        raise AssertionError(f"the stand does not quote: {self.engine.state.closed}")

    def sent(self, *kinds: type[AnyAction]) -> list[AnyAction]:
        """The actions of these kinds since the last `forget`."""
        return [action for action in self.acts if isinstance(action, kinds)]

    def last(self, *kinds: type[AnyAction]) -> int:
        """When (monotonic) one of these actions was decided last."""
        return max(step.now.mono_ns for step in self.story if step.did(*kinds))

    def last_record(self, kind: str) -> int:
        """When (monotonic) a record of this kind was made last."""
        made = [
            s.now.mono_ns for s in self.story for a in s.actions if isinstance(a, Entry) and type_of(type(a)) == kind
        ]
        return made[-1]

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [payload_of(a) for a in self.acts if isinstance(a, Entry) and type_of(type(a)) == kind]

    def forget(self) -> None:
        self.acts.clear()

    def closed(self, series: str = "INXU") -> tuple[str, ...]:
        """Why the gate of a series is closed."""
        return tuple(reason.value for reason in self.engine.state.closed[series])

    def live(self, series: str = "") -> list[str]:
        """Client order ids that may be live."""
        return [o.client_order_id for o in self.engine.state.held.book.live.values() if series in ("", o.series)]


CANCELLING = (CancelOrders, TriggerGroup, CancelAll)
