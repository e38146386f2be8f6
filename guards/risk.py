"""The limits that no order may pass, counted from the moment an order is sent until it is proven gone.

The day's use is realised loss plus, for every market, the worst case of what was filled and of what may be live: an
unknown order may yet fill, so it uses its limit. Limits by order, day, number of markets, net per market and net per
window. A realised loss against the equity at the session's start pauses at 80 % of its cap and stops at the cap;
neither heals by itself. Books are kept elsewhere and only read here, so nothing can be counted twice; what this guard
remembers itself is the session, and that survives a restart.

Unknown until a session has begun and its equity was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Protocol

import msgspec

from domain.clock import Now
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, PRICE_PER_DOLLAR, Cash
from domain.reasons import Reason, RiskDecision
from domain.setting import key
from guards.exposure import HoldingShape, MarketExposure, OrderShape, UntoldShape, cash_bound, exposures
from guards.vote import PASS, Vote, fail, unknown

PPM = 1_000_000


class RiskSettings(msgspec.Struct, frozen=True):
    """Limits in whole dollars and contracts; orders count when they are sent."""

    per_order_dollars: Annotated[int, key("The most that one order may lose.", "K18", ge=1, le=10_000)] = 75
    per_day_dollars: Annotated[
        int, key("The most that one session may lose: realised, and the worst case of what is open.", "K18 O13", ge=1,
                 le=100_000)
    ] = 1000  # fmt: skip
    markets_max: Annotated[int, key("How many markets may hold a position or an order.", "K18", ge=1, le=100)] = 10
    per_market_contracts: Annotated[int, key("The most contracts net in one market.", "K18", ge=1, le=10_000)] = 5
    per_window_contracts: Annotated[
        int, key("The most contracts net in one window; also the limit of its order group.", "K18 X02", ge=1, le=10_000)
    ] = 20
    daily_loss_stop_ppm: int = 30_000
    daily_loss_pause_ppm: int = 24_000
    var_limit_ppm: int | None = None  # None leaves value at risk out


_SEVERITY = {decision: rank for rank, decision in enumerate(RiskDecision)}


class BookShape(Protocol):
    """Where every order that may be live is found."""

    @property
    def live(self) -> Mapping[ClientOrderId, OrderShape]:
        """By client order id."""
        ...


class LedgerShape(Protocol):
    """Where positions and the realised result (never reset) are found."""

    @property
    def markets(self) -> Mapping[Ticker, HoldingShape]:
        """By ticker."""
        ...

    @property
    def realised(self) -> Cash:
        """Result of all settled markets."""
        ...


class AccountShape(Protocol):
    """The account's books."""

    @property
    def book(self) -> BookShape:
        """Orders."""
        ...

    @property
    def ledger(self) -> LedgerShape:
        """Positions."""
        ...

    @property
    def untold(self) -> Mapping[ClientOrderId, UntoldShape]:
        """Orders whose fills were told in some way and are not in the ledger yet."""
        ...

    @property
    def balance(self) -> Cash | None:
        """Cash at the exchange, None while unread."""
        ...

    @property
    def spent(self) -> Cash:
        """What fills have taken out of it since it was read."""
        ...


