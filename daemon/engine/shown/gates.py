"""The state's votes as the screens show them: all of them, and which of them only say that this is not the time.

Nothing is left out of the list. Between windows nobody asks the books and the markets, and while the market is closed
the index is silent by right: such a vote is shown as it is and marked as one that waits.
"""

from __future__ import annotations

from msgspec.structs import replace

from daemon.engine.state_view import StateView
from daemon.engine.views.desk import DeskView
from domain.clock import NS_PER_S
from domain.reasons import GateStatus, Reason
from domain.window import Phase
from execution.cancel_all import Scope
from execution.flatten import EMPTIES_NEEDED
from execution.list_lag import SETTLE_MAX_NS
from guards.vote import Vote
from ops.status import FlatView, Gate

INSIDE = frozenset({Phase.QUOTING, Phase.STRICT})
# These look at the present window's markets; outside it they have nothing to look at.
OF_THE_WINDOW = frozenset({"markets", "books"})
# These look at the index, which is expected only while the market is open.
OF_THE_INDEX = frozenset({"freshness", "stuck", "loop", "volatility"})


def gates_of(state: StateView) -> list[Gate]:
    """Every vote of the last step: the account's once, then each series' own."""
    waiting = _waiting(state)
    rows = [_gate(name, "", vote, waits=name in waiting) for name, vote in state.account_votes]
    shared = {name for name, _ in state.account_votes}
    for desk in state.desks.values():
        for name, said in state.gates.get(desk.series.name, ()):
            vote = said
            if name == "evidence":
                vote = replace(said, age_ns=state.evidence.age_ns(state.last_now))
            if name not in shared:
                rows.append(_gate(name, desk.series.name, vote, waits=_waits(state, desk, name, vote)))
    return rows


def _waiting(state: StateView) -> frozenset[str]:
    """The account's votes that turn by themselves before anything could be quoted."""
    now = state.last_now
    # I:VIX comes with the session: until a minute of it has passed its absence says only that this is not the time.
    # In an open window, after a restart in it, its absence says that nothing can be sent.
    inside = any(desk.phase in INSIDE for desk in state.desks.values())
    early = frozenset[str]() if inside or state.level.expected(now) else frozenset({"vix"})
    pause = state.schedule.standstill(now)
    opens = [window.opens_ns for window in (state.plan.next_window(name, now.utc_ns) for name in state.desks) if window]
    over = pause is not None and all(pause.end_ns <= opens_ns for opens_ns in opens) and not state.in_window
    return early | {"schedule"} if over and state.schedule.vote(now).status is GateStatus.FAIL else early


def flat_of(state: StateView) -> FlatView:
    """Whether it is proven that nothing of ours rests at the exchange; if not, what is still missing."""
    held = state.held
    if state.started is None or not state.books.recovered:
        return FlatView(proven=False, why="the exchange's lists have not been read yet")
    # On the way out the account's own proof ends the process; a series may still be counting its listings then.
    ended = state.stopping is not None and not state.empty_reason and Scope.ACCOUNT not in held.flattenings
    if held.flattenings and not ended:
        return FlatView(proven=False, why=f"not proven flat yet: {_awaited(state)}")
    if held.book.live:
        return FlatView(proven=False, why=f"{len(held.book.live)} orders may be live")
    if held.order_drifts:
        return FlatView(proven=False, why=state.books.drift)
    return FlatView(proven=True, why="")


def _awaited(state: StateView) -> str:
    """What the proof that is furthest from its end waits for: lists may lag behind what we did."""
    held, now_ns = state.held, state.last_now.mono_ns
    last = max(held.flattenings.values(), key=lambda one: one.acted_ns + one.proof_ns)
    live = f"{len(held.book.live)} orders may be live; " if held.book.live else ""
    lag_s, left_s = last.proof_ns / NS_PER_S, (last.acted_ns + last.proof_ns - now_ns) / NS_PER_S
    if left_s > 0:
        return f"{live}{left_s:.1f} s more until a list can know: it may lag {lag_s:.1f} s behind our last act"
    return f"{live}{last.empties} of {EMPTIES_NEEDED} lists that can know of our last act have read empty"


def orders_wait(state: StateView) -> str:
    """Why nothing new is placed for now although no gate is against it; empty when nothing waits."""
    left_ns = state.held.book.lag.behind_for_ns(state.last_now.mono_ns)
    if not left_ns:
        return ""
    return (
        f"the exchange's lists of orders were seen more than {SETTLE_MAX_NS // NS_PER_S} s behind: new orders wait"
        f" {-(-left_ns // NS_PER_S)} s more, if no other such list comes"
    )


def _gate(name: str, series: str, vote: Vote, *, waits: bool) -> Gate:
    reason = vote.reason.value if vote.reason is not None else ""
    age_s = None if vote.age_ns is None else vote.age_ns / NS_PER_S
    limit_s = None if vote.limit_ns is None else vote.limit_ns / NS_PER_S
    return Gate(name, series, vote.status.value, reason, vote.detail, age_s, limit_s, waits and not vote.open)


def _waits(state: StateView, desk: DeskView, name: str, vote: Vote) -> bool:
    """Whether this vote of a series turns by itself before its next window opens."""
    if name == "window":
        return state.plan.next_window(desk.series.name, state.last_now.utc_ns) is not None
    if vote.reason is Reason.STRICT_STAND_DOWN and name == "freshness":
        # A dead index is no stand-down that ends by itself.
        return desk.freshness(state.last_now).fresh
    if name == "evidence":
        return state.evidence.waits(desk.phase)
    if desk.phase in INSIDE:
        return False
    return name in OF_THE_WINDOW or (name in OF_THE_INDEX and not state.index_expected)
