"""Exchange against own book: orders, fills, positions, balance. Drift has a name, and critical drift closes the gate.

The exchange's fills and user orders carry no sequence numbers, so a lost message cannot be noticed on the stream
(docs/exchange.md 11.3): the listings are the only proof. A listing is compared only when it was asked SETTLE after the
last thing that could have changed what it describes; a position is called wrong only when two listings in a row say so.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.errors import ConfigurationError
from domain.events import OddRow, OrdersRead, PositionsRead
from domain.ids import ClientOrderId, OrderId, Ticker
from domain.market import SERIES
from domain.money import Count, print_count
from domain.setting import key
from execution.list_lag import SETTLE_NS
from execution.orders import Order, OrderBook, ours
from execution.positions import Ledger


class DriftKind(enum.StrEnum):
    """What differs."""

    MISSING_AT_EXCHANGE = "MISSING_AT_EXCHANGE"
    MISSING_LOCALLY = "MISSING_LOCALLY"
    COUNT_MISMATCH = "COUNT_MISMATCH"
    EXCHANGE_DRIFT = "EXCHANGE_DRIFT"
    INVENTORY_DRIFT = "INVENTORY_DRIFT"
    FOREIGN_ORDER = "FOREIGN_ORDER"
    FOREIGN_FILL = "FOREIGN_FILL"
    ORPHAN_FILLED = "ORPHAN_FILLED"
    BALANCE_MISMATCH = "BALANCE_MISMATCH"
    CASH_MOVED = "CASH_MOVED"
    SETTLEMENT_UNREADABLE = "SETTLEMENT_UNREADABLE"
    ODD_ROW = "ODD_ROW"


class Drift(msgspec.Struct, frozen=True):
    """One difference. One that is not `critical` warns; one that is closes the gate until it is gone or adopted."""

    kind: DriftKind
    what: str
    detail: str
    critical: bool = True


def odd_drifts(listing: str, rows: Iterable[OddRow]) -> tuple[Drift, ...]:
    """The rows of a listing that cannot be read, as differences that warn."""
    return tuple(Drift(DriftKind.ODD_ROW, row.name, f"{listing}: {row.why}", critical=False) for row in rows)


class DriftLimits(msgspec.Struct, frozen=True):
    """From which share of a limit a drift warns and from which it is critical, in percent."""

    warn_percent: int
    critical_percent: int

    def judge(self, kind: DriftKind, what: str, count: int, limit: int) -> Drift | None:
        """A count of 1/100 contract against a limit in the same unit; None below the warning."""
        if count * 100 < self.warn_percent * limit:
            return None
        share = count * 100 // limit if limit else 100
        detail = (
            f"{print_count(Count(count))} contracts differ, {share} % of a window's {print_count(Count(limit))}:"
            f" {self.warn_percent} % warns, {self.critical_percent} % is critical"
        )
        return Drift(kind, what, detail, critical=count * 100 >= self.critical_percent * limit)


class ParitySettings(msgspec.Struct, frozen=True):
    """From which share of a window's contracts a drift of the books warns, and from which it closes the gate.

    Inventory: fills that orders tell of and no list has. Exchange: what one list of positions shows and we do not hold.
    """

    inventory_warn_percent: Annotated[int, key("Inventory drift that warns.", "O09", ge=1, le=100)] = 25
    inventory_critical_percent: Annotated[int, key("Inventory drift that closes the gate.", "O09", ge=1, le=100)] = 45
    exchange_warn_percent: Annotated[int, key("Exchange drift that warns.", "O09", ge=1, le=100)] = 10
    exchange_critical_percent: Annotated[int, key("Exchange drift that closes the gate.", "O09", ge=1, le=100)] = 20

    def __post_init__(self) -> None:
        for name, limits in (("inventory", self.inventory), ("exchange", self.exchange)):
            warn, critical = limits.warn_percent, limits.critical_percent
            if warn > critical:
                raise ConfigurationError(
                    f"{name}_warn_percent {warn} is over {name}_critical_percent {critical}: it must warn first"
                )

    @property
    def inventory(self) -> DriftLimits:
        """Of fills that orders tell of and no list has."""
        return DriftLimits(self.inventory_warn_percent, self.inventory_critical_percent)

    @property
    def exchange(self) -> DriftLimits:
        """Of what one list of positions shows and we do not hold."""
        return DriftLimits(self.exchange_warn_percent, self.exchange_critical_percent)


class Reconciled(msgspec.Struct, frozen=True):
    """How a reconciliation that somebody asked for ended. `unknown` says what could not be read or decided.

    `reachable` is false when the exchange did not answer at all. Only with nothing unknown does no difference mean
    that the books agree.
    """

    unknown: str = ""
    reachable: bool = True
    differences: tuple[Drift, ...] = ()
    adopted: tuple[Drift, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all four books were read, and agree."""
        return not self.unknown and not self.differences


read_reconciled: Final = Door(Reconciled, DOCUMENT_BYTES_MAX).read


