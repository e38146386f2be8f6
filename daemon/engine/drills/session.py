"""The session's drill of the account-wide cancel-all: one order of our own, and how long until the exchange shows none.

Once a session, between 09:35 and 09:40 New York, a bid of one contract at one cent rests far from the money
(`execution/drill.py`). Once the exchange has acknowledged it, the account-wide cancel-all is sent, and the time to flat
is measured as any flattening's, by the exchange's own lists. The permission is the gate's, from every vote of the
account and of the series except those about an open window. Whatever is against it is recorded, and it is tried again
until 09:40; a session without a proof is told. The tail of the cancel-all is over long before the first window opens,
because nothing is drilled within 120 s of an opening.
"""

from __future__ import annotations

import enum

from daemon.engine.desk import Desk
from daemon.engine.operator_requests import OperatorRequests
from daemon.engine.state import State
from daemon.engine.votes import account_votes
from domain.actions import AnyAction, Cleared, Read
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.reasons import Reason
from domain.records import DrillEntry
from domain.window import Window
from execution.drill import DRILL, Rung, drill_order, far_rung
from execution.groups import GroupPhase
from execution.orders import Order
from execution.orders import OrderStatus as OrderState
from execution.reads import Key
from guards.evidence.controls import CANCEL_ALL_ORDER
from guards.gate import Closed, evaluate
from pricing.fair import Ladder, UnpricedError, winning_span

RELIST_NS = 5 * NS_PER_S
# A ladder that was read longer ago than this says nothing about whether its markets are open.
LADDER_AGE_NS = 15 * NS_PER_S
AGAIN_NS = 10 * NS_PER_S
# Without an acknowledgement by then the account is emptied all the same, and the drill has failed.
ACK_NS = 10 * NS_PER_S
# The exchange ends the order by itself after this, whatever becomes of us.
EXPIRY_S = 60


class DrillStage(enum.Enum):
    """How far the drill is."""

    IDLE = "idle"
    PLACED = "placed"
    EMPTYING = "emptying"


