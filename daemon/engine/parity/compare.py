"""Whether our books are the exchange's: what differs, the balance's walk, and reconciliations that somebody asked for.

A reconciliation reads the four books (orders, fills, positions, balance) twice, the second time asked a SETTLE after
the first was: lists lag, so one look may lack what has just come. It is answered when both looks are in and nothing is
left to be decided, with every difference; or as UNKNOWN, with what could not be read, and never as an empty account.
"""

from __future__ import annotations

import msgspec

from daemon.engine.holdings import BALANCE, BOOKS_OF_RECORD, FILLS, Holdings
from daemon.engine.parity import adoption
from daemon.engine.parity.adoption import balance_drift, foreign_drift
from domain.actions import Answer, AnyAction
from domain.alert_types.catalogue import CashMovedAlert, OrphanOrderAdoptedAlert, ReconcileDriftAlert, Severity
from domain.clock import NS_PER_S, Now
from domain.events import BalanceRead, Operator, ReadFailed
from domain.ids import OrderId
from domain.money import COUNT_PER_CONTRACT
from domain.records import ForeignFillEntry, ReconciledEntry
from execution.list_lag import SETTLE_NS
from execution.orders import Order
from execution.reads import Key
from execution.reconcile import Drift, DriftKind, ParitySettings, Reconciled

LOOKS = 2
FAILURES_MAX = 2
TOLD_APART = frozenset({DriftKind.FOREIGN_FILL, DriftKind.SETTLEMENT_UNREADABLE})
INQUIRY_LIMIT_NS = 20 * NS_PER_S


class Inquiry(msgspec.Struct):
    """One reconciliation under way: `waiting` are the books whose look of this round is not in yet."""

    ident: str
    by: str
    cause: str
    adopt: bool
    begun_ns: int
    since_ns: int
    round: int = 1
    waiting: set[Key] = msgspec.field(default_factory=lambda: set(BOOKS_OF_RECORD))
    failures: int = 0


