"""`Gateway`: what stands between a request and the core, whoever carries the bytes: signature, tokens, faults, fan-out.

One request, in order: faults before processing, signature, body, tokens, the handler (synchronous), faults after
processing. It is a generator that yields how long to wait, in ns, so that a front on sockets sleeps on its loop and a
front on a timeline asks to be called later, and both give the same answers under the same faults. All time comes from
the injected clock, all chance from the seeded generator.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import NS
from sim.exchange.gateway import faults as menu
from sim.exchange.gateway import rest_portfolio, rest_public, rest_trade
from sim.exchange.gateway.buckets import Meter
from sim.exchange.gateway.calls import WRITE, Answer, Asked, Call, Operation
from sim.exchange.gateway.fan_out import FanOut
from sim.exchange.gateway.faults import FaultDesk
from sim.exchange.gateway.races import fill_around_cancel
from sim.exchange.gateway.session import Session
from sim.exchange.surprises import close_early
from sim.exchange.wire import rejects, requests
from sim.exchange.wire.rejects import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.clock import Clock
    from sim.exchange.core import Exchange
    from sim.exchange.gateway.auth import Door
    from sim.exchange.gateway.timers import Timers


# What is left of a request: waits in ns, then the answer; None when its connection ends instead.
Served = Generator[int, None, Answer | None]
ROOT = "/trade-api/v2"
SOCKET_PATH = "/trade-api/ws/v2"
NS_PER_MS = 1_000_000
OPERATIONS = (*rest_trade.OPERATIONS, *rest_portfolio.OPERATIONS, *rest_public.OPERATIONS)
UPGRADE = Operation("ws_connect", "GET", SOCKET_PATH, rest_public.status)
SWITCHED = 101


class Gateway:
    """One exchange and everything that a front serves of it."""

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        timers: Timers,
        door: Door,
        read_only: frozenset[str] = frozenset(),
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.timers = timers
        self.door = door
        self.read_only = read_only
        self.skew_ns = 0
        config = exchange.state.config
        self.meter = Meter(config.tier, config.shards, self.now_ns())
        self.faults = FaultDesk(exchange.state.rng)
        self.fan_out = FanOut(exchange, self.faults, self.now_ns, timers)
        self.counts: dict[str, int] = {}
        # Hears of every request that was carried out, or refused by the exchange itself: with its status.
        self.told: Callable[[Operation, Asked, int], None] = lambda _operation, _asked, _status: None

    def now_ns(self) -> int:
        """The exchange's own clock: the injected one, off by whatever a fault says."""
        return self.clock.now().utc_ns + self.skew_ns

    # -- requests ------------------------------------------------------------------------------------------------

    def served(self, operation: Operation, asked: Asked) -> Served:
        """Carry out one request."""
        self.counted(operation.name)
        instead: Answer | None = None
        if self.faults.active:
            go_on, instead = yield from self._before(operation.name)
            if not go_on:
                return instead
        answer = self._processed(operation, asked)
        self.timers.arm()
        if instead is not None:
            answer = instead
        if self.faults.active:
            late = self.faults.draw("late_ack", self.now_ns(), operation.name)
            if late is not None:
                yield _wait_ns(late, 200)
            if self.faults.draw("lost_answer", self.now_ns(), operation.name):
                return None
        return answer

    def upgraded(self, asked: Asked) -> Served:
        """A client wants a websocket: 101 when it may have one."""
        self.counted(UPGRADE.name)
        if self.faults.active:
            go_on, early = yield from self._before(UPGRADE.name)
            if not go_on or early is not None:
                return early
        try:
            self.door.check(asked.headers, UPGRADE.method, asked.path, self.now_ns() // NS_PER_MS)
        except Reject as refused:
            return self.refusal(refused)
        return Answer(SWITCHED)

    def session(self) -> Session:
        """The commands of a websocket that was let in."""
        return Session(self.exchange, self.exchange.member)

    def counted(self, name: str) -> None:
        """One more request of that name."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def refusal(self, refused: Reject) -> Answer:
        """A refusal as it goes over the wire, or flat as the OpenAPI says, when that is switched on."""
        inner = refused.body.get("error")
        is_flat = self.exchange.state.config.flat_errors and isinstance(inner, dict)
        return Answer(refused.status, inner if is_flat else refused.body)

    def _processed(self, operation: Operation, asked: Asked) -> Answer:
        """Signature, tokens, handler: no waiting in here."""
        try:
            answer = self._process(operation, asked)
        except Reject as refused:
            answer = self.refusal(refused)
        self.told(operation, asked, answer.status)
        return answer

    def _process(self, operation: Operation, asked: Asked) -> Answer:
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        signed = operation.signed or "KALSHI-ACCESS-KEY" in asked.headers
        if signed:
            key_id = self.door.check(asked.headers, operation.method, asked.path, now_ns // NS_PER_MS)
            if operation.kind == WRITE and key_id in self.read_only:
                raise rejects.forbidden()
            if self.faults.active:
                self._refuse_key(key_id, operation.name, now_ns)
        parsed = requests.decode(asked.body) if asked.body else None
        if signed:
            self._pay(operation, asked, parsed, now_ns)
        if self.faults.active:
            self._refuse(operation.name, now_ns)
        call = Call(
            operation=operation.name,
            path=dict(asked.match),
            query=asked.query,
            json=parsed,
            account=self.exchange.member,
            now_ns=now_ns,
            tier=self.meter.tier,
        )
        claimed = fill_around_cancel(self.exchange, self.faults, self.fan_out, call) if self.faults.active else None
        return operation.handler(self.exchange, call) if claimed is None else claimed

    def _pay(self, operation: Operation, asked: Asked, parsed: Any, now_ns: int) -> None:  # noqa: ANN401 - JSON
        """Take the tokens, or refuse whole."""
        cost = operation.cost
        if operation.batch and isinstance(parsed, dict) and isinstance(parsed.get("orders"), list):
            cost *= max(1, len(parsed["orders"]))
        if operation.kind != WRITE:
            paid = self.meter.pay_read(cost, now_ns)
        else:
            paid = self.meter.pay_write(cost, now_ns, _billed_shard(operation, asked, parsed))
        if not paid:
            raise rejects.too_many()

    # -- faults --------------------------------------------------------------------------------------------------

    def _before(self, name: str) -> Generator[int, None, tuple[bool, Answer | None]]:
        """Faults that strike before processing: whether to process, and what is to be answered whatever comes of it."""
        slow = self.faults.draw("latency", self.now_ns(), name)
        if slow is not None:
            yield _wait_ns(slow, 100)
        now_ns = self.now_ns()
        if self.faults.draw("lost_request", now_ns, name):
            return False, None
        if self.faults.draw("http_429", now_ns, name):
            return False, self.refusal(rejects.too_many())
        broken = self.faults.draw("http_5xx", now_ns, name)
        if broken is None:
            return True, None
        code = int(broken.params.get("code", 503))
        return bool(broken.params.get("processed")), self._unavailable(code, name)

    def _unavailable(self, code: int, operation: str = "") -> Answer:
        if operation == "exchange_status":  # documented: the same body as with 200 may come with 5xx
            return Answer(code, rest_public.status_body(self.exchange))
        return self.refusal(rejects.nested(code, "exchange_unavailable"))

    def _refuse_key(self, key_id: str, name: str, now_ns: int) -> None:
        """A key that was revoked, or lost its rights."""
        fault = self.faults.draw("refuse_key", now_ns, name, key_id=key_id)
        if fault is not None:
            code = str(fault.params.get("code", "authentication_error"))
            raise rejects.nested(int(fault.params.get("status", 401)), code)

    def _refuse(self, name: str, now_ns: int) -> None:
        """Faults that refuse what was asked, for a reason."""
        if name in ("create_order", "batch_create"):
            fault = self.faults.draw("refuse_orders", now_ns, name)
            if fault is not None:
                code, details = str(fault.params.get("code", "invalid_order")), fault.params.get("details")
                raise rejects.nested(int(fault.params.get("status", 400)), code, details)
        elif name == "trigger_group":
            fault = self.faults.draw("group_trigger_refused", now_ns, name)
            if fault is not None:
                code = str(fault.params.get("code", "exchange_unavailable"))
                raise rejects.nested(int(fault.params.get("status", 503)), code)

    def set_skew(self, ms: float) -> None:
        """Move the exchange's clock; its timers follow."""
        self.skew_ns = int(ms * NS_PER_MS)
        self.timers.arm()

    def inject(self, request: object) -> menu.Fault:
        """Take one request for a fault, and do at once what is done at once. Raises BadFault for one that is none."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        fault = self.faults.add(request, now_ns)
        name, params, life = fault.name, fault.params, self.exchange.life
        if name.startswith("ws_") and name in menu.AT_ONCE:
            self.fan_out.strike(fault, now_ns)
        elif name == "clock_skew_ms":
            self.set_skew(float(params.get("ms", 0)))
        elif name == "list_lag_ms":
            self.exchange.state.config.list_lag_ms = int(params.get("ms", 400))
        elif name in ("exchange_pause", "trading_pause"):
            life.pause(name.removesuffix("_pause"), "fault", now_ns, fault.until_ns)
        elif name == "maintenance":
            start_ns = now_ns + int(float(params.get("in_s", 120)) * NS)
            life.announce(start_ns, start_ns + int(float(params.get("lasts_s", 60)) * NS))
        elif name == "fee_type":
            life.change_fee(params, now_ns)
        elif name == "price_grid":
            life.change_grid(params, now_ns)
        elif name == "market_deactivate":
            life.halt(params, now_ns, fault.until_ns)
        elif name == "close_early":
            next_ns = min((e.close_ns for e in self.exchange.state.events.values() if e.close_ns > now_ns), default=0)
            close_early(self.exchange, next_ns, now_ns)
        self.timers.arm()
        return fault

    def clear_faults(self) -> None:
        """End every fault, pauses and skew included; halted markets are activated."""
        now_ns = self.now_ns()
        self.exchange.advance(now_ns)
        self.faults.clear()
        self.set_skew(0)
        self.exchange.life.resume("fault")
        for market in self.exchange.state.markets.values():
            self.exchange.life.activate(market, now_ns)


def _wait_ns(fault: menu.Fault, usual_ms: int) -> int:
    return int(float(fault.params.get("ms", usual_ms)) * NS_PER_MS)


def _billed_shard(operation: Operation, asked: Asked, parsed: Any) -> int | None:  # noqa: ANN401 - JSON
    """Which write bucket pays: the named shard's, shard 0's, or (None) every one."""
    if operation.batch:
        return 0
    shard = asked.query.get("exchange_index") if "exchange_index" in asked.query else None
    ticker = asked.query.get("market_ticker")
    if isinstance(parsed, dict):
        shard = parsed.get("exchange_index", shard)
        ticker = ticker or parsed.get("ticker") or parsed.get("market_ticker")
    text = str(shard)
    if shard is not None and text.isdigit():
        return int(text)
    return None if text == "-1" or ticker else 0
