"""How defects are planted: each function gives the patches, as (object, attribute or key, value)."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.engine import memory
from daemon.engine import observe as observers
from daemon.engine.answers.place_refusals import PlaceRefusals
from daemon.engine.books import Books
from daemon.engine.desk import Desk
from daemon.engine.holdings import BALANCE, FILLS
from daemon.engine.observe import Observers
from daemon.engine.operator_requests import OperatorRequests
from daemon.engine.state_view import StateView
from daemon.engine.step import Engine
from daemon.runtime.runner_io import Runner
from domain.actions import Place
from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command
from domain.ids import Ticker
from domain.market import Side
from domain.money import Cash
from domain.reasons import RiskDecision, RiskLimit
from domain.records import NoteEntry
from execution import converge, groups, orders
from execution.converge import Converger
from execution.kalshi import wire as kalshi_wire
from execution.orders import Fact, OrderStatus
from execution.positions import Ledger
from execution.settlement import PLAIN, Payment
from guards import risk
from guards.freshness import FreshnessSentry
from guards.limits.figure import LimitUse, Unit
from guards.limits.portfolio import portfolio
from guards.limits.pre_trade import ROWS
from guards.risk import RiskGuard
from guards.volatility import VolatilityLevel
from guards.vote import PASS
from guards.windows import WindowPlan
from journal import chain
from journal.record import digest_of
from sim.campaign.ports import disk as ports_disk
from sim.campaign.ports import links

Patches = list[tuple[Any, Any, Any]]


def passes(owner: type, name: str) -> Patches:
    """A guard always votes PASS."""
    return [(owner, name, lambda *_, **__: PASS)]


def cell(state: OrderStatus, fact: Fact, follower: OrderStatus) -> Patches:
    """One cell of the order table is another."""
    return [(orders.TABLE, (state, fact), follower)]


def only_yes_and_no() -> Patches:
    """A settlement of any other result is passed over."""
    before = Ledger.settle

    def settle(ledger: Ledger, ticker: Ticker, result: str, fee: Cash, paid: Payment | None = None) -> Cash | None:
        return before(ledger, ticker, result, fee, paid) if result in PLAIN else None

    return [(Ledger, "settle", settle)]


def late_expiry() -> Patches:
    """Orders expire two seconds later."""
    before = kalshi_wire._place  # noqa: SLF001 - the defect sits there

    def place(account: kalshi_wire.KalshiAccount, action: Place) -> kalshi_wire.KalshiRequest:
        return before(account, msgspec.structs.replace(action, expiration_s=action.expiration_s + 2))

    return [(kalshi_wire, "_place", place)]


def crossing() -> Patches:
    """The wire loses post_only."""
    before = kalshi_wire._place  # noqa: SLF001 - the defect sits there

    def place(account: kalshi_wire.KalshiAccount, action: Place) -> kalshi_wire.KalshiRequest:
        request = before(account, action)
        return msgspec.structs.replace(request, body=request.body.replace(b'"post_only":true', b'"post_only":false'))

    return [(kalshi_wire, "_place", place)]


def twice() -> Patches:
    """Trade ids are forgotten as soon as they are known."""
    before = Ledger.fill

    def fill(self: Ledger, *args: Any) -> bool:  # noqa: ANN401 - as the original
        self.trades.pop(args[0].trade_id, None)
        return before(self, *args)

    return [(Ledger, "fill", fill)]


def careless_refusal() -> Patches:
    """No limit is left in risk or desk."""
    return [(RiskGuard, "refusal", lambda *_: None), *_blind_desk()]


def _blind_desk() -> Patches:
    """The desk sees no position, and markets without end."""
    before = Desk.want

    def want(self: Desk, live: Any, _positions: Any, now: Any, *_: Any) -> Any:  # noqa: ANN401 - as the original
        return before(self, live, {}, now)

    return [(Desk, "want", want)]


def roomy(limit: RiskLimit) -> Patches:
    """This limit lets every order through, and the desk sees room for ever."""
    return [*unlimited(limit), *_blind_desk()]


def blind_to_equity() -> Patches:
    """Cash that nobody has read is taken for plenty."""
    before = RiskGuard.advance

    def advance(self: RiskGuard, session: str, account: Any) -> Any:  # noqa: ANN401 - as the original
        if account.balance is None:
            account.balance = Cash(10**10)
        account.reconciled.add(BALANCE)
        return before(self, session, account)

    return [(RiskGuard, "advance", advance)]


def unlimited(*limits: RiskLimit) -> Patches:
    """These limits let every order through."""
    none = LimitUse(RiskLimit.CASH, 0, 0, Unit.CASH)
    return [(ROWS, limit, lambda *_: none) for limit in limits]


def unjudged(limit: RiskLimit) -> Patches:
    """What is held is not judged by this limit."""

    def kept(*given: Any) -> Any:  # noqa: ANN401 - as the original
        return tuple(use for use in portfolio(*given) if use.limit is not limit)

    return [(risk, "portfolio", kept)]


def young_for_ever() -> Patches:
    """The last value of I:VIX is always young."""
    before = VolatilityLevel.advance

    def advance(self: VolatilityLevel, now: Any) -> bool:  # noqa: ANN401 - as the original
        if self._last is not None:
            self._last = msgspec.structs.replace(self._last, received_mono_ns=now.mono_ns)
        return before(self, now)

    return [(VolatilityLevel, "advance", advance)]


def blind_to_losses() -> Patches:
    """No loss of the day asks for anything, and none is foreseen."""
    return [(risk, "decision_on", lambda *_: RiskDecision.ALLOW), *unlimited(RiskLimit.DAY_ROOM)]


def unsigned_short() -> Patches:
    """What an ask earns is booked as paid."""
    before = Ledger.fill

    def fill(self: Ledger, *args: Any) -> bool:  # noqa: ANN401 - as the original
        done = before(self, *args)
        if done and args[0].side is Side.ASK:
            self.markets[args[0].ticker].cash = Cash(
                self.markets[args[0].ticker].cash - 2 * args[0].price * args[0].count
            )
        return done

    return [(Ledger, "fill", fill)]


def late_edge() -> Patches:
    """The timer of a window's edge is late."""
    before = WindowPlan.next_edge

    def next_edge(self: WindowPlan, series: str, utc_ns: int, lead_ns: int) -> int | None:
        edge_ns = before(self, series, utc_ns, lead_ns)
        return None if edge_ns is None else edge_ns + 80 * NS_PER_MS

    return [(WindowPlan, "next_edge", next_edge), (FreshnessSentry, "next_deadline", lambda *_: None)]


