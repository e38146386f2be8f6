"""What is ours at the exchange: orders, positions, money, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.clock import Now
from domain.counts import Counted
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.money import Cash, Count
from execution.balance import BalanceRecord
from execution.budget import BudgetRecord
from execution.cancel_all import Scope
from execution.flatten import Flattening
from execution.groups import Group
from execution.orders import Order
from execution.positions import Booked
from execution.reconcile import Drift
from execution.strangers import ForeignFill, Unclaimed


class NumbersView(Protocol):
    """What requests are numbered with."""

    @property
    def epoch(self) -> int:
        """Of this run."""
        ...


class LagView(Protocol):
    """How far the exchange's list of orders lags behind what happened."""

    def behind_for_ns(self, now_ns: int) -> int:
        """For how long new places wait because a list was too far behind; 0 when they need not."""
        ...


class BookView(Protocol):
    """Orders that may be live."""

    @property
    def live(self) -> Mapping[ClientOrderId, Order]:
        """By client order id."""
        ...

    @property
    def lag(self) -> LagView:
        """How far the exchange's lists lag."""
        ...


class LedgerView(Booked, Protocol):
    """Positions and results."""

    @property
    def own_realised(self) -> Cash:
        """Ours of it."""
        ...

    def position(self, ticker: Ticker) -> Count:
        """Net contracts."""
        ...


class BudgetView(Protocol):
    """The write tokens."""

    @property
    def known(self) -> bool:
        """Whether the limits were read."""
        ...

    @property
    def tokens_milli(self) -> int:
        """In the bucket."""
        ...

    @property
    def capacity(self) -> int:
        """Of it."""
        ...

    def reserve(self, live_orders: int, groups: int) -> int:
        """Kept for cancels."""
        ...

    def record(self, now: Now) -> BudgetRecord | None:
        """For the snapshot."""
        ...


class GroupsView(Protocol):
    """Order groups."""

    @property
    def known(self) -> Mapping[GroupId, Group]:
        """By id."""
        ...


class ConvergerView(Protocol):
    """What may be live, by series."""

    def live_of(self, series: str) -> list[Order]:
        """Of one series."""
        ...


class CountsView(Protocol):
    """What is too frequent for a record."""

    def __getitem__(self, count: Counted) -> int:
        """One."""
        ...

    def values(self) -> tuple[int, ...]:
        """All."""
        ...

    def record(self) -> dict[str, int]:
        """For the snapshot."""
        ...


class StrangersView(Protocol):
    """Fills of which nobody of ours knows the order."""

    @property
    def unclaimed(self) -> Mapping[TradeId, Unclaimed]:
        """Nobody knows whose."""
        ...

    @property
    def foreign(self) -> Mapping[TradeId, ForeignFill]:
        """Not ours, and not adopted."""
        ...


class WalkView(Protocol):
    """The balance, walked to the cent."""

    def record(self, changed_ns: int, *, live: bool) -> BalanceRecord:
        """For the snapshot."""
        ...


class HeldView(Protocol):
    """What is ours at the exchange."""

    @property
    def unread_settlements(self) -> Mapping[Ticker, str]:
        """Settlements that cannot be read, and why."""
        ...

    @property
    def strangers(self) -> StrangersView:
        """Fills that may not be ours."""
        ...

    @property
    def orphans(self) -> Mapping[OrderId, Drift]:
        """Orders of ours that were found, by the exchange's id."""
        ...

    @property
    def walk(self) -> WalkView:
        """The balance."""
        ...

    @property
    def changed_ns(self) -> int:
        """The last news of any order of ours."""
        ...

    @property
    def opened_utc_ns(self) -> int:
        """When these books were opened first, in whatever run."""
        ...

    @property
    def numbers(self) -> NumbersView:
        """Numbers."""
        ...

    @property
    def book(self) -> BookView:
        """Orders."""
        ...

    @property
    def ledger(self) -> LedgerView:
        """Positions."""
        ...

    @property
    def budget(self) -> BudgetView:
        """Tokens."""
        ...

    @property
    def groups(self) -> GroupsView:
        """Groups."""
        ...

    @property
    def converger(self) -> ConvergerView:
        """Live orders by series."""
        ...

    @property
    def counts(self) -> CountsView:
        """Counts."""
        ...

    @property
    def untold(self) -> Mapping[ClientOrderId, Order]:
        """Orders whose fills are not all in the ledger."""
        ...

    @property
    def balance(self) -> Cash | None:
        """Cash, None while unread."""
        ...

    @property
    def spent(self) -> Cash:
        """What fills have taken out of it since it was read."""
        ...

    @property
    def equity(self) -> Cash | None:
        """Cash and the collateral held; None while unread."""
        ...

    @property
    def flattenings(self) -> Mapping[Scope | str, Flattening]:
        """Under way, by scope."""
        ...

    @property
    def order_drifts(self) -> tuple[Drift, ...]:
        """What does not fit."""
        ...

    @property
    def target_of(self) -> Mapping[Ticker, int]:
        """The target of a market."""
        ...

    @property
    def tail_until_utc_ns(self) -> int:
        """The end of a cancel-all's tail."""
        ...

    @property
    def times_to_flat_ns(self) -> Sequence[int]:
        """The newest."""
        ...

    @property
    def completed_cancel_alls(self) -> int:
        """Requests that ended flat."""
        ...
