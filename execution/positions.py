"""Positions, cash and P&L, folded from fills and settlements; each trade id counts once (law 4).

A market's cash is what its fills paid in (asks) and out (bids), before fees; its position is net YES contracts. A
binary contract pays 1 dollar to the winning side, so at settlement: P&L = cash + 1 dollar x position if YES, cash
if NO, less fees; one that settles in between pays its own value a contract (`settlement.py`). A short position of n was
sold for cash already in `cash`, and costs n dollars if YES.

What an operator adopted (somebody else's fill, a position that nobody can explain) is held, risked and settled like
the rest, but it is kept apart as well: it is never our P&L.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from domain.events import Fill
from domain.ids import Ticker, TradeId
from domain.market import Side
from domain.money import PRICE_PER_DOLLAR, Cash, Count, Price
from execution.settlement import PLAIN, Payment, plain

TRADES_KEPT_MAX = 50_000


class MarketAccount(msgspec.Struct):
    """What one market holds.

    `fees` is what was charged, `fill_fees` what the fills say of it; they are the same until a settlement tells more.
    `adopted_*` is the part of position, cash and fees that an operator adopted. `worth`: what one YES contract was
    settled at; `odd`: what the exchange paid beyond that, where a value is not whole. `entry`: what the contracts now
    held were bought for (sold for, when short), at their average price; 0 where no fill explains them.
    """

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
    fill_fees: Cash = Cash(0)
    adopted_position: Count = Count(0)
    adopted_cash: Cash = Cash(0)
    adopted_fees: Cash = Cash(0)
    entry: Cash = Cash(0)
    worth: Price = Price(0)
    odd: Cash = Cash(0)

    def trade(self, sign: int, price: Price, count: Count) -> None:
        """Take one more execution into position, cash and entry: what closes a position leaves its average price."""
        before = self.position
        self.position = Count(before + sign * count)
        self.cash = Cash(self.cash - sign * price * count)
        if before * sign >= 0:
            self.entry = Cash(self.entry + price * count)
        elif count <= abs(before):
            self.entry = Cash(self.entry - self.entry * count // abs(before))
        else:
            self.entry = Cash(price * (count - abs(before)))

    @property
    def average(self) -> Price | None:
        """The average price of the contracts held; None where nothing is held or no fill explains it."""
        held = abs(self.position)
        return Price((2 * self.entry + held) // (2 * held)) if held and self.entry else None

    def outcome(self, *, yes: bool) -> Cash:
        """P&L before fees if the market settles that way, adopted part included."""
        return Cash(self.cash + (self.position * PRICE_PER_DOLLAR if yes else 0))

    @property
    def adopted_pnl(self) -> Cash:
        """What the adopted part came to after its fees, once the market is settled."""
        return Cash(self.adopted_cash + self.adopted_position * self.worth - self.adopted_fees)

    @property
    def pnl(self) -> Cash:
        """Our own P&L after fees, once the market is settled."""
        return Cash(self.cash + self.position * self.worth + self.odd - self.fees - self.adopted_pnl)

    def charge(self, fee: Cash) -> Cash:
        """Take the fee of one more fill; how much more is charged now. A settlement may have told it already."""
        self.fill_fees = Cash(self.fill_fees + fee)
        before, self.fees = self.fees, max(self.fees, self.fill_fees)
        return Cash(self.fees - before)

    @property
    def paid_in(self) -> Cash:
        """What this market did to the balance so far: cash less fees, and a dollar set aside for each contract short.

        Selling YES without holding it is buying NO: the exchange takes 1 dollar less the price, and gives it back when
        the position closes.
        """
        return Cash(self.cash - self.fees - max(0, -self.position) * PRICE_PER_DOLLAR)

    @property
    def collateral(self) -> Cash:
        """What the contracts held were paid with, which their sale or settlement gives back at its own price."""
        short = max(0, -self.position) * PRICE_PER_DOLLAR
        return Cash(short - self.entry if short else self.entry)

    @property
    def worst_loss(self) -> Cash:
        """The larger loss of the two outcomes, fees included; zero when neither loses."""
        return Cash(max(0, self.fees - min(self.outcome(yes=True), self.outcome(yes=False))))

    def marked(self, fair: Price) -> Cash:
        """P&L before fees with the position valued at fair, adopted part included."""
        return Cash(self.cash + self.position * fair)

    def own_marked(self, fair: Price) -> Cash:
        """Our own P&L before fees with our part of the position valued at fair."""
        return Cash(self.marked(fair) - self.adopted_cash - self.adopted_position * fair)


class Ledger:
    """All markets of the session. `realised` is the result of all settled markets, `adopted` the part not ours."""

    def __init__(self) -> None:
        self.markets: dict[Ticker, MarketAccount] = {}
        self.trades: dict[TradeId, None] = {}
        self.realised = Cash(0)
        self.realised_of: dict[str, Cash] = {}
        self.settled_fees = Cash(0)
        self.adopted = Cash(0)

    def fill(self, fill: Fill, series: str, target_ns: int, *, adopted: bool = False) -> bool:
        """Book one fill, ours or `adopted`; False when it was already booked."""
        if fill.trade_id in self.trades:
            return False
        self._know(fill.trade_id)
        account = self.markets.setdefault(fill.ticker, MarketAccount(series, target_ns))
        sign = 1 if fill.side is Side.BID else -1
        account.trade(sign, fill.price, fill.count)
        charged = account.charge(fill.fee)
        if adopted:
            account.adopted_position = Count(account.adopted_position + sign * fill.count)
            account.adopted_cash = Cash(account.adopted_cash - sign * fill.price * fill.count)
            account.adopted_fees = Cash(account.adopted_fees + fill.fee)
        account.fills += not adopted
        if sign > 0:
            account.bought = Count(account.bought + fill.count)
        else:
            account.sold = Count(account.sold + fill.count)
        if account.result:
            # Told after its market was settled: it is worth what it settled to, now.
            gross = sign * (account.worth - fill.price) * fill.count
            others = gross - fill.fee if adopted else 0
            self._realise(account.series, gross - charged - others, others)
            self.settled_fees = Cash(self.settled_fees + charged)
        return True

    def adopt_position(self, ticker: Ticker, held: Count, series: str, target_ns: int) -> Cash:
        """Take the exchange's count of one unsettled market as the truth; the cash that is booked for the difference.

        What nobody can explain has no known price: it is booked at the worst one, a dollar a contract that came and
        nothing for one that went, so that risk counts all that it can lose.
        """
        account = self.markets.setdefault(ticker, MarketAccount(series, target_ns))
        assert not account.result, f"{ticker} is settled"
        more = held - account.position
        cash = Cash(-max(0, more) * PRICE_PER_DOLLAR)
        account.position = held
        account.entry = Cash(0)
        account.cash = Cash(account.cash + cash)
        account.adopted_position = Count(account.adopted_position + more)
        account.adopted_cash = Cash(account.adopted_cash + cash)
        return cash

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

    def settle(self, ticker: Ticker, result: str, fee: Cash, paid: Payment | None = None) -> Cash | None:
        """Close one market by the exchange's result; our P&L after fees, or None if that changes nothing.

        `paid` is what the exchange paid; a result of yes or no says it by itself. A market that is settled already is
        booked anew where the exchange has amended it. `fee` is the settlement row's: the sum of what the market's fills
        were charged, told again and not charged again (docs/exchange.md 5). Where it is larger than what we booked, the
        exchange's word counts.
        """
        account = self.markets.get(ticker)
        paid = paid if paid is not None or account is None else plain(result, account.position)
        if account is None or paid is None or not result:
            return None
        odd = Cash(paid.payoff - account.position * paid.worth)
        fees = max(account.fees, fee)
        if account.result:
            if (account.result, account.worth, account.odd, account.fees) == (result, paid.worth, odd, fees):
                return None
            before, adopted, charged = account.pnl, account.adopted_pnl, account.fees
        else:
            before, adopted, charged = Cash(0), Cash(0), Cash(0)
        account.result, account.worth, account.odd, account.fees = result, paid.worth, odd, fees
        self._realise(account.series, account.pnl - before, account.adopted_pnl - adopted)
        self.settled_fees = Cash(self.settled_fees + fees - charged)
        return account.pnl

    @property
    def own_realised(self) -> Cash:
        """Our own P&L of all settled markets."""
        return Cash(self.realised - self.adopted)

    def paid_in(self) -> Cash:
        """What everything booked here did to the exchange's balance, from the beginning."""
        return Cash(self.realised + sum(a.paid_in for a in self.markets.values() if not a.result))

    def _realise(self, series: str, own: int, others: int) -> None:
        """Book what a series earned, ours and what was adopted."""
        self.realised = Cash(self.realised + own + others)
        self.adopted = Cash(self.adopted + others)
        self.realised_of[series] = Cash(self.realised_of.get(series, 0) + own)

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
    adopted: Cash = Cash(0)
    realised_of: dict[str, Cash] = {}


