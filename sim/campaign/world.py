"""One unit of a campaign: a day of windows on a timeline, with its exchange, its feeds, the daemon and its faults."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from daemon.engine.picture import Process as Shell
from daemon.engine.picture import draw
from daemon.settings.build import ReferenceData, build_engine, build_plan
from daemon.settings.tree import Settings
from domain.actions import AnyAction
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, Started
from domain.market import SERIES
from domain.money import CASH_PER_DOLLAR
from domain.stamps import NEW_YORK
from domain.window import Window
from execution.kalshi.wire import KalshiRequest
from ops.ops_status import is_ready
from sim.campaign import faults as menu
from sim.campaign.checks.suite import Checks
from sim.campaign.faults import Fault, WindowSpan
from sim.campaign.liveness import Liveness
from sim.campaign.operator_acts import OperatorActs
from sim.campaign.ports.box import NEVER_NS, Box
from sim.campaign.ports.exchange import PortServer
from sim.campaign.ports.feed import FeedPort, Paths
from sim.campaign.ports.outside import Outside
from sim.campaign.ports.process import Process
from sim.campaign.unit import HOUR_S, Outcome, Unit, settings_of
from sim.exchange.background import Background, Crowd
from sim.exchange.book.listing import Template
from sim.exchange.book.state import Config
from sim.exchange.core import Exchange, Plan
from sim.exchange.gateway.calls import Asked, Operation
from sim.virtual.timeline import Timeline

ROOT = Path(__file__).resolve().parents[2]
DAY_START, DAY_END = dt.time(9, 29, 30), dt.time(16, 0)
# A ladder of the morning must still hold the index in the afternoon; the exchange lists up to 400 rungs.
DAY_RUNGS, SHORT_RUNGS = 120, 40
PACE_NS = 40 * NS_PER_S
CROWD = Crowd(maker_period_s=6.0, maker_rungs=4, maker_noise=0.0, taker_rate_hz=0.5)
READY_LOOK_NS = 5 * NS_PER_S


class World:
    """Everything there is, for one unit."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        name = f"{unit.seed}|{unit.number}|{unit.window_s}"
        self.rng = Random(f"{name}|world")
        start = dt.datetime.combine(unit.day, DAY_START, NEW_YORK)
        self.start_ns = int(start.timestamp()) * NS_PER_S
        self.anchor_s = self.start_ns // NS_PER_S + unit.window_s
        self.timeline = self._time()
        self.settings = self._settings()
        self.reference = ReferenceData(
            (ROOT / "configs" / "fees.json").read_bytes(), (ROOT / "configs" / "nyse_days.csv").read_bytes()
        )
        self.plan = build_plan(self.settings, self.reference)
        self.windows = self._windows()
        symbols = (*(SERIES[s].symbol for s in self.settings.windows.series), *self.settings.vix.symbols)
        self.paths = Paths(unit.seed * 1_000 + unit.number, symbols)
        short = unit.window_s != HOUR_S
        template = Template(unit.window_s, self.anchor_s) if short else Template()
        config = Config(tier=unit.tier, balance=unit.balance_dollars * CASH_PER_DOLLAR)
        if short:
            config.settle_delay_s = 3.0, 8.0
        self.exchange = Exchange(
            config,
            Plan(template=template, rungs=SHORT_RUNGS if short else DAY_RUNGS),
            self.paths.value,
            self.rng.getrandbits(32),
            self.start_ns,
        )
        self.server = self._server()
        self.gateway = self.server.gateway
        self.crowd = Background(self.exchange, CROWD, Random(f"{name}|crowd"), self.gateway.now_ns)
        self.feed = self._feed(symbols, 1 if unit.feeds == "standby" else 2, Random(f"{name}|feed"))
        self.checks = Checks(
            self.timeline,
            self.exchange,
            self.settings,
            lambda: self.gateway.skew_ns,
            build_plan(self.settings, self.reference).current_window,
        )
        self.gateway.told = self._told
        self.kinds = menu.KINDS
        self.box = self._box(Random(f"{name}|box"))
        self.hash = hashlib.sha256(f"{name}|{unit.day}".encode())
        spans = [WindowSpan(w.preflight_ns, w.strict_ns, w.target_ns) for w in self.windows]
        dealt = unit.number * menu.per_window(unit.mode) * max(0, unit.windows - 1)
        drawn = self._drawn(spans, dealt)
        self.faults = list(unit.faults) if unit.faults is not None else drawn
        self.operator_acts = self._operator_acts()
        self.lives: list[tuple[Started, list[bytes]]] = []

    # What the world is made of; the level with sockets (sim/sockets/world.py) makes these otherwise.

    def _time(self) -> Timeline:
        return Timeline(self.start_ns)

    def _settings(self) -> Settings:
        return settings_of(self.unit, self.anchor_s)

    def _server(self) -> PortServer:
        return PortServer(self.exchange, self.timeline)

    def _feed(self, symbols: tuple[str, ...], quota: int, rng: Random) -> FeedPort:
        open_, fast = self.plan.market_open, self._in_window
        return FeedPort(self.timeline, self.paths, symbols, quota, rng, is_open=open_, is_fast=fast)

    def _box(self, rng: Random) -> Box:
        return Box(self.timeline, Outside(self.server, self.feed, self.settings, self.reference), self, rng)

    def _operator_acts(self) -> OperatorActs:
        return OperatorActs(self, self.rng)

    def _drawn(self, spans: list[WindowSpan], dealt: int) -> list[Fault]:
        return menu.schedule(str(self.unit.seed), self.unit.mode, spans, dealt)

    def _windows(self) -> tuple[Window, ...]:
        if self.unit.window_s == HOUR_S:
            return self.plan.windows_on(self.unit.day)
        first = self.plan.current_window("INXU", (self.anchor_s - 1) * NS_PER_S)
        assert first is not None, "the anchor has a window"
        found = [first]
        while len(found) < self.unit.windows:
            following = self.plan.current_window("INXU", found[-1].target_ns + (self.unit.window_s - 1) * NS_PER_S)
            assert following is not None, "short windows follow each other"
            found.append(following)
        return tuple(found)

    def _in_window(self, utc_ns: int) -> bool:
        # What is slow in between would be part of the cadence that STRICT goes by, so the pace comes first.
        if self.unit.window_s != HOUR_S and not self.unit.scaled:
            return True
        lead_ns = 0 if self.unit.window_s == HOUR_S else PACE_NS
        return any(w.preflight_ns - lead_ns <= utc_ns <= w.target_ns for w in self.windows)

    @property
    def end_ns(self) -> int:
        """When the unit is over: the close of the day, or the last short window settled."""
        if self.unit.window_s == HOUR_S:
            return int(dt.datetime.combine(self.unit.day, DAY_END, NEW_YORK).timestamp()) * NS_PER_S
        return self.windows[-1].target_ns + 45 * NS_PER_S

    # --- the watcher's part ------------------------------------------------------------------------------------------

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """One step: to the checks; the first of a life begins its record for replay."""
        if self.unit.replay and isinstance(event, Started):
            process.keeper.steps = []
            self.lives.append((event, process.keeper.steps))
        self.checks.stepped(process, event, now, actions)

    def writing(self, process: Process, request: KalshiRequest) -> None:
        """A request leaves."""
        self.checks.writing(process, request)

    def ended(self, process: Process, why: str) -> None:
        """A life is over."""
        self.checks.ended(process, why)

    def journaled(self, body: bytes) -> None:
        """One record goes into the trace."""
        self.hash.update(body)

    def _told(self, operation: Operation, asked: Asked, status: int) -> None:
        self.checks.asked(operation, asked, status)
        if operation.name == "create_order":
            self.operator_acts.placed()

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Live through the unit."""
        self._arrange()
        self.box.start()
        time, box, gateway, advance = self.timeline, self.box, self.gateway, self.exchange.advance
        deadline_ns, end_ns = self.exchange.state.next_deadline_ns, self.end_ns
        while True:
            due_ns, next_ns, wake_ns = deadline_ns(), time.next_ns, box.wake_ns
            due_ns = NEVER_NS if due_ns is None else due_ns - gateway.skew_ns
            next_ns = NEVER_NS if next_ns is None else next_ns
            if due_ns <= next_ns and due_ns <= wake_ns:
                if due_ns > end_ns:
                    break
                time.now_ns = max(time.now_ns, due_ns)
                advance(gateway.now_ns())
            elif next_ns <= wake_ns:
                if next_ns > end_ns:
                    break
                time.take()
            else:
                if wake_ns > end_ns:
                    break
                time.now_ns = max(time.now_ns, wake_ns)
                box.wake()
        return self._outcome()

    def _arrange(self) -> None:
        time = self.timeline
        for window in self.windows:
            time.at(window.opens_ns - 15 * NS_PER_S, self._make, window)
            time.at(window.opens_ns, self._take, window)
            time.at(window.target_ns + NS_PER_S, self.checks.froze)
            time.at(window.opens_ns + READY_LOOK_NS, self._look_ready, window)
        for fault in self.faults:
            self.operator_acts.prepare(fault)
            time.at(fault.at_ns, self.operator_acts.strike, fault)
            if fault.kind == "kill":
                # The last snapshot before a death is up to a second old.
                time.at(fault.at_ns - self.rng.randrange(NS_PER_S), self.box.keep_snapshot)
        for window in self.windows[:-1]:
            # A person looks in between windows, and lifts what only a person may lift.
            time.at(window.target_ns + 500 * NS_PER_MS, self.operator_acts.resume)
        if self.windows:
            time.at(self.windows[-1].target_ns + 500 * NS_PER_MS, self.operator_acts.rest)
        Liveness(self).arrange(tuple(self.settings.windows.series), self.end_ns)

    def _make(self, window: Window) -> None:
        if self.timeline.now_ns < window.target_ns:
            self.crowd.quote(self.gateway.now_ns())
            self.timeline.after(int(CROWD.maker_period_s * NS_PER_S), self._make, window)

    def _take(self, window: Window) -> None:
        if self.timeline.now_ns < window.target_ns:
            self.crowd.take(self.gateway.now_ns())
            wait_s = self.crowd.rng.expovariate(CROWD.taker_rate_hz)
            self.timeline.after(int(wait_s * NS_PER_S), self._take, window)

    def _look_ready(self, window: Window) -> None:
        process = self.box.process
        if (
            process is not None
            and process.engine.state.started is not None
            and self.timeline.now_ns >= self.box.still_until_ns
        ):
            shell = Shell(
                1, process.run_id, "paper", "build", "config", self.start_ns, process.runner.seq, {}, {}, 0, {}
            )
            self.checks.readiness(process, is_ready(draw(process.engine.state, shell, process.clock.now())))
        if self.timeline.now_ns < window.target_ns:
            self.timeline.after(READY_LOOK_NS, self._look_ready, window)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _replay(self) -> None:
        """Step a fresh engine through each life, and compare byte for byte."""
        encode = msgspec.json.Encoder().encode
        for started, steps in self.lives:
            engine = build_engine(self.settings, self.reference)
            for number, body in enumerate(steps):
                step = _recorded.decode(body)
                if encode(engine.step(step.event, step.now)) != bytes(step.actions):
                    self.checks.breach("replay differs", f"{started.run_id} step {number}: {type(step.event).__name__}")
                    break
            self.checks.counts["steps replayed"] += len(steps)

    def _outcome(self) -> Outcome:
        if self.unit.replay:
            self._replay()
        counts = self.checks.counts
        broken = sorted(self.checks.breaches.values(), key=lambda b: b.at_ns)
        return Outcome(
            index=self.unit.number,
            day=self.unit.day.isoformat(),
            trading=bool(self.windows),
            windows=len(self.windows) * len(self.settings.windows.series),
            trace=self.hash.hexdigest(),
            orders=counts["orders"],
            fills=counts["fills"],
            steps=counts["steps"],
            slowest_flat_ms=self.checks.slowest_flat_ms,
            slowest_stop_ms=self.checks.slowest_stop_ms,
            faults=dict(self.operator_acts.counted()),
            planned=dict(Counter(f.kind for f in self.faults if self.operator_acts.can(f))),
            counts=dict(counts),
            breaches=[(b.name, b.at_ns, b.detail) for b in broken],
            story=list(self.checks.story) if broken else [],
            plan=[f.told(self.start_ns) for f in self.faults] if broken else [],
        )


class _Recorded(msgspec.Struct):
    event: AnyEvent
    now: Now
    actions: msgspec.Raw


_recorded = msgspec.json.Decoder(_Recorded)
__all__ = ["Outcome", "Unit", "World"]