class OrdersFinding(msgspec.Struct, frozen=True):
    """What a listing of orders told: differences, orders adopted, orders buried, and how many rest by series.

    `described`: those in it that are ours and known.
    """

    drifts: tuple[Drift, ...]
    adopted: tuple[Order, ...]
    described: tuple[Order, ...]
    buried: tuple[Order, ...]
    resting: dict[str, int]


def series_of(ticker: str) -> str:
    """Our name of the series a market belongs to, by its ticker's first part; empty for a stranger."""
    head = ticker.partition("-")[0]
    return next((name for name, series in SERIES.items() if series.exchange_series == head), "")


def compare_orders(
    book: OrderBook, read: OrdersRead, target_of: dict[Ticker, int], *, exclusive: bool, now_ns: int
) -> OrdersFinding:
    """Take one listing into the book and say what did not fit."""
    drifts: list[Drift] = []
    adopted: list[Order] = []
    described: list[Order] = []
    lags: list[int | None] = []
    resting: dict[str, int] = {}
    asked_ns = read.asked.mono_ns
    for said in read.orders:
        order = book.find(said.client_order_id, said.order_id)
        if said.status == "resting":
            series = series_of(said.ticker)
            resting[series] = resting.get(series, 0) + 1
        if order is not None:
            lags.append(book.lag_shown(order, said, asked_ns))
            book.describe(order, said, asked_ns, now_ns)
            described.append(order)
        elif said.status == "resting" and ours(said):
            adopted.append(book.adopt(said, series_of(said.ticker), target_of.get(said.ticker, 0), now_ns))
        elif said.status == "resting" and exclusive:
            drifts.append(Drift(DriftKind.FOREIGN_ORDER, said.order_id, f"{said.ticker} {said.side} is not ours"))
    for odd in read.odd:
        # It rests until a row that can be read says otherwise: a known order of ours, or one of nobody knows whom.
        order = book.find(ClientOrderId(""), OrderId(odd.name))
        if order is not None:
            resting[order.series] = resting.get(order.series, 0) + 1
        known = order is not None
        drifts.append(Drift(DriftKind.ODD_ROW, odd.name, f"order: {odd.why}", critical=exclusive and not known))
    shown = [lag for lag in lags if lag is not None]
    if shown:
        book.lag.learn(max(shown), now_ns)
    buried = tuple(book.absent(read.orders, asked_ns, now_ns, {odd.name for odd in read.odd}))
    return OrdersFinding(tuple(drifts), tuple(adopted), tuple(described), buried, resting)


class PositionCheck:
    """Compares positions, twice before it complains."""

    def __init__(self) -> None:
        self.suspected: dict[Ticker, Count] = {}

    def differing(self, ledger: Ledger) -> int:
        """How many contracts (1/100) the last listing and the ledger differ by, over all markets."""
        return sum(abs(said - ledger.position(ticker)) for ticker, said in self.suspected.items())

    def compare(self, ledger: Ledger, read: PositionsRead, last_change_ns: int) -> tuple[Drift, ...] | None:
        """Differences that two listings in a row agree on; None when this listing proves nothing."""
        if read.asked.mono_ns < last_change_ns + SETTLE_NS:
            return None
        theirs = {p.ticker: p.count for p in read.positions if series_of(p.ticker)}
        own = ledger.open_positions()
        settled = {t for t, a in ledger.markets.items() if a.result}
        doubted = {odd.name for odd in read.odd}
        suspects: dict[Ticker, Count] = {}
        drifts: list[Drift] = []
        for ticker in sorted(set(theirs) | set(own)):
            if ticker in settled or ticker in doubted:
                continue
            said, have = theirs.get(ticker, Count(0)), own.get(ticker, Count(0))
            if said == have or (not said and _over(ledger, ticker, read.asked.utc_ns)):
                continue
            suspects[ticker] = said
            if self.suspected.get(ticker) == said:
                drifts.append(_position_drift(ticker, said, have))
        self.suspected = suspects
        return tuple(drifts)


def _position_drift(ticker: Ticker, said: Count, have: Count) -> Drift:
    if not have:
        kind = DriftKind.MISSING_LOCALLY
    else:
        kind = DriftKind.COUNT_MISMATCH if said else DriftKind.MISSING_AT_EXCHANGE
    return Drift(kind, ticker, f"exchange {print_count(said)}, own book {print_count(have)}")


def _over(ledger: Ledger, ticker: Ticker, utc_ns: int) -> bool:
    """Whether a market's target has passed: the exchange may have settled it some seconds before it tells us."""
    account = ledger.markets.get(ticker)
    return account is not None and 0 < account.target_ns < utc_ns


def worst_of(drifts: Iterable[Drift]) -> str:
    """One line for the gate: the first critical difference and how many there are."""
    found = [drift for drift in drifts if drift.critical]
    if not found:
        return ""
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{first.kind} {first.what}: {first.detail}{more}"
