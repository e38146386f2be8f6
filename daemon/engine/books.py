"""The books of record: the exchange's listings are compared with ours, and what does not fit closes the gate."""

from __future__ import annotations

from daemon.engine.account import Account
from daemon.engine.flat import Flat
from daemon.engine.holdings import BALANCE, BOOKS_OF_RECORD, FILLS, GROUPS, POSITIONS, RESTING, Holdings
from daemon.engine.parity.compare import Parity
from domain.actions import AnyAction
from domain.alert_types.catalogue import ListBehindAlert, Severity
from domain.clock import NS_PER_S, Now
from domain.counts import Counted
from domain.events import BalanceRead, FillsRead, GroupsRead, LimitsRead, OddRow, OrdersRead, PositionsRead
from execution.list_lag import SETTLE_MAX_NS, SETTLE_NS
from execution.reads import Key
from execution.reconcile import DriftKind, compare_orders, odd_drifts, worst_of

STARTING_NS = SETTLE_MAX_NS + 2 * NS_PER_S


class Books:
    """Reconciliation of one account. Fills go to the account, emptiness to flat."""

    def __init__(self, held: Holdings, parity: Parity, account: Account, flat: Flat) -> None:
        self.held = held
        self.parity = parity
        self.account = account
        self.flat = flat
        self.behind_told = False

    @property
    def drift(self) -> str:
        """What does not fit and is critical, in one line; empty when nothing is."""
        return worst_of(self.parity.drifts)

    @property
    def recovered(self) -> bool:
        """Whether every book of record has been read since the start."""
        return all(key in self.held.reconciled for key in BOOKS_OF_RECORD)

    def orders_read(self, event: OrdersRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of orders: reconcile the book, and move every flattening on."""
        held = self.held
        if held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        found = compare_orders(held.book, event, held.target_of, exclusive=held.exclusive, now_ns=now.mono_ns)
        for order in found.adopted:
            self.parity.orphan(order, out)
            self._met(f"order {order.client_order_id} in {order.ticker} was sent by no run of ours", now)
        self._judge_list(now, out)
        for order in (*found.described, *found.buried):
            self.account.told(order, now)
        if not event.resting_only:
            claims = held.strangers.decide(event.orders, event.asked.mono_ns)
            for fill in claims.ours:
                self.account.filled(fill, now, out)
            for fill in claims.foreign:
                self.account.foreign(fill, now, out)
            return
        self._reconciled(RESTING, event.asked)
        for drift in found.drifts:
            if drift.kind is DriftKind.FOREIGN_ORDER and drift not in held.order_drifts:
                self._met(f"order {drift.what}: {drift.detail}", now, drifts=True)
        held.order_drifts = found.drifts
        held.listed_resting = sum(found.resting.values())
        self.parity.tell(out)
        self.flat.listed(found.resting, event.asked, now, out)
        self.parity.read(RESTING, event.asked.mono_ns, now, out)

    def positions_read(self, event: PositionsRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of positions: compare with the ledger."""
        held = self.held
        if held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self._odd(POSITIONS, event.odd)
        drifts = held.position_check.compare(held.ledger, event, held.filled_ns)
        if drifts is None:
            held.reads.soon(POSITIONS, now.mono_ns + NS_PER_S)
            return
        if held.position_check.suspected:
            # Suspected once: look at the fills and at the positions again before anybody is woken.
            held.reads.soon(FILLS, now.mono_ns)
            held.reads.soon(POSITIONS, now.mono_ns + 2 * NS_PER_S)
        else:
            self._reconciled(POSITIONS, event.asked)
        self.parity.counted(event.asked.mono_ns, out)
        if drifts or not held.position_check.suspected:
            held.position_drifts = drifts
            self.parity.tell(out)
        self.parity.read(POSITIONS, event.asked.mono_ns, now, out)

    def fills_read(self, event: FillsRead, now: Now, out: list[AnyAction]) -> None:
        """A listing of fills: book those that the stream did not bring."""
        held = self.held
        if held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self._reconciled(FILLS, event.asked)
        self._odd(FILLS, tuple(odd for odd in event.odd if odd.name not in held.ledger.trades))
        held.fills_asked_ns, held.fills_asked_utc_ns = event.asked.mono_ns, event.asked.utc_ns
        for fill in event.fills:
            self.account.filled(fill, now, out)
        self.account.fills_listed(event.asked.mono_ns)
        self.parity.counted(event.asked.mono_ns, out)
        self.parity.read(FILLS, event.asked.mono_ns, now, out)

    def _odd(self, key: Key, rows: tuple[OddRow, ...]) -> None:
        """Doubt the rows that cannot be read, and tell of them; the rest of their list counts."""
        self.held.odd_rows[key] = odd_drifts(key.what.value, rows)

    def balance_read(self, event: BalanceRead, now: Now, out: list[AnyAction]) -> None:
        """Cash at the exchange: walked to the cent where every cent has its reason."""
        if self.held.reads.answered(event.request_id, now.mono_ns) is not None:
            self._reconciled(BALANCE, event.asked)
            self.held.balance = event.balance
            self.held.payments = [paid for paid in self.held.payments if paid[0] > event.asked.mono_ns - SETTLE_NS]
            self.parity.balance_read(event, now, out)
            self.parity.read(BALANCE, event.asked.mono_ns, now, out)

    def groups_read(self, event: GroupsRead, now: Now) -> None:
        """All groups at the exchange; strangers are deleted in an exclusive account, once we know our own.

        Not while another process is known to trade here: it would do the same to ours, and neither would ever end.
        """
        held = self.held
        if held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        held.reconciled.add(GROUPS)
        self._odd(GROUPS, event.odd)
        for said in event.groups:
            if said.triggered:
                held.groups.lost(said.group_id, now.mono_ns)
        if held.exclusive and not held.contested and event.asked.mono_ns > held.changed_ns:
            found, first = held.groups.adopt(event), not held.groups.listed
            # While a create of ours is under way nobody can say whose a group is: that was no look yet.
            held.groups.listed = held.groups.listed or not held.groups.creating
            held.counts.add(Counted.GROUPS_LEAKED, found)
            if found > held.groups.lost_creates and not first:
                self._met(f"{found} order groups were made by nobody of ours", now)
            held.groups.lost_creates = max(0, held.groups.lost_creates - found)

    def _judge_list(self, now: Now, out: list[AnyAction]) -> None:
        """Tell of a list so far behind that it proves nothing, once, and again when it was well for some time."""
        behind = self.held.book.lag.behind(now.mono_ns)
        if behind and not self.behind_told:
            out.append(ListBehindAlert(Severity.ERROR, SETTLE_MAX_NS // NS_PER_S))
        self.behind_told = behind

    def _met(self, what: str, now: Now, *, drifts: bool = False) -> None:
        """A trace of somebody else; what comes up as we start may be of the run before, for lists lag."""
        if now.mono_ns - self.held.began.mono_ns > STARTING_NS:
            self.held.others.append((what, drifts))

    def limits_read(self, event: LimitsRead, now: Now) -> None:
        """The exchange told our buckets and prices of requests."""
        if self.held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        self.held.budget.learn(
            now.mono_ns,
            refill_per_s=event.write_refill_per_s,
            capacity=event.write_capacity,
            place_cost=event.place_cost,
            cancel_cost=event.cancel_cost,
            group_cost=event.group_cost,
        )

    def _reconciled(self, key: Key, asked: Now) -> None:
        """A book of record was read; what was asked before the private stream came back may lack what it missed."""
        held = self.held
        if asked.mono_ns >= held.stream_since_ns:
            held.reconciled.add(key)
        if asked.mono_ns < held.stream_since_ns + SETTLE_NS:
            # Reads lag writes: a fill of just before the stream came back may be in neither. Look again past the lag.
            held.reads.soon(key, held.stream_since_ns + SETTLE_NS)

    def reconcile_age_ns(self, now_ns: int) -> int | None:
        """Time since the oldest of the books of record was last read; None while one never was."""
        ages = [self.held.reads.age_ns(key, now_ns) for key in BOOKS_OF_RECORD]
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) else None

    def reconnected(self, now: Now) -> None:
        """The private stream was away: what it would have told must be listed before anything is placed."""
        self.held.stream_since_ns = now.mono_ns
        self.held.reconciled.difference_update(BOOKS_OF_RECORD)
        self.read_books(now)

    def read_books(self, now: Now) -> None:
        """Read every book of record now."""
        for key in BOOKS_OF_RECORD:
            self.held.reads.soon(key, now.mono_ns)

    def fills_known_since(self, utc_ns: int, now: Now) -> bool:
        """Whether the fills were listed since an instant, reads' lag included; if not, they will be soon."""
        held = self.held
        if held.fills_asked_utc_ns >= utc_ns + SETTLE_NS:
            return True
        early_ns = max(0, utc_ns + SETTLE_NS - now.utc_ns)
        held.reads.soon(FILLS, max(now.mono_ns + early_ns, held.reads.slots[FILLS].asked_ns + NS_PER_S))
        return False
