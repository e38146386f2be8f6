"""The duties around quoting: list the ladder, keep groups ahead, follow books, settle, report, remember.

None of them is urgent and none can send a place or keep a cancel waiting; the engine calls them after it has decided.
"""

from __future__ import annotations

from daemon.engine.account import FILLS, Account
from daemon.engine.desk import Desk
from daemon.engine.results import CENT, FINAL, Result, close_flat, disputed, finish, held_in, settle
from daemon.engine.settings import EngineSettings
from domain.actions import AnyAction, Read, Record, Report, SubscribeBooks
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import Fill, MarketsRead, SettlementsRead, Tick
from domain.ids import Ticker
from domain.market import Market
from domain.window import Phase
from execution.reads import Key

LEAD_SAMPLES_MIN = 100
LEAD_FACTOR = 3
RELIST_NS = 5 * NS_PER_S
FEES_NS = 600 * NS_PER_S
RESULTS_KEPT = 64
# Settled markets and the names of ladders are remembered for two days: long enough for anything late to find them.
MARKETS_KEPT_NS = 2 * 86_400 * NS_PER_S
# After this a window whose settlement never came is reported as it stands, and looked at no more.
SETTLEMENT_PATIENCE_NS = 3600 * NS_PER_S


class Duties:
    """Housekeeping over the account and the desks."""

    def __init__(self, settings: EngineSettings, account: Account, desks: dict[str, Desk]) -> None:
        self.settings = settings
        self.account = account
        self.desks = desks
        self.results: dict[tuple[str, int], Result] = {}
        self.subscribed: tuple[Ticker, ...] = ()
        self.lead_ns = settings.lead_min_ns
        self.ahead_ns = 0
        self.ladders: dict[tuple[str, int], dict[Ticker, Market]] = {}
        self.freshness: dict[tuple[str, int], dict[str, object]] = {}
        self.strays: set[Key] = set()
        account.window_of = self._window_of

    # --- windows -------------------------------------------------------------------------------------------------

    def entered(self, desk: Desk, phase: Phase, now: Now) -> None:
        """A window of this desk changed its phase."""
        window = desk.window
        assert window is not None, "a phase without a window"
        key = (desk.series.name, window.target_ns)
        if phase is not Phase.CLOSED and key not in self.results:
            self.results[key] = Result(desk.series.name, window.label, window.target_ns)
            while len(self.results) > RESULTS_KEPT:
                oldest = next(iter(self.results))
                del self.results[oldest]
                self.ladders.pop(oldest, None)
                self.freshness.pop(oldest, None)
        if phase is Phase.FROZEN:
            self.freshness[key] = _freshness(desk)
        if phase in {Phase.PREFLIGHT, Phase.QUOTING} and desk.markets_target_ns != window.target_ns:
            self.relist(desk, now)

    def relist(self, desk: Desk, now: Now) -> None:
        """Ask for the ladder of the desk's present window, now and until it is known."""
        if desk.window is None:
            return
        for key in [k for k in self.account.reads.slots if k.what is Read.MARKETS and k.series == desk.series.name]:
            if key.target_ns != desk.window.target_ns and (key.series, key.target_ns) not in self.results:
                self.account.reads.drop(key)
        key = Key(Read.MARKETS, desk.series.name, desk.window.target_ns)
        self.account.reads.pace(key, RELIST_NS, now.mono_ns)
        self.account.reads.soon(key, now.mono_ns)

    def markets_read(self, event: MarketsRead, now: Now, out: list[AnyAction]) -> None:
        """The exchange listed a ladder: of the present window to quote, or of a past one with its results."""
        key = self.account.reads.answered(event.request_id, now.mono_ns)
        desk = self.desks.get(event.series)
        if key is None or desk is None:
            return
        if event.markets:
            self.ladders[event.series, event.target_ns] = {market.ticker: market for market in event.markets}
        for market in event.markets:
            self.account.target_of[market.ticker] = event.target_ns
            self._claim(event.series, event.target_ns, market.ticker)
        result = self.results.get((event.series, event.target_ns))
        if result is not None and event.markets:
            result.event_ticker = event.markets[0].event_ticker
            if all(m.result for m in event.markets if m.status in FINAL) and any(m.result for m in event.markets):
                result.results_known = all(m.result for m in event.markets)
                result.expiration_value = next((m.expiration_value for m in event.markets if m.expiration_value), "")
        if desk.window is not None and desk.window.target_ns == event.target_ns and now.utc_ns < event.target_ns:
            desk.listed(event)
            desk.reprice()
            if desk.markets:
                self.account.reads.pace(key, 12 * RELIST_NS, now.mono_ns)

    def _claim(self, series: str, target_ns: int, ticker: Ticker) -> None:
        """A fill of an earlier run, listed before its market was, belongs to this window."""
        held = self.account.ledger.markets.get(ticker)
        if held is None or held.target_ns == target_ns or held.result:
            return
        held.target_ns = target_ns
        result = self.results.get((series, target_ns))
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
        if key not in self.results:
            self.results[key] = Result(series, window.label, window.target_ns, since_ns=now.utc_ns)
        return window.target_ns

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
        self.account.count(f"trips:{desk.series.name}")
        result = self._present(desk)
        if result is not None:
            result.trips += 1

    def filled(self, fill: Fill) -> None:
        """One of our orders was executed."""
        account = self.account.ledger.markets.get(fill.ticker)
        result = self.results.get((account.series, account.target_ns)) if account else None
        if result is not None:
            result.fills += 1
            # Listed late, after its window was reported: without this its market would stay open in our book for ever.
            result.reported = result.settled = result.flat_closed = False

    def _present(self, desk: Desk) -> Result | None:
        return self.results.get((desk.series.name, desk.window.target_ns)) if desk.window else None

    # --- settlement ----------------------------------------------------------------------------------------------

    def settlements_read(self, event: SettlementsRead, now: Now, out: list[AnyAction]) -> None:
        """The exchange settled markets that we held."""
        key = self.account.reads.answered(event.request_id, now.mono_ns)
        if key is None:
            return
        stray = Result(key.series, "", 0, event.event_ticker)
        for result in (stray,) if not key.target_ns else self.results.values():
            if result.event_ticker != event.event_ticker:
                continue
            ladder = self.ladders.get((result.series, result.target_ns), {})
            rows = settle(self.account.ledger, result, event.settlements, ladder)
            self._settled("settlement" if key.target_ns else "stray_settlement", rows, out)

    def _settled(self, record: str, rows: list[dict[str, object]], out: list[AnyAction]) -> None:
        for row in rows:
            out.append(Record(record, row))
            dispute = disputed(row)
            if dispute is not None:
                out.append(dispute)

    def _pursue_results(self, now: Now, out: list[AnyAction]) -> None:
        if FILLS not in self.account.reconciled:
            return  # a fill that nobody saw may still be listed: no window is over before
        reads, pace = self.account.reads, self.settings.settlement_poll_ns
        for (series, target_ns), result in self.results.items():
            if result.reported or now.utc_ns <= target_ns:
                continue
            given_up = now.utc_ns > max(target_ns, result.since_ns) + SETTLEMENT_PATIENCE_NS
            # News of a fill may have been lost: what we hold is known when the fills were listed after the target.
            fills_known = self.account.fills_known_since(target_ns, now)
            if fills_known and result.results_known and not result.flat_closed:
                result.flat_closed = True
                ladder = self.ladders.get((series, target_ns), {})
                flat = close_flat(self.account.ledger, result, ladder)
                rows = settle(self.account.ledger, result, flat, ladder)
                self._settled("settlement", rows, out)
            markets_key = Key(Read.MARKETS, series, target_ns)
            settlements_key = Key(Read.SETTLEMENTS, series, target_ns, result.event_ticker)
            if not given_up and not (fills_known and finish(self.account.ledger, result)):
                reads.pace(markets_key, pace, now.mono_ns)
                if result.results_known and held_in(self.account.ledger, result):
                    reads.pace(settlements_key, pace, now.mono_ns)
                continue
            reads.drop(markets_key)
            reads.drop(settlements_key)
            result.reported = True
            self.account.forget(target_ns - MARKETS_KEPT_NS)
            self._print_verdict(result, out)
            out.append(Report(result.label, target_ns, series))

    def _pursue_strays(self, now: Now) -> None:
        """Ask for the settlement of what is held in no window of ours: traded by hand, or under another template."""
        held = {
            Key(Read.SETTLEMENTS, market.series, 0, ticker.rpartition("-")[0])
            for ticker, market in self.account.ledger.markets.items()
            if market.position and not market.target_ns and not market.result
        }
        for key in sorted(self.strays - held):
            self.account.reads.drop(key)
        for key in sorted(held):
            self.account.reads.pace(key, self.settings.settlement_poll_ns, now.mono_ns)
        self.strays = held

    def _print_verdict(self, result: Result, out: list[AnyAction]) -> None:
        rounded = None if result.print_value is None else (result.print_value + CENT // 2) // CENT * CENT
        payload = {
            "series": result.series,
            "label": result.label,
            "target_ns": result.target_ns,
            "print": rounded,
            "expiration_value": result.expiration_value,
            "quotes": result.quotes,
            "fills": result.fills,
            "trips": result.trips,
            "pnl": result.pnl,
            "settled": result.settled,
        }
        out.append(Record("window_result", payload))
        measured = self.freshness.get((result.series, result.target_ns))
        if measured is not None:
            out.append(Record("ws_freshness", measured))

    # --- chores --------------------------------------------------------------------------------------------------

    def chores(self, now: Now, out: list[AnyAction], *, clock_doubted: bool, ahead_ns: int = 0) -> None:
        """Everything that has to be looked at from time to time; the exchange's clock may be `ahead_ns` of ours."""
        over = {key for key in self.results if now.utc_ns > key[1]}
        in_window = any(desk.phase is not Phase.CLOSED for desk in self.desks.values())
        for desk in self.desks.values():
            self.account.reads.pace(Key(Read.FEES, desk.series.name), FEES_NS, now.mono_ns)
            open_now = desk.phase in {Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT}
            if open_now and desk.window is not None:
                if desk.markets_target_ns != desk.window.target_ns:
                    self.account.reads.pace(
                        Key(Read.MARKETS, desk.series.name, desk.window.target_ns), RELIST_NS, now.mono_ns
                    )
                elif desk.markets:
                    shard = next(iter(desk.markets.values())).exchange_index
                    self.account.groups.keep_ahead(desk.series.name, desk.window.target_ns, shard, now.mono_ns, out)
        self._pursue_results(now, out)
        self._pursue_strays(now)
        self.account.chores(now, in_window=in_window, clock_doubted=clock_doubted, over=over, out=out)
        self._follow_books(out)
        self._measure_lead(ahead_ns, in_window=in_window)

    def _follow_books(self, out: list[AnyAction]) -> None:
        wanted: list[Ticker] = []
        for desk in self.desks.values():
            if desk.phase in {Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT}:
                wanted.extend(desk.wanted_books())
        held = [o.ticker for o in self.account.book.live.values() if o.ticker not in wanted]
        everything = tuple(dict.fromkeys((*wanted, *held)))
        if everything != self.subscribed and (everything or self.subscribed):
            self.subscribed = everything
            out.append(SubscribeBooks(everything))

    def _measure_lead(self, ahead_ns: int, *, in_window: bool) -> None:
        """Flattening starts earlier the longer it took, and by the exchange's clock (docs/contracts.md, Windows).

        The part for the clock grows at once and shrinks only between windows: an edge that has come stays where it is.
        """
        ahead_ns = -(-ahead_ns // NS_PER_MS) * NS_PER_MS
        self.ahead_ns = max(ahead_ns, self.ahead_ns) if in_window else ahead_ns
        times = self.account.times_to_flat_ns
        lead_ns = self.settings.lead_min_ns
        if len(times) >= LEAD_SAMPLES_MIN:
            p99_ns = sorted(times)[-(-len(times) * 99 // 100) - 1]
            lead_ns = max(lead_ns, min(LEAD_FACTOR * p99_ns // NS_PER_MS * NS_PER_MS, self.settings.lead_max_ns))
        self.lead_ns = lead_ns + self.ahead_ns


def _freshness(desk: Desk) -> dict[str, object]:
    """How young the index was in the window that has just ended."""
    assert desk.window is not None, "a window has ended"
    ages = sorted(desk.ages_ms)
    return {
        "series": desk.series.name,
        "target_ns": desk.window.target_ns,
        "basis": desk.settings.freshness.basis,
        "age_p50_ms": ages[len(ages) // 2] if ages else None,
        "age_p99_ms": ages[-(-len(ages) * 99 // 100) - 1] if ages else None,
        "cadence_p50_ms": desk.sentry.cadence_median_ms,
        "cadence_p99_ms": desk.sentry.cadence_p99_ms,
        "ticks": desk.window_ticks,
    }
