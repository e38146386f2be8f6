"""What a fault does to the world when its time has come, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import AnyEvent, Command, Operator, Stop
from sim.campaign import faults as menu
from sim.campaign.faults import Fault
from sim.campaign.ports.box import Box
from sim.campaign.ports.disk import SYNC_NS, Mark
from sim.exchange import surprises
from sim.exchange.trade import orders

if TYPE_CHECKING:
    from domain.window import Window
    from sim.campaign.scene import Scene
    from sim.exchange.book.objects import Event
    from sim.exchange.gateway.faults import Fault as Struck

ARMED_NS = 20 * NS_PER_S
LISTED_BEFORE_NS = 5 * NS_PER_S
FLIP_AFTER_NS = 2 * NS_PER_S
BACK_MS = 700
ASK_AGAIN_NS = 4 * NS_PER_S
LOOKS_AFTER_NS = 2 * NS_PER_S
# News of fills can only be lost or doubled where there are some.
BRINGS_FILLS = frozenset({"forced_fills", "duplicate_fill", "lost_fill_message", "late_fill_message"})
REFUSED_TRIES = 40
HALF = 0.5


class OperatorActs:
    """Carries out the faults of one unit."""

    def __init__(self, world: Scene, rng: Random) -> None:
        self.reached: Counter[str] = Counter()
        self._rng = rng
        self._timeline = world.timeline
        self._checks = world.checks
        self._exchange = world.exchange
        self._gateway = world.gateway
        self._inject = world.server.strike
        self._feed = world.feed
        self._box = world.box
        self._windows = world.windows
        self._struck: list[tuple[str, Struck]] = []
        self._armed_until_ns = 0
        self._armed_back_ms = 0
        self._resting = False
        self._doers: dict[str, Callable[[Fault], None]] = {
            "clock_step": self._step_clock,
            "clock_drift": self._drift_clock,
            "loop_stall": self._stall,
            "disk_full": self._fill_disk,
            "slow_fsync": self._slow_disk,
            "kill": lambda fault: self._kill(fault.params["back_ms"]),
            "kill_soon_after_place": self._kill_when_placing,
            "sigterm": self._terminate,
            "sigusr1": self._usr1,
            "kill_file": self._kill_file,
            "kill_file_kept": self._kill_file_once,
            "operator_pause": self._pause,
            "strangers_cancel_all": self._cancel_all_by_a_stranger,
            "outside_cancel_all": self._cancel_all_outside,
            "config_refused": self._edit_configuration,
            "journal_flip": self._damage_journal,
        }
        self._surprises: dict[str, Callable[[Fault], None]] = {
            "close_early": self._close_early,
            "strike_grid": self._change_strikes,
            "odd_settlement": self._settle_oddly,
            "late_listing": lambda _fault: None,
        }
        wanted = {name for name, kind in menu.KINDS.items() if kind.where == menu.BOX}
        assert set(self._doers) == wanted, "every act has its doer"

    def can(self, fault: Fault) -> bool:
        """Whether this kind can strike here: some need files that only exist where the ports are cut."""
        return fault.kind not in menu.KINDS or not menu.KINDS[fault.kind].files or isinstance(self._box, Box)

    def counted(self) -> Counter[str]:
        """How often each kind struck, those counted by the exchange's own menu included."""
        found = Counter(self.reached)
        for kind, struck in self._struck:
            found[kind] += struck.injected
        return found

    def placed(self) -> None:
        """The exchange has just carried out a place: a death may be waiting for that."""
        if self._timeline.now_ns < self._armed_until_ns:
            self._armed_until_ns = 0
            self._timeline.after(self._rng.randrange(12 * NS_PER_MS), self._kill, self._armed_back_ms)

    def prepare(self, fault: Fault) -> None:
        """Before the day begins: what must never have been there."""
        window = self._window_of(fault)
        if fault.kind == "late_listing" and window is not None:
            hidden = surprises.hold_back(self._exchange, window.target_ns)
            list_ns = min(fault.until_ns, window.target_ns - LISTED_BEFORE_NS)
            self._timeline.at(list_ns, self._list_late, window.target_ns, hidden)

    def _window_of(self, fault: Fault) -> Window | None:
        return next((w for w in self._windows if w.preflight_ns <= fault.at_ns <= w.target_ns), None)

    def strike(self, fault: Fault) -> None:
        """A fault begins."""
        if not self.can(fault):
            return
        self._checks.tell(f"FAULT {fault.kind} for {fault.for_s:g} s {fault.params}")
        params = {k: v for k, v in fault.params.items() if k != "drop"}
        if fault.where == menu.EXCHANGE:
            self._strike_exchange(fault, params)
        elif fault.where == menu.FEED:
            if fault.params.get("drop"):
                self._feed.strike({"fault": "rst", "host": params.get("host")})
            if fault.for_s:
                params["for_s"] = fault.for_s
            self._feed.strike(params)
            self.reached[fault.kind] += 1
        else:
            self._doers[fault.kind](fault)
            # Those that strike files are counted when the start was refused.
            self.reached[fault.kind] += not menu.KINDS[fault.kind].files
        if fault.where == menu.EXCHANGE or fault.kind == "loop_stall":
            lasts_ns = int(fault.params.get("ms", 0)) * NS_PER_MS if fault.kind == "loop_stall" else 0
            self._checks.rest_disturbed_ns = max(self._checks.rest_disturbed_ns, fault.until_ns + lasts_ns)
        if fault.where == menu.EXCHANGE:
            self.look_after(fault)

    def _strike_exchange(self, fault: Fault, params: dict[str, Any]) -> None:
        name = params["fault"]
        if fault.kind in BRINGS_FILLS:
            self._force_fills(fault)
        if name == "force_fill":
            return
        if name in self._surprises:
            self._surprises[name](fault)
            return
        if fault.for_s and name not in {"list_lag_ms", "clock_skew_ms", "fee_type"}:
            params["for_s"] = fault.for_s
        if fault.params.get("drop"):
            self._inject({"fault": "ws_drop"})
        struck = self._inject(params)
        self._struck.append((fault.kind, struck))
        if name == "list_lag_ms":
            self._timeline.at(fault.until_ns, self._turn_back, {"fault": name, "ms": 400})
        elif name == "clock_skew_ms":
            self._timeline.at(fault.until_ns, self._turn_back, {"fault": name, "ms": 0})
        elif name == "fee_type":
            self._timeline.at(fault.until_ns, self._turn_back, {"fault": name, "fee_type": "quadratic"})

    def _turn_back(self, request: dict[str, Any]) -> None:
        self._inject(request)

    # --- the listing -------------------------------------------------------------------------------------------------

    def _list_late(self, close_ns: int, hidden: list[Event]) -> None:
        now_ns = self._gateway.now_ns()
        self._exchange.advance(now_ns)
        if surprises.list_late(self._exchange, close_ns, hidden, now_ns):
            self.reached["late_listing"] += 1
            self._checks.tell("listed late")

    def _close_early(self, fault: Fault) -> None:
        window, now_ns = self._window_of(fault), self._gateway.now_ns()
        self._exchange.advance(now_ns)
        if window is not None and surprises.close_early(self._exchange, window.target_ns, now_ns):
            self.reached[fault.kind] += 1

    def _settle_oddly(self, fault: Fault) -> None:
        window, late_ns = self._window_of(fault), fault.params["late_s"] * NS_PER_S
        self._exchange.advance(self._gateway.now_ns())
        if window is not None and surprises.settle_oddly(
            self._exchange, window.target_ns, fault.params["worth"], late_ns
        ):
            self.reached[fault.kind] += 1

    def _change_strikes(self, fault: Fault) -> None:
        window, now_ns = self._window_of(fault), self._gateway.now_ns()
        self._exchange.advance(now_ns)
        if window is not None and surprises.change_strikes(self._exchange, window.target_ns, now_ns):
            self.reached[fault.kind] += 1

    # --- fills -------------------------------------------------------------------------------------------------------

    def _force_fills(self, fault: Fault) -> None:
        side = fault.params.get("side")
        for order_id, order in list(self._exchange.member.resting.items()):
            if (
                side in (None, order.side)
                and self._rng.random() < HALF
                and self._exchange.force_fill(order_id, None, self._gateway.now_ns())
            ):
                self.reached[fault.kind] += fault.kind != "duplicate_fill"  # the exchange counts what it doubles
        if self._timeline.now_ns + NS_PER_S < fault.until_ns:
            self._timeline.after(NS_PER_S, self._force_fills, fault)

    # --- the machine -------------------------------------------------------------------------------------------------

    def _kill(self, back_ms: int) -> None:
        self._checks.tell("SIGKILL")
        self._box.kill(back_after_ns=back_ms * NS_PER_MS)

    def _kill_when_placing(self, fault: Fault) -> None:
        self._armed_until_ns = self._timeline.now_ns + ARMED_NS
        self._armed_back_ms = fault.params["back_ms"]
        self._snapshot_while_armed()

    def _snapshot_while_armed(self) -> None:
        if self._timeline.now_ns < self._armed_until_ns:
            self._box.keep_snapshot()
            self._timeline.after(NS_PER_S, self._snapshot_while_armed)

    def _step_clock(self, fault: Fault) -> None:
        self._box.clock.step(fault.params["ms"] * NS_PER_MS)
        self._checks.disturbed(fault.for_s + 40)
        self._timeline.at(fault.until_ns, self._box.clock.set_right)

    def _drift_clock(self, fault: Fault) -> None:
        self._box.clock.drift(fault.params["ppm"])
        self._checks.disturbed(fault.for_s + 40)
        self._timeline.at(fault.until_ns, self._box.clock.set_right)

    def _stall(self, fault: Fault) -> None:
        self._box.stand_still(fault.params["ms"] * NS_PER_MS)
        self._checks.disturbed(fault.params["ms"] / 1000 + 1)

    def _fill_disk(self, fault: Fault) -> None:
        del fault
        if self._box.process is not None:
            self._box.process.inward(self._box.process.disk_fails, "no space left on device")

    def _slow_disk(self, fault: Fault) -> None:
        self._box.disk.sync_ns = fault.params["ms"] * NS_PER_MS
        self._timeline.at(fault.until_ns, self._quick_disk)

    def _quick_disk(self) -> None:
        self._box.disk.sync_ns = SYNC_NS

    def _tell(self, event: AnyEvent) -> None:
        process = self._box.process
        if process is not None:
            process.tell(event)

    def _look_soon(self) -> None:
        process = self._box.process
        if process is not None:
            self._timeline.after(self._rng.randrange(200) * NS_PER_MS, process.inward, process.look)

    def _terminate(self, fault: Fault) -> None:
        del fault
        self._tell(Stop("SIGTERM"))

    def _usr1(self, fault: Fault) -> None:
        self._tell(Operator(Command.CANCEL_ALL, "signal", "SIGUSR1", "operator_sigusr1", ""))
        self._timeline.at(fault.until_ns, self.resume)

    def _kill_file(self, fault: Fault) -> None:
        self._box.disk.kill_text = "drill"
        self._look_soon()
        self._timeline.at(fault.until_ns, self._clear_kill_file)

    def _kill_file_once(self, fault: Fault) -> None:
        """There for a moment, and gone again before anybody resumes: the latch alone holds."""
        self._box.disk.kill_text = "drill"
        self._look_soon()
        self._timeline.after(NS_PER_S, self._lift_kill_file)
        self._timeline.at(fault.until_ns, self.resume)

    def _lift_kill_file(self) -> None:
        self._box.disk.kill_text = ""
        self._look_soon()

    def _clear_kill_file(self) -> None:
        self._box.disk.kill_text = ""
        self._look_soon()
        self._timeline.after(NS_PER_S, self.resume)

    def _pause(self, fault: Fault) -> None:
        self._box.disk.requests.append(Operator(Command.PAUSE, "drill", "campaign", "operator_cli", "p"))
        self._look_soon()
        self._timeline.at(fault.until_ns, self.resume)

    def rest(self) -> None:
        """The day is over: pause."""
        self._resting = True
        self._box.disk.requests.append(Operator(Command.PAUSE, "campaign", "the day is over", "operator_cli", "e"))
        self._look_soon()

    def resume(self) -> None:
        """A person lifts what only a person may lift."""
        self._box.disk.requests.append(Operator(Command.RESUME, "drill", "campaign", "operator_cli", "r"))
        self._look_soon()
        self._timeline.after(ASK_AGAIN_NS, self._ask_again)

    def look_after(self, fault: Fault) -> None:
        """A person looks at what a fault of the exchange, or of the way to it, has left."""
        self._timeline.at(fault.until_ns + LOOKS_AFTER_NS, self._lift_own_pause)

    def _lift_own_pause(self) -> None:
        """So many places refused or lost pause the account until somebody has looked: a person does, and lifts that."""
        process = self._box.process
        paused = process is not None and process.engine.state.paused
        if paused and not self._checks.halts and not self._resting:
            self._checks.counts["own pauses lifted"] += 1
            self.resume()

    def _ask_again(self) -> None:
        """Whoever was refused asks again until nothing is against it, unless the day is over."""
        if self._checks.resume_refused and not self._resting:
            self.resume()

    def _cancel_all_outside(self, fault: Fault) -> None:
        utc_ns = self._box.clock.now().utc_ns
        self._box.disk.marks.append(Mark(utc_ns, "cli", "operator_cli", done=True))
        self._look_soon()
        self._timeline.after(30 * NS_PER_MS, self._sweep)
        self._timeline.at(fault.until_ns, self.resume)

    def _cancel_all_by_a_stranger(self, _fault: Fault) -> None:
        """Somebody presses the button on the exchange's page: no marker, and no word to us."""
        if not self._exchange.state.pauses.exchange:
            orders.cancel_all(self._exchange.state, self._exchange.member, None, self._gateway.now_ns())

    def _sweep(self) -> None:
        if not self._exchange.state.pauses.exchange:
            orders.cancel_all(self._exchange.state, self._exchange.member, None, self._gateway.now_ns())
            self._checks.swept_ns = self._timeline.now_ns

    # --- files that only a start reads -------------------------------------------------------------------------------

    def _edit_configuration(self, fault: Fault) -> None:
        """A person edits the configuration, badly, and restarts the daemon to have it read."""
        unknown = fault.params["key"] == "unknown"
        self._box.disk.edited = {"rsik": {}} if unknown else {"risk": {"per_window_contracts": -1}}
        self._tell(Stop("SIGTERM"))
        self._timeline.at(fault.until_ns, self._mend_configuration, fault, len(self._box.refusals), 0)

    def _mend_configuration(self, fault: Fault, refusals: int, tries: int) -> None:
        """Once the start was refused, the person mends the file and starts the daemon by hand."""
        if len(self._box.refusals) == refusals and tries < REFUSED_TRIES:
            self._timeline.after(NS_PER_S, self._mend_configuration, fault, refusals, tries + 1)
            return
        if len(self._box.refusals) > refusals:
            self._checks.tell(f"start refused: {self._box.refusals[-1]}")
            self.reached[fault.kind] += 1
        else:
            self._checks.breach("bad start not refused", f"a configuration with {self._box.disk.edited}")
        self._box.disk.edited = {}
        self._box.start()

    def _damage_journal(self, fault: Fault) -> None:
        """A snapshot, some records behind it, a death; then a bit of the journal is not what was written."""
        self._box.keep_snapshot()
        self._timeline.after(FLIP_AFTER_NS, self._flip, fault)

    def _flip(self, fault: Fault) -> None:
        disk = self._box.disk
        if self._box.process is None or not disk.keeping:
            return
        self._kill(BACK_MS)
        disk.lines = disk.chained()
        whole = disk.verdict()
        if not whole.ok or whole.head.count != len(disk.lines):
            self._checks.breach("journal chain broken", f"{whole.first_fault} of {len(disk.lines)} records")
        if not disk.lines:
            disk.lines = None
            return
        number = int(fault.params["place"] * len(disk.lines))
        line = bytearray(disk.lines[number])
        # Anywhere but in the newline: a line without its end is torn, not damaged.
        line[int(fault.params["place"] * 997 % 1 * (len(line) - 1))] ^= 1
        disk.lines[number] = bytes(line)
        self._timeline.after(2 * BACK_MS * NS_PER_MS, self._flip_seen, fault, number + 1, len(self._box.refusals))

    def _flip_seen(self, fault: Fault, line: int, refusals: int) -> None:
        """The start was refused, and it said where; a person cancels everything and moves the journal away."""
        disk, told = self._box.disk, self._box.refusals[refusals:]
        if any(f"tail:{line} " in refusal for refusal in told):
            self.reached[fault.kind] += 1
        else:
            self._checks.breach("damaged journal believed", f"line {line}: {told or 'started'}")
        disk.lines = None
        disk.tail.clear()
        self._sweep()
        disk.marks.append(Mark(self._box.clock.now().utc_ns, "cli", "operator_cli", done=True))
        self._box.start()
        self._timeline.after(3 * NS_PER_S, self.resume)
