"""The limits on money at risk as the screens show them: every one, with how much of it is used."""

from __future__ import annotations

from daemon.engine.state_view import StateView
from domain.clock import Now
from domain.reasons import limit_words
from domain.window import Phase
from guards.limits.figure import PPM, LimitUse, amount
from ops.status import LimitView

OPEN = frozenset({Phase.QUOTING, Phase.STRICT})


def limits_of(state: StateView, now: Now) -> tuple[LimitView, ...]:
    """One row for each limit; none while the session's equity is not known, which closes the gate by itself."""
    inside = any(desk.phase in OPEN for desk in state.desks.values())
    age_ns = state.books.reconcile_age_ns(now.mono_ns) if inside else 0
    return tuple(_row(use) for use in state.risk.figures(state.held, state.outlook, age_ns or 0, now))


def _row(use: LimitUse) -> LimitView:
    share = PPM if use.most <= 0 < use.used else max(use.used, 0) * PPM // max(use.most, 1)
    used, most = amount(use.used, use.unit), amount(use.most, use.unit)
    return LimitView(use.limit.value, limit_words(use.limit), used, most, share)
