"""The limits on money, looked at from outside: by the exchange's own fills, positions and resting orders.

Each order that rests is weighed with everything else that rests and is held, every order taken as filled where that
hurts. What rests on the model (delta, value at risk, stress) is worked out here once more and another way: in floating
point, along one line on which both indices move together. What pauses or stops is judged by the orders that were
created after it: a second and a half later there may be none.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S
from domain.ids import Ticker
from domain.market import SERIES
from pricing.fair import settles_yes

if TYPE_CHECKING:
    from domain.market import Market as Rung
    from guards.limits.settings import RiskSettings
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.ports.process import Process
    from sim.exchange.book.objects import Market, Order

DOLLAR, PRICE_ONE, COUNT_ONE, PPM = 1_000_000, 10_000, 100, 1_000_000
HEARD_NS = 1_500 * NS_PER_MS
# A read is asked for, answered, and judged several times a second.
READ_NS = 3 * NS_PER_S
BOOKS_OF_RECORD = frozenset({"list_orders", "get_positions", "get_fills", "get_balance"})
DONE = 200
# The index has moved on between the decision and the exchange's book.
SLACK = 1.25
NAME_OF = {series.exchange_series: name for name, series in SERIES.items()}
GRID = [NormalDist().inv_cdf((step + 0.5) / 400) for step in range(400)]


class Open(NamedTuple):
    """One market that is not settled: net contracts (1/100), cash paid in, what its orders lose if NO and if YES."""

    market: Market
    net: int
    cash: int
    bids: int
    asks: int
    reach: tuple[int, int]  # net after all bids, and after all asks

    def loss(self, *, yes: bool) -> int:
        """What is lost if it settles that way, with the fills that hurt."""
        return self.asks - self.cash - self.net * PRICE_ONE if yes else self.bids - self.cash


class LimitChecks:
    """What may be lost, from outside."""

    def __init__(self, checks: CheckRecord) -> None:
        self._checks = checks
        self._member = checks.exchange.member
        self._since_ns: dict[str, int] = {}
        self._read_ns: dict[str, int] = {}
        self._taken_up: set[str] = set()

    def answered(self, operation: str, status: int) -> None:
        """The exchange has answered a request; the books of record are as old as the oldest of them."""
        if operation in BOOKS_OF_RECORD and status == DONE:
            self._read_ns[operation] = self._checks.timeline.now_ns

    def too_dear(self, name: str) -> None:
        """The exchange itself had not the cash for an order."""
        self._exceeded("cash", f"{name} was refused for lack of it")

    def equity_unknown(self, name: str) -> None:
        """An order was placed before the exchange's cash was read."""
        self._exceeded("equity", f"{name} was placed before it was read")

    def rests(self, order: Order) -> None:
        """A new order of ours rests, or one was filled in part."""
        process, risk = self._checks.process, self._checks.settings.risk
        stake = order.state.price if order.side == "bid" else PRICE_ONE - order.state.price
        self._most("per_order", stake * order.state.remaining, risk.per_order_dollars * DOLLAR)
        held = self._open()
        worst = sum(max(0, each.loss(yes=True), each.loss(yes=False)) for each in held)
        lost = max(0, -self._realised(held))
        equity = self._checks.exchange.state.config.balance
        self._most("per_day", lost + worst, risk.per_day_dollars * DOLLAR)
        self._most("per_week", lost + worst, risk.per_week_dollars * DOLLAR)
        self._shares(held, risk)
        self._taken_up.add(order.market.ticker)
        self._most("signals", len(self._taken_up), risk.signals_max)
        oldest_ns = min(self._read_ns.values()) if len(self._read_ns) == len(BOOKS_OF_RECORD) else order.created_ns
        self._most("snapshot_age", order.created_ns - oldest_ns, risk.snapshot_age_limit_s * NS_PER_S + READ_NS)
        self._most("day_room", lost + worst, risk.daily_loss_pause_ppm * equity // PPM)
        if process is not None and process.engine.state.started is not None:
            self._by_the_model(process, held, equity)
            self._after(process, order, held, lost, worst)

    def _shares(self, held: list[Open], risk: RiskSettings) -> None:
        """The worst case of each event and of each series, against their shares of the day."""
        budget = risk.per_day_dollars * DOLLAR
        of: dict[tuple[str, str], int] = {}
        for each in held:
            loss = max(0, each.loss(yes=True), each.loss(yes=False))
            event = each.market.event
            for key in (("event_share", event.ticker), ("series_share", event.series.ticker)):
                of[key] = of.get(key, 0) + loss
        shares = {"event_share": risk.event_share_ppm, "series_share": risk.series_share_ppm}
        for (limit, _), loss in of.items():
            self._most(limit, loss, shares[limit] * budget // PPM)

    def _most(self, limit: str, used: float, most: float) -> None:
        if used > most:
            self._exceeded(limit, f"{used:.0f} of {most:.0f}")

    def _exceeded(self, limit: str, told: str) -> None:
        self._checks.breach("limit exceeded", f"{limit}: {told}")
        self._checks.counts[f"limit {limit}"] += 1

    def _open(self) -> list[Open]:
        cash: dict[str, int] = {}
        net: dict[str, int] = {}
        markets: dict[str, Market] = {}
        for fill in self._member.fills:
            market, sign = fill.trade.market, 1 if fill.order.side == "bid" else -1
            markets[market.ticker] = market
            net[market.ticker] = net.get(market.ticker, 0) + sign * fill.trade.count
            cash[market.ticker] = cash.get(market.ticker, 0) - sign * fill.trade.price * fill.trade.count - fill.fee
        bids: dict[str, list[int]] = {}
        asks: dict[str, list[int]] = {}
        for order in self._member.resting.values():
            markets[order.market.ticker] = order.market
            price, left = order.state.price, order.state.remaining
            side = bids if order.side == "bid" else asks
            cost = price if order.side == "bid" else PRICE_ONE - price
            known = side.setdefault(order.market.ticker, [0, 0])
            known[0] += cost * left
            known[1] += left
        nothing = [0, 0]
        return [
            Open(
                market, net.get(name, 0), cash.get(name, 0), bids.get(name, nothing)[0], asks.get(name, nothing)[0],
                (net.get(name, 0) + bids.get(name, nothing)[1], net.get(name, 0) - asks.get(name, nothing)[1]),
            )
            for name, market in markets.items()
            if not self._settled(name)
        ]  # fmt: skip

    def _settled(self, ticker: str) -> bool:
        position = self._member.positions.get((0, ticker))
        return position is not None and position.settled

    def _realised(self, held: list[Open]) -> int:
        """What the settled markets earned: the cash, less what the open ones did to it."""
        cash = sum(purse.value for purse in self._member.cash.values())
        paid_in = sum(each.cash - max(0, -each.net) * PRICE_ONE for each in held)
        return int(cash - self._checks.exchange.state.config.balance - paid_in)

    def _by_the_model(self, process: Process, held: list[Open], equity: int) -> None:
        risk, checks = self._checks.settings.risk, self._checks
        losses = dict.fromkeys((-float(risk.stress_deviations), float(risk.stress_deviations)), 0.0)
        along, up, down = [0.0] * len(GRID), 0.0, 0.0
        for name, desk in process.engine.state.desks.items():
            if desk.basis is None or desk.basis[2] <= 0:
                continue
            value, sigma, left_ns = desk.basis
            deviation = value * sigma / PPM * math.sqrt(left_ns / NS_PER_S)
            own = [
                (each, rung)
                for each in held
                if NAME_OF[each.market.event.series.ticker] == name
                and (rung := desk.markets.get(Ticker(each.market.ticker))) is not None
            ]
            for by in losses:
                losses[by] += self._lost(own, value + by * deviation)
            for place, z in enumerate(GRID):
                along[place] += self._lost(own, value + z * deviation * risk.var_volatility_ppm / PPM)
            for each, rung in own:
                away = ((rung.floor_strike or 0) - value) / max(deviation, 1.0)
                up += each.reach[0] * math.exp(-away * away / 2)
                down -= each.reach[1] * math.exp(-away * away / 2)
        self._most("stress", max(losses.values()), SLACK * risk.stress_limit_ppm * equity / PPM)
        at_risk = sorted(along)[-len(GRID) // 100 - 1]
        self._most("value_at_risk", at_risk, SLACK * risk.var_limit_ppm * equity / PPM)
        self._most("joint_delta", max(up, down), (SLACK * risk.joint_delta_contracts + 0.5) * COUNT_ONE)
        checks.counts["books weighed"] += 1

    @staticmethod
    def _lost(own: list[tuple[Open, Rung]], value: float) -> int:
        return sum(each.loss(yes=settles_yes(rung, max(round(value), 1))) for each, rung in own)

    def passed(self, process: Process) -> set[str]:
        """What pauses or stops and is true now; `event_loss` with the event's ticker behind it."""
        held = self._open()
        lost = max(0, -self._realised(held))
        worst = sum(max(0, each.loss(yes=True), each.loss(yes=False)) for each in held)
        return self._passed(process, held, lost, worst)

    def _passed(self, process: Process, held: list[Open], lost: int, worst: int) -> set[str]:
        risk, state = self._checks.settings.risk, process.engine.state
        balance = self._checks.exchange.state.config.balance
        of_event: dict[str, int] = {}
        marked = 0
        fairs = {t: f for desk in state.desks.values() for t, f in zip(desk.markets, desk.fairs, strict=False)}
        for each in held:
            fair = fairs.get(Ticker(each.market.ticker))
            if fair is not None and each.net:
                loss = -each.cash - each.net * fair
                of_event[each.market.event.ticker] = of_event.get(each.market.event.ticker, 0) + loss
                marked += loss
        gross = sum(abs(e.net) + (e.reach[0] - e.net) + (e.net - e.reach[1]) for e in held) * PRICE_ONE
        net = max(abs(sum(e.reach[0] for e in held)), abs(sum(e.reach[1] for e in held))) * PRICE_ONE
        floor = max(gross, risk.gross_dollars * DOLLAR // 10, 1)
        truths = {
            "net": net > risk.net_dollars * DOLLAR,
            "gross": gross > risk.gross_dollars * DOLLAR,
            "concentration": worst * PPM > risk.concentration_ppm * floor * len(state.desks),
            "day_loss": (lost + max(0, marked)) * PPM >= risk.daily_loss_pause_ppm * balance * SLACK,
        }
        most = risk.event_loss_dollars * DOLLAR * SLACK
        stopped = {f"event_loss {event}" for event, loss in of_event.items() if loss >= most}
        return {limit for limit, true in truths.items() if true} | stopped

    def _after(self, process: Process, order: Order, held: list[Open], lost: int, worst: int) -> None:
        """What pauses or stops, and since when it has."""
        now_ns, passed = self._checks.timeline.now_ns, self._passed(process, held, lost, worst)
        self._since_ns = {key: self._since_ns.get(key, now_ns) for key in passed}
        for key, since_ns in self._since_ns.items():
            limit, _, event = key.partition(" ")
            if event in {"", order.market.event.ticker} and order.created_ns > since_ns + HEARD_NS:
                self._exceeded(limit, "an order was created after it was passed")
