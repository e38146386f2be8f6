"""What leaves the daemon: every place at the instant it is written, every cancel, and what the exchange made of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import orjson

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.market import SERIES
from domain.reasons import Reason
from domain.stamps import NEW_YORK
from execution.kalshi.wire import KalshiRequest
from sim.campaign.checks.resting import NAME_OF, RestingChecks

if TYPE_CHECKING:
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.ports.process import Process
    from sim.exchange.gateway.calls import Asked, Operation

SYMBOL_OF = {series.exchange_series: series.symbol for series in SERIES.values()}
CANCELS = frozenset({"cancel_order", "batch_cancel", "cancel_all", "trigger_group"})
TOO_MANY = 429
BAD_REQUEST = 400
KEY_REFUSED = frozenset({401, 403})
# docs/contracts.md, Quoting: the first, and eight after it; twenty of any kind.
REFUSED_SPAN_NS = 60 * NS_PER_S
KEY_REFUSED_MAX = 1 + 8
REFUSED_MAX = 20
SWEEP_SEEN_NS = 300 * NS_PER_MS
TAIL_NS = 60 * NS_PER_S
# Long enough to find out that a stream is half open.
CLOSED_SEEN_NS = 20 * NS_PER_S
DRILL_FROM, DRILL_UNTIL = dt.time(9, 35), dt.time(9, 40)
CLOCK_LIMIT_NS = 1_750 * NS_PER_MS
CLOCK_SEEN_NS = 2 * NS_PER_S


# What the contracts let pass before a market cools.
MARKET_MOST, MARKET_SPAN_NS, COOLING_NS = 5, 10 * NS_PER_S, 60 * NS_PER_S


class RequestChecks:
    """Requests on the wire."""

    def __init__(self, checks: CheckRecord, resting: RestingChecks) -> None:
        self._checks = checks
        self._resting = resting
        self._sent_names: set[str] = set()
        self._market_of: dict[str, str] = {}
        self._not_taken: list[tuple[int, str]] = []
        self._clock_wrong_ns: int | None = None
        self._refusals: deque[int] = deque()
        self._keys: deque[int] = deque()
        self.placed_in: Counter[tuple[str, int]] = Counter()

    def not_taken(self, name: str, utc_ns: int) -> None:
        """A place was refused, or its answer was lost."""
        self._not_taken.append((utc_ns, self._market_of.get(name, "")))

    def cools(self, exchange_series: str, utc_ns: int) -> bool:
        """Whether so many places of one market were not taken in 10 s that it cools for a minute, still now."""
        by_market: dict[str, list[int]] = {}
        for at, market in self._not_taken:
            if market.startswith(f"{exchange_series}-") and at <= utc_ns:
                by_market.setdefault(market, []).append(at)
        return any(
            last - first <= MARKET_SPAN_NS and utc_ns - last <= COOLING_NS
            for stamps in by_market.values()
            for first, last in zip(stamps, stamps[MARKET_MOST - 1 :], strict=False)
        )

    def asked(self, operation: Operation, asked: Asked, status: int) -> None:
        """The exchange has carried out (or refused by itself) one request."""
        checks, name = self._checks, operation.name
        checks.counts[f"requests {name}"] += 1
        if status == TOO_MANY:
            checks.counts[f"genuine 429 {name}"] += 1
            if name in CANCELS:
                checks.breach("cancel starved of tokens", f"{name} was refused for lack of tokens")
        self._resting.limits.answered(name, status)
        if name == "cancel_all":
            checks.swept_ns = checks.timeline.now_ns
        elif name == "create_order":
            order_name = orjson.loads(asked.body)["client_order_id"]
            if order_name in self._sent_names:
                checks.breach("client order id used twice", order_name)
            self._sent_names.add(order_name)
            if status >= BAD_REQUEST:
                self._refused(order_name, status)

    def _refused(self, name: str, status: int) -> None:
        """A place was refused: how many were lately, whatever for, and how many of those for the key."""
        now_ns, spans = self._checks.timeline.now_ns, (self._refusals, self._keys)
        for span, counts in zip(spans, (True, status in KEY_REFUSED), strict=True):
            if counts:
                span.append(now_ns)
            while span and span[0] <= now_ns - REFUSED_SPAN_NS:
                span.popleft()
        if len(self._refusals) > REFUSED_MAX or len(self._keys) > KEY_REFUSED_MAX:
            told = f"{name}: {len(self._refusals)} places refused in 60 s, {len(self._keys)} for the key"
            self._checks.breach("refused without end", told)

    def writing(self, process: Process, request: KalshiRequest) -> None:
        """A request is about to be written."""
        if request.method != "POST" or not request.path.endswith("/events/orders"):
            if request.method in {"DELETE", "PUT"}:
                self._cancelling(request)
            return
        checks = self._checks
        checks.counts["orders"] += 1
        body = orjson.loads(request.body)
        series, name = body["ticker"].partition("-")[0], body["client_order_id"]
        self._market_of[name] = body["ticker"]
        now = process.clock.now()
        window = checks.window_at(NAME_OF[series], now.utc_ns)
        if checks.halts:
            checks.breach("place after halt", f"{name} after {', '.join(sorted(checks.halts))}")
        if window is None or not window.opens_ns <= now.utc_ns < window.freeze_ns:
            if self._drills(process, body, now):
                checks.counts["orders drilled"] += 1
                self._writes_place(process, name)
                return
            checks.breach("place outside its window", f"{name} at {now.utc_ns}")
            return
        market = checks.exchange.state.markets.get(body["ticker"])
        if (
            market is not None
            and market.status == "closed"
            and market.updated_ns < checks.exchange_ns() - CLOSED_SEEN_NS
        ):
            checks.breach("place in a closed market", f"{name}: {body['ticker']}")
        self.placed_in[NAME_OF[series], window.target_ns] += 1
        self._writes_place(process, name)
        if now.utc_ns >= window.strict_ns and checks.settings.freshness.basis == "age":
            age_ns = now.mono_ns - checks.newest_value_ns.get(SYMBOL_OF[series], 0)
            if age_ns > checks.settings.freshness.strict_limit_ms * NS_PER_MS:
                checks.breach("place while stale in strict", f"{name}: value {age_ns / 1e6:.0f} ms old")

    def _drills(self, process: Process, body: dict[str, Any], now: Now) -> bool:
        """Whether this is the session's drill: our book calls it so, and it is the least order, in its five minutes."""
        order = process.engine.state.held.book.find(body["client_order_id"], "")
        local = dt.datetime.fromtimestamp(now.utc_ns // NS_PER_S, NEW_YORK).time()
        least = body["side"] == "bid" and float(body["price"]) == 0.01 and float(body["count"]) == 1  # noqa: PLR2004
        called = order is not None and order.series == Reason.DRILL
        hourly = self._checks.settings.windows.template == "hourly"
        return called and hourly and least and DRILL_FROM <= local < DRILL_UNTIL

    def _writes_place(self, process: Process, name: str) -> None:
        checks = self._checks
        now_ns = checks.timeline.now_ns
        if checks.swept_ns and SWEEP_SEEN_NS < now_ns - checks.swept_ns < TAIL_NS:
            since_s = (now_ns - checks.swept_ns) / NS_PER_S
            checks.breach("place in the tail of a cancel-all", f"{name} {since_s:.1f} s after it")
        if not process.stream_socket.connected:
            checks.breach("place without private stream", name)
        off_ns = abs(process.clock.off_ns - checks.skew_ns())
        if off_ns <= CLOCK_LIMIT_NS:
            self._clock_wrong_ns = None
        elif self._clock_wrong_ns is None:
            self._clock_wrong_ns = now_ns
        elif now_ns - self._clock_wrong_ns > CLOCK_SEEN_NS:
            checks.breach("place by a wrong clock", f"{name}: our clock is {off_ns / 1e6:.0f} ms off")

    def _cancelling(self, request: KalshiRequest) -> None:
        """A cancel of any kind leaves: for one order, a batch, a group, or for all."""
        path, member = request.path, self._checks.exchange.member
        word = path.split("/")[-2] if path.endswith("/trigger") else path.split("/")[-1]
        if path.endswith("/events/orders"):
            covered = list(member.resting)
        elif path.endswith("/batched"):
            covered = [item["order_id"] for item in orjson.loads(request.body)["orders"]]
        else:
            # The group too: a place that is still on its way when the trigger leaves is covered by it.
            covered = [word, *(member.groups[word].resting if word in member.groups else ())]
        self._resting.cancelling(covered)
