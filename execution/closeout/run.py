"""One close-all from the first look to the proof, as a script without I/O.

What rests is taken away by group triggers and by id, never by the account-wide cancel-all, whose tail would void what
is sent here. Then in rounds: positions, books, and an immediate-or-cancel order for each that may be closed. A place is
sent once, under a name that is never used again. What its answer leaves unknown is looked for in the list of orders,
and nothing more is sent in that market until it is known. No order is larger than what the exchange listed less what
our own orders are known to have filled since, so that a list that lags closes nothing twice; and the exchange itself
caps each by what is held. It ends when two lists of positions in a row, each asked late enough, show nothing; when
nothing can be sent any more; or when its leave has run out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from domain.actions import CancelOrders, Read, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.event_types.closing import FLAT
from domain.events import (
    CloseOutOrder,
    CloseOutTold,
    GroupsRead,
    OrdersRead,
    PlaceOutcome,
    PositionsRead,
    PositionState,
    Verdict,
)
from domain.ids import ClientOrderId, Ticker, close_out_order_id
from domain.market import OrderRef, Side
from domain.money import Count, Price, print_count, print_price
from execution.closeout.asks import NOBODY, Asks, Script
from execution.closeout.limit import IDLE, NOTHING_OFFERED, ClosingPosition, TakerFees, judge
from execution.closeout.order import ClosingOrder, closing_request
from execution.closeout.permission import CloseOut
from execution.kalshi.answers import read_created
from execution.kalshi.codes import CodeTable
from execution.kalshi.wire import KalshiAccount, Write, request_for
from execution.list_lag import SETTLE_MAX_NS, SETTLE_NS

REASON: Final = "close_all"
NO_CODES: Final = CodeTable()
PROOFS: Final = 2
MS_PER_S: Final = 1_000
ORDERS_TOLD_MAX: Final = 500
"""What the file of a run may hold (journal/shared_folder_io.py bounds it); orders that came to nothing go first."""


class CloseOutLimits(msgspec.Struct, frozen=True):
    """Paces of one run. `settle_ms`: how long after our last act a list begins to prove something."""

    settle_ms: int = SETTLE_NS // NS_PER_MS
    unlisted_ms: int = 2 * SETTLE_NS // NS_PER_MS
    lag_max_ms: int = SETTLE_MAX_NS // NS_PER_MS
    pull_ms: int = 15_000
    pace_ms: int = 250
    idle_ms: int = 5_000
    cool_ms: int = 2_000
    batch_max: int = 20


class Ending(msgspec.Struct, frozen=True):
    """How a run ended. `flat`: proven by the exchange's lists. `left`: what is held, and why it was not closed."""

    flat: bool
    left: tuple[ClosingPosition, ...]
    resting: int
    outcome: str


