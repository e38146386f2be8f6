"""What became of each window: quotes, fills, trips, the settlement, and the P&L to the cent.

The exchange's own words decide. A window is finished when the exchange has told the result of its markets and, if we
held anything, the settlement of every market that we held; our own verdict from the index print is kept beside it, and
is UNKNOWN within a hundredth of a point of the strike (docs/contracts.md, Money and prices).
"""

from __future__ import annotations

from daemon.engine.account import Account
from daemon.engine.books import Books
from daemon.engine.desk import Desk
from daemon.engine.holdings import FILLS, Holdings
from daemon.engine.parity.compare import Parity
from daemon.engine.settings import EngineSettings
from daemon.engine.settling.window_result import Result, close_flat, ended, finish, held_in, settle
from domain.actions import AnyAction, Read, Report
from domain.alert_types.catalogue import SettlementUnreadableAlert, Severity
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import ProtocolError
from domain.events import Fill, MarketsRead, SettlementsRead, Tick
from domain.ids import Ticker
from domain.market import Market
from domain.money import INDEX_PER_POINT, IndexValue
from domain.records import SettlementEntry, StraySettlementEntry, WindowResultEntry, WsFreshnessEntry
from domain.window import Phase, Window
from execution.reads import Key
from guards.cadence import percentile

CENT = INDEX_PER_POINT // 100
FINAL = frozenset({"finalized", "determined", "settled"})
# How often all settlements are read while something is held past its target, and in case one is amended. An alert about
# one that cannot be read is raised again as often as the latter, until somebody acts.
LATE_POLL_NS = 60 * NS_PER_S
AMENDED_POLL_NS = 600 * NS_PER_S
EVERY_SETTLEMENT = Key(Read.SETTLEMENTS)
RESULTS_KEPT = 64
# Settled markets and the names of ladders are remembered for two days: long enough for anything late to find them.
MARKETS_KEPT_NS = 2 * 86_400 * NS_PER_S
# After this a window whose settlement never came is reported as it stands, and looked at no more.
SETTLEMENT_PATIENCE_NS = 3600 * NS_PER_S


def _settled(rows: list[SettlementEntry], out: list[AnyAction]) -> None:
    out.extend(rows)


