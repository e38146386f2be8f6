"""The figures of an incident: what the account held, risked and waited for at the instant of the breach."""

from __future__ import annotations

from daemon.engine.state_view import StateView
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT
from domain.records import IncidentFigure
from guards.limits.figure import dollars

NOT_KNOWN = "not known"


def figures(state: StateView) -> tuple[IncidentFigure, ...]:
    """Money first, then orders, then each series. A figure that is not known says so."""
    held, limits = state.held, state.settings.risk
    equity = state.risk.state().get("equity")
    balance = held.balance
    live = list(held.book.live.values())
    day = dollars(limits.per_day_dollars * CASH_PER_DOLLAR)
    found = [
        IncidentFigure("day's realised loss", dollars(state.risk.loss), day),
        IncidentFigure("day's loss with everything open at its worst", dollars(state.risk.used(held)), day),
        IncidentFigure("equity at the session's start", NOT_KNOWN if equity is None else dollars(equity)),
        IncidentFigure("cash at the exchange", NOT_KNOWN if balance is None else dollars(balance)),
        IncidentFigure("orders that may be live", str(len(live))),
        IncidentFigure("contracts that may be live", _contracts(sum(order.remaining for order in live))),
    ]
    for name, desk in state.desks.items():
        net = sum(a.position for t, a in held.ledger.markets.items() if t in desk.markets)
        found.append(IncidentFigure(f"{name} net contracts", _contracts(net), str(limits.per_window_contracts)))
        against = ", ".join(state.closed.get(name, ())) or "none"
        found.append(IncidentFigure(f"{name} gates closed just before", against))
    return tuple(found)


def _contracts(count: int) -> str:
    return f"{count / COUNT_PER_CONTRACT:g}"
