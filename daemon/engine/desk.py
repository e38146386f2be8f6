# long: one series, seen whole: its window, index, ladder, books and wants share their fields
"""One desk per series: its window, its index, its ladder, and what it would rest if it may.

The desk gathers what belongs to a single series: the sentry over its index, the markets of the present window, the
tops of their books, the volatility and the prices. It decides nothing about the account; the engine asks it for votes
and for wanted quotes, and takes care of the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from collections.abc import Set as AbstractSet

from daemon.engine.settings import EngineSettings
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted, Counts
from domain.events import BookTop, MarketsRead, Tick
from domain.ids import Ticker
from domain.market import Market, Series, Side, Top
from domain.money import PRICE_PER_DOLLAR, Count, Price
from domain.reasons import Reason, RiskLimit, RungReason
from domain.records import OrderRefusedEntry
from domain.window import Phase, Window
from execution.candidates import candidate, capacity, why_unwanted
from execution.list_lag import SETTLE_NS
from execution.orders import Order
from execution.quoter import Candidate, Others, Want, desired, others_of, select
from feeds.failover import Mode
from guards.divergence import DivergenceGuard
from guards.freshness import Admission, FreshnessSentry
from guards.index_freshness import IndexFreshness
from guards.stuck import StuckGuard
from guards.values.canary import FirstValues, Judged, PrintCanary, Stillness
from guards.vote import PASS, Vote, fail, unknown
from pricing.edge import price_limit
from pricing.fair import Ladder, UnpricedError, winning_span
from pricing.fees import FeeAgreement
from pricing.quality import score
from pricing.sizing import PPM, lot
from pricing.volatility import VolatilityEstimate

AGES_KEPT = 4096
LISTING_LIMIT_NS = 200 * NS_PER_S  # three listings that were not answered
MIDDLE = Price(PRICE_PER_DOLLAR // 2)
_OPEN = frozenset({Phase.QUOTING, Phase.STRICT})
_NOTHING = Count(0)
REJECTED = {
    Admission.OTHER_SYMBOL: Counted.TICKS_OTHER_SYMBOL,
    Admission.NOT_POSITIVE: Counted.TICKS_NOT_POSITIVE,
    Admission.NOT_NEWER: Counted.TICKS_NOT_NEWER,
    Admission.FUTURE: Counted.TICKS_FUTURE,
    Admission.LATE: Counted.TICKS_LATE,
    Admission.AFTER_STALL: Counted.TICKS_AFTER_STALL,
}
INDEX_STALE = frozenset({Reason.WS_STALE, Reason.FINAL_MINUTE_STALE})


class Desk:
    """One series."""

    def __init__(self, series: Series, settings: EngineSettings, still: Stillness) -> None:
        """`still`: the guard over all indices together."""
        self.series = series
        self.plan = settings.plan
        self.settings = settings
        self.sentry = FreshnessSentry(series.name, series.symbol, settings.freshness)
        self.divergence = DivergenceGuard(series.symbol, settings.divergence, enabled=settings.feed_mode is Mode.HOT)
        self.feed = settings.primary  # the feed in use
        # One for each feed: what stands still on one is known, whichever is in use.
        self._stuck: dict[str, StuckGuard] = {}
        self.canary = PrintCanary(settings.canary)
        self.first = FirstValues(settings.canary)
        self.still = still
        self.judged = Judged(())  # what the newest value led to
        self.sigma = VolatilityEstimate()
        self.window: Window | None = None
        self.phase = Phase.CLOSED
        self.ladder: Ladder | None = None
        # What the fair values are worked out from: index value, deviation (ppm per root second), time left (ns).
        self.basis: tuple[int, float, int] | None = None
        self._fairs: list[Price] | None = None
        self.markets: dict[Ticker, Market] = {}
        self.markets_target_ns = 0
        self.limits_target_ns = 0  # the last window whose limits were recorded
        self._out_ns: dict[Ticker, int] = {}
        self.listed_ns = 0  # when the ladder was asked for that is quoted
        self.near: tuple[int, int] = (0, 0)
        self.tops: dict[Ticker, Top] = {}
        self.books_fresh: set[Ticker] = set()
        self.looked_at: dict[Ticker, Others] = {}  # what the quotes were last worked out from
        self.cooling: dict[tuple[Ticker, Side], int] = {}
        self.fees: FeeAgreement | None = None
        self.waiting_for_group = False
        # Why a side of a rung that was chosen is not wanted after all, and the markets that risk confines us to.
        self.unquoted: dict[tuple[Ticker, Side], RungReason] = {}
        self.confined: Container[Ticker] | None = None
        self.restricted: AbstractSet[Ticker] = frozenset()  # markets that our key may not trade
        self.vetoed: frozenset[Ticker] = frozenset()  # markets that the restricted list names
        # The order that risk last refused on a side, and why: asked for again at every tick, it is one record.
        self.refused: dict[tuple[Ticker, Side], tuple[Price, Count, str]] = {}
        # Whether prices, books or markets have changed since the quotes were last worked out.
        self.moved = True
        # Until when, if only other series' market data comes in, the gate need not be looked at again.
        self.hold_ns = 0
        self.edge_needed: int | None = None
        self.capacity = capacity(_NOTHING, 0, 0)
        self.allow_size(0 if settings.vix.enabled else PPM)
        self.ages_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self.window_ticks = 0

    # --- what it is told -----------------------------------------------------------------------------------------

    def allow_size(self, factor_ppm: int) -> None:
        """The share of our size that is allowed now, in millionths; the edge asked for is divided by the same."""
        quoting, risk = self.settings.quoting, self.settings.risk
        shrink_ppm = quoting.shrink_ppm * factor_ppm // PPM
        limit = price_limit(Side.BID, MIDDLE, 0, shrink_ppm, quoting.minimum_edge)
        # A maker pays nothing, so the edge asked for is the same at every price.
        self.edge_needed = None if limit is None else MIDDLE - limit
        size = lot(quoting.contracts_per_order, factor_ppm, fractions=quoting.fractions)
        self.capacity = capacity(size, risk.per_market_contracts, risk.per_window_contracts)
        self.moved = True

    def advance(self, now: Now, lead_ns: int) -> Phase | None:
        """Look at the clock; the new phase when it changed."""
        window = self.plan.current_window(self.series.name, now.utc_ns)
        phase = window.phase(now.utc_ns, lead_ns) if window else Phase.CLOSED
        another = window is not None and window is not self.window and window != self.window
        if phase in _OPEN and self.phase is Phase.FLATTENING and not another:
            # The lead was measured anew and has shrunk: what has begun to flatten does not open again.
            phase = Phase.FLATTENING
        changed = another or phase is not self.phase
        if another:
            self.cooling.clear()
            self._out_ns.clear()
            self.canary.window(window.target_ns if window is not None else 0)
            self.ages_ms.clear()
            self.window_ticks = 0
        self.window = window or self.window
        self.phase = phase
        return phase if changed else None

    def tick(self, tick: Tick, now: Now) -> Admission:
        """One value of the active feed."""
        previous = self.sentry.last
        admission = self.sentry.observe(tick, now)
        self.judged = Judged((tick,))
        if admission is Admission.ACCEPTED:
            self.judged = self.canary.observe(tick, self.sigma.sigma_ppm)
            for good in self.judged.good:
                self.sigma.observe(good.value, good.event_ns)
            self.window_ticks += 1
            if previous is not None:
                self.ages_ms.append((tick.received_mono_ns - previous.received_mono_ns) / NS_PER_MS)
            self.reprice()
        return admission

    def follow(self, feed: str, tick: Tick | None, now: Now) -> None:
        """Another feed is in use: its newest value counts at once, and its own guard says whether it is stuck."""
        self.feed = feed
        if tick is not None:
            self.tick(tick, now)

    def stuck_on(self, feed: str) -> StuckGuard:
        """The guard of this index on one feed."""
        guard = self._stuck.get(feed)
        if guard is None:
            guard = self._stuck[feed] = StuckGuard(self.series.symbol)
        return guard

    def listed(self, event: MarketsRead) -> None:
        """The exchange listed the ladder of a window; rungs whose settlement rule is unknown are left out.

        What it does not list any more is not quoted any more: a listing without a rung leaves nothing to quote.
        """
        if self.window is not None and event.target_ns != self.window.target_ns:
            return
        usable = []
        for market in event.markets:
            try:
                winning_span(market)
            except UnpricedError:
                continue
            if event.asked.mono_ns < self._out_ns.get(market.ticker, 0):
                continue  # reads lag: it was asked for too early to know
            if market.status in {"active", "initialized", "open"}:
                usable.append(market)
        usable.sort(key=lambda market: (market.floor_strike or 0, market.ticker))
        self.markets_target_ns, self.listed_ns = event.target_ns, event.asked.mono_ns
        self._take_ladder(usable)
        self.basis = None

    def delisted(self, ticker: Ticker, now: Now) -> None:
        """A rung is halted, or closes at another time: it is out until a later listing has it in this window again."""
        self._out_ns[ticker] = now.mono_ns + SETTLE_NS
        self._take_ladder([market for market in self.markets.values() if market.ticker != ticker])

    @property
    def out_until_ns(self) -> int:
        """From when on a listing may bring back what fell out."""
        return max(self._out_ns.values(), default=0)

    def _take_ladder(self, markets: list[Market]) -> None:
        """Quote these rungs, lowest first; the books of those that stay are as good as before."""
        if [market.ticker for market in markets] != list(self.markets):
            self.near = (0, 0)
        self.markets = {market.ticker: market for market in markets}
        self.tops = {ticker: top for ticker, top in self.tops.items() if ticker in self.markets}
        self.books_fresh.intersection_update(self.markets)
        self.ladder = Ladder(markets) if markets else None
        self._fairs = None
        self.moved = True

    def concerns(self, ticker: Ticker) -> bool:
        """Whether a market is, or may become, a rung of the present ladder."""
        known = next(iter(self.markets.values()), None)
        prefix = self.series.exchange_series if known is None else known.event_ticker
        return ticker in self.markets or ticker.startswith(f"{prefix}-")

    def top(self, event: BookTop, live: Iterable[Order]) -> bool:
        """A book changed; False when it is not one of ours. Quotes follow what others show in the rungs quoted."""
        ticker = event.top.ticker
        if ticker not in self.markets:
            return False
        self.tops[ticker] = event.top
        if ticker not in self.books_fresh:
            self.books_fresh.add(ticker)
            self.moved = True
        elif ticker in self.looked_at:
            own = [order for order in live if order.ticker == ticker]
            self.moved = self.moved or others_of(event.top, own) != self.looked_at[ticker]
        return True

    def late(self, ticker: Ticker, until_ns: int) -> None:
        """News of a book comes too late: it is not priced on, and its market cools."""
        self.books_fresh.discard(ticker)
        self.moved = True
        for side in Side:
            self.cooling[ticker, side] = max(self.cooling.get((ticker, side), 0), until_ns)

    def books_stale(self, tickers: tuple[Ticker, ...]) -> None:
        """Books may no longer be believed; all of them when none is named."""
        if tickers:
            self.books_fresh.difference_update(tickers)
        else:
            self.books_fresh.clear()

    # --- prices --------------------------------------------------------------------------------------------------

    def reprice(self) -> None:
        """Take the newest valid value as what prices are worked out from; none while something is unknown."""
        tick, sigma = self.sentry.last, self.sigma.sigma_ppm
        if self.canary.suspects and self.basis is not None:
            return  # what is held back prices nothing
        self._fairs = None
        if self.ladder is None or tick is None or sigma is None or not self.markets_target_ns:
            self.basis = None
            return
        # From the value's own arrival, so that a price does not move between two values just because time passes.
        self.basis = tick.value, sigma, self.markets_target_ns - tick.received_utc_ns
        self.moved = True

    @property
    def fairs(self) -> list[Price]:
        """Fair value of every rung, for screens; none while something is unknown. A tick prices only what it needs."""
        if self.ladder is None or self.basis is None:
            return []
        if self._fairs is None:
            self._fairs = self.ladder.fair(*self.basis)
        return self._fairs

    def center(self) -> int:
        """The index in the ladder of the rung nearest the money."""
        if self.ladder is None or self.basis is None:
            return len(self.markets) // 2
        return self.ladder.center(self.basis[0])

    def wanted_books(self) -> tuple[Ticker, ...]:
        """The rungs near the money whose books are worth having; sticky, so that a tick does not resubscribe."""
        present_ns = self.window.target_ns if self.window is not None else 0
        if self.ladder is None or self.basis is None or self.markets_target_ns != present_ns:
            return ()
        count, most = len(self.ladder.markets), self.settings.quoting.books_subscribed_max
        center = self.center()
        first, end = self.near
        slack = max(1, most // 4)
        if end == 0 or end > count or center < first + slack or center >= end - slack:
            first = max(0, min(center - most // 2, count - most))
            end = min(count, first + most)
            self.near = (first, end)
        return tuple(market.ticker for market in self.ladder.markets[first:end])

    def want(
        self, live: list[Order], positions: dict[Ticker, Count], now: Now, only: Container[Ticker] | None = None
    ) -> Want:
        """The orders this desk would rest now, if the gate is open; `only` in these markets if risk allows no other."""
        self.looked_at, self.unquoted, self.confined = {}, {}, only
        if self.ladder is None or self.basis is None or self.edge_needed is None:
            return {}
        by_market: dict[Ticker, list[Order]] = {}
        for order in live:
            if order.ticker in by_market:
                by_market[order.ticker].append(order)
            else:
                by_market[order.ticker] = [order]
        barred = self.restricted | self.vetoed if self.restricted or self.vetoed else None
        fresh = self.books_fresh - barred if barred else self.books_fresh
        quoting = self.settings.quoting
        center, reach = self.center(), quoting.rungs_max + 1
        first = max(0, center - reach)
        markets = self.ladder.markets[first : center + reach + 1]
        fairs = self.ladder.fair(*self.basis, first, first + len(markets))
        near = {m.ticker: (m, fair) for m, fair in zip(markets, fairs, strict=True) if m.ticker in fresh}
        if only is not None:
            near = {ticker: rung for ticker, rung in near.items() if ticker in only}
        chosen = select([(fair, ticker) for ticker, (_, fair) in near.items()], by_market, quoting)
        chosen = self._good_enough(chosen[: self.settings.selection.rungs_max], near, by_market)
        window_net = sum(count for ticker, count in positions.items() if ticker in self.markets) if positions else 0
        candidates = []
        for ticker in chosen:
            market, fair = near[ticker]
            seen = self.looked_at[ticker] = others_of(self.tops[ticker], by_market.get(ticker, ()))
            held = positions.get(ticker, _NOTHING)
            candidates.append(candidate(market, fair, self.edge_needed, seen, held, window_net, self.capacity))
        wanted = desired(candidates, by_market, self.cooling, quoting, now.mono_ns)
        if len(wanted) < 2 * len(candidates):
            for rung in candidates:
                self._explain(rung, wanted, positions.get(rung.market.ticker, _NOTHING), now.mono_ns)
        return wanted

    def _good_enough(
        self, chosen: list[Ticker], near: dict[Ticker, tuple[Market, Price]], live: dict[Ticker, list[Order]]
    ) -> list[Ticker]:
        """Those whose edge over our own doubt has the least score; of the others it is said."""
        assert self.basis is not None, "asked of a ladder without a price"
        assert self.edge_needed is not None, "asked without an edge"
        left_ns, least, good = self.basis[2], self.settings.selection.minimum_score, []
        for ticker in chosen:
            if score(near[ticker][1], self.edge_needed, left_ns) >= least:
                good.append(ticker)
                continue
            self.looked_at[ticker] = others_of(self.tops[ticker], live.get(ticker, ()))
            self.unquoted.update(((ticker, side), RungReason.SCORE_TOO_LOW) for side in Side)
        return good

    def _explain(self, rung: Candidate, wanted: Want, held: Count, now_ns: int) -> None:
        """Note why a side of a rung that was chosen is not wanted."""
        for side in Side:
            key = rung.market.ticker, side
            if key not in wanted:
                cooling = self.cooling.get(key, 0) > now_ns
                self.unquoted[key] = why_unwanted(rung, side, self.capacity, held, cooling=cooling)

    def held_back(self, reasons: tuple[Reason, ...], before: tuple[Reason, ...], counts: Counts) -> None:
        """A closed gate holds the quoter back: count it inside a window, and each new time that the index is why."""
        if self.phase is not Phase.QUOTING and self.phase is not Phase.STRICT:
            return
        counts.add(Counted.CYCLES_SKIPPED)
        if INDEX_STALE.isdisjoint(before) and not INDEX_STALE.isdisjoint(reasons):
            counts.add(Counted.STALES)

    def refused_anew(self, order: Order, why: str, limit: RiskLimit) -> OrderRefusedEntry | None:
        """The record of an order that risk refuses; None while it is the same order for the same reason as before.

        The signals are spent for the rest of the session, at every price: that is told once for a side of a rung.
        """
        key, told = (order.ticker, order.side), (order.price, order.count, why)
        if limit is RiskLimit.SIGNALS:
            told = (Price(0), _NOTHING, why)
        if self.refused.get(key) == told:
            return None
        self.refused[key] = told
        return OrderRefusedEntry(
            series=self.series.name,
            window=order.target_ns,
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            price=order.price,
            count=order.count,
            reason=why,
            limit=limit,
        )

    # --- votes ---------------------------------------------------------------------------------------------------

    def freshness(self, now: Now) -> IndexFreshness:
        """How fresh the index is: what every screen, file and metric shows, and what the vote below is made of."""
        return self.sentry.verdict(now, self.phase)

    def window_vote(self) -> Vote:
        """Only QUOTING and STRICT let orders out."""
        if self.phase is Phase.QUOTING or self.phase is Phase.STRICT:
            return PASS
        if self.phase is Phase.FLATTENING or self.phase is Phase.FROZEN:
            return fail(Reason.T_MINUS_2S, f"{self.phase}: the book must read zero at the freeze")
        return fail(Reason.WINDOW_CLOSED, f"{self.phase}: no window is open")

    def markets_vote(self, now: Now) -> Vote:
        """The ladder of this very window is known, from a listing that is young enough."""
        if self.window is not None and self.markets and self.markets_target_ns == self.window.target_ns:
            age_ns = now.mono_ns - self.listed_ns
            if age_ns <= LISTING_LIMIT_NS:
                return PASS
            return unknown(Reason.MARKETS_UNKNOWN, f"this window's markets were last listed {age_ns // NS_PER_S} s ago")
        return unknown(Reason.MARKETS_UNKNOWN, "the exchange has not listed this window's markets to us yet")

    def fees_vote(self) -> Vote:
        """Fee terms read, and agreeing with the fee file."""
        if self.fees is None:
            return unknown(Reason.FEES_UNKNOWN, "fee terms have not been read from the exchange yet")
        return PASS if self.fees.may_quote else fail(Reason.FEES_UNKNOWN, self.fees.problem)

    def books_vote(self) -> Vote:
        """Some book near the money is current."""
        if not self.books_fresh.isdisjoint(self.tops):
            return PASS
        return unknown(Reason.BOOK_STALE, "no current order book near the money")

    def volatility_vote(self) -> Vote:
        """The deviation of the index is known."""
        if self.sigma.sigma_ppm is not None:
            return PASS
        return unknown(Reason.VOLATILITY_UNKNOWN, "too few index values to know today's volatility")

    def stuck_vote(self, now: Now) -> Vote:
        """The value of the feed in use moves."""
        return self.stuck_on(self.feed).vote(now, market_open=self.plan.market_open(now.utc_ns))

    def votes(self, now: Now) -> list[tuple[str, Vote]]:
        """Everything that this series alone has to say, in the order in which it is asked."""
        return [
            ("window", self.window_vote()),
            ("freshness", self.sentry.vote(now, self.phase)),
            ("markets", self.markets_vote(now)),
            ("fees", self.fees_vote()),
            ("books", self.books_vote()),
            ("volatility", self.volatility_vote()),
            ("divergence", self.divergence.vote(now)),
            ("stuck", self.stuck_vote(now)),
            ("prints", self.canary.vote()),
            ("first_values", self.first.vote(self.feed, now, market_open=self.plan.market_open(now.utc_ns))),
            ("indices", self.still.vote(now)),
        ]

    def next_deadline(self, now: Now) -> int | None:
        """When one of this desk's guards turns by itself."""
        found = [at for at in self.cooling.values() if at > now.mono_ns] if self.cooling else []
        turns = (
            self.sentry.next_deadline(now, self.phase),
            self.stuck_on(self.feed).next_deadline(now),
            self.first.next_deadline(self.feed, now),
        )
        found += [turns_ns for turns_ns in turns if turns_ns is not None]
        if self.markets and self.listed_ns + LISTING_LIMIT_NS >= now.mono_ns:
            found.append(self.listed_ns + LISTING_LIMIT_NS + 1)
        return min(found, default=None)