class Results:
    """What became of every window, and what is held in none: pursued until settled, then reported."""

    def __init__(
        self, settings: EngineSettings, held: Holdings, parity: Parity, account: Account, books: Books
    ) -> None:
        self.settings = settings
        self.held = held
        self.parity = parity
        self.account = account
        self.books = books
        self.by_window: dict[tuple[str, int], Result] = {}
        self.markets: dict[tuple[str, int], dict[Ticker, Market]] = {}
        self.freshness: dict[tuple[str, int], WsFreshnessEntry] = {}
        self.strays: set[Key] = set()
        self._told_unread_ns: dict[Ticker, int] = {}
        account.window_of = self._window_of

    # --- what happens in a window --------------------------------------------------------------------------------

    def entered(self, desk: Desk, window: Window, phase: Phase) -> None:
        """A desk's window changed its phase."""
        key = (desk.series.name, window.target_ns)
        if phase is not Phase.CLOSED and key not in self.by_window:
            self.by_window[key] = Result(desk.series.name, window.label, window.target_ns)
            while len(self.by_window) > RESULTS_KEPT:
                oldest = next(iter(self.by_window))
                del self.by_window[oldest]
                self.markets.pop(oldest, None)
                self.freshness.pop(oldest, None)
        if phase is Phase.FROZEN:
            self.freshness[key] = _freshness(desk)
        if phase is Phase.PREFLIGHT:
            self.parity.walk_wanted = True

    def printed(self, desk: Desk, tick: Tick) -> None:
        """Keep the last index value at or before the target: our own settlement print."""
        result = self._present(desk)
        if result is not None and tick.event_ns <= result.target_ns and not result.settled:
            result.print_value = tick.value

    def quoted(self, desk: Desk) -> None:
        """One more order was sent in the desk's window."""
        result = self._present(desk)
        if result is not None:
            result.quotes += 1

    def tripped(self, desk: Desk) -> None:
        """The strict limit was broken in the desk's window."""
        result = self._present(desk)
        if result is not None:
            result.trips += 1

    def filled(self, fill: Fill) -> None:
        """One of our orders was executed."""
        account = self.held.ledger.markets.get(fill.ticker)
        result = self.by_window.get((account.series, account.target_ns)) if account else None
        if result is not None:
            result.fills += 1
            # Listed late, after its window was reported: without this its market would stay open in our book for ever.
            result.reported = result.settled = result.flat_closed = False

    def reopen(self, ticker: Ticker) -> None:
        """Something was adopted in a market: its window is pursued until that is settled too."""
        account = self.held.ledger.markets.get(ticker)
        result = self.by_window.get((account.series, account.target_ns)) if account else None
        if result is not None:
            result.reported = result.settled = result.flat_closed = False

    def _present(self, desk: Desk) -> Result | None:
        return self.by_window.get((desk.series.name, desk.window.target_ns)) if desk.window else None

    def listed(self, event: MarketsRead) -> None:
        """The exchange listed the ladder of a window: what may be held has a name, and perhaps a result."""
        if event.markets:
            self.markets[event.series, event.target_ns] = {market.ticker: market for market in event.markets}
        for market in event.markets:
            self.held.target_of[market.ticker] = event.target_ns
            self._claim(event.series, event.target_ns, market.ticker)
        result = self.by_window.get((event.series, event.target_ns))
        if result is not None and event.markets:
            result.event_ticker = event.markets[0].event_ticker
            if all(ended(m) for m in event.markets if m.status in FINAL) and any(ended(m) for m in event.markets):
                result.results_known = all(ended(m) for m in event.markets)
                result.expiration_value = next((m.expiration_value for m in event.markets if m.expiration_value), "")

    def _claim(self, series: str, target_ns: int, ticker: Ticker) -> None:
        """A fill of an earlier run, listed before its market was, belongs to this window."""
        held = self.held.ledger.markets.get(ticker)
        if held is None or held.target_ns == target_ns or held.result:
            return
        held.target_ns = target_ns
        result = self.by_window.get((series, target_ns))
        if result is not None:
            result.fills += held.fills
            result.flat_closed = False

    def _window_of(self, series: str, fill: Fill, now: Now) -> int | None:
        """Where a fill belongs of which no memory is left, because the state directory was lost.

        Fills are listed for a day. Those of the present session count: their windows are pursued until settled, and
        what they lost is lost today. Those of a session that is over are history: the exchange has settled them.
        """
        plan, traded_ns = self.settings.plan, fill.exchange_ms * NS_PER_MS
        if not traded_ns:
            return 0
        window = plan.current_window(series, traded_ns)
        over_ns = window.target_ns if window is not None else traded_ns
        session_over = plan.session_date(over_ns) != plan.session_date(now.utc_ns)
        if session_over and now.utc_ns > over_ns + SETTLEMENT_PATIENCE_NS:
            return None
        if window is None:
            return 0
        key = (series, window.target_ns)
        if key not in self.by_window:
            self.by_window[key] = Result(series, window.label, window.target_ns, since_ns=now.utc_ns)
        return window.target_ns

    # --- settlement ----------------------------------------------------------------------------------------------

    def settlements_read(self, event: SettlementsRead, now: Now, out: list[AnyAction]) -> None:
        """The exchange settled markets that we held, or amended what it had settled, at whatever time."""
        if self.held.reads.answered(event.request_id, now.mono_ns) is None:
            return
        for unread in event.unread:
            self._unread(Ticker(unread.name), unread.why, now, out)
        for said in event.settlements:
            account = self.held.ledger.markets.get(said.ticker)
            if account is None:
                continue
            key = account.series, account.target_ns
            result = self.by_window.get(key)
            stray = Result(account.series, "", account.target_ns, event.event_ticker)
            try:
                entry = StraySettlementEntry if result is None else SettlementEntry
                rows = settle(self.held.ledger, result or stray, (said,), self.markets.get(key, {}), entry)
            except ProtocolError as problem:
                self._unread(said.ticker, str(problem), now, out)
                continue
            if said.result:
                self.held.unread_settlements.pop(said.ticker, None)
            self._walk_after(rows, now)
            _settled(rows, out)
            if rows and result is not None and result.reported:
                # It came, or was amended, after its window was reported: the report is made anew.
                result.reported = result.settled = False

    def unreadable(self, key: Key, why: str, now: Now, out: list[AnyAction]) -> None:
        """A whole answer about settlements cannot be read: neither can those of the markets that it was asked for."""
        for ticker, account in self.held.ledger.markets.items():
            asked = ticker.startswith(f"{key.ticker}-") if key.ticker else account.target_ns < now.utc_ns
            if asked and account.position:
                self._unread(ticker, why, now, out)

    def _unread(self, ticker: Ticker, why: str, now: Now, out: list[AnyAction]) -> None:
        """Nothing can be booked from what was told of a market that we hold: a person must look."""
        account = self.held.ledger.markets.get(ticker)
        if account is None or account.result:
            return
        if self.held.unread_settlements.get(ticker) != why:
            self.held.unread_settlements[ticker] = why
            self._tell_unread(ticker, why, now, out)

    def _tell_unread(self, ticker: Ticker, why: str, now: Now, out: list[AnyAction]) -> None:
        self._told_unread_ns[ticker] = now.mono_ns
        account = self.held.ledger.markets[ticker]
        out.append(SettlementUnreadableAlert(Severity.CRITICAL, account.series, ticker, account.position, why))
        self.parity.tell(out)

    def _watch_settlements(self, now: Now, out: list[AnyAction]) -> None:
        """Read every settlement now and then: of what is held past its target, or in case one is amended."""
        over = [a for a in self.held.ledger.markets.values() if a.target_ns < now.utc_ns]
        late = any(a.position and not a.result for a in over)
        if over:
            self.held.reads.pace(EVERY_SETTLEMENT, LATE_POLL_NS if late else AMENDED_POLL_NS, now.mono_ns)
        for ticker, why in self.held.unread_settlements.items():
            if now.mono_ns >= self._told_unread_ns.get(ticker, 0) + AMENDED_POLL_NS:
                self._tell_unread(ticker, why, now, out)

    def _walk_after(self, rows: list[SettlementEntry], now: Now) -> None:
        """What is settled has moved cash: the balance is walked once that shows."""
        if rows:
            self.held.settled_ns = now.mono_ns
            self.parity.walk_wanted = True

    def pursue(self, now: Now, out: list[AnyAction]) -> None:
        """Ask for what the windows that are over still lack, and report each once nothing is lacking."""
        held = self.held
        if FILLS not in held.reconciled:
            return  # a fill that nobody saw may still be listed: no window is over before
        self._watch_settlements(now, out)
        reads, pace = held.reads, self.settings.settlement_poll_ns
        for (series, target_ns), result in self.by_window.items():
            if result.reported or now.utc_ns <= target_ns:
                continue
            given_up = now.utc_ns > max(target_ns, result.since_ns) + SETTLEMENT_PATIENCE_NS
            # News of a fill may have been lost: what we hold is known when the fills were listed after the target.
            fills_known = self.books.fills_known_since(target_ns, now)
            over = fills_known and finish(held.ledger, result)
            if fills_known and result.results_known and not result.flat_closed:
                result.flat_closed = True
                ladder = self.markets.get((series, target_ns), {})
                flat = close_flat(held.ledger, result, ladder)
                rows = settle(held.ledger, result, flat, ladder)
                self._walk_after(rows, now)
                _settled(rows, out)
                over = finish(held.ledger, result)
            markets_key = Key(Read.MARKETS, series, target_ns)
            settlements_key = Key(Read.SETTLEMENTS, series, target_ns, result.event_ticker)
            if not given_up and not over:
                reads.pace(markets_key, pace, now.mono_ns)
                if result.event_ticker and held_in(held.ledger, result):
                    reads.pace(settlements_key, pace, now.mono_ns)
                continue
            reads.drop(markets_key)
            reads.drop(settlements_key)
            result.reported = True
            self.account.forget(target_ns - MARKETS_KEPT_NS)
            self._print_verdict(result, out)
            out.append(Report(result.label, target_ns, series))

    def pursue_strays(self, now: Now) -> None:
        """Ask for the settlement of what is held in no window of ours: traded by hand, or under another template."""
        strays = {
            Key(Read.SETTLEMENTS, market.series, 0, ticker.rpartition("-")[0])
            for ticker, market in self.held.ledger.markets.items()
            if market.position and not market.target_ns and not market.result
        }
        for key in sorted(self.strays - strays):
            self.held.reads.drop(key)
        for key in sorted(strays):
            self.held.reads.pace(key, self.settings.settlement_poll_ns, now.mono_ns)
        self.strays = strays

    def _print_verdict(self, result: Result, out: list[AnyAction]) -> None:
        value = result.print_value
        rounded = None if value is None else IndexValue((value + CENT // 2) // CENT * CENT)
        told = WindowResultEntry(
            series=result.series,
            label=result.label,
            target_ns=result.target_ns,
            print=rounded,
            expiration_value=result.expiration_value,
            quotes=result.quotes,
            fills=result.fills,
            trips=result.trips,
            pnl=result.pnl,
            settled=result.settled,
        )
        out.append(told)
        measured = self.freshness.get((result.series, result.target_ns))
        if measured is not None:
            out.append(measured)


def _freshness(desk: Desk) -> WsFreshnessEntry:
    """How young the index was in the window that has just ended."""
    assert desk.window is not None, "a window has ended"
    ages = sorted(desk.ages_ms)
    return WsFreshnessEntry(
        series=desk.series.name,
        target_ns=desk.window.target_ns,
        basis=desk.settings.freshness.basis,
        age_p50_ms=ages[len(ages) // 2] if ages else None,
        age_p99_ms=percentile(ages, 99) if ages else None,
        cadence_p50_ms=desk.sentry.cadence_median_ms,
        cadence_p99_ms=desk.sentry.cadence_p99_ms,
        ticks=desk.window_ticks,
    )