class SessionDrill:
    """One drill a session, and none with short windows or where the cancel-all is not drilled."""

    def __init__(self, state: State, requests: OperatorRequests) -> None:
        self.state = state
        self.requests = requests
        self.stage = DrillStage.IDLE
        self._order: Order | None = None
        self._acked = False
        self._again_ns = 0
        self._why = ""
        self._watched = ""
        self._reads: list[Key] = []

    def wanted(self, now: Now) -> bool:
        """Whether a drill is under way, or due at this instant."""
        return self.stage is not DrillStage.IDLE or (self._due(now) and not self._over(now))

    def look(self, now: Now, *, proven: bool, out: list[AnyAction]) -> None:
        """Move on; `proven`: the exchange has just been seen empty after a cancel-all that it acknowledged."""
        if self.stage is not DrillStage.IDLE:
            self._follow(now, proven, out)
        elif not self._due(now):
            self._leave(now, out)
        elif self._over(now):
            self._missed(now, out)
        else:
            self._watched = self.state.session
            self._try(now, out)

    # --- when ----------------------------------------------------------------------------------------------------

    def _due(self, now: Now) -> bool:
        """Whether this session's span has begun and the drill is not proven in it."""
        if not self.state.controls.drilled:
            return False
        span = self.state.plan.drill_span(now.utc_ns)
        return span is not None and now.utc_ns >= span[0] > self.state.controls.proven.get(CANCEL_ALL_ORDER, 0)

    def _over(self, now: Now) -> bool:
        span = self.state.plan.drill_span(now.utc_ns)
        return span is None or now.utc_ns >= span[1]

    def _missed(self, now: Now, out: list[AnyAction]) -> None:
        """The span is over. Only what was there all the while can say that nothing came of it."""
        if self._watched == self.state.session:
            out.append(DrillEntry(CANCEL_ALL_ORDER, "missed", why=self._why, session=self.state.session))
            self._watched = ""
        self._leave(now, out)

    def _leave(self, now: Now, out: list[AnyAction]) -> None:
        """Nothing is to be done: let go of the group and of the reads."""
        groups = self.state.held.groups
        for group in list(groups.known.values()):
            if group.series == DRILL and group.target_ns and group.phase in {GroupPhase.READY, GroupPhase.TRIGGERING}:
                groups.trigger(group.group_id, group.exchange_index, DRILL, now.mono_ns, out)
        present = {(d.series.name, d.window.target_ns) for d in self.state.desks.values() if d.window is not None}
        for key in self._reads:
            if (key.series, key.target_ns) not in present:
                self.state.held.reads.drop(key)
        self._reads.clear()
        self._why = ""

    # --- placing -------------------------------------------------------------------------------------------------

    def _try(self, now: Now, out: list[AnyAction]) -> None:
        state = self.state
        window = state.plan.window_to_drill(now.utc_ns)
        if window is None:
            self._waits("a window opens within 120 s or is open, or none is left today", out)
            return
        why = ""
        for name in (name for name in window.series if name in state.desks):
            key = Key(Read.MARKETS, name, window.target_ns)
            if key not in state.held.reads.slots:
                self._reads.append(key)
            state.held.reads.pace(key, RELIST_NS, now.mono_ns)
            why = self._place(state.desks[name], key, window, now, out)
            if not why:
                return
        self._waits(why or "no series of ours has a window", out)

    def _waits(self, why: str, out: list[AnyAction]) -> None:
        """Say why nothing is drilled now, once for each reason."""
        if why != self._why:
            self._why = why
            out.append(DrillEntry(CANCEL_ALL_ORDER, "waits", why=why))

    def _place(self, desk: Desk, key: Key, window: Window, now: Now, out: list[AnyAction]) -> str:
        """Place the order in the ladder of one series, or say why not."""
        held = self.state.held
        if held.book.live or now.mono_ns < self._again_ns:
            return self._why or "orders may be live"
        cleared = self._cleared(desk, now)
        if isinstance(cleared, str):
            return cleared
        rung = self._rung(desk, key, window, now)
        if isinstance(rung, str):
            return rung
        shard = rung.market.exchange_index
        held.groups.keep_ahead(DRILL, window.target_ns, shard, now.mono_ns, out, ahead=1)
        ready = held.groups.ready(DRILL, window.target_ns)
        if not ready or not held.budget.may_place(now.mono_ns, 0, 1):
            return "no order group or no tokens yet"
        expiration_s = now.utc_ns // NS_PER_S + EXPIRY_S
        order = drill_order(rung, ready[0].group_id, held.numbers, window.target_ns, expiration_s, now.mono_ns)
        refused = self.state.risk.refusal(order, held, self.state.outlook, now)
        if refused is not None:
            return refused.why
        held.converger.place(order, cleared, rung.fair, now.mono_ns, out)
        self.stage, self._order, self._acked, self._why = DrillStage.PLACED, order, False, ""
        return ""

    def _cleared(self, desk: Desk, now: Now) -> Cleared | str:
        """The gate's permission, from all that closes it except what is about an open window."""
        state = self.state
        votes = [
            *account_votes(state, now),
            ("loop", state.stall.vote(desk.series.name, now)),
            ("freshness", desk.sentry.vote(now, desk.phase)),
            ("fees", desk.fees_vote()),
            ("volatility", desk.volatility_vote()),
            ("divergence", desk.divergence.vote(now)),
            ("stuck", desk.stuck_vote(now)),
        ]
        span = state.plan.drill_span(now.utc_ns)
        assert span is not None, "drilled outside the span"
        verdict = evaluate(desk.series.name, votes, now.mono_ns + span[1] - now.utc_ns, now)
        if isinstance(verdict, Closed):
            return ", ".join(verdict.reasons) or "the span ends"
        return verdict

    def _rung(self, desk: Desk, key: Key, window: Window, now: Now) -> Rung | str:
        state = self.state
        age_ns = state.held.reads.age_ns(key, now.mono_ns)
        listed = state.results.markets.get((key.series, key.target_ns), {})
        if age_ns is None or age_ns > LADDER_AGE_NS or not listed:
            return f"{key.series}: the ladder is not listed yet"
        usable = []
        for market in listed.values():
            try:
                winning_span(market)
            except UnpricedError:
                continue
            usable.append(market)
        usable.sort(key=lambda market: (market.floor_strike or 0, market.ticker))
        tick, sigma = desk.sentry.last, desk.sigma.sigma_ppm
        if tick is None or sigma is None or not usable:
            return f"{key.series}: no fair value yet"
        fairs = Ladder(usable).fair(tick.value, sigma, window.target_ns - now.utc_ns)
        tickers = [market.ticker for market in usable]
        rung = far_rung(listed, dict(zip(tickers, fairs, strict=True)))
        return rung or f"{key.series}: no open rung is far enough from the money"

    # --- what becomes of it --------------------------------------------------------------------------------------

    def _follow(self, now: Now, proven: bool, out: list[AnyAction]) -> None:  # noqa: FBT001 - a fact, passed on
        order, state = self._order, self.state
        assert order is not None, "a drill without its order"
        if self.stage is DrillStage.PLACED:
            self._acked = order.state is OrderState.OPEN
            if order.state is OrderState.GONE:
                self._failed(f"the order is gone: {order.why}", now, out)
            elif self._acked or state.empty_reason or now.mono_ns >= order.created_ns + ACK_NS:
                self.stage = DrillStage.EMPTYING
                self.requests.ask_empty(Reason.DRILL, now)
        elif proven and self._acked:
            state.controls.prove(CANCEL_ALL_ORDER, now.utc_ns)
            took_ms = state.held.times_to_flat_ns[-1] / NS_PER_MS
            proof = DrillEntry(
                control=CANCEL_ALL_ORDER,
                result="proven",
                client_order_id=order.client_order_id,
                ticker=order.ticker,
                ms=took_ms,
            )
            out.append(proof)
            self.stage, self._order = DrillStage.IDLE, None
        elif not state.empty_reason and order.state is OrderState.GONE:
            self._failed("the order was emptied without a cancel-all that the exchange acknowledged", now, out)

    def _failed(self, why: str, now: Now, out: list[AnyAction]) -> None:
        self.stage, self._order = DrillStage.IDLE, None
        self._again_ns = now.mono_ns + AGAIN_NS
        self._waits(why, out)