class Parity:
    """What differs between one account's books and the exchange's."""

    def __init__(self, held: Holdings, settings: ParitySettings) -> None:
        self.held = held
        self.settings = settings
        self.inquiries: list[Inquiry] = []
        self.walk_wanted = False
        self.told: frozenset[Drift] = frozenset()

    # --- what differs --------------------------------------------------------------------------------------------

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Everything that does not fit now."""
        held = self.held
        balance = balance_drift(held)
        return (
            *held.order_drifts,
            *held.orphans.values(),
            *(foreign_drift(foreign.fill) for foreign in held.strangers.foreign.values()),
            *held.position_drifts,
            *held.count_drifts,
            *(drift for drifts in held.odd_rows.values() for drift in drifts),
            *(adoption.settlement_drift(ticker, why) for ticker, why in held.unread_settlements.items()),
            *((balance,) if balance is not None else ()),
        )

    def tell(self, out: list[AnyAction]) -> None:
        """Raise an alert for what newly differs; what is told stays told while it lasts."""
        drifts = self.drifts
        fresh = [drift for drift in drifts if drift not in self.told]
        self.told = frozenset(drifts)
        for drift in fresh:
            if drift.kind in TOLD_APART:
                continue  # told by an alert of its own, with all that is known of it
            differs = CashMovedAlert if drift.kind is DriftKind.CASH_MOVED else ReconcileDriftAlert
            severity = Severity.CRITICAL if drift.critical else Severity.WARNING
            out.append(differs(severity, f"{drift.kind} {drift.what}: {drift.detail}", drift.kind.value))

    def foreign(self, told: ForeignFillEntry, now: Now, out: list[AnyAction]) -> None:
        """A fill that is not ours: recorded, told, and drift until an operator adopts it. Nothing is booked."""
        out.append(told)
        adoption.apply(self.held, told, now)
        self.tell(out)

    def orphan(self, order: Order, out: list[AnyAction]) -> None:
        """An order of an earlier run that we did not know: cancelled and warned of; critical if it was filled."""
        names = order.client_order_id, order.order_id, order.ticker
        out.append(OrphanOrderAdoptedAlert(Severity.WARNING, *names))
        if order.filled:
            what = f"{order.ticker} filled {order.filled / COUNT_PER_CONTRACT:g} before we knew of it"
            self.held.orphans[OrderId(order.order_id)] = Drift(DriftKind.ORPHAN_FILLED, order.order_id, what)

    def counted(self, asked_ns: int, out: list[AnyAction]) -> None:
        """Weigh what is known to differ by contracts, before it is certain which market it is in."""
        held, settings = self.held, self.settings
        limit = held.groups.contracts_limit * COUNT_PER_CONTRACT
        untold = sum(order.unbooked for order in held.untold.values() if asked_ns >= order.told_ns + SETTLE_NS)
        found = (
            settings.exchange.judge(
                DriftKind.EXCHANGE_DRIFT, "positions", held.position_check.differing(held.ledger), limit
            ),
            settings.inventory.judge(DriftKind.INVENTORY_DRIFT, "fills that were told and not listed", untold, limit),
        )
        held.count_drifts = tuple(drift for drift in found if drift is not None)
        self.tell(out)

    # --- the balance ---------------------------------------------------------------------------------------------

    def balance_read(self, event: BalanceRead, now: Now, out: list[AnyAction]) -> None:
        """Walk the balance, if every cent of it has its reason now."""
        held = self.held
        if not held.exclusive or not self._accounted(event.asked.mono_ns, now):
            return
        if held.walk.look(event.balance, held.ledger.paid_in(), event.asked.mono_ns, held.changed_ns):
            self.walk_wanted = False
            held.walked_utc_ns = now.utc_ns
        else:
            # Suspected once: look at the fills and at the balance again before anybody is woken.
            held.reads.soon(FILLS, now.mono_ns)
            held.reads.soon(BALANCE, now.mono_ns + 2 * NS_PER_S)
        self.tell(out)

    def _quiet_ns(self) -> int:
        held = self.held
        return max(held.changed_ns, held.filled_ns, held.settled_ns)

    def _quiet(self, now: Now) -> bool:
        """Whether nothing is under way by which cash could move."""
        held = self.held
        return (
            all(key in held.reconciled for key in BOOKS_OF_RECORD)
            and not held.book.live
            and not held.listed_resting
            and not held.order_drifts
            and not held.strangers.unclaimed
            and not held.strangers.foreign
            and not any(a.position and not a.result and a.target_ns < now.utc_ns for a in held.ledger.markets.values())
        )

    def _accounted(self, asked_ns: int, now: Now) -> bool:
        """Whether a balance that was asked for then shows everything that we booked, and nothing else."""
        since_ns = self._quiet_ns() + SETTLE_NS
        return self._quiet(now) and asked_ns >= since_ns and self.held.fills_asked_ns >= since_ns

    def housekeeping(self, now: Now, out: list[AnyAction]) -> None:
        """Ask for what a walk needs that is wanted, and give up reconciliations that take too long."""
        if self.walk_wanted and self._quiet(now):
            since_ns = self._quiet_ns() + SETTLE_NS
            for key in (FILLS, BALANCE):
                slot = self.held.reads.slots[key]
                if slot.request is None and (slot.asked_ns < since_ns or key is BALANCE):
                    self.held.reads.soon(key, max(now.mono_ns, since_ns, slot.asked_ns + NS_PER_S))
        for inquiry in list(self.inquiries):
            self._look(inquiry, now)
            if now.mono_ns >= inquiry.begun_ns + INQUIRY_LIMIT_NS:
                self._answer(inquiry, Reconciled(unknown=self._undecided(inquiry)), out)

    # --- reconciliations that were asked for ---------------------------------------------------------------------

    def ask(self, event: Operator, now: Now, *, adopt: bool) -> None:
        """Read the four books twice, then answer."""
        inquiry = Inquiry(event.ident, event.by, event.cause, adopt, now.mono_ns, now.mono_ns)
        self.inquiries.append(inquiry)
        self.walk_wanted = True
        self._look(inquiry, now)

    def _look(self, inquiry: Inquiry, now: Now) -> None:
        """Have the books of this round asked for; a read that left before it began does not count."""
        for key in inquiry.waiting:
            slot = self.held.reads.slots.get(key)
            if slot is not None and slot.asked_ns < inquiry.since_ns:
                self.held.reads.soon(key, max(now.mono_ns, inquiry.since_ns))

    def read(self, key: Key, asked_ns: int, now: Now, out: list[AnyAction]) -> None:
        """One book was read, and what it says was taken in."""
        for inquiry in list(self.inquiries):
            if asked_ns >= inquiry.since_ns:
                inquiry.waiting.discard(key)
            if inquiry.waiting:
                continue
            if inquiry.round < LOOKS:
                inquiry.round, inquiry.since_ns = inquiry.round + 1, now.mono_ns + SETTLE_NS
                inquiry.waiting = set(BOOKS_OF_RECORD)
                self._look(inquiry, now)
            elif not self._undecided(inquiry):
                self._finish(inquiry, now, out)

    def failed(self, key: Key | None, event: ReadFailed, out: list[AnyAction]) -> None:
        """One read failed; a second failure of a book ends the reconciliation as unknown."""
        for inquiry in list(self.inquiries):
            inquiry.failures += key in inquiry.waiting
            if key in inquiry.waiting and inquiry.failures >= FAILURES_MAX:
                why = f"{event.what} cannot be read: {f'HTTP {event.http_status} ' if event.http_status else ''}"
                unknown = f"{why}{event.reason}".rstrip()
                self._answer(inquiry, Reconciled(unknown=unknown, reachable=event.http_status > 0), out)

    def _undecided(self, inquiry: Inquiry) -> str:
        """What the reads so far leave open; empty when they decide everything."""
        held = self.held
        left = [f"{key.what.value} not read" for key in BOOKS_OF_RECORD if key in inquiry.waiting]
        if held.strangers.unclaimed:
            left.append("whose a fill is")
        known = {drift.what for drift in held.position_drifts}
        if any(ticker not in known for ticker in held.position_check.suspected):
            left.append("whether a position differs")
        if held.walk.suspected:
            left.append("whether the balance differs")
        return ", ".join(left)

    def _finish(self, inquiry: Inquiry, now: Now, out: list[AnyAction]) -> None:
        adopted: tuple[Drift, ...] = ()
        if inquiry.adopt:
            adopted = adoption.adopt(self.held, inquiry.by, inquiry.cause, now, out)
            self.walk_wanted = True
            self.counted(self.held.fills_asked_ns, out)
        self._answer(inquiry, Reconciled(differences=self.drifts, adopted=adopted), out)

    def _answer(self, inquiry: Inquiry, found: Reconciled, out: list[AnyAction]) -> None:
        self.inquiries.remove(inquiry)
        differences = tuple(f"{d.kind} {d.what}: {d.detail}" for d in found.differences)
        out.append(ReconciledEntry(inquiry.by, found.ok, found.unknown, differences))
        if inquiry.ident:
            out.append(Answer(inquiry.ident, msgspec.json.encode(found).decode()))