class CloseOutRun:
    """One run. `tail_until_utc_ns`: until when a cancel-all that we know of may void new orders."""

    def __init__(
        self,
        account: KalshiAccount,
        told: CloseOutTold,
        fees: TakerFees,
        limits: CloseOutLimits,
        now: Now,
        tail_until_utc_ns: int = 0,
    ) -> None:
        self._asks = Asks(account, now)
        self.told = told
        self._fees = fees
        self._limits = limits
        self._begun = now
        self._tail_until_utc_ns = tail_until_utc_ns
        self._acted_ns = now.mono_ns
        self._numbers = 0
        self._unknown: dict[Ticker, ClosingOrder] = {}
        self._unlisted: dict[ClientOrderId, int] = {}
        self._sent_ns: dict[ClientOrderId, int] = {}
        self._held: dict[Ticker, Count] = {}
        self._filled_ns: dict[Ticker, int] = {}
        self._limit_of: dict[Ticker, Price] = {}
        self._why: dict[Ticker, str] = {}
        self._last: dict[Ticker, ClosingPosition] = {}
        self._held_unknown = True
        self._never_came = 0
        self._cool_ns: dict[Ticker, int] = {}

    # --- the whole -----------------------------------------------------------------------------------------------

    def look(self) -> Script[tuple[ClosingPosition, ...] | None]:
        """What is held and how each may be closed; None when the exchange did not tell. Nothing is sent."""
        read = yield from self._positions()
        return None if read is None else (yield from self._holdings(_by_ticker(read)))

    def close(self, leave: CloseOut) -> Script[Ending]:
        """Take away what rests, then close what is held."""
        yield from self._pull()
        proofs, idle_ns = 0, self._asks.now.mono_ns
        while True:
            yield from self._settle()
            yield from self._resolve()
            read = yield from self._positions()
            holdings = None
            if read is not None:
                self._take_in(read)
                holdings = yield from self._holdings({t: c for t, c in self._held.items() if c})
                proofs = proofs + 1 if not _by_ticker(read) else 0
                if proofs >= PROOFS and not self._unknown:
                    return (yield from self._end(flat=True, outcome=""))
            why = self._over(leave, holdings, idle_ns)
            if why:
                return (yield from self._end(flat=False, outcome=why))
            if holdings is None or any(holding.why not in IDLE for holding in holdings):
                idle_ns = self._asks.now.mono_ns
            for holding in holdings or ():
                cool = self._asks.now.mono_ns < self._cool_ns.get(holding.ticker, 0)
                if not holding.why and not cool and holding.ticker not in self._unknown:
                    yield from self._send(holding, leave)
            yield from self._asks.wait(self._limits.pace_ms)

    def _over(self, leave: CloseOut, holdings: tuple[ClosingPosition, ...] | None, idle_ns: int) -> str:
        """Why nothing more is tried; nothing while something is."""
        if self._asks.now.mono_ns + self._limits.pace_ms * NS_PER_MS >= leave.not_after_mono_ns:
            lasted_s = (self._asks.now.mono_ns - self._begun.mono_ns) // NS_PER_S
            return f"time is up: {lasted_s} s have passed"
        if not holdings or self._unknown:
            return ""
        if all(holding.final for holding in holdings):
            return "nothing that is left may be closed"
        idle = self._asks.now.mono_ns - idle_ns >= self._limits.idle_ms * NS_PER_MS
        stuck = all(holding.final or holding.why in IDLE for holding in holdings)
        return "nothing that is left can be closed now" if idle and stuck else ""

    def _end(self, *, flat: bool, outcome: str) -> Script[Ending]:
        resting = yield from self._asks.read(OrdersRead, Read.RESTING)
        count = -1 if resting is None else len(resting.orders) + len(resting.odd)
        flat = flat and not count
        if flat:
            outcome = f"{FLAT}two lists of positions show nothing, and nothing rests"
        elif not outcome:
            outcome = "positions are flat, but orders rest" if count > 0 else "positions are flat, orders unknown"
        elif self._held_unknown:
            outcome = f"{outcome}; what is held could not be read"
        if self._never_came and not flat:
            outcome = f"{outcome}; {self._never_came} orders that no list had may still come, and only reduce"
        left = tuple(self._left(ticker, held) for ticker, held in sorted(self._held.items()) if held)
        states = tuple(PositionState(each.ticker, each.count) for each in left)
        self.told = msgspec.structs.replace(self.told, left=states, outcome=outcome)
        yield from self._asks.keep(self.told)
        return Ending(flat, left, count, outcome)

    def _left(self, ticker: Ticker, held: Count) -> ClosingPosition:
        holding = msgspec.structs.replace(self._last.get(ticker, ClosingPosition(ticker, held)), count=held)
        why = self._unknown_why(ticker) or holding.why or self._why.get(ticker) or "not closed in time"
        return msgspec.structs.replace(holding, why=why)

    def _unknown_why(self, ticker: Ticker) -> str:
        order = self._unknown.get(ticker)
        return "" if order is None else f"what became of order {order.client_order_id} is not known"

    # --- what rests ----------------------------------------------------------------------------------------------

    def _pull(self) -> Script[None]:
        """Trigger every group, cancel by id what no group took with it, until two late lists are empty."""
        until_ns = self._asks.now.mono_ns + self._limits.pull_ms * NS_PER_MS
        yield from self._trigger_groups()
        empties = 0
        while self._asks.now.mono_ns < until_ns:
            yield from self._settle()
            listed = yield from self._asks.read(OrdersRead, Read.RESTING)
            if listed is None:
                yield from self._asks.wait(self._limits.pace_ms)
                continue
            empties = 0 if listed.orders or listed.odd else empties + 1
            if empties >= PROOFS:
                yield from self._asks.tell("nothing rests")
                return
            if listed.orders:
                yield from self._trigger_groups()
                yield from self._cancel(listed)
            else:
                yield from self._asks.wait(self._limits.pace_ms)
        yield from self._asks.tell("orders may still rest; an order that meets one of ours is voided")

    def _trigger_groups(self) -> Script[None]:
        read = yield from self._asks.read(GroupsRead, Read.GROUPS)
        for group in read.groups if read is not None else ():
            if not group.triggered:
                yield from self._write(TriggerGroup(NOBODY, group.group_id, group.exchange_index, REASON))

    def _cancel(self, listed: OrdersRead) -> Script[None]:
        refs = tuple(OrderRef(o.order_id, o.ticker, o.exchange_index) for o in listed.orders)
        for begin in range(0, len(refs), self._limits.batch_max):
            yield from self._write(CancelOrders(NOBODY, refs[begin : begin + self._limits.batch_max], REASON))

    def _write(self, action: Write) -> Script[None]:
        """Send a cancel or a trigger, both of which may be sent again; a list tells what came of it."""
        yield from self._asks.ask(request_for(self._asks.account, action))
        self._acted_ns = self._asks.now.mono_ns

    def _settle(self) -> Script[None]:
        """Wait until a list that is asked now can know our last act."""
        due_ns = self._acted_ns + self._limits.settle_ms * NS_PER_MS
        yield from self._asks.wait(-((self._asks.now.mono_ns - due_ns) // NS_PER_MS))

    # --- what is held --------------------------------------------------------------------------------------------

    def _positions(self) -> Script[PositionsRead | None]:
        read = yield from self._asks.read(PositionsRead, Read.POSITIONS)
        return None if read is None or read.odd else read

    def _take_in(self, read: PositionsRead) -> None:
        """A list counts where nothing of ours filled lately; else what we know filled since is taken off too."""
        self._held_unknown = False
        listed = _by_ticker(read)
        lag_ns = self._limits.lag_max_ms * NS_PER_MS
        for ticker in {*listed, *self._held} - self._unknown.keys():
            said, known = listed.get(ticker, Count(0)), self._held.get(ticker)
            filled_ns = self._filled_ns.get(ticker)
            young = filled_ns is not None and read.asked.mono_ns < filled_ns + lag_ns
            self._held[ticker] = _nearer_to_zero(said, known) if young and known is not None else said

    def _holdings(self, held: Mapping[Ticker, Count]) -> Script[tuple[ClosingPosition, ...] | None]:
        """How each may be closed now; None when its market cannot be read."""
        if not held:
            return ()
        quotes = yield from self._asks.quotes(tuple(sorted(held)))
        if quotes is None:
            return None
        found = []
        for ticker, count in sorted(held.items()):
            quote = quotes.get(ticker)
            problem = "" if quote is None else (yield from self._asks.fee_problem(ticker, quote, self._fees))
            known = self._limit_of.get(ticker)
            holding = judge(ticker, count, quote, self.told.cap_cents, known, self._asks.now, problem)
            if holding.limit is not None:
                self._limit_of[ticker] = holding.limit
            self._last[ticker] = holding
            found.append(holding)
        return tuple(found)

    # --- orders that take ----------------------------------------------------------------------------------------

    def _send(self, holding: ClosingPosition, leave: CloseOut) -> Script[None]:
        """Send one order, once; what it did is taken in, or remembered as unknown."""
        assert holding.limit is not None, "what may be sent has a limit"
        assert holding.quote is not None, "and a quote"
        if self._asks.now.mono_ns >= leave.not_after_mono_ns:
            return
        self._numbers += 1
        order = ClosingOrder(
            close_out_order_id(self.told.ident, self._numbers),
            holding.ticker,
            holding.side,
            holding.limit,
            Count(abs(holding.count)),
            holding.quote.market.exchange_index,
            leave,
        )
        self._tell_of(order, None)
        kept = yield from self._asks.keep(self.told)
        if not kept or self._asks.now.mono_ns >= leave.not_after_mono_ns:
            self._tell_of(order, Count(0))
            self._why[order.ticker] = "what would be sent could not be written down first" if not kept else ""
            return
        request = closing_request(self._asks.account, order, self._asks.now)
        self._unknown[order.ticker] = order
        answer = yield from self._asks.ask(request)
        self._acted_ns = self._sent_ns[order.client_order_id] = self._asks.now.mono_ns
        if answer is None:
            return (yield from self._asks.tell(f"{order.ticker}: no answer; it is looked for, and not sent again"))
        outcome, _ = read_created(NOBODY, order.client_order_id, answer, NO_CODES)
        yield from self._answered(order, outcome)

    def _answered(self, order: ClosingOrder, outcome: PlaceOutcome) -> Script[None]:
        said = f"HTTP {outcome.http_status} {outcome.code} {outcome.detail}".rstrip()
        if outcome.verdict is Verdict.UNKNOWN:
            yield from self._asks.tell(f"{order.ticker}: unknown ({said}); it is looked for, and not sent again")
            return
        self._known(order, outcome.filled if outcome.verdict is Verdict.ACCEPTED else Count(0))
        size = f"{_verb(order)} {print_count(order.count)} at {print_price(order.price)} or better"
        if outcome.verdict is not Verdict.ACCEPTED:
            self._why[order.ticker] = f"refused: {said}"
            self._cool_ns[order.ticker] = self._asks.now.mono_ns + self._limits.cool_ms * NS_PER_MS
            yield from self._asks.tell(f"{order.ticker}: {size}: refused: {said}")
        elif outcome.filled:
            self._why.pop(order.ticker, None)
            yield from self._asks.tell(f"{order.ticker}: {size}: {print_count(outcome.filled)} filled")
        else:
            self._why[order.ticker] = f"{NOTHING_OFFERED}, or voided by the exchange"
            yield from self._asks.tell(f"{order.ticker}: {size}: void{self._tail_text()}; sent again with a new id")

    def _tail_text(self) -> str:
        left_s = (self._tail_until_utc_ns - self._asks.now.utc_ns) // NS_PER_S
        return f", as the tail of a cancel-all may do for {left_s} s more" if left_s > 0 else ""

    def _known(self, order: ClosingOrder, filled: Count) -> None:
        """What an order did is known."""
        self._unknown.pop(order.ticker, None)
        self._unlisted.pop(order.client_order_id, None)
        self._tell_of(order, filled)
        if filled:
            self._filled_ns[order.ticker] = self._asks.now.mono_ns
            before = self._held.get(order.ticker, Count(0))
            left = max(0, abs(before) - filled)
            self._held[order.ticker] = Count(left if before > 0 else -left)

    def _resolve(self) -> Script[None]:
        """Look for orders whose fate is unknown; what two late lists lack never came."""
        if not self._unknown:
            return
        since_ms = self._begun.utc_ns // NS_PER_MS - 60 * MS_PER_S
        listed = yield from self._asks.read(OrdersRead, Read.ORDERS, since_ms=since_ms)
        if listed is None:
            return
        found = {order.client_order_id: order for order in listed.orders}
        unlisted_ns = self._limits.unlisted_ms * NS_PER_MS
        for order in tuple(self._unknown.values()):
            name = order.client_order_id
            state = found.get(name)
            if state is not None and state.status != "resting":
                self._known(order, state.filled)
                yield from self._asks.tell(f"{order.ticker}: found in the list: {print_count(state.filled)} filled")
            elif state is None and not listed.odd and listed.asked.mono_ns >= self._sent_ns[name] + unlisted_ns:
                self._unlisted[name] = self._unlisted.get(name, 0) + 1
                if self._unlisted[name] >= PROOFS:
                    self._known(order, Count(0))
                    self._never_came += 1
                    yield from self._asks.tell(f"{order.ticker}: no list has it: it never came")

    def _tell_of(self, order: ClosingOrder, filled: Count | None) -> None:
        """Enter an order, or what became of it, into what is kept."""
        name = order.client_order_id
        entry = CloseOutOrder(name, order.ticker, order.side, order.price, order.count, filled)
        orders = [each for each in self.told.orders if each.client_order_id != name]
        if len(orders) >= ORDERS_TOLD_MAX:
            orders.remove(next((each for each in orders if each.filled == 0), orders[0]))
        self.told = msgspec.structs.replace(self.told, orders=(*orders, entry))


def _verb(order: ClosingOrder) -> str:
    return "sell" if order.side is Side.ASK else "buy back"


def _by_ticker(read: PositionsRead) -> dict[Ticker, Count]:
    return {position.ticker: position.count for position in read.positions if position.count}


def _nearer_to_zero(said: Count, known: Count) -> Count:
    """The smaller of two, and nothing where they do not even agree on the side."""
    if said * known <= 0:
        return Count(0)
    return min(said, known, key=abs)
