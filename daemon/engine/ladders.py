"""The work around quoting: list the ladders, keep groups ahead, follow books, measure the lead.

None of them is urgent and none can send a place or keep a cancel waiting; the engine calls them after it has decided.
"""

from __future__ import annotations

from daemon.engine.account import Account
from daemon.engine.desk import Desk
from daemon.engine.holdings import SCHEDULE, Holdings
from daemon.engine.results import Results
from daemon.engine.settings import EngineSettings
from domain.actions import AnyAction, Read, SubscribeBooks
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import MarketsRead
from domain.ids import Ticker
from domain.window import Phase
from execution.reads import Key
from execution.reconcile import odd_drifts
from guards.cadence import percentile

LEAD_SAMPLES_MIN = 100
LEAD_FACTOR = 3
RELIST_NS = 5 * NS_PER_S
FEES_NS = 600 * NS_PER_S


class Ladders:
    """Housekeeping over the account and the desks."""

    def __init__(
        self, settings: EngineSettings, held: Holdings, account: Account, results: Results, desks: dict[str, Desk]
    ) -> None:
        self.settings = settings
        self.held = held
        self.account = account
        self.results = results
        self.desks = desks
        self.subscribed: tuple[Ticker, ...] = ()
        self.lead_ns = settings.plan.settings.flatten_lead_min_ms * NS_PER_MS
        self.ahead_ns = 0

    def entered(self, desk: Desk, phase: Phase, now: Now) -> None:
        """A window of this desk changed its phase."""
        window = desk.window
        assert window is not None, "a phase without a window"
        self.results.entered(desk, window, phase)
        if phase in {Phase.PREFLIGHT, Phase.QUOTING} and desk.markets_target_ns != window.target_ns:
            self.relist(desk, now)

    def relist(self, desk: Desk, now: Now) -> None:
        """Ask for the ladder of the desk's present window, now and until it is known."""
        held = self.held
        if desk.window is None:
            return
        for key in [k for k in held.reads.slots if k.what is Read.MARKETS and k.series == desk.series.name]:
            if key.target_ns != desk.window.target_ns and (key.series, key.target_ns) not in self.results.by_window:
                held.reads.drop(key)
        key = Key(Read.MARKETS, desk.series.name, desk.window.target_ns)
        held.reads.pace(key, RELIST_NS, now.mono_ns)
        held.reads.soon(key, now.mono_ns)

    def markets_read(self, event: MarketsRead, now: Now, out: list[AnyAction]) -> None:
        """The exchange listed a ladder: of the present window to quote, or of a past one with its results."""
        key = self.held.reads.answered(event.request_id, now.mono_ns)
        desk = self.desks.get(event.series)
        if key is None or desk is None:
            return
        self.results.listed(event)
        if desk.window is not None and desk.window.target_ns == event.target_ns and now.utc_ns < event.target_ns:
            desk.listed(event)
            self.held.odd_rows[Key(Read.MARKETS, event.series)] = odd_drifts(f"ladder of {event.series}", event.odd)
            desk.reprice()
            if desk.markets:
                self.held.reads.pace(key, 12 * RELIST_NS, now.mono_ns)
            if event.asked.mono_ns < desk.out_until_ns:
                self.held.reads.soon(key, desk.out_until_ns)

    # --- housekeeping --------------------------------------------------------------------------------------------

    def housekeeping(
        self,
        now: Now,
        out: list[AnyAction],
        *,
        clock_doubted: bool,
        ahead_ns: int = 0,
        anew: tuple[Ticker, ...] = (),
    ) -> None:
        """Everything that has to be looked at from time to time; the exchange's clock may be `ahead_ns` of ours.

        `anew`: books that were proven stale, to be had anew.
        """
        held = self.held
        over = {key for key in self.results.by_window if now.utc_ns > key[1]}
        in_window = any(desk.phase is not Phase.CLOSED for desk in self.desks.values())
        held.reads.pace(SCHEDULE, self.settings.schedule.read_interval_s * NS_PER_S, now.mono_ns)
        for desk in self.desks.values():
            held.reads.pace(Key(Read.FEES, desk.series.name), FEES_NS, now.mono_ns)
            open_now = desk.phase in {Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT}
            if open_now and desk.window is not None:
                if desk.markets_target_ns != desk.window.target_ns:
                    held.reads.pace(Key(Read.MARKETS, desk.series.name, desk.window.target_ns), RELIST_NS, now.mono_ns)
                elif desk.markets:
                    shard = next(iter(desk.markets.values())).exchange_index
                    held.groups.keep_ahead(desk.series.name, desk.window.target_ns, shard, now.mono_ns, out)
        self.results.pursue(now, out)
        self.results.pursue_strays(now)
        self.account.housekeeping(now, in_window=in_window, clock_doubted=clock_doubted, over=over, out=out)
        self._follow_books(anew, out)
        self._measure_lead(ahead_ns, in_window=in_window)

    def _follow_books(self, anew: tuple[Ticker, ...], out: list[AnyAction]) -> None:
        wanted: list[Ticker] = []
        for desk in self.desks.values():
            if desk.phase in {Phase.PREFLIGHT, Phase.QUOTING, Phase.STRICT}:
                wanted.extend(desk.wanted_books())
        held = [o.ticker for o in self.held.book.live.values() if o.ticker not in wanted]
        everything = tuple(dict.fromkeys((*wanted, *held)))
        again = tuple(ticker for ticker in dict.fromkeys(anew) if ticker in everything)
        if again or (everything != self.subscribed and (everything or self.subscribed)):
            self.subscribed = everything
            out.append(SubscribeBooks(everything, again))

    def _measure_lead(self, ahead_ns: int, *, in_window: bool) -> None:
        """Flattening starts earlier the longer it took, and by the exchange's clock (docs/contracts.md, Windows).

        The part for the clock grows at once and shrinks only between windows: an edge that has come stays where it is.
        """
        ahead_ns = -(-ahead_ns // NS_PER_MS) * NS_PER_MS
        self.ahead_ns = max(ahead_ns, self.ahead_ns) if in_window else ahead_ns
        times = self.held.times_to_flat_ns
        windows = self.settings.plan.settings
        lead_ns = windows.flatten_lead_min_ms * NS_PER_MS
        if len(times) >= LEAD_SAMPLES_MIN:
            p99_ns = percentile(sorted(times), 99)
            most_ns = windows.flatten_lead_max_ms * NS_PER_MS
            lead_ns = max(lead_ns, min(LEAD_FACTOR * p99_ns // NS_PER_MS * NS_PER_MS, most_ns))
        self.lead_ns = lead_ns + self.ahead_ns
