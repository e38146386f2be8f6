"""What rests at the exchange, by its own record: whether it may, whether it is in our book, whether it goes in time.

Asked at every order that comes to rest, after every step that could have changed our book, and, while something rests,
as soon as the answer could have changed: `_sure_until_ns` says until when nothing but an event can change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.market import SERIES
from sim.campaign.checks.limits import LimitChecks
from sim.exchange.book.fixed import COUNT_ONE
from sim.exchange.book.notices import Filled, GroupChanged, Notice, OrderChanged

if TYPE_CHECKING:
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.ports.process import Process
    from sim.exchange.book.objects import Fill, Order

NAME_OF = {series.exchange_series: name for name, series in SERIES.items()}
FREEZE_LEAD_NS = 2 * NS_PER_S
EXPIRY_LEAD_NS = 3 * NS_PER_S
CANCEL_LATE_NS = 100 * NS_PER_MS
FLAT_LATE_NS = 2_500 * NS_PER_MS
CANCELS_KEPT = 4_096


class RestingChecks:
    """Orders at rest."""

    def __init__(self, checks: CheckRecord) -> None:
        self._checks = checks
        self._member = checks.exchange.member
        self.limits = LimitChecks(checks)
        self._cancelled_ns: dict[str, int] = {}
        self._must_end: dict[str, tuple[int, str]] = {}
        self._sure_from_ns = 0
        self._sure_until_ns = 0
        self._sure_lead_ns = -1
        self.any = False

    # --- what the exchange says ------------------------------------------------------------------------------------

    def noticed(self, notice: Notice) -> None:
        """A notice of the exchange's core, at the instant."""
        if isinstance(notice, OrderChanged):
            if notice.order.account.is_member:
                self.any = True
                if notice.state.status == "resting":
                    self._rests(notice.order)
        elif isinstance(notice, Filled):
            self._filled(notice.fill)
        elif isinstance(notice, GroupChanged) and notice.event_type == "triggered":
            self._checks.counts["groups triggered"] += 1

    def _filled(self, fill: Fill) -> None:
        self._checks.counts["fills"] += 1
        if fill.is_taker:
            self._checks.breach("taker fill", f"{fill.order.state.client_order_id} took {fill.trade.count}")

    def _rests(self, order: Order) -> None:
        """A new order of ours rests, or one of ours was filled in part."""
        state, breach = order.state, self._checks.breach
        close_ns = order.market.event.close_ns
        freeze_ns = close_ns - FREEZE_LEAD_NS
        now_ns = self._checks.exchange_ns()
        name = state.client_order_id
        if now_ns >= freeze_ns:
            breach("resting at the freeze", f"{name} rests {(now_ns - freeze_ns) / 1e6:.0f} ms after the freeze")
        if state.expiration_s is None or state.expiration_s * NS_PER_S > close_ns - EXPIRY_LEAD_NS:
            breach("order without expiry", f"{name} expires {state.expiration_s}")
        if not order.post_only or order.group is None or not order.cancel_on_pause:
            breach("order without post-only, group or pause flag", str(name))
        self._within_limits(order)
        self.limits.rests(order)
        for other in self._member.resting.values():
            if other is not order and other.market is order.market and other.side == order.side:
                breach("two orders on one side", f"{name} beside {other.state.client_order_id}")
        process = self._checks.process
        ours = process.engine.state if process is not None else None
        if ours is not None and ours.started is not None and name not in ours.held.book.live:
            breach("exchange's book not in ours", f"{name} rests and is not in our book")

    def _within_limits(self, order: Order) -> None:
        """Net position plus all that rests on a side, by the exchange's own books."""
        risk = self._checks.settings.risk
        market, side, event = order.market, order.side, order.market.event
        positions = self._member.positions
        held_market = positions[0, market.ticker].count.value if (0, market.ticker) in positions else 0
        held_window = 0
        used: set[str] = set()
        for position in positions.values():
            if position.count.value and not position.settled:
                used.add(position.market.ticker)
                held_window += position.count.value if position.market.event is event else 0
        in_market = in_window = 0
        for other in self._member.resting.values():
            used.add(other.market.ticker)
            if other.side == side and other.market.event is event:
                in_window += other.state.remaining
                in_market += other.state.remaining if other.market is market else 0
        sign = 1 if side == "bid" else -1
        reach = in_market + sign * held_market
        if reach > risk.per_market_contracts * COUNT_ONE:
            self._checks.breach(
                "limit exceeded", f"per_market: {market.ticker} {side} reaches {reach / COUNT_ONE:g} contracts"
            )
        if in_window + sign * held_window > risk.per_window_contracts * COUNT_ONE:
            self._checks.breach("limit exceeded", f"per_window: {event.ticker} {side} past its contracts")
        if len(used) > risk.markets_max:
            self._checks.breach("limit exceeded", f"markets: {len(used)} in use")

    def froze(self) -> None:
        """An event has closed: nothing of ours rested at the freeze or later, by the exchange's own mark."""
        state = self._checks.exchange.state
        for event in state.events.values():
            if event.own_resting_after_freeze_max:
                self._checks.breach(
                    "resting at the freeze", f"{event.ticker}: {event.own_resting_after_freeze_max} rested"
                )
        self._checks.counts["freezes"] += len(state.series)

    # --- against our book ------------------------------------------------------------------------------------------

    def subset(self, process: Process) -> None:
        """All that rests is in our book."""
        live = process.engine.state.held.book.live
        for order in self._member.resting.values():
            name = order.state.client_order_id
            if name not in live:
                self._checks.breach(
                    "exchange's book not in ours", f"{name} rests and is not in our book (of {len(live)})"
                )

    # --- what may not rest any more ----------------------------------------------------------------------------------

    def cancelling(self, covered: list[str]) -> None:
        """A cancel of any kind leaves for these orders and groups."""
        for each in covered:
            self._cancelled_ns.setdefault(each, self._checks.timeline.now_ns)
        while len(self._cancelled_ns) > CANCELS_KEPT:
            del self._cancelled_ns[next(iter(self._cancelled_ns))]

    def asked_ns(self, order_id: str) -> int | None:
        """When the first cancel left that covers an order of the exchange's, by its id or its group; None for never."""
        order = self._checks.exchange.state.orders.get(order_id)
        group = order.group.id if order is not None and order.group is not None else ""
        asked_ns = [self._cancelled_ns[each] for each in (order_id, group) if each in self._cancelled_ns]
        return min(asked_ns, default=None)

    def may_rest(self, process: Process, now: Now) -> None:
        """Whether what rests may rest; if not, a cancel must have left at once, and it must be gone soon."""
        checks = self._checks
        sure = self._sure_from_ns <= now.utc_ns < self._sure_until_ns
        if sure and not checks.halts and process.engine.state.ladders.lead_ns == self._sure_lead_ns:
            return
        resting = self._member.resting
        if not resting:
            self._must_end.clear()
            self.any = False
            return
        now_ns = checks.timeline.now_ns
        for name, desk in process.engine.state.desks.items():
            why = self._why_not(process, name, desk.series.symbol, now)
            if not why:
                self._must_end.pop(name, None)
                continue
            since_ns, why = self._must_end.setdefault(name, (now_ns, why))
            if now_ns < process.box.still_until_ns:
                continue
            for order in resting.values():
                if NAME_OF[order.market.event.series.ticker] == name and order.created_ns <= since_ns:
                    self._overstays(order, since_ns, why)
        self._be_sure(process, now)

    def _be_sure(self, process: Process, now: Now) -> None:
        """Until the next edge of a window nothing but an event can turn a yes into a no."""
        self._sure_until_ns = 0
        if self._must_end or self._checks.halts:
            return
        lead_ns, until_ns = process.engine.state.ladders.lead_ns, []
        for name in process.engine.state.desks:
            window = self._checks.window_at(name, now.utc_ns)
            if window is None:
                return
            until_ns.append(window.strict_ns if now.utc_ns < window.strict_ns else 0)
            until_ns.append(window.freeze_ns - lead_ns)
        self._sure_from_ns, self._sure_until_ns, self._sure_lead_ns = now.utc_ns, min(until_ns), lead_ns

    def _overstays(self, order: Order, since_ns: int, why: str) -> None:
        checks = self._checks
        late_ns = checks.timeline.now_ns - since_ns
        told = f"{order.state.client_order_id}: {why} for {late_ns / 1e6:.0f} ms"
        open_ns = checks.timeline.now_ns - max(since_ns, checks.cut_off_until_ns)
        covered = order.id in self._cancelled_ns or (order.group is not None and order.group.id in self._cancelled_ns)
        if open_ns > CANCEL_LATE_NS and not covered:
            checks.breach("cancel late", f"{told}, no cancel has left")
        if checks.timeline.now_ns - max(since_ns, checks.rest_disturbed_ns) > FLAT_LATE_NS:
            checks.breach("not flat in time", f"{told}, and it rests")

    def _why_not(self, process: Process, name: str, symbol: str, now: Now) -> str:
        checks = self._checks
        if checks.halts and not (len(checks.halts) == 1 and "pause" in checks.halts):
            return ", ".join(sorted(checks.halts))
        window = checks.window_at(name, now.utc_ns)
        if window is None:
            return ""
        if now.utc_ns >= window.freeze_ns - process.engine.state.ladders.lead_ns:
            return "flattening"
        if now.utc_ns >= window.strict_ns and checks.settings.freshness.basis == "age":
            limit_ns = checks.settings.freshness.strict_limit_ms * NS_PER_MS
            if now.mono_ns - checks.newest_value_ns.get(symbol, 0) > limit_ns:
                return "stale in strict"
        return ""
