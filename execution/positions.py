"""Positions, cash and P&L, folded from fills and settlements; each trade id counts once (law 4).

A market's cash is what its fills paid in (asks) and out (bids), before fees; its position is net YES contracts. A
binary contract pays 1 dollar to the winning side, so at settlement: P&L = cash + 1 dollar x position if YES, cash
if NO, less fees. A short position of n was sold for cash already in `cash`, and costs n dollars if YES.
"""

from __future__ import annotations

import msgspec

from domain.events import Fill
from domain.ids import Ticker, TradeId
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, Price

TRADES_KEPT_MAX = 50_000


class MarketAccount(msgspec.Struct):
    """What one market holds."""

    series: str
    target_ns: int
    position: Count = Count(0)
    cash: Cash = Cash(0)
    fees: Cash = Cash(0)
    bought: Count = Count(0)
    sold: Count = Count(0)
    fills: int = 0
    result: str = ""
    revenue: Cash = Cash(0)

    def outcome(self, *, yes: bool) -> Cash:
        """P&L before fees if the market settles that way."""
        return Cash(self.cash + (self.position * PRICE_PER_DOLLAR if yes else 0))

    @property
    def worst_loss(self) -> Cash:
        """The larger loss of the two outcomes, fees included; zero when neither loses."""
        return Cash(max(0, self.fees - min(self.outcome(yes=True), self.outcome(yes=False))))

    def marked(self, fair: Price) -> Cash:
        """P&L before fees with the position valued at fair."""
        return Cash(self.cash + self.position * fair)


class Ledger:
    """All markets of the session."""

    def __init__(self) -> None:
        self.markets: dict[Ticker, MarketAccount] = {}
        self.trades: dict[TradeId, None] = {}
        self.realised = Cash(0)
        self.settled_fees = Cash(0)

    def fill(self, fill: Fill, series: str, target_ns: int) -> bool:
        """Book one fill; False when it was already booked."""
        if fill.trade_id in self.trades:
            return False
        self._know(fill.trade_id)
        account = self.markets.setdefault(fill.ticker, MarketAccount(series, target_ns))
        sign = 1 if fill.side is Side.BID else -1
        account.position = Count(account.position + sign * fill.count)
        account.cash = Cash(account.cash - sign * fill.price * fill.count)
        account.fees = Cash(account.fees + fill.fee)
        account.fills += 1
        if sign > 0:
            account.bought = Count(account.bought + fill.count)
        else:
            account.sold = Count(account.sold + fill.count)
        if account.result:
            # Told after its market was settled: it is worth what it settled to, now.
            worth = PRICE_PER_DOLLAR if account.result == "yes" else 0
            self.realised = Cash(self.realised + sign * (worth - fill.price) * fill.count - fill.fee)
            self.settled_fees = Cash(self.settled_fees + fill.fee)
        return True

    def pass_over(self, fill: Fill) -> bool:
        """Know a fill that is not to be booked, so that no listing brings it again; False when it was known."""
        if fill.trade_id in self.trades:
            return False
        self._know(fill.trade_id)
        return True

    def _know(self, trade_id: TradeId) -> None:
        self.trades[trade_id] = None
        if len(self.trades) > TRADES_KEPT_MAX:
            del self.trades[next(iter(self.trades))]

    def position(self, ticker: Ticker) -> Count:
        """Net YES contracts in one market."""
        account = self.markets.get(ticker)
        return account.position if account else Count(0)

    def open_positions(self) -> dict[Ticker, Count]:
        """Every unsettled market that holds something."""
        return {t: a.position for t, a in self.markets.items() if a.position and not a.result}

    def settle(self, ticker: Ticker, result: str, fee: Cash) -> Cash | None:
        """Close one market by the exchange's result ("yes" or "no"); its P&L after fees, or None if nothing to do.

        `fee` is the settlement row's: the sum of what the market's fills were charged, told again and not charged again
        (docs/exchange.md 5). Where it is larger than what we booked, the exchange's word counts.
        """
        account = self.markets.get(ticker)
        if account is None or account.result or result not in {"yes", "no"}:
            return None
        account.result = result
        gross = account.outcome(yes=result == "yes")
        account.fees = max(account.fees, fee)
        self.realised = Cash(self.realised + gross - account.fees)
        self.settled_fees = Cash(self.settled_fees + account.fees)
        return Cash(gross - account.fees)

    def worst_loss(self) -> Cash:
        """The sum over unsettled markets of what each can still lose."""
        return Cash(sum(a.worst_loss for a in self.markets.values() if not a.result))

    def forget(self, before_ns: int) -> None:
        """Drop settled markets whose target lies before an instant, so that the session's memory is bounded."""
        for ticker in [t for t, a in self.markets.items() if a.result and a.target_ns < before_ns]:
            del self.markets[ticker]


class LedgerRecord(msgspec.Struct, frozen=True):
    """The ledger as the snapshot holds it."""

    markets: dict[Ticker, MarketAccount]
    trades: tuple[TradeId, ...]
    realised: Cash
    settled_fees: Cash


def record(ledger: Ledger) -> LedgerRecord:
    """The ledger as plain values."""
    return LedgerRecord(dict(ledger.markets), tuple(ledger.trades), ledger.realised, ledger.settled_fees)


def restore(kept: LedgerRecord) -> Ledger:
    """The ledger of the run before."""
    ledger = Ledger()
    ledger.markets = dict(kept.markets)
    ledger.trades = dict.fromkeys(kept.trades)
    ledger.realised = kept.realised
    ledger.settled_fees = kept.settled_fees
    return ledger
