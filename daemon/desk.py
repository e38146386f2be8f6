"""One desk per series: its window, its index, its ladder, and what it would rest if it may.

The desk gathers what belongs to a single series: the sentry over its index, the markets of the present window, the
tops of their books, the volatility and the prices. It decides nothing about the account; the engine asks it for votes
and for wanted quotes, and takes care of the rest.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import BookTop, MarketsRead, Tick
from domain.ids import Ticker
from domain.market import Market, Series, Side, Top
from domain.money import PRICE_PER_DOLLAR, Count, Price
from domain.reasons import Reason
from domain.window import Phase, Window
from execution.orders import Order
from execution.quoter import Candidate, QuoteSettings, Want, desired, select
from guards.divergence import DivergenceGuard, DivergenceSettings
from guards.freshness import Admission, FreshnessSentry, FreshnessSettings
from guards.stuck import StuckGuard
from guards.vote import PASS, Vote, fail, unknown
from guards.windows import WindowPlan
from pricing.edge import price_limit
from pricing.fair import Ladder, UnpricedError, winning_span
from pricing.fees import FeeAgreement
from pricing.volatility import VolatilityEstimate

BOOK_AGE_LIMIT_NS = 60 * NS_PER_S
AGES_KEPT = 4096
MIDDLE = Price(PRICE_PER_DOLLAR // 2)
_OPEN = frozenset({Phase.QUOTING, Phase.STRICT})


class DeskSettings(NamedTuple):
    """What a desk needs of the configuration."""

    freshness: FreshnessSettings
    quotes: QuoteSettings
    minimum_edge: int
    shrink_ppm: int
    contracts_per_order: int
    per_market_contracts: int
    per_window_contracts: int
    books_max: int
    divergence: DivergenceSettings


class Desk:
    """One series."""

    def __init__(self, series: Series, plan: WindowPlan, settings: DeskSettings) -> None:
        self.series = series
        self.plan = plan
        self.settings = settings
        self.sentry = FreshnessSentry(series.name, series.symbol, settings.freshness)
        self.divergence = DivergenceGuard(series.symbol, settings.divergence)
        self.stuck = StuckGuard(series.symbol)
        self.sigma = VolatilityEstimate()
        self.window: Window | None = None
        self.phase = Phase.CLOSED
        self.ladder: Ladder | None = None
        self.fairs: list[Price] = []
        self.markets: dict[Ticker, Market] = {}
        self.markets_target_ns = 0
        self.near: tuple[int, int] = (0, 0)
        self.tops: dict[Ticker, Top] = {}
        self.books_fresh: set[Ticker] = set()
        self.cooling: dict[tuple[Ticker, Side], int] = {}
        self.fees: FeeAgreement | None = None
        self.waiting_for_group = False
        # Whether prices, books or markets have changed since the quotes were last worked out.
        self.moved = True
        # Until when, if only other series' market data comes in, the gate need not be looked at again.
        self.hold_ns = 0
        limit = price_limit(Side.BID, MIDDLE, 0, settings.shrink_ppm, settings.minimum_edge)
        # A maker pays nothing, so the edge asked for is the same at every price.
        self.edge_needed = None if limit is None else MIDDLE - limit
        self.ages_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self.window_ticks = 0

    # --- what it is told -----------------------------------------------------------------------------------------

    def advance(self, now: Now, lead_ns: int) -> Phase | None:
        """Look at the clock; the new phase when it changed."""
        window = self.plan.current_window(self.series.name, now.utc_ns)
        phase = window.phase(now.utc_ns, lead_ns) if window else Phase.CLOSED
        if phase in _OPEN and self.phase is Phase.FLATTENING and window == self.window:
            # The lead was measured anew and has shrunk: what has begun to flatten does not open again.
            phase = Phase.FLATTENING
        changed = phase is not self.phase or (window is not None and window != self.window)
        if window is not None and window != self.window:
            self.cooling.clear()
            self.ages_ms.clear()
            self.window_ticks = 0
        self.window = window or self.window
        self.phase = phase
        return phase if changed else None

    def tick(self, tick: Tick, now: Now) -> Admission:
        """One value of the active feed."""
        previous = self.sentry.last
        admission = self.sentry.observe(tick, now)
        if admission is Admission.ACCEPTED:
            self.sigma.observe(tick.value, tick.event_ns)
            self.window_ticks += 1
            if previous is not None:
                self.ages_ms.append((tick.received_mono_ns - previous.received_mono_ns) / NS_PER_MS)
            self.reprice()
        return admission

    def listed(self, event: MarketsRead) -> None:
        """The exchange listed the ladder of a window; rungs whose settlement rule is unknown are left out."""
        if not event.markets or (self.window is not None and event.target_ns != self.window.target_ns):
            return
        usable = []
        for market in event.markets:
            try:
                winning_span(market)
            except UnpricedError:
                continue
            if market.status in {"active", "initialized", "open"}:
                usable.append(market)
        usable.sort(key=lambda market: (market.floor_strike or 0, market.ticker))
        if {m.ticker for m in usable} != set(self.markets):
            self.tops.clear()
            self.books_fresh.clear()
        self.markets = {market.ticker: market for market in usable}
        self.markets_target_ns = event.target_ns
        self.ladder = Ladder(usable) if usable else None
        self.fairs = []

    def top(self, event: BookTop) -> bool:
        """A book changed; False when it is not one of ours."""
        if event.top.ticker not in self.markets:
            return False
        self.tops[event.top.ticker] = event.top
        self.books_fresh.add(event.top.ticker)
        self.moved = True
        return True

    def books_stale(self, tickers: tuple[Ticker, ...]) -> None:
        """Books may no longer be believed; all of them when none is named."""
        if tickers:
            self.books_fresh.difference_update(tickers)
        else:
            self.books_fresh.clear()

    # --- prices --------------------------------------------------------------------------------------------------

    def reprice(self) -> None:
        """Fair value of every rung from the newest valid value; none while something is unknown."""
        tick, sigma = self.sentry.last, self.sigma.sigma_ppm
        if self.ladder is None or tick is None or sigma is None or not self.markets_target_ns:
            self.fairs = []
            return
        # From the value's own arrival, so that a price does not move between two values just because time passes.
        left_ns = self.markets_target_ns - tick.received_utc_ns
        self.fairs = self.ladder.fair(tick.value, sigma, left_ns)
        self.moved = True

    def center(self) -> int:
        """The index in the ladder of the rung nearest the money."""
        if not self.fairs:
            return len(self.markets) // 2
        middle = PRICE_PER_DOLLAR // 2
        # Fairs fall along an ascending ladder, so the crossing is found by bisection on the reversed order.
        low, high = 0, len(self.fairs)
        while low < high:
            half = (low + high) // 2
            if self.fairs[half] > middle:
                low = half + 1
            else:
                high = half
        return min(low, len(self.fairs) - 1)

    def wanted_books(self) -> tuple[Ticker, ...]:
        """The rungs near the money whose books are worth having; sticky, so that a tick does not resubscribe."""
        present_ns = self.window.target_ns if self.window is not None else 0
        if self.ladder is None or not self.fairs or self.markets_target_ns != present_ns:
            return ()
        count, most = len(self.ladder.markets), self.settings.books_max
        center = self.center()
        first, end = self.near
        slack = max(1, most // 4)
        if end == 0 or end > count or center < first + slack or center >= end - slack:
            first = max(0, min(center - most // 2, count - most))
            end = min(count, first + most)
            self.near = (first, end)
        return tuple(market.ticker for market in self.ladder.markets[first:end])

    def want(self, live: list[Order], positions: dict[Ticker, Count], now: Now) -> Want:
        """The orders this desk would rest now, if the gate is open."""
        if self.ladder is None or not self.fairs or self.edge_needed is None:
            return {}
        by_market: dict[Ticker, list[Order]] = {}
        for order in live:
            by_market.setdefault(order.ticker, []).append(order)
        center = self.center()
        reach = self.settings.quotes.rungs_max + 1
        first = max(0, center - reach)
        end = min(len(self.fairs), center + reach + 1)
        fresh, markets, fairs = self.books_fresh, self.ladder.markets, self.fairs
        near = {markets[i].ticker: i for i in range(first, end) if markets[i].ticker in fresh}
        chosen = select(((fairs[i], ticker) for ticker, i in near.items()), by_market, self.settings.quotes)
        size = self.settings.contracts_per_order * 100
        needed = self.edge_needed
        window_net = sum(count for ticker, count in positions.items() if ticker in self.markets)
        candidates = []
        for ticker in chosen:
            fair = fairs[near[ticker]]
            held = positions.get(ticker, Count(0))
            bid, ask = fair - needed, fair + needed
            candidates.append(
                Candidate(
                    markets[near[ticker]],
                    fair,
                    Price(bid),
                    Price(ask),
                    self.tops.get(ticker),
                    self._room(size, held, window_net) if bid > 0 else Count(0),
                    self._room(size, -held, -window_net) if ask < PRICE_PER_DOLLAR else Count(0),
                )
            )
        return desired(candidates, by_market, self.cooling, self.settings.quotes, now.mono_ns)

    def _room(self, size: int, held: int, window_net: int) -> Count:
        """How much may be added in a direction in which `held` and `window_net` are already long."""
        market_room = self.settings.per_market_contracts * 100 - held
        window_room = self.settings.per_window_contracts * 100 - window_net
        return Count(size if min(market_room, window_room) >= size else 0)

    # --- votes ---------------------------------------------------------------------------------------------------

    def window_vote(self) -> Vote:
        """Only QUOTING and STRICT let orders out."""
        if self.phase is Phase.QUOTING or self.phase is Phase.STRICT:
            return PASS
        if self.phase is Phase.FLATTENING or self.phase is Phase.FROZEN:
            return fail(Reason.T_MINUS_2S, f"{self.phase}: the book must read zero at the freeze")
        return fail(Reason.WINDOW_CLOSED, f"{self.phase}: no window is open")

    def markets_vote(self) -> Vote:
        """The ladder of this very window is known."""
        if self.window is not None and self.markets and self.markets_target_ns == self.window.target_ns:
            return PASS
        return unknown(Reason.MARKETS_UNKNOWN, "the exchange has not listed this window's markets to us yet")

    def fees_vote(self) -> Vote:
        """Fee terms read, and agreeing with the fee file."""
        if self.fees is None:
            return unknown(Reason.FEES_UNKNOWN, "fee terms have not been read from the exchange yet")
        return PASS if self.fees.may_quote else fail(Reason.FEES_UNKNOWN, self.fees.problem)

    def books_vote(self) -> Vote:
        """Some book near the money is current."""
        if any(ticker in self.tops for ticker in self.books_fresh):
            return PASS
        return unknown(Reason.BOOK_STALE, "no current order book near the money")

    def volatility_vote(self) -> Vote:
        """The deviation of the index is known."""
        if self.sigma.sigma_ppm is not None:
            return PASS
        return unknown(Reason.VOLATILITY_UNKNOWN, "too few index values to know today's volatility")

    def votes(self, now: Now) -> list[tuple[str, Vote]]:
        """Everything that this series alone has to say, in the order in which it is asked."""
        return [
            ("window", self.window_vote()),
            ("freshness", self.sentry.vote(now, self.phase)),
            ("markets", self.markets_vote()),
            ("fees", self.fees_vote()),
            ("books", self.books_vote()),
            ("volatility", self.volatility_vote()),
            ("divergence", self.divergence.vote(now)),
            ("stuck", self.stuck.vote(now, market_open=self.plan.market_open(now.utc_ns))),
        ]

    def next_deadline(self, now: Now) -> int | None:
        """When one of this desk's guards turns by itself."""
        found = (
            self.sentry.next_deadline(now, self.phase),
            self.stuck.next_deadline(now),
            min((at for at in self.cooling.values() if at > now.mono_ns), default=None),
        )
        return min((at for at in found if at is not None), default=None)