class RiskGuard:
    """One for the account."""

    __slots__ = ("_decision", "_equity", "_loss", "_paused", "_realised_before", "_session", "_settings")

    def __init__(self, settings: RiskSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or RiskSettings()
        self._session = ""
        self._equity: int | None = None
        self._realised_before = 0
        self._loss = 0
        self._paused = ""
        self._decision = RiskDecision.ALLOW

    def advance(self, session: str, account: AccountShape) -> RiskDecision | None:
        """Look at the day (ISO date) and its realised loss, in every step; a decision when it has turned worse.

        A new session begins with the result so far and the first balance seen in it; a pause is carried over.
        """
        realised = account.ledger.realised
        if session != self._session:
            self._session = session
            self._equity = None
            self._realised_before = realised
            self._decision = RiskDecision.ALLOW
        if self._equity is None:
            if account.balance is None:
                return None
            self._equity = account.balance
        self._loss = max(self._realised_before - realised, 0)
        decision = daily_loss(Cash(self._loss), Cash(self._equity), self._settings)
        if _SEVERITY[decision] <= _SEVERITY[self._decision]:
            return None
        self._decision = decision
        share = self._loss * 100 / max(self._equity, 1)
        self._paused = f"daily loss {dollars(self._loss)} is {share:.3f} % of the session's equity: {decision}"
        return decision

    def pause(self, why: str) -> None:
        """Stop new orders until an operator resumes; the first reason is kept."""
        self._paused = self._paused or why

    def resume(self) -> None:
        """An operator lifts the pause; the same loss does not pause again, a worse decision does."""
        self._paused = ""

    @property
    def paused(self) -> str:
        """Why new orders are paused, or nothing."""
        return self._paused

    @property
    def loss(self) -> int:
        """Realised loss of the session in cash, 0 in profit."""
        return self._loss

    def used(self, account: AccountShape) -> int:
        """How much of the day's limit is in use, in cash: realised, held and may-be-live."""
        markets = exposures(account.ledger.markets, account.book.live, account.untold)
        return self._loss + sum(market.worst_loss for market in markets.values())

    def confined_to(self, account: AccountShape) -> frozenset[Ticker] | None:
        """The only markets in which an order could be let through, as no further one may be entered; None with room."""
        held, live, most = account.ledger.markets, account.book.live, self._settings.markets_max
        if len(held) + len(live) + len(account.untold) < most:
            return None
        # One that was bought and sold again holds nothing until it settles, and leaves its place to another.
        used = frozenset(t for t, each in held.items() if each.position and not each.result)
        used |= {order.ticker for order in live.values()}
        used |= {told.ticker for told in account.untold.values()}
        return used if len(used) >= most else None

    def refuses(self, order: OrderShape, account: AccountShape, now: Now) -> str:  # noqa: ARG002 - every guard gets it
        """Why this order may not be sent, in one line; empty when it may. Asked before it enters the book."""
        settings = self._settings
        if self._equity is None:
            return "risk: the session's equity is not known"
        unit = order.price if order.side is Side.BID else PRICE_PER_DOLLAR - order.price
        if unit * order.remaining > settings.per_order_dollars * CASH_PER_DOLLAR:
            return f"risk: order of {dollars(unit * order.remaining)} is over ${settings.per_order_dollars}"
        live = {name: known for name, known in account.book.live.items() if name != order.client_order_id}
        markets = exposures(account.ledger.markets, live, account.untold)
        market = markets.setdefault(order.ticker, MarketExposure(order.series, order.target_ns))
        in_use = sum(other.in_use for other in markets.values())
        if not market.in_use and in_use >= settings.markets_max:
            return f"risk: {in_use} markets are in use already"
        market.rest(order.side, order.price, order.remaining)
        past = self._past_counts(order, market, markets) or self._past_cash(markets, self._equity)
        return past or past_balance(order, live.values(), account)

    def _past_counts(self, order: OrderShape, market: MarketExposure, markets: Mapping[Ticker, MarketExposure]) -> str:
        settings = self._settings
        if market.reach(order.side) > settings.per_market_contracts * COUNT_PER_CONTRACT:
            return f"risk: {order.ticker} would pass {settings.per_market_contracts} contracts net"
        window = sum(
            other.reach(order.side)
            for other in markets.values()
            if other.series == order.series and other.target_ns == order.target_ns
        )
        if window > settings.per_window_contracts * COUNT_PER_CONTRACT:
            return f"risk: {order.series}'s window would pass {settings.per_window_contracts} contracts net"
        return ""

    def _past_cash(self, markets: Mapping[Ticker, MarketExposure], equity: int) -> str:
        settings = self._settings
        worst = sum(other.worst_loss for other in markets.values())
        if self._loss + worst > settings.per_day_dollars * CASH_PER_DOLLAR:
            return f"risk: the day's use would reach {dollars(self._loss + worst)} of ${settings.per_day_dollars}"
        # The worst case bounds the value at risk from above at every confidence.
        if settings.var_limit_ppm is not None and worst * PPM > settings.var_limit_ppm * equity:
            return f"risk: {dollars(worst)} at risk is over {settings.var_limit_ppm / 10_000:g} % of equity"
        return ""

    def vote(self, account: AccountShape, now: Now) -> Vote:  # noqa: ARG002 - the contract of every guard
        """PASS while a session is known and nothing is paused. Single orders are measured by `refuses`."""
        if not self._session or self._equity is None:
            return unknown(Reason.RISK_LIMIT, "the session's starting equity has not been read yet")
        if self._paused:
            return fail(Reason.RISK_LIMIT, self._paused)
        if self._loss >= self._settings.per_day_dollars * CASH_PER_DOLLAR:
            return fail(Reason.RISK_LIMIT, f"the day's ${self._settings.per_day_dollars} are lost")
        return PASS

    def next_deadline(self, now: Now) -> int | None:  # noqa: ARG002 - the contract of every guard
        """Never: time alone changes nothing here."""
        return None

    def state(self) -> dict[str, Any]:
        """The session as plain JSON values; orders and positions are in the books."""
        return {
            "session": self._session,
            "equity": self._equity,
            "realised_before": self._realised_before,
            "loss": self._loss,
            "paused": self._paused,
            "decision": str(self._decision),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` said before the restart: the same day goes on with the same limits used."""
        self._session = str(state["session"])
        self._equity = state["equity"]
        self._realised_before = int(state["realised_before"])
        self._loss = int(state["loss"])
        self._paused = str(state["paused"])
        self._decision = RiskDecision(state["decision"])


def past_balance(order: OrderShape, live: Iterable[OrderShape], account: AccountShape) -> str:
    """Whether the cash that the exchange told could pay for this order beside all others; each once, so not too late.

    The exchange may hold back the cash of what rests already; then it is counted twice here, which errs on our side.
    """
    if account.balance is None:
        return "risk: the exchange's cash is not known"
    needed, cash = cash_bound((order, *live)), account.balance - account.spent
    return f"risk: orders for {dollars(needed)} and {dollars(cash)} of cash" if needed > cash else ""


def daily_loss(loss: Cash, equity: Cash, settings: RiskSettings) -> RiskDecision:
    """What a loss against the session's starting equity asks for; no equity is no room to lose."""
    if equity <= 0 or loss * PPM >= settings.daily_loss_stop_ppm * equity:
        return RiskDecision.HARD_STOP
    if loss * PPM >= settings.daily_loss_pause_ppm * equity:
        return RiskDecision.SOFT_PAUSE
    return RiskDecision.ALLOW


def dollars(cash: int) -> str:
    """Cash for a person's eye, in dollars and whole cents."""
    sign = "-" if cash < 0 else ""
    cents = abs(cash) * 100 // CASH_PER_DOLLAR
    return f"{sign}${cents // 100}.{cents % 100:02d}"
