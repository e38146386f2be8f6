"""The limits that no order may pass, counted from the moment an order is sent until it is proven gone.

The day's use is realised loss plus, for every market, the worst case of what was filled and of what may be live: an
unknown order may yet fill, so it uses its limit. What each limit measures stands in `guards/limits/`. A loss, realised
and marked, pauses at 80 % of its cap and stops at the cap; neither heals by itself, and after a resume each further
step pauses again. Books are kept elsewhere and only read here, so nothing can be counted twice; what this guard
remembers itself is the session, the week and the stopped events, and that survives a restart.

Unknown until a session has begun and its equity was read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.clock import NS_PER_S, Now
from domain.ids import Ticker
from domain.money import CASH_PER_DOLLAR, Price
from domain.reasons import Reason, RiskDecision, RiskLimit
from guards.exposure import MarketExposure, OrderShape, cash_bound, exposures
from guards.limits.account import AccountShape, OutlookShape
from guards.limits.figure import PPM, LimitUse, OverLimit, Unit, dollars, told
from guards.limits.losses import Marked, decision_on, marked
from guards.limits.outcomes import EventKey, at_risk
from guards.limits.portfolio import portfolio
from guards.limits.pre_trade import Case, refusal
from guards.limits.settings import RiskSettings
from guards.limits.totals import (
    Lost,
    day_loss,
    day_room,
    event_loss,
    joint_delta,
    largest,
    per_day,
    per_week,
    shares,
    signals,
    snapshot_age,
    stress,
    value_at_risk,
)
from guards.vote import PASS, Vote, fail, unknown

_SEVERITY = {decision: rank for rank, decision in enumerate(RiskDecision)}
_NO_EVENTS: frozenset[EventKey] = frozenset()


class Judgement(NamedTuple):
    """What the guard has decided by itself, once. `series` where it is about one event."""

    decision: RiskDecision
    limit: RiskLimit
    why: str
    series: str = ""


class RiskGuard:
    """One for the account."""

    __slots__ = (
        "_decision",
        "_equity",
        "_loss",
        "_marked",
        "_paused",
        "_realised_before",
        "_result",
        "_resumed_at_ppm",
        "_session",
        "_settings",
        "_signals",
        "_stopped",
        "_strained",
        "_week",
        "_week_before",
        "_week_loss",
    )

    def __init__(self, settings: RiskSettings | None = None) -> None:
        """Know nothing: closed."""
        self._settings = settings or RiskSettings()
        self._session = ""
        self._equity: int | None = None
        self._realised_before = 0
        self._loss = 0
        self._result = 0  # of the session so far, realised, a gain above zero
        self._week = ""
        self._week_before = 0
        self._week_loss = 0
        self._marked = Marked(0, {})
        self._paused = ""
        self._decision = RiskDecision.ALLOW
        self._resumed_at_ppm: int | None = None
        self._stopped = _NO_EVENTS
        self._signals: set[Ticker] = set()  # markets that had an order in this session
        self._strained = ""  # what is held and loses too much under stress or by value at risk

    # --- the day's loss ------------------------------------------------------------------------------------------

    def advance(self, session: str, account: AccountShape) -> Judgement | None:
        """Look at the day (ISO date) and its realised loss, in every step; a judgement when it has turned worse.

        A new session begins with the result so far and the first equity seen in it; a pause is carried over.
        """
        realised = account.ledger.realised
        if session != self._session:
            self._begin(session, realised)
        if self._equity is None:
            self._equity = account.equity
            if self._equity is None:
                return None
        self._result = realised - self._realised_before
        self._loss = max(-self._result, 0)
        self._week_loss = max(self._week_before - realised, 0)
        loss = self._total
        decision = decision_on(loss, self._equity, self._settings, self._resumed_at_ppm)
        if _SEVERITY[decision] <= _SEVERITY[self._decision]:
            return None
        self._decision = decision
        share = loss * 100 / max(self._equity, 1)
        self._paused = f"daily loss {dollars(loss)} is {share:.3f} % of the session's equity: {decision}"
        return Judgement(decision, RiskLimit.DAY_LOSS, self._paused)

    def _begin(self, session: str, realised: int) -> None:
        week = week_of(session)
        if week != self._week:
            # A snapshot that knew no week: it begins with what that session began with.
            self._week_before = self._realised_before if self._session and not self._week else realised
            self._week = week
        self._session = session
        self._equity = None
        self._realised_before = realised
        self._decision = RiskDecision.ALLOW
        self._resumed_at_ppm = None
        self._stopped = _NO_EVENTS
        self._signals.clear()

    @property
    def _total(self) -> int:
        """The day's loss, realised and marked; gains on what is held help nobody."""
        return max(-self._result, self._marked.loss - self._result, 0)

    @property
    def _lost(self) -> Lost:
        return Lost(self._loss, self._week_loss, self._total, self._equity or 0)

    def judge(
        self, marks: Mapping[Ticker, Price], age_ns: int, account: AccountShape, outlook: OutlookShape, now: Now
    ) -> list[Judgement]:
        """Look at what is held at its marks (10,000ths), several times a second: what has turned worse.

        `age_ns`: how old the exchange's books are in an open window; 0 where they need not be young.
        """
        if self._equity is None:
            return []
        held = exposures(account.ledger.markets, {}, account.untold)
        self._marked = marked(held, marks)
        found = [*self._stopped_events(), *self._strain(held, outlook, now)]
        everything = exposures(account.ledger.markets, account.book.live, account.untold)
        for figure in (*portfolio(everything, self._settings), self._age(age_ns)):
            if figure.over and not self._paused:
                self._paused = told(figure)
                found.append(Judgement(RiskDecision.SOFT_PAUSE, figure.limit, self._paused))
        return found

    def _stopped_events(self) -> list[Judgement]:
        limit = self._settings.event_loss_dollars * CASH_PER_DOLLAR
        found = []
        for event, loss in self._marked.of_event.items():
            if loss >= limit and event not in self._stopped:
                self._stopped |= {event}
                why = f"{event[0]}'s event has lost {dollars(loss)} at its marks: nothing more is placed in it"
                found.append(Judgement(RiskDecision.REDUCE, RiskLimit.EVENT_LOSS, why, event[0]))
        return found

    def _strain(self, held: Mapping[Ticker, MarketExposure], outlook: OutlookShape, now: Now) -> list[Judgement]:
        """What is held already loses too much by the outcomes of this moment: nothing more rests while that is so."""
        before, self._strained = self._strained, ""
        if not held:
            return []
        risk = at_risk(held, outlook.outcomes(held), now.utc_ns)
        lost, settings = self._lost, self._settings
        for figure in (stress(lost, risk, settings), value_at_risk(lost, risk, settings)):
            if figure.over:
                self._strained = told(figure)
                return [] if before else [Judgement(RiskDecision.REDUCE, figure.limit, self._strained)]
        return []

    def _age(self, age_ns: int) -> LimitUse:
        return snapshot_age(-(-age_ns // NS_PER_S), self._settings)

    # --- pauses --------------------------------------------------------------------------------------------------

    def pause(self, why: str) -> None:
        """Stop new orders until an operator resumes; the first reason is kept."""
        self._paused = self._paused or why

    def resume(self) -> None:
        """An operator lifts the pause; the same loss does not pause again, a further step of it does."""
        self._paused = ""
        if self._equity is not None and self._decision is not RiskDecision.ALLOW:
            self._resumed_at_ppm = self._total * PPM // max(self._equity, 1)
        self._decision = RiskDecision.ALLOW

    @property
    def paused(self) -> str:
        """Why new orders are paused, or nothing."""
        return self._paused

    @property
    def loss(self) -> int:
        """Realised loss of the session in cash, 0 in profit."""
        return self._loss

    def stopped(self, series: str, target_ns: int) -> bool:
        """Whether one event is stopped for its marked loss."""
        return (series, target_ns) in self._stopped

    # --- orders --------------------------------------------------------------------------------------------------

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

    def sent(self, ticker: Ticker) -> None:
        """An order of this market is sent: the first one of a session is a signal, whatever becomes of it."""
        self._signals.add(ticker)

    def refusal(self, order: OrderShape, account: AccountShape, outlook: OutlookShape, now: Now) -> OverLimit | None:
        """Why this order may not be sent; None when it may. Asked before it enters the book."""
        if self._equity is None:
            return OverLimit(RiskLimit.EQUITY, "risk: the session's equity is not known")
        if account.balance is None:
            return OverLimit(RiskLimit.CASH, "risk: the exchange's cash is not known")
        if self.stopped(order.series, order.target_ns):
            return OverLimit(RiskLimit.EVENT_LOSS, f"risk: {order.series}'s event is stopped for its marked loss")
        live = {name: known for name, known in account.book.live.items() if name != order.client_order_id}
        markets = exposures(account.ledger.markets, live, account.untold)
        market = markets.setdefault(order.ticker, MarketExposure(order.series, order.target_ns))
        fresh = not market.in_use
        market.rest(order.side, order.price, order.remaining)
        risk = at_risk(markets, outlook.outcomes(markets), now.utc_ns)
        taken = 0 if order.ticker in self._signals else len(self._signals) + 1
        case = Case(order, markets, fresh, self._lost, risk, tuple(live.values()), account, taken)
        return refusal(case, self._settings)

    # --- what is asked of every guard ----------------------------------------------------------------------------

    def vote(self, account: AccountShape, now: Now) -> Vote:  # noqa: ARG002 - the contract of every guard
        """PASS while a session is known and nothing is paused. Single orders are measured by `refusal`."""
        if not self._session or self._equity is None:
            return unknown(Reason.RISK_LIMIT, "the session's starting equity has not been read yet")
        if self._paused:
            return fail(Reason.RISK_LIMIT, self._paused)
        if self._loss >= self._settings.per_day_dollars * CASH_PER_DOLLAR:
            return fail(Reason.RISK_LIMIT, f"the day's ${self._settings.per_day_dollars} are lost")
        if self._week_loss >= self._settings.per_week_dollars * CASH_PER_DOLLAR:
            return fail(Reason.RISK_LIMIT, f"the week's ${self._settings.per_week_dollars} are lost")
        if decision_on(self._total, self._equity, self._settings) is RiskDecision.HARD_STOP:
            return fail(Reason.RISK_LIMIT, f"the day's loss of {dollars(self._total)} is past the stop: it is over")
        return fail(Reason.RISK_LIMIT, self._strained) if self._strained else PASS

    def event_vote(self, series: str, target_ns: int) -> Vote:
        """PASS unless the marked loss of this event has stopped it: it stays so until the event is over."""
        if self.stopped(series, target_ns):
            return fail(Reason.RISK_LIMIT, f"this event's marked loss passed ${self._settings.event_loss_dollars}")
        return PASS

    def next_deadline(self, now: Now) -> int | None:  # noqa: ARG002 - the contract of every guard
        """Never: time alone changes nothing here."""
        return None

    # --- what is shown -------------------------------------------------------------------------------------------

    def figures(self, account: AccountShape, outlook: OutlookShape, age_ns: int, now: Now) -> tuple[LimitUse, ...]:
        """How much of each limit is used now, for screens and metrics; none while the equity is not known."""
        if self._equity is None:
            return ()
        settings, lost, live = self._settings, self._lost, tuple(account.book.live.values())
        markets = exposures(account.ledger.markets, account.book.live, account.untold)
        risk = at_risk(markets, outlook.outcomes(markets), now.utc_ns)
        return (
            *largest(markets, live, settings),
            signals(len(self._signals), settings),
            joint_delta(risk, settings),
            per_day(lost, risk, settings),
            *shares(markets, settings),
            per_week(lost, risk, settings),
            day_room(lost, risk, settings),
            value_at_risk(lost, risk, settings),
            stress(lost, risk, settings),
            LimitUse(RiskLimit.CASH, cash_bound(live), (account.balance or 0) - account.spent, Unit.CASH),
            event_loss(self._marked, settings),
            day_loss(lost, settings),
            *portfolio(markets, settings),
            self._age(age_ns),
        )

    # --- restarts ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The session as plain JSON values; orders and positions are in the books."""
        return {
            "session": self._session,
            "equity": self._equity,
            "realised_before": self._realised_before,
            "loss": self._loss,
            "week": self._week,
            "week_before": self._week_before,
            "week_loss": self._week_loss,
            "paused": self._paused,
            "decision": str(self._decision),
            "resumed_at_ppm": self._resumed_at_ppm,
            "signals": sorted(self._signals),
            "stopped": sorted([series, target_ns] for series, target_ns in self._stopped),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` said before the restart: the same day goes on with the same limits used."""
        self._session = str(state["session"])
        self._equity = state["equity"]
        self._realised_before = int(state["realised_before"])
        self._loss = int(state["loss"])
        self._result = -self._loss
        # A snapshot of an earlier version knew no week: its session's beginning is the week's.
        self._week = str(state.get("week", week_of(self._session)))
        self._week_before = int(state.get("week_before", self._realised_before))
        self._week_loss = int(state.get("week_loss", self._loss))
        self._paused = str(state["paused"])
        self._decision = RiskDecision(state["decision"])
        self._resumed_at_ppm = state.get("resumed_at_ppm")
        self._stopped = frozenset((str(series), int(target)) for series, target in state.get("stopped", ()))
        self._signals = set(state.get("signals", ()))


def week_of(session: str) -> str:
    """The ISO week of a session's date; nothing for no session."""
    if not session:
        return ""
    year, week, _ = dt.date.fromisoformat(session).isocalendar()
    return f"{year}-W{week:02d}"