def no_wait_for_disk() -> Patches:
    """A place leaves before its record is durable."""

    def release(self: Runner, _durable_seq: int = 0) -> None:
        while self._held:
            self._perform(self._held.popleft()[1])

    return [(Runner, "release", release)]


def forget(*fields: str) -> Patches:
    """A snapshot leaves out what these fields hold."""
    before = memory.remember

    def remember(state: StateView) -> bytes:
        kept = msgspec.json.decode(before(state))
        blank = {"orders": [], "paused": "", "kill": {"latched": False, "source": "", "reason": "", "since_utc_ns": 0}}
        blank["ledger"] = {"markets": {}, "trades": [], "realised": 0, "settled_fees": 0}
        for field in fields:
            if field == "risk":
                kept["risk"]["equity"] = None
            else:
                kept[field] = blank[field]
        return msgspec.json.encode(kept)

    from daemon.runtime import recovery_io  # noqa: PLC0415 - patched where it is used
    from sim.campaign.ports import box as ports  # noqa: PLC0415

    return [(memory, "remember", remember), (recovery_io, "remember", remember), (ports, "remember", remember)]


def no_redo() -> Patches:
    """A recovery does not enter what was placed after the snapshot."""
    from daemon.runtime import recovery_io  # noqa: PLC0415 - patched where it is used

    return [(recovery_io, "reapply", lambda *_: None)]


