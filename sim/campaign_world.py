# long: one world, its faults and their ends
"""One unit of a campaign: a day of windows on a timeline, with its exchange, its feeds, the daemon and its faults."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from daemon.build import Papers, build_engine, build_plan
from daemon.picture import Process as Shell
from daemon.picture import draw
from daemon.settings import Settings
from domain.actions import AnyAction
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import AnyEvent, Command, Operator, Started, Stop
from domain.market import SERIES
from domain.reasons import Reason
from domain.window import Phase, Window
from execution.kalshi_wire import Request
from ops.ops_status import is_ready
from sim import faults as menu
from sim.campaign_time import Timeline
from sim.checks import Checks
from sim.exchange import orders
from sim.exchange.background import Crowd
from sim.exchange.core import Exchange, Plan
from sim.exchange.listing import Template
from sim.exchange.state import Config
from sim.faults import Fault, WindowSpan
from sim.ports import Box, Mark, Outside, Process
from sim.ports_exchange import PortServer
from sim.ports_feed import FeedPort, Paths

ROOT = Path(__file__).resolve().parent.parent
NEW_YORK = ZoneInfo("America/New_York")
DAY_START, DAY_END = dt.time(9, 29, 30), dt.time(16, 0)
CROWD = Crowd(maker_period_s=3.0, maker_rungs=4, maker_noise=0.0, taker_rate_hz=0.5)
READY_LOOK_NS = 5 * NS_PER_S
SETTLE_NS = 150 * NS_PER_S
CALM_ORDERS = 1
TAIL_NS = 66 * NS_PER_S
FEES_READ_NS = 660 * NS_PER_S
# Reasons that rightly outlast any fault: a person, or the day's own rules, must lift them.
LASTING = frozenset(
    {
        Reason.FINAL_MINUTE_STALE, Reason.STRICT_STAND_DOWN, Reason.RISK_LIMIT, Reason.WINDOW_CLOSED, Reason.T_MINUS_2S,
    }
)  # fmt: skip


class Unit(NamedTuple):
    """What a unit is made from: equal ones give equal traces."""

    seed: int
    number: int
    day: dt.date
    mode: str
    window_s: int = 3600
    windows: int = 6
    feeds: str = "standby"
    replay: bool = False
    faults: tuple[Fault, ...] | None = None
    tier: str = "advanced"
    level: str = "ports"


class Outcome(msgspec.Struct):
    """What became of a unit."""

    index: int
    day: str
    trading: bool
    windows: int
    trace: str
    orders: int
    fills: int
    steps: int
    slowest_flat_ms: float
    slowest_stop_ms: float
    faults: dict[str, int]
    planned: dict[str, int]
    counts: dict[str, int]
    breaches: list[tuple[str, int, str]]
    story: list[str]
    plan: list[str]


def settings_of(unit: Unit, anchor_s: int) -> Settings:
    """The daemon's configuration: the defaults, and for short windows the template of demos."""
    windows: dict[str, Any] = {}
    if unit.window_s != 3600:  # noqa: PLR2004 - an hour
        period = unit.window_s
        windows = {
            "template": "short",
            "anchor_unix_s": anchor_s,
            "period_s": period,
            "preflight_lead_s": period - 3,
            "open_lead_s": period - max(4, period // 12),
            "strict_lead_s": max(6, min(60, period // 6)),
        }
    tree: dict[str, Any] = {"windows": windows, "feeds": {"mode": unit.feeds}}
    return Settings(**tree)


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
        self.papers = Papers(
            (ROOT / "configs" / "fees.json").read_bytes(), (ROOT / "configs" / "nyse_days.csv").read_bytes()
        )
        self.plan = build_plan(self.settings, self.papers)
        self.windows = self._windows()
        symbols = tuple(SERIES[s].symbol for s in self.settings.windows.series)
        self.paths = Paths(unit.seed * 1_000 + unit.number, symbols)
        short = unit.window_s != 3600  # noqa: PLR2004 - an hour
        template = Template(unit.window_s, self.anchor_s) if short else Template()
        config = Config(tier=unit.tier, settle_delay_s=(3.0, 8.0)) if short else Config(tier=unit.tier)
        self.exchange = Exchange(
            config, Plan(template=template), self.paths.value, self.rng.getrandbits(32), self.start_ns
        )
        self.server = self._server(Random(f"{name}|crowd"))
        self.feed = self._feed(symbols, 1 if unit.feeds == "standby" else 2, Random(f"{name}|feed"))
        self.checks = Checks(
            self.timeline,
            self.exchange,
            self.settings,
            lambda: self.server.skew_ns,
            build_plan(self.settings, self.papers).current_window,
        )
        self.server.told = self._told
        self.kinds = menu.KINDS
        self.box = self._box(Random(f"{name}|box"))
        self.hash = hashlib.sha256(f"{name}|{unit.day}".encode())
        spans = [WindowSpan(w.preflight_ns, w.strict_ns, w.target_ns) for w in self.windows]
        dealt = unit.number * menu.per_window(unit.mode) * max(0, unit.windows - 1)
        drawn = self._drawn(spans, dealt)
        self.faults = list(unit.faults) if unit.faults is not None else drawn
        self.struck: list[tuple[str, Any]] = []
        self.reached: Counter[str] = Counter()
        self.armed_until_ns = 0
        self.armed_back_ms = 0
        self.lives: list[tuple[Started, list[bytes]]] = []

    # What the world is made of; the level with sockets (sim/level_sockets.py) makes these otherwise.

    def _time(self) -> Timeline:
        return Timeline(self.start_ns)

    def _settings(self) -> Settings:
        return settings_of(self.unit, self.anchor_s)

    def _server(self, rng: Random) -> PortServer:
        return PortServer(self.exchange, self.timeline, CROWD, rng)

    def _feed(self, symbols: tuple[str, ...], quota: int, rng: Random) -> FeedPort:
        open_, fast = self.plan.market_open, self._in_window
        return FeedPort(self.timeline, self.paths, symbols, quota, rng, is_open=open_, is_fast=fast)

    def _box(self, rng: Random) -> Box:
        return Box(self.timeline, Outside(self.server, self.feed, self.settings, self.papers), self, rng)

    def _drawn(self, spans: list[WindowSpan], dealt: int) -> list[Fault]:
        return menu.schedule(str(self.unit.seed), self.unit.mode, spans, dealt)

    def _windows(self) -> tuple[Window, ...]:
        if self.unit.window_s == 3600:  # noqa: PLR2004 - an hour
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
        # Short windows follow each other so closely that a slow feed in between would be part of the cadence of STRICT.
        short = self.unit.window_s != 3600  # noqa: PLR2004 - an hour
        return short or any(w.preflight_ns <= utc_ns <= w.target_ns for w in self.windows)

    @property
    def end_ns(self) -> int:
        """When the unit is over: the close of the day, or the last short window settled."""
        if self.unit.window_s == 3600:  # noqa: PLR2004 - an hour
            return int(dt.datetime.combine(self.unit.day, DAY_END, NEW_YORK).timestamp()) * NS_PER_S
        return self.windows[-1].target_ns + 45 * NS_PER_S

    # --- the watcher's part ------------------------------------------------------------------------------------------

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """One step: to the checks; the first of a life begins its record for replay."""
        if self.unit.replay and isinstance(event, Started):
            process.keeper.steps = []
            self.lives.append((event, process.keeper.steps))
        self.checks.stepped(process, event, now, actions)

    def writing(self, process: Process, request: Request) -> None:
        """A request leaves."""
        self.checks.writing(process, request)

    def ended(self, process: Process, why: str) -> None:
        """A life is over."""
        self.checks.ended(process, why)

    def journaled(self, body: bytes) -> None:
        """One record goes into the trace."""
        self.hash.update(body)

    def _told(self, operation: Any, request: Request, status: int) -> None:  # noqa: ANN401 - an operation of the exchange
        self.checks.asked(operation, request, status)
        if operation.name == "create_order" and self.timeline.now_ns < self.armed_until_ns:
            self.armed_until_ns = 0
            self.timeline.after(self.rng.randrange(12 * NS_PER_MS), self._kill, self.armed_back_ms)

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Live through the unit."""
        self._arrange()
        self.box.start()
        time, exchange, box = self.timeline, self.exchange, self.box
        end_ns = self.end_ns
        far_ns = end_ns + 1
        while True:
            due_ns = exchange.next_deadline_ns()
            due_ns = far_ns if due_ns is None else due_ns - self.server.skew_ns
            next_ns = time.next_ns or far_ns
            wake_ns = box.wake_ns or far_ns
            if due_ns <= next_ns and due_ns <= wake_ns:
                if due_ns > end_ns:
                    break
                time.now_ns = max(time.now_ns, due_ns)
                exchange.advance(self.server.now_ns())
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
            time.at(fault.at_ns, self._strike, fault)
            if fault.kind == "kill":
                # The last snapshot before a death is up to a second old.
                time.at(fault.at_ns - self.rng.randrange(NS_PER_S), self.box.keep_snapshot)
        for window in self.windows[:-1]:
            # A person looks in between windows, and lifts what only a person may lift.
            time.at(window.target_ns + 500 * NS_PER_MS, self._resume)
        if self.windows:
            last = self.windows[-1]
            for name in self.settings.windows.series:
                time.at(last.freeze_ns - NS_PER_S, self._calm, name, last)
            time.at(last.target_ns + 500 * NS_PER_MS, self._rest)
        time.at(self.end_ns - NS_PER_S, self._quiet)

    def _make(self, window: Window) -> None:
        if self.timeline.now_ns < window.target_ns:
            self.server.background.quote(self.server.now_ns())
            self.timeline.after(int(CROWD.maker_period_s * NS_PER_S), self._make, window)

    def _take(self, window: Window) -> None:
        if self.timeline.now_ns < window.target_ns:
            self.server.background.take(self.server.now_ns())
            wait_s = self.server.background.rng.expovariate(CROWD.taker_rate_hz)
            self.timeline.after(int(wait_s * NS_PER_S), self._take, window)

    def _look_ready(self, window: Window) -> None:
        process = self.box.process
        if (
            process is not None
            and process.engine.started is not None
            and self.timeline.now_ns >= self.box.still_until_ns
        ):
            shell = Shell(
                1, process.run_id, "paper", "build", "config", self.start_ns, process.runner.seq, {}, {}, {}, {}, {}
            )
            self.checks.readiness(process, is_ready(draw(process.engine, shell, process.clock.now())))
        if self.timeline.now_ns < window.target_ns:
            self.timeline.after(READY_LOOK_NS, self._look_ready, window)

    # --- faults ------------------------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        self.checks.tell(f"FAULT {fault.kind} for {fault.for_s:g} s {fault.params}")
        params = {k: v for k, v in fault.params.items() if k != "drop"}
        if fault.where == menu.EXCHANGE:
            self._strike_exchange(fault, params)
        elif fault.where == menu.FEED:
            if fault.params.get("drop"):
                self.feed.strike({"fault": "rst", "host": params.get("host")})
            if fault.for_s:
                params["for_s"] = fault.for_s
            self.feed.strike(params)
            self.reached[fault.kind] += 1
        else:
            _DEEDS[fault.kind](self, fault)
            self.reached[fault.kind] += 1
        if fault.where == menu.EXCHANGE or fault.kind == "loop_stall":
            lasts_ns = int(fault.params.get("ms", 0)) * NS_PER_MS if fault.kind == "loop_stall" else 0
            self.checks.rest_disturbed_ns = max(self.checks.rest_disturbed_ns, fault.until_ns + lasts_ns)
        settle_ns = int(self.kinds[fault.kind].settle_s * NS_PER_S)
        if settle_ns:
            self.timeline.at(fault.until_ns + settle_ns, self._resumed, fault)

    def _strike_exchange(self, fault: Fault, params: dict[str, Any]) -> None:
        name = params["fault"]
        if name == "lost_fill":
            self.server.port_hub.deaf_until_ns = fault.until_ns
            self.reached[fault.kind] += 1
            return
        if name == "force_fill":
            self._force_fills(fault)
            return
        if fault.for_s and name not in {"list_lag_ms", "clock_skew_ms", "fee_type"}:
            params["for_s"] = fault.for_s
        if fault.params.get("drop"):
            self.server.strike({"fault": "ws_drop"})
        struck = self.server.strike(params)
        self.struck.append((fault.kind, struck))
        if name == "list_lag_ms":
            self.timeline.at(fault.until_ns, self.server.turn_back, {"fault": name, "ms": 400})
        elif name == "clock_skew_ms":
            self.timeline.at(fault.until_ns, self.server.turn_back, {"fault": name, "ms": 0})
        elif name == "fee_type":
            self.timeline.at(fault.until_ns, self.server.turn_back, {"fault": name, "fee_type": "quadratic"})

    def _force_fills(self, fault: Fault) -> None:
        for order_id in list(self.exchange.member.resting):
            if self.rng.random() < 0.5 and self.exchange.force_fill(order_id, None, self.server.now_ns()):  # noqa: PLR2004 - half of them
                self.reached[fault.kind] += 1
        if self.timeline.now_ns + NS_PER_S < fault.until_ns:
            self.timeline.after(NS_PER_S, self._force_fills, fault)

    def _kill(self, back_ms: int) -> None:
        self.checks.tell("SIGKILL")
        self.box.kill(back_after_ns=back_ms * NS_PER_MS)

    def _kill_when_placing(self, fault: Fault) -> None:
        self.armed_until_ns = self.timeline.now_ns + 20 * NS_PER_S
        self.armed_back_ms = fault.params["back_ms"]
        self._snapshot_while_armed()

    def _snapshot_while_armed(self) -> None:
        if self.timeline.now_ns < self.armed_until_ns:
            self.box.keep_snapshot()
            self.timeline.after(NS_PER_S, self._snapshot_while_armed)

    def _step_clock(self, fault: Fault) -> None:
        self.box.clock.step(fault.params["ms"] * NS_PER_MS)
        self.checks.disturbed(fault.for_s + 40)
        self.timeline.at(fault.until_ns, self.box.clock.set_right)

    def _drift_clock(self, fault: Fault) -> None:
        self.box.clock.drift(fault.params["ppm"])
        self.checks.disturbed(fault.for_s + 40)
        self.timeline.at(fault.until_ns, self.box.clock.set_right)

    def _stall(self, fault: Fault) -> None:
        self.box.stand_still(fault.params["ms"] * NS_PER_MS)
        self.checks.disturbed(fault.params["ms"] / 1000 + 1)

    def _fill_disk(self, fault: Fault) -> None:
        del fault
        if self.box.process is not None:
            self.box.process.inward(self.box.process.disk_fails, "no space left on device")

    def _slow_disk(self, fault: Fault) -> None:
        self.box.disk.sync_ns = fault.params["ms"] * NS_PER_MS
        self.timeline.at(fault.until_ns, self._quick_disk)

    def _quick_disk(self) -> None:
        self.box.disk.sync_ns = 2 * NS_PER_MS

    def _tell(self, event: AnyEvent) -> None:
        process = self.box.process
        if process is not None:
            process.tell(event)

    def _look_soon(self) -> None:
        process = self.box.process
        if process is not None:
            self.timeline.after(self.rng.randrange(200) * NS_PER_MS, process.inward, process.look)

    def _terminate(self, fault: Fault) -> None:
        del fault
        self._tell(Stop("SIGTERM"))

    def _usr1(self, fault: Fault) -> None:
        self._tell(Operator(Command.CANCEL_ALL, "signal", "SIGUSR1", "operator_sigusr1", ""))
        self.timeline.at(fault.until_ns, self._resume)

    def _kill_file(self, fault: Fault) -> None:
        self.box.disk.kill_text = "drill"
        self._look_soon()
        self.timeline.at(fault.until_ns, self._clear_kill_file)

    def _kill_file_once(self, fault: Fault) -> None:
        """There for a moment, and gone again before anybody resumes: the latch alone holds."""
        self.box.disk.kill_text = "drill"
        self._look_soon()
        self.timeline.after(NS_PER_S, self._lift_kill_file)
        self.timeline.at(fault.until_ns, self._resume)

    def _lift_kill_file(self) -> None:
        self.box.disk.kill_text = ""
        self._look_soon()

    def _clear_kill_file(self) -> None:
        self.box.disk.kill_text = ""
        self._look_soon()
        self.timeline.after(NS_PER_S, self._resume)

    def _pause(self, fault: Fault) -> None:
        self.box.disk.requests.append(Operator(Command.PAUSE, "drill", "campaign", "operator_cli", "p"))
        self._look_soon()
        self.timeline.at(fault.until_ns, self._resume)

    def _rest(self) -> None:
        self.box.disk.requests.append(Operator(Command.PAUSE, "campaign", "the day is over", "operator_cli", "e"))
        self._look_soon()

    def _resume(self) -> None:
        self.box.disk.requests.append(Operator(Command.RESUME, "drill", "campaign", "operator_cli", "r"))
        self._look_soon()

    def _cancel_all_outside(self, fault: Fault) -> None:
        utc_ns = self.box.clock.now().utc_ns
        self.box.disk.marks.append(Mark(utc_ns, "cli", "operator_cli", done=True))
        self._look_soon()
        self.timeline.after(30 * NS_PER_MS, self._sweep)
        self.timeline.at(fault.until_ns, self._resume)

    def _sweep(self) -> None:
        if not self.exchange.state.pauses.exchange:
            orders.cancel_all(self.exchange.state, self.exchange.member, None, self.server.now_ns())
            self.checks.swept_ns = self.timeline.now_ns

    # --- has it come back? -------------------------------------------------------------------------------------------

    def _resumed(self, fault: Fault) -> None:
        """Quoting must be back by now, if nothing else has gone wrong meanwhile and there is something to quote in."""
        now_ns = self.timeline.now_ns
        mine = now_ns - fault.until_ns
        for other in self.faults:
            settle_ns = int(self.kinds[other.kind].settle_s * NS_PER_S)
            if other is not fault and other.at_ns <= now_ns and other.until_ns + max(mine, settle_ns) > now_ns:
                return
        if self.kinds[fault.kind].settle_s == 0:
            return
        process = self.box.process
        for window in self.windows:
            if window.opens_ns + mine < now_ns < window.strict_ns - NS_PER_S:
                self.checks.counts["resumptions looked at"] += 1
                if process is None:
                    self.checks.breach("quoting did not resume", f"no process {mine / 1e9:.0f} s after {fault.kind}")
                    return
                for name, reasons in process.engine.closed.items():
                    stuck = [r.value for r in reasons if r not in LASTING]
                    if stuck:
                        self.checks.breach(
                            "quoting did not resume",
                            f"{name}: {', '.join(stuck)} {mine / 1e9:.0f} s after {fault.kind}",
                        )

    def _calm(self, series: str, window: Window) -> None:
        """The last window had no faults: it must have been quoted, unless the day's own rules forbade it."""
        process = self.box.process
        if process is None:
            self.checks.breach("calm window without quotes", "no process")
            return
        if process.engine.risk.paused or process.engine.desks[series].sentry.session_frozen:
            self.checks.counts["calm window forbidden"] += 1
            return
        tail_ends_ns = self.checks.swept_ns + TAIL_NS
        fees_changed = any(f.kind == "fee_terms" and f.at_ns > window.opens_ns - FEES_READ_NS for f in self.faults)
        if tail_ends_ns > window.opens_ns + NS_PER_S or fees_changed:
            self.checks.counts["calm window forbidden"] += 1
            return
        self.checks.counts["calm windows"] += 1
        if self.checks.placed_in[series, window.target_ns] < CALM_ORDERS:
            reasons = ", ".join(r.value for r in process.engine.closed.get(series, ()))
            self.checks.breach("calm window without quotes", f"{series}: {reasons or 'open, and nothing placed'}")

    def _quiet(self) -> None:
        process = self.box.process
        if process is None or process.engine.started is None:
            self.checks.breach("calm window without quotes", "no process at the end")
            return
        self.checks.settled(process)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _replay(self) -> None:
        """Step a fresh engine through each life, and compare byte for byte."""
        encode = msgspec.json.Encoder().encode
        for started, steps in self.lives:
            engine = build_engine(self.settings, self.papers)
            for number, body in enumerate(steps):
                step = _recorded.decode(body)
                if encode(engine.step(step.event, step.now)) != bytes(step.actions):
                    self.checks.breach("replay differs", f"{started.run_id} step {number}: {type(step.event).__name__}")
                    break
            self.checks.counts["steps replayed"] += len(steps)

    def _outcome(self) -> Outcome:
        if self.unit.replay:
            self._replay()
        for kind, struck in self.struck:
            self.reached[kind] += struck.injected
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
            faults=dict(self.reached),
            planned=dict(Counter(f.kind for f in self.faults)),
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
_DEEDS: dict[str, Any] = {
    "clock_step": World._step_clock,  # noqa: SLF001 - the class's own table
    "clock_drift": World._drift_clock,  # noqa: SLF001
    "loop_stall": World._stall,  # noqa: SLF001
    "disk_full": World._fill_disk,  # noqa: SLF001
    "slow_fsync": World._slow_disk,  # noqa: SLF001
    "kill": lambda world, fault: world._kill(fault.params["back_ms"]),  # noqa: SLF001
    "kill_soon_after_place": World._kill_when_placing,  # noqa: SLF001
    "sigterm": World._terminate,  # noqa: SLF001
    "sigusr1": World._usr1,  # noqa: SLF001
    "kill_file": World._kill_file,  # noqa: SLF001
    "kill_file_kept": World._kill_file_once,  # noqa: SLF001
    "operator_pause": World._pause,  # noqa: SLF001
    "outside_cancel_all": World._cancel_all_outside,  # noqa: SLF001
}
assert set(_DEEDS) == {name for name, kind in menu.KINDS.items() if kind.where == menu.BOX}, "every deed has its doer"
__all__ = ["Outcome", "Phase", "Unit", "World"]
