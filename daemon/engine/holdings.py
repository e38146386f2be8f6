"""What is ours at the exchange, as plain fields: orders, groups, positions, budget, reads, flattenings, proofs.

`account.py` (orders), `books.py` (what listings say) and `flat.py` (emptying) take these fields and decide; nothing
here does. A screen or a snapshot reads them and needs none of the three.
"""

from __future__ import annotations

from collections import deque

from domain.actions import Read
from domain.clock import NS_PER_S, Now
from domain.counts import Counts
from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker
from domain.market import Side
from domain.money import Cash, Count
from execution.balance import BalanceWalk
from execution.budget import Budget
from execution.cancel_all import CancelAllProgress, Scope
from execution.converge import Converger
from execution.flatten import Flattening
from execution.groups import Groups
from execution.numbers import Numbers
from execution.orders import Order, OrderBook
from execution.positions import Ledger
from execution.reads import Key, Reads
from execution.reconcile import Drift, PositionCheck
from execution.strangers import Strangers

IN_WINDOW_NS = 30 * NS_PER_S
TIMES_KEPT = 512
RESTING, ORDERS = Key(Read.RESTING), Key(Read.ORDERS)
POSITIONS, FILLS, BALANCE = Key(Read.POSITIONS), Key(Read.FILLS), Key(Read.BALANCE)
GROUPS, LIMITS = Key(Read.GROUPS), Key(Read.LIMITS)
STATUS, SCHEDULE = Key(Read.STATUS), Key(Read.SCHEDULE)
BOOKS_OF_RECORD = (RESTING, POSITIONS, FILLS, BALANCE)


class Holdings:
    """One exchange account (or subaccount), declared ours alone unless the configuration says otherwise."""

    def __init__(self, *, exclusive: bool, contracts_limit: int) -> None:
        self.exclusive = exclusive
        self.numbers = Numbers()
        self.book = OrderBook()
        self.ledger = Ledger()
        self.budget = Budget()
        self.groups = Groups(self.numbers, self.budget, contracts_limit)
        self.counts = Counts()
        self.converger = Converger(self.book, self.groups, self.budget, self.numbers, self.counts)
        self.reads = Reads(self.numbers)
        self.flattenings: dict[Scope | str, Flattening] = {}  # by series, or of the whole account
        self.cancel_all = CancelAllProgress()
        self.position_check = PositionCheck()
        self.order_drifts: tuple[Drift, ...] = ()
        self.position_drifts: tuple[Drift, ...] = ()
        self.count_drifts: tuple[Drift, ...] = ()
        self.odd_rows: dict[Key, tuple[Drift, ...]] = {}  # rows of the last fills and positions that cannot be read
        self.orphans: dict[OrderId, Drift] = {}
        self.strangers = Strangers()
        self.walk = BalanceWalk()
        self.walked_utc_ns = 0
        # Orders of which more was told as filled than was booked, or that vanished without a word: exposure until the
        # ledger has it, or the fills say that nothing was.
        self.untold: dict[ClientOrderId, Order] = {}
        # Markets whose settlement came and cannot be read, and why: held at risk until it can, or is adopted.
        self.unread_settlements: dict[Ticker, str] = {}
        # What this step was told and nobody of ours did: orders cancelled (and the reason given), and others' traces.
        self.cancelled: list[tuple[Order, str]] = []
        self.others: list[tuple[str, bool]] = []  # and whether drift says so too, which closes the gate by itself
        # Another process was met on this account, and nobody has resumed since: its order groups are left to it.
        self.contested = False
        self.began = Now(0, 0)  # this run
        self.adopted: list[Ticker] = []  # markets that this step adopted something in
        self.listed_resting = 0
        self.balance: Cash | None = None
        self.payments: list[tuple[int, int]] = []  # of fills booked since about when the balance was read: when, cash
        self.reconciled: set[Key] = set()
        self.target_of: dict[Ticker, int] = {}
        self.new_fills: list[Fill] = []
        self.touched: set[str] = set()  # the series of whose orders this step brought news
        self.changed_ns = 0
        self.filled_ns = 0
        self.settled_ns = 0
        self.fills_asked_ns = 0
        self.fills_asked_utc_ns = 0
        self.opened_utc_ns = 0  # when these books were opened first, in whatever run
        self.stream_since_ns = 0
        self.times_to_flat_ns: deque[int] = deque(maxlen=TIMES_KEPT)
        self.proofs: list[str] = []

    @property
    def tail_until_utc_ns(self) -> int:
        """Until when the exchange may kill new orders after a cancel-all."""
        return self.cancel_all.tail_until_utc_ns

    @property
    def spent(self) -> Cash:
        """What fills have taken out of the balance since it was read."""
        return Cash(sum(cash for _, cash in self.payments))

    @property
    def equity(self) -> Cash | None:
        """Cash and the collateral held, the lower of the exchange's balance and our own walk; None while unread."""
        if self.balance is None:
            return None
        held = sum(account.collateral for account in self.ledger.markets.values() if not account.result)
        told = self.balance - self.spent + held
        walked = None if self.walk.opening is None else self.walk.opening + self.ledger.paid_in() + held
        return Cash(told if walked is None else min(told, walked))

    def positions(self) -> dict[Ticker, Count]:
        """Net YES contracts by market: the ledger's, and fills told in whatever way that it does not have yet."""
        positions = self.ledger.open_positions()
        for order in self.untold.values():
            held = self.ledger.markets.get(order.ticker)
            if order.unbooked and (held is None or not held.result):
                sign = 1 if order.side is Side.BID else -1
                positions[order.ticker] = Count(positions.get(order.ticker, 0) + sign * order.unbooked)
        return positions

    @property
    def completed_cancel_alls(self) -> int:
        """Requests for a cancel-all that ended flat."""
        return self.cancel_all.completed