class Booked(Protocol):
    """A ledger, to be read."""

    @property
    def markets(self) -> Mapping[Ticker, MarketAccount]:
        """By ticker."""
        ...

    @property
    def trades(self) -> Iterable[TradeId]:
        """Those booked."""
        ...

    @property
    def realised(self) -> Cash:
        """Result of all settled markets."""
        ...

    @property
    def settled_fees(self) -> Cash:
        """Charged on them."""
        ...

    @property
    def adopted(self) -> Cash:
        """The part of the result that is not ours."""
        ...

    @property
    def realised_of(self) -> Mapping[str, Cash]:
        """By series."""
        ...


def record(ledger: Booked) -> LedgerRecord:
    """The ledger as plain values."""
    return LedgerRecord(
        dict(ledger.markets),
        tuple(ledger.trades),
        ledger.realised,
        ledger.settled_fees,
        ledger.adopted,
        dict(ledger.realised_of),
    )


def restore(kept: LedgerRecord) -> Ledger:
    """The ledger of the run before."""
    ledger = Ledger()
    ledger.markets = dict(kept.markets)
    for account in ledger.markets.values():
        # A snapshot of an earlier version does not tell the two apart.
        account.fill_fees = account.fill_fees or account.fees
        if account.result in PLAIN:
            account.worth = account.worth or PLAIN[account.result]
    ledger.trades = dict.fromkeys(kept.trades)
    ledger.realised = kept.realised
    ledger.settled_fees = kept.settled_fees
    ledger.adopted = kept.adopted
    ledger.realised_of = dict(kept.realised_of)
    return ledger
