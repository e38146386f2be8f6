"""One window's result, and how the exchange's settlements close what was held in it. Pure.

Our own verdict from the index print is UNKNOWN within a hundredth of a point of the strike (docs/contracts.md, Money
and prices). What the exchange amends is booked anew.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.events import SettlementState
from domain.ids import Ticker
from domain.market import Market
from domain.money import INDEX_PER_POINT, Cash, IndexValue
from domain.records import SettlementEntry
from execution.positions import Ledger
from execution.settlement import payment
from pricing.fair import settles_yes

NEAR_STRIKE = INDEX_PER_POINT // 100
OVER = frozenset({"finalized", "settled"})


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """The index so many seconds before a target, and the deviation (ppm per root second) that was forecast there."""

    left_s: int
    value: IndexValue
    sigma_ppm: float


class Stake(msgspec.Struct, frozen=True, array_like=True):
    """One fill: YES contracts bought (negative: sold), their price, and our fair value when it was booked."""

    ticker: Ticker
    count: int
    price: int
    fair: int


class Result(msgspec.Struct):
    """One window of one series. `since_ns`: when (UTC) it was met, if only after its target.

    `marks`, `stakes` and `seen` (what was priced from at the last fill: value, deviation, time left) are evidence of
    the model; `whole`: every fill has its stake; `weighed`: the breakers have had it.
    """

    series: str
    label: str
    target_ns: int
    event_ticker: str = ""
    print_value: IndexValue | None = None
    expiration_value: str = ""
    quotes: int = 0
    fills: int = 0
    trips: int = 0
    pnl: Cash | None = None
    results_known: bool = False
    flat_closed: bool = False
    settled: bool = False
    reported: bool = False
    since_ns: int = 0
    marks: tuple[Mark, ...] = ()
    stakes: tuple[Stake, ...] = ()
    seen: tuple[int, float, int] | None = None
    whole: bool = True
    weighed: bool = False


def own_verdict(market: Market, value: IndexValue | None) -> Literal["yes", "no", "UNKNOWN"]:
    """How the market settles by our own index print: yes, no or UNKNOWN."""
    if value is None:
        return "UNKNOWN"
    for strike in (market.floor_strike, market.cap_strike):
        if strike is not None and abs(value - strike) <= NEAR_STRIKE:
            return "UNKNOWN"
    return "yes" if settles_yes(market, value) else "no"


def ended(market: Market) -> str:
    """The result that the exchange lists of a market, `void` for one that ended without; empty while it may come."""
    return market.result or ("void" if market.status in OVER else "")


def held_in(ledger: Ledger, result: Result) -> list[Ticker]:
    """The markets of a window in which we ever traded."""
    return [
        ticker
        for ticker, account in ledger.markets.items()
        if account.series == result.series and account.target_ns == result.target_ns
    ]


def close_flat(ledger: Ledger, result: Result, markets: dict[Ticker, Market]) -> tuple[SettlementState, ...]:
    """Markets of a finished window in which we traded and hold nothing: the exchange settles none of them for us.

    What stands for their settlement is the market's own result, with nothing paid and nothing charged.
    """
    return tuple(
        SettlementState(ticker, ended(markets[ticker]), Cash(0), Cash(0))
        for ticker in held_in(ledger, result)
        if not ledger.markets[ticker].position and not ledger.markets[ticker].result and ticker in markets
    )


def settle(
    ledger: Ledger,
    result: Result,
    settlements: tuple[SettlementState, ...],
    markets: dict[Ticker, Market],
    entry: type[SettlementEntry] = SettlementEntry,
) -> list[SettlementEntry]:
    """Close what the exchange has settled, and book anew what it has amended; one record, an `entry`, for each.

    Raises ProtocolError for a settlement that no contract can be worth.
    """
    rows: list[SettlementEntry] = []
    held = set(held_in(ledger, result))
    for said in settlements:
        account = ledger.markets.get(said.ticker)
        if said.ticker not in held or account is None or not said.result:
            continue
        pnl = ledger.settle(said.ticker, said.result, said.fee, payment(said, account.position))
        if pnl is None:
            continue
        market = markets.get(said.ticker)
        row = entry(
            series=result.series,
            label=result.label,
            target_ns=result.target_ns,
            ticker=said.ticker,
            result=said.result,
            index_value=result.print_value,
            expiration_value=result.expiration_value,
            own_verdict=own_verdict(market, result.print_value) if market else "UNKNOWN",
            revenue=said.revenue,
            fee=said.fee,
            position=account.position,
            pnl=pnl,
            worth=account.worth,
            odd=account.odd,
        )
        rows.append(row)
    return rows


def finish(ledger: Ledger, result: Result) -> bool:
    """Whether everything about a window is known now; its P&L is added up when it is."""
    held = held_in(ledger, result)
    if not result.results_known or any(not ledger.markets[t].result for t in held):
        return False
    total = 0
    for ticker in held:
        total += ledger.markets[ticker].pnl
    result.pnl = Cash(total)
    result.settled = True
    return True