def chance() -> Patches:
    """A step depends on how many there were in this process."""
    before = Engine.step
    odd = [0]

    def step(self: Engine, event: Any, now: Any) -> Any:  # noqa: ANN401 - as the original
        odd[0] += 1
        actions = before(self, event, now)
        return [*actions, NoteEntry(str(odd[0]), "chance")] if odd[0] % 1000 == 0 else actions

    return [(Engine, "step", step)]


def deaf_to_fills() -> Patches:
    """Listed fills are marked as read and thrown away."""

    def fills_read(self: Books, event: Any, now: Any, _out: Any) -> None:  # noqa: ANN401 - as the original
        self.held.reads.answered(event.request_id, now.mono_ns)
        self.held.reconciled.add(FILLS)

    return [(Books, "fills_read", fills_read)]


def no_cancel_all_marker() -> Patches:
    """The marker of another program's cancel-all is not looked at."""
    return [(OperatorRequests, "marker", lambda *_: None)]


def up_for_ever() -> Patches:
    """The loss of the private stream is not heard."""
    before = Observers._stream  # noqa: SLF001 - the defect sits there

    def stream(self: Observers, event: Any, now: Any, out: Any) -> None:  # noqa: ANN401 - as the original
        if event.up:
            before(self, event, now, out)

    return [(Observers, "_stream", stream), (Observers, "_books_stale", lambda *_: None)]


def both_sides() -> Patches:
    """The converger does not see unwanted orders."""
    before = Converger.quote

    def quote(self: Converger, series: str, want: Any, *args: Any) -> bool:  # noqa: ANN401 - as the original
        hidden = {n: o for n, o in self.book.live.items() if o.series == series and o.unwanted}
        for name in hidden:
            del self.book.live[name]
        try:
            return before(self, series, want, *args)
        finally:
            self.book.live.update(hidden)

    return [(Converger, "quote", quote)]


def one_trigger() -> Patches:
    """What was tried to end an order is tried again only after a minute."""
    minute_ns, minute = 60 * NS_PER_S, Backoff(60_000, 60_000)
    return [
        (converge, "GROUP_PATIENCE_NS", minute_ns),
        (converge, "_pause_ns", lambda *_: minute_ns),
        (groups, "TRIGGER_RETRY_NS", minute_ns),
        (groups, "TRIGGER_REFUSED", minute),
        (groups, "TRIGGER_UNPROVEN", minute),
    ]


def never_again() -> Patches:
    """A connection that was lost is tried again only after ten minutes."""
    return [(links, "BACKOFF", Backoff(600_000, 600_000))]


def no_resume() -> Patches:
    """An operator's resume is heard and not followed."""
    before = OperatorRequests.operator

    def operator(self: OperatorRequests, event: Any, now: Any, out: Any) -> None:  # noqa: ANN401 - as the original
        if event.command is not Command.RESUME:
            before(self, event, now, out)

    return [(OperatorRequests, "operator", operator)]


def deaf_to_closes() -> Patches:
    """A close that was moved is no reason to list the markets again, nor is it one that the exchange refuses there."""
    return [
        (observers, "RELISTS", observers.RELISTS - {"close_date_updated"}),
        (PlaceRefusals, "placed", lambda *_: ""),
    ]


def believing_reader() -> Patches:
    """The journal's reader takes every record's word for its hash."""

    def believed(line: bytes) -> tuple[str, str]:
        claimed, _ = digest_of(line)
        return claimed, claimed

    return [(chain, "digest_of", believed)]


def takes_any_value() -> Patches:
    """The configuration's values are not checked."""
    return [(ports_disk, "Settings", lambda **_: None)]
