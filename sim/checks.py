# long: one onlooker, one check after the other
"""What must be true, looked at from outside: the exchange's record, the requests on the wire, the steps as recorded.

Each check has a name, and the first breach of each name in a unit is kept with its instant. Nothing here asks a guard
for its opinion; what the daemon knows is compared with what was really so. Counters say how often the rare things were
seen, because a check that was never reached has proven nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from domain.actions import Alert, AnyAction, Exit, Place, Record
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    CancelAllMarker,
    Command,
    JournalFault,
    KillSwitch,
    LoopStall,
    Operator,
    Started,
    Stop,
    Tick,
    Wake,
)
from domain.market import SERIES
from domain.reasons import GateStatus
from domain.window import Phase, Window
from execution.kalshi_wire import Request
from guards.vote import Vote
from sim.campaign_time import MONO_START_NS
from sim.exchange.fixed import COUNT_ONE, PRICE_ONE
from sim.exchange.notices import Filled, GroupChanged, Notice, OrderChanged
from sim.exchange.objects import Order

if TYPE_CHECKING:
    from daemon.settings import Settings
    from sim.campaign_time import Timeline
    from sim.exchange.calls import Operation
    from sim.exchange.core import Exchange
    from sim.ports import Process

WindowAt = Callable[[str, int], Window | None]
SYMBOL_OF = {series.exchange_series: series.symbol for series in SERIES.values()}
NAME_OF = {series.exchange_series: name for name, series in SERIES.items()}
FREEZE_LEAD_NS = 2 * NS_PER_S
EXPIRY_LEAD_NS = 3 * NS_PER_S
CLEARED_NS = 250 * NS_PER_MS
SWEEP_SEEN_NS = 300 * NS_PER_MS
TAIL_NS = 60 * NS_PER_S
CLOCK_LIMIT_NS = 1_750 * NS_PER_MS
CLOCK_SEEN_NS = 2 * NS_PER_S
CANCEL_LATE_NS = 100 * NS_PER_MS
CANCELS_KEPT = 4_096
FLAT_LATE_NS = 2_500 * NS_PER_MS
KEPT_NS = 1_500 * NS_PER_MS
FRESH_NS = 600 * NS_PER_MS
EXIT_LIMIT_NS = 21 * NS_PER_S
EDGE_LATE_NS = NS_PER_MS
STALE_ACT_NS = 20 * NS_PER_MS
STORY_LINES = 60
GONE_MAX = 20_000
TABLE_MAX = 2_000

NAMES = (
    "resting at the freeze",
    "taker fill",
    "order without expiry",
    "order without post-only, group or pause flag",
    "place while stale in strict",
    "place after halt",
    "place outside its window",
    "place past its permission",
    "exchange's book not in ours",
    "positions differ",
    "fills differ",
    "replay differs",
    "limit exceeded",
    "budget negative",
    "cancel starved of tokens",
    "ready while a gate is red",
    "phase late or early",
    "P&L differs from settlement",
    "tables without bound",
    "engine crashed",
    "exit not flat",
    "quoting did not resume",
    "calm window without quotes",
    "cancel late",
    "not flat in time",
    "two orders on one side",
    "stale feed kept",
    "place by a wrong clock",
    "place without private stream",
    "place in the tail of a cancel-all",
    "group leaked",
    "client order id used twice",
    "limits forgotten by a restart",
)


class Breach(NamedTuple):
    """One broken promise."""

    name: str
    at_ns: int
    detail: str


class Checks:
    """The onlooker of one unit."""

    def __init__(
        self,
        timeline: Timeline,
        exchange: Exchange,
        settings: Settings,
        skew_ns: Callable[[], int],
        window_at: WindowAt,
    ) -> None:
        self.timeline = timeline
        self.exchange = exchange
        self.settings = settings
        self.breaches: dict[str, Breach] = {}
        self.counts: Counter[str] = Counter()
        self.story: deque[str] = deque(maxlen=STORY_LINES)
        self.slowest_flat_ms = 0.0
        self.slowest_stop_ms = 0.0
        self.halts: dict[str, int] = {}
        self.newest_value_ns: dict[str, int] = {}
        self.stamps: dict[tuple[str, str], int] = {}
        self.feed_newest: dict[tuple[str, str], int] = {}
        self.window_at = window_at
        self.cancelled_ns: dict[str, int] = {}
        self.must_end: dict[str, tuple[int, str]] = {}
        self.rest_disturbed_ns = 0
        self.swept_ns = 0
        self.clock_wrong_ns: int | None = None
        self.equity: tuple[str, int] | None = None
        self.placed_in: Counter[tuple[str, int]] = Counter()
        self.trades: dict[str, Any] = {}
        self.sent_names: set[str] = set()
        self.opened_ns = timeline.now_ns
        self.stop_ns = 0
        self.life_began_ns = 0
        self.process: Process | None = None
        self.skew_ns = skew_ns
        self.wall_disturbed_ns = 0
        exchange.state.listeners.append(self.noticed)

    # --- small -----------------------------------------------------------------------------------------------------

    def breach(self, name: str, detail: str) -> None:
        """Keep the first of each name."""
        assert name in NAMES, name
        self.counts["breaches"] += 1
        if name not in self.breaches:
            self.breaches[name] = Breach(name, self.timeline.now_ns, detail)
            self.tell(f"BREACH {name}: {detail}")

    def tell(self, line: str) -> None:
        """One line of the story."""
        self.story.append(f"{(self.timeline.now_ns - self.opened_ns) / NS_PER_S:+10.3f} s  {line}")

    def exchange_ns(self) -> int:
        """The exchange's own time."""
        return int(self.timeline.now_ns + self.skew_ns())

    # --- what the exchange says ------------------------------------------------------------------------------------

    def noticed(self, notice: Notice) -> None:
        """A notice of the exchange's core, at the instant."""
        if isinstance(notice, OrderChanged):
            if notice.state.status == "resting" and notice.order.account.is_member:
                self._rests(notice.order)
        elif isinstance(notice, Filled):
            self._filled(notice)
        elif isinstance(notice, GroupChanged) and notice.event_type == "triggered":
            self.counts["groups triggered"] += 1

    def _filled(self, notice: Filled) -> None:
        fill = notice.fill
        self.counts["fills"] += 1
        if fill.is_taker:
            self.breach("taker fill", f"{fill.order.state.client_order_id} took {fill.trade.count}")
        self.trades[fill.trade.id] = fill

    def _rests(self, order: Order) -> None:
        """A new order of ours rests, or one of ours was filled in part."""
        state = order.state
        close_ns = order.market.event.close_ns
        freeze_ns = close_ns - FREEZE_LEAD_NS
        now_ns = self.exchange_ns()
        name = state.client_order_id
        if now_ns >= freeze_ns:
            self.breach("resting at the freeze", f"{name} rests {(now_ns - freeze_ns) / 1e6:.0f} ms after the freeze")
        if state.expiration_s is None or state.expiration_s * NS_PER_S > close_ns - EXPIRY_LEAD_NS:
            self.breach("order without expiry", f"{name} expires {state.expiration_s}")
        if not order.post_only or order.group is None or not order.cancel_on_pause:
            self.breach("order without post-only, group or pause flag", name)
        self._within_limits(order)
        for other in order.account.resting.values():
            if other is not order and other.market is order.market and other.side == order.side:
                self.breach("two orders on one side", f"{name} beside {other.state.client_order_id}")
        process = self.process
        if process is not None and process.engine.started is not None and name not in process.engine.account.book.live:
            self.breach("exchange's book not in ours", f"{name} rests and is not in our book")

    def _within_limits(self, order: Order) -> None:
        """Net position plus all that rests on a side, by the exchange's own books."""
        risk = self.settings.risk
        account, market = order.account, order.market
        reach = self._reach(order.side, [market.ticker])
        if reach > risk.per_market_contracts * COUNT_ONE:
            self.breach("limit exceeded", f"{market.ticker} {order.side} reaches {reach / COUNT_ONE:g} contracts")
        rungs = [m.ticker for m in market.event.markets]
        if self._reach(order.side, rungs) > risk.per_window_contracts * COUNT_ONE:
            self.breach("limit exceeded", f"{market.event.ticker} {order.side} past the window's contracts")
        used = {o.market.ticker for o in account.resting.values()}
        used |= {p.market.ticker for p in account.positions.values() if p.count.value and not p.settled}
        if len(used) > risk.markets_max:
            self.breach("limit exceeded", f"{len(used)} markets in use")

    def _reach(self, side: str, tickers: list[str]) -> int:
        account, chosen = self.exchange.member, set(tickers)
        held = sum(account.positions[0, t].count.value for t in tickers if (0, t) in account.positions)
        resting = sum(
            o.state.remaining for o in account.resting.values() if o.side == side and o.market.ticker in chosen
        )
        return resting + (held if side == "bid" else -held)

    def asked(self, operation: Operation, request: Request, status: int) -> None:
        """The exchange has carried out (or refused by itself) one request."""
        self.counts[f"requests {operation.name}"] += 1
        if status == 429 and operation.name in {"cancel_order", "batch_cancel", "cancel_all", "trigger_group"}:  # noqa: PLR2004 - HTTP
            self.breach("cancel starved of tokens", f"{operation.name} was refused for lack of tokens")
        if status == 429:  # noqa: PLR2004 - HTTP
            self.counts[f"genuine 429 {operation.name}"] += 1
        if operation.name == "cancel_all":
            self.swept_ns = self.timeline.now_ns
        if operation.name == "create_order":
            body = orjson.loads(request.body)
            name = body["client_order_id"]
            if name in self.sent_names:
                self.breach("client order id used twice", name)
            self.sent_names.add(name)

    # --- what goes out ---------------------------------------------------------------------------------------------

    def writing(self, process: Process, request: Request) -> None:
        """A request is about to be written."""
        if request.method != "POST" or not request.path.endswith("/events/orders"):
            if request.method in {"DELETE", "PUT"}:
                self._cancelling(request)
            return
        self.counts["orders"] += 1
        body = orjson.loads(request.body)
        series = body["ticker"].partition("-")[0]
        now = process.clock.now()
        window = self.window_at(NAME_OF[series], now.utc_ns)
        if self.halts:
            self.breach("place after halt", f"{body['client_order_id']} after {', '.join(sorted(self.halts))}")
        if window is None or not window.opens_ns <= now.utc_ns < window.freeze_ns:
            self.breach("place outside its window", f"{body['client_order_id']} at {now.utc_ns}")
            return
        self.placed_in[NAME_OF[series], window.target_ns] += 1
        self._writes_place(process, body["client_order_id"])
        if now.utc_ns >= window.strict_ns:
            age_ns = now.mono_ns - self.newest_value_ns.get(SYMBOL_OF[series], 0)
            limit_ns = self.settings.freshness.strict_limit_ms * NS_PER_MS
            if age_ns > limit_ns and self.settings.freshness.basis == "age":
                self.breach(
                    "place while stale in strict", f"{body['client_order_id']}: value {age_ns / 1e6:.0f} ms old"
                )

    def _writes_place(self, process: Process, name: str) -> None:
        now_ns = self.timeline.now_ns
        if self.swept_ns and SWEEP_SEEN_NS < now_ns - self.swept_ns < TAIL_NS:
            self.breach("place in the tail of a cancel-all", f"{name} {(now_ns - self.swept_ns) / 1e9:.1f} s after it")
        link = process.stream_socket._link  # noqa: SLF001 - the truth about it
        if link is None or link.closed:
            self.breach("place without private stream", name)
        off_ns = abs(process.clock.off_ns - self.skew_ns())
        if off_ns <= CLOCK_LIMIT_NS:
            self.clock_wrong_ns = None
        elif self.clock_wrong_ns is None:
            self.clock_wrong_ns = now_ns
        elif now_ns - self.clock_wrong_ns > CLOCK_SEEN_NS:
            self.breach("place by a wrong clock", f"{name}: our clock is {off_ns / 1e6:.0f} ms off")

    def _cancelling(self, request: Request) -> None:
        """A cancel of any kind leaves: for one series, or for all."""
        now_ns = self.timeline.now_ns
        path, member = request.path, self.exchange.member
        word = path.split("/")[-2] if path.endswith("/trigger") else path.split("/")[-1]
        if path.endswith("/events/orders"):
            covered = list(member.resting)
        elif path.endswith("/batched"):
            covered = [item["order_id"] for item in orjson.loads(request.body)["orders"]]
        else:
            covered = list(member.groups[word].resting) if word in member.groups else [word]
        self.cancelled_ns.update(dict.fromkeys(covered, now_ns))
        while len(self.cancelled_ns) > CANCELS_KEPT:
            del self.cancelled_ns[next(iter(self.cancelled_ns))]

    def _ending(self, process: Process, now: Now) -> None:
        """Whether what rests may rest; if not, a cancel must have left at once, and it must be gone soon."""
        resting = self.exchange.member.resting
        if not resting:
            self.must_end.clear()
            return
        now_ns = self.timeline.now_ns
        for name, desk in process.engine.desks.items():
            why = self._why_not(process, name, desk.series.symbol, now)
            if not why:
                self.must_end.pop(name, None)
                continue
            since_ns, why = self.must_end.setdefault(name, (now_ns, why))
            if now_ns < process.box.still_until_ns:
                continue
            for order in resting.values():
                if NAME_OF[order.market.event.series.ticker] == name and order.created_ns <= since_ns:
                    self._overstays(order, since_ns, why)

    def _overstays(self, order: Order, since_ns: int, why: str) -> None:
        late_ns = self.timeline.now_ns - since_ns
        told = f"{order.state.client_order_id}: {why} for {late_ns / 1e6:.0f} ms"
        if late_ns > CANCEL_LATE_NS and order.id not in self.cancelled_ns:
            self.breach("cancel late", f"{told}, no cancel has left")
        if self.timeline.now_ns - max(since_ns, self.rest_disturbed_ns) > FLAT_LATE_NS:
            self.breach("not flat in time", f"{told}, and it rests")

    def _why_not(self, process: Process, name: str, symbol: str, now: Now) -> str:
        if self.halts and not (len(self.halts) == 1 and "pause" in self.halts):
            return ", ".join(sorted(self.halts))
        window = self.window_at(name, now.utc_ns)
        if window is None:
            return ""
        if now.utc_ns >= window.freeze_ns - process.engine.duties.lead_ns:
            return "flattening"
        if now.utc_ns >= window.strict_ns and self.settings.freshness.basis == "age":
            limit_ns = self.settings.freshness.strict_limit_ms * NS_PER_MS
            if now.mono_ns - self.newest_value_ns.get(symbol, 0) > limit_ns:
                return "stale in strict"
        return ""

    # --- steps -----------------------------------------------------------------------------------------------------

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """The engine took one step."""
        self.counts["steps"] += 1
        if isinstance(event, Tick):
            key = (event.feed, event.symbol)
            if event.event_ns > self.stamps.get(key, 0):
                self.stamps[key] = event.event_ns
                self.newest_value_ns[event.symbol] = event.received_mono_ns
                self.feed_newest[key] = event.received_mono_ns
        elif not isinstance(event, Wake):
            self._event(process, event, now)
            self._subset(process)
        for action in actions:
            if isinstance(action, Record):
                self._record(process, action, now)
            elif isinstance(action, Place):
                self._place(action, now)
            elif isinstance(action, Alert):
                self.counts[f"alert {action.action}"] += 1
            elif isinstance(action, Exit):
                self._exit(action, now)
        if self.exchange.member.resting:
            self._ending(process, now)
        if self.settings.feeds.mode == "hot":
            self._feed_kept(process, now)
        if process.engine.account.budget.tokens_milli < 0 or process.engine.account.budget.quoting_milli < 0:
            self.breach("budget negative", "our own reckoning is below zero")

    def _feed_kept(self, process: Process, now: Now) -> None:
        """With two live feeds the one believed is not the one that fell silent."""
        names = {self.settings.feeds.primary.name, getattr(self.settings.feeds.secondary, "name", "")}
        active = process.engine.failover.active
        ages = {
            f: min((now.mono_ns - at for (feed, _), at in self.feed_newest.items() if feed == f), default=None)
            for f in names
        }
        mine, other = ages.get(active), next((age for f, age in ages.items() if f != active), None)
        if mine is not None and other is not None and mine > KEPT_NS and other < FRESH_NS:
            self.breach("stale feed kept", f"{active} is {mine / 1e6:.0f} ms old, the other {other / 1e6:.0f} ms")

    def _subset(self, process: Process) -> None:
        live = process.engine.account.book.live
        for order in self.exchange.member.resting.values():
            name = order.state.client_order_id
            if name not in live:
                self.breach("exchange's book not in ours", f"{name} rests and is not in our book (of {len(live)})")

    def _event(self, process: Process, event: AnyEvent, now: Now) -> None:
        if isinstance(event, Started):
            self.tell(f"started {event.run_id}")
            self.process, self.stop_ns = process, 0
            self.disturbed(1)
            self.life_began_ns = now.mono_ns
            self.halts.pop("stop", None)
            self.halts.pop("journal", None)
            self.newest_value_ns.clear()
            self.feed_newest.clear()
            self._limits_kept(process)
        elif isinstance(event, KillSwitch):
            if event.active:
                self.halts.setdefault("kill switch", now.mono_ns)
        elif isinstance(event, Stop):
            self.halts["stop"] = now.mono_ns
            self.stop_ns = now.mono_ns
        elif isinstance(event, JournalFault):
            self.halts["journal"] = now.mono_ns
        elif isinstance(event, LoopStall):
            self.counts["loop stalls"] += 1
        elif isinstance(event, CancelAllMarker):
            if not event.by.startswith("run-"):
                self.halts.setdefault("cancel-all", now.mono_ns)
        elif isinstance(event, Operator):
            self._operator(process, event, now)

    def _limits_kept(self, process: Process) -> None:
        """A restart on the same day goes on with the day's starting equity."""
        state = process.engine.risk.state()
        before = self.equity
        if before is not None and state["session"] == before[0] and state["equity"] != before[1]:
            self.breach("limits forgotten by a restart", f"equity {before[1]} became {state['equity']}")

    def _operator(self, process: Process, event: Operator, now: Now) -> None:
        self.tell(f"operator {event.command.value}")
        if event.command is Command.CANCEL_ALL:
            self.halts.setdefault("cancel-all", now.mono_ns)
        elif event.command is Command.PAUSE:
            self.halts.setdefault("pause", now.mono_ns)
        elif event.command is Command.RESUME and not process.box.disk.kill_text:
            for name in ("kill switch", "cancel-all", "pause"):
                self.halts.pop(name, None)

    def _record(self, process: Process, record: Record, now: Now) -> None:
        if record.type == "time_to_flat":
            self.slowest_flat_ms = max(self.slowest_flat_ms, record.payload["ms"])
            self.counts["flattenings"] += 1
        elif record.type == "window_phase":
            self._phase(process, record.payload, now)
        elif record.type == "guard_trip":
            self.counts[f"trip {record.payload['reason']}"] += 1
        elif record.type in {"feed_switch", "kill_switch", "risk_decision"}:
            self.counts[record.type] += 1
            if record.type == "risk_decision":
                self.tell(
                    f"gate {record.payload.get('series', 'day')}:"
                    f" {record.payload['decision']} {record.payload['reason']}"
                )

    def _phase(self, process: Process, payload: dict[str, Any], now: Now) -> None:
        """The phase changes in the very nanosecond of the edge, unless a clock or the loop was disturbed."""
        phase = Phase(payload["phase"])
        self.counts[f"phase {phase.value}"] += 1
        window = self.window_at(payload["series"], payload["target_ns"])
        assert window is not None, "a phase of a window that does not exist"
        lead_ns = process.engine.duties.lead_ns
        if window.phase(now.utc_ns, lead_ns) is not phase:
            self.breach("phase late or early", f"{phase} at {now.utc_ns}, lead {lead_ns}")
        edges = {
            Phase.PREFLIGHT: window.preflight_ns,
            Phase.QUOTING: window.opens_ns,
            Phase.STRICT: window.strict_ns,
            Phase.FLATTENING: window.freeze_ns - lead_ns,
            Phase.FROZEN: window.freeze_ns,
            Phase.CLOSED: window.target_ns + 1,
        }
        late_ns = now.utc_ns - edges[phase]
        undisturbed = now.mono_ns > self.wall_disturbed_ns
        if undisturbed and late_ns > EDGE_LATE_NS:
            self.breach("phase late or early", f"{phase} {late_ns / 1e6:.3f} ms late")

    def _place(self, place: Place, now: Now) -> None:
        if place.cleared.not_after_mono_ns > now.mono_ns + CLEARED_NS:
            self.breach("place past its permission", f"{place.client_order_id}: permission too long")

    def _exit(self, action: Exit, now: Now) -> None:
        resting = len(self.exchange.member.resting)
        self.tell(f"exit {action.code} {action.reason}")
        if action.code == 0 and resting:
            self.breach("exit not flat", f"exit 0 with {resting} orders resting")
        if self.stop_ns:
            self.slowest_stop_ms = max(self.slowest_stop_ms, (now.mono_ns - self.stop_ns) / NS_PER_MS)
            if now.mono_ns - self.stop_ns > EXIT_LIMIT_NS:
                self.breach("exit not flat", f"stopping took {(now.mono_ns - self.stop_ns) / 1e9:.1f} s")

    def ended(self, process: Process, why: str) -> None:
        """A process is no more."""
        self.tell(f"process ended: {why}")
        state = process.engine.risk.state()
        old_enough = process.clock.now().mono_ns - self.life_began_ns > 5 * NS_PER_S
        if state["equity"] is not None and old_enough:
            self.equity = (state["session"], state["equity"])
        self.counts["lives"] += 1
        self.process = None
        self.disturbed(5)
        if why.startswith("crash"):
            self.breach("engine crashed", why)
        # A halt that was only just heard may not have reached the disk before a SIGKILL.
        young_ns = process.clock.now().mono_ns - process.box.disk.sync_ns - 300 * NS_PER_MS
        if why == "SIGKILL":
            self.halts = {n: at for n, at in self.halts.items() if at < young_ns or n == "kill switch"}

    def disturbed(self, for_s: float) -> None:
        """Edges may be seen late for a while: the loop stood still, a clock was set, or nobody was there."""
        mono_ns = self.timeline.now_ns - self.opened_ns + MONO_START_NS
        self.wall_disturbed_ns = max(self.wall_disturbed_ns, mono_ns + int(for_s * NS_PER_S))

    # --- now and then ----------------------------------------------------------------------------------------------

    def readiness(self, process: Process, ready: bool) -> None:  # noqa: FBT001 - a fact
        """The page's answer against the votes themselves."""
        self.counts["readiness looks"] += 1
        if not ready:
            return
        self.counts["ready"] += 1
        engine = process.engine
        red = [name for name, vote in engine.account_votes if _red(vote)]
        for desk in engine.desks.values():
            if desk.phase in {Phase.QUOTING, Phase.STRICT}:
                red += [name for name, vote in engine.gates.get(desk.series.name, ()) if _red(vote)]
        red = [n for n in red if n != "freshness" or not _planned(engine)]
        if red or self.halts:
            self.breach("ready while a gate is red", f"{', '.join(sorted(set(red) | set(self.halts)))}")

    def froze(self) -> None:
        """An event has closed: nothing of ours rested at the freeze or later, by the exchange's own mark."""
        for event in self.exchange.state.events.values():
            if event.own_resting_after_freeze_max:
                self.breach("resting at the freeze", f"{event.ticker}: {event.own_resting_after_freeze_max} rested")
        self.counts["freezes"] += len(self.exchange.state.series)

    def settled(self, process: Process) -> None:
        """Everything is quiet and settled: our books against the exchange's."""
        account, member = process.engine.account, self.exchange.member
        ours = {t: p for t, p in account.ledger.open_positions().items() if p}
        theirs = {p.market.ticker: p.count.value for p in member.positions.values() if p.count.value}
        if ours != theirs:
            self.breach("positions differ", f"exchange {theirs}, ours {ours}")
        known, true = set(account.ledger.trades), {f.trade.id for f in member.fills}
        if known != true:
            self.breach("fills differ", f"{len(true - known)} unknown to us, {len(known - true)} only ours")
        if account.counters.get("fills", 0) != len(member.fills):
            self.breach("fills differ", f"counted {account.counters.get('fills', 0)}, exchange {len(member.fills)}")
        earned = member.purse(0, 0).value - self.exchange.state.config.balance
        if not theirs and account.ledger.realised != earned:
            self.breach(
                "P&L differs from settlement",
                f"exchange {earned / 1e6:.6f}, our ledger {account.ledger.realised / 1e6:.6f}",
            )
        if not theirs:
            self._results(process)
        self._groups(process)
        self._tables(process)

    def _results(self, process: Process) -> None:
        cash: Counter[tuple[str, int]] = Counter()
        for fill in self.exchange.member.fills:
            market = fill.trade.market
            sign = 1 if fill.order.side == "bid" else -1
            paid = sign * fill.trade.price * fill.trade.count + fill.fee
            worth = sign * PRICE_ONE * fill.trade.count if market.result == "yes" else 0
            cash[NAME_OF[market.event.series.ticker], market.event.close_ns] += worth - paid
        for result in process.engine.duties.results.values():
            true = cash.get((result.series, result.target_ns), 0)
            if result.settled and result.pnl != true:
                self.breach(
                    "P&L differs from settlement", f"{result.series} {result.label}: {true} against {result.pnl}"
                )

    def _groups(self, process: Process) -> None:
        known = process.engine.account.groups.known
        now_ns = self.timeline.now_ns
        spare = 4 * len(process.engine.desks)
        if len(self.exchange.member.groups) > spare:
            self.breach(
                "group leaked", f"{len(self.exchange.member.groups)} groups at the exchange, {len(known)} known"
            )
        del now_ns

    def _tables(self, process: Process) -> None:
        engine = process.engine
        account = engine.account
        sizes = {
            "book.live": len(account.book.live),
            "groups.known": len(account.groups.known),
            "groups.creating": len(account.groups.creating),
            "groups.asked": len(account.groups.asked),
            "reads.slots": len(account.reads.slots),
            "reads.by_request": len(account.reads.by_request),
            "inbox": len(process.inbox),
            "held": len(process.runner._held),  # noqa: SLF001 - a bound is looked at where it is
        }
        for name, size in sizes.items():
            self.counts[f"size {name}"] = max(self.counts[f"size {name}"], size)
            if size > 64:  # noqa: PLR2004 - a quiet daemon holds next to nothing
                self.breach("tables without bound", f"{name} holds {size} when all is quiet")


def _red(vote: Vote) -> bool:
    return vote.status not in {GateStatus.PASS, GateStatus.NOT_CONFIGURED}


def _planned(engine: Any) -> bool:  # noqa: ANN401 - an engine
    return any(d.sentry.verdict(engine.last_now, d.phase).planned_stand_down for d in engine.desks.values())
