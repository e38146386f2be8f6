"""Fold the facts of a journal into windows, days and totals.

One pass, bounded by the number of orders and windows, never by the number of ticks. A fact that names its window
(series and target) goes there; one that names only a series goes to the windows of that series that are running at its
instant; one that names neither goes to all that are running. A window begins with the first record that mentions it.
What no record told stays None: nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET, UnsetType

from domain.clock import NS_PER_S
from domain.events import MarketsRead, Started, Tick
from domain.market import SERIES
from domain.records import (
    AdoptionEntry,
    ConfigEntry,
    Entry,
    FeedSwitchEntry,
    FeePathEntry,
    FillAdoptedEntry,
    ForeignFillEntry,
    GuardTripEntry,
    LimitsEntry,
    NoteEntry,
    OperatorActionEntry,
    OrderAckedEntry,
    OrderCancelledEntry,
    OrderCreatedEntry,
    OrderFailedEntry,
    OrderFilledEntry,
    SettlementEntry,
    StrictStandDownEntry,
    TimeToFlatEntry,
    WindowPhaseEntry,
    WindowResultEntry,
    WsFreshnessEntry,
    type_of,
)
from journal.facts import RecordedFact, Seen
from journal.reports.window_fold import FillRow, Moment, QuoteRow, SettlementRow, Track, WindowFold

RUNNING_AFTER_TARGET_NS = 5 * NS_PER_S
ALL = "all"
SERIES_OF = {series.symbol: series.name for series in SERIES.values()}


class Fold:
    """Give it facts in order; read the windows, notes and counts at any time."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, int], WindowFold] = {}
        self.notes: list[Moment[NoteEntry]] = []
        self.commands: list[Moment[OperatorActionEntry]] = []
        self.configs: list[Moment[ConfigEntry]] = []
        self.runs: list[tuple[int, Started]] = []
        self.stray_fills: list[FillRow] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self._running: list[WindowFold] = []
        self._quotes: dict[str, tuple[WindowFold, QuoteRow]] = {}
        self._trades: set[str] = set()
        self._fee_paths: dict[str, FeePathEntry] = {}
        self._strikes: dict[tuple[str, int], dict[str, int]] = {}
        self._active_feed: str | None = None
        self._taking: dict[type[Entry], Callable[[int, Any], None]] = {
            OrderCreatedEntry: self._order_created,
            OrderAckedEntry: self._order_acked,
            OrderCancelledEntry: self._order_cancelled,
            OrderFailedEntry: self._order_failed,
            OrderFilledEntry: self._order_filled,
            ForeignFillEntry: self._not_ours,
            AdoptionEntry: self._not_ours,
            FillAdoptedEntry: self._fill_adopted,
            SettlementEntry: self._settlement,
            WindowPhaseEntry: self._window_phase,
            WindowResultEntry: self._window_result,
            GuardTripEntry: self._guard_trip,
            StrictStandDownEntry: self._stand_down,
            FeedSwitchEntry: self._feed_switch,
            TimeToFlatEntry: self._time_to_flat,
            FeePathEntry: self._fee_path,
            WsFreshnessEntry: self._ws_freshness,
            LimitsEntry: self._limits,
            OperatorActionEntry: self._operator_action,
            NoteEntry: self._note,
            ConfigEntry: self._config,
        }

    def take_all(self, items: Iterable[RecordedFact | Seen]) -> Fold:
        """Take every item; returns itself."""
        for item in items:
            if isinstance(item, RecordedFact):
                self.take(item.utc_ns, item.entry)
            else:
                self.see(item.utc_ns, item.event)
        return self

    def take(self, utc_ns: int, entry: Entry) -> None:
        """One typed record."""
        self.counts[(day_of(utc_ns), type_of(type(entry)))] += 1
        taking = self._taking.get(type(entry))
        if taking is not None:
            taking(utc_ns, entry)

    def see(self, utc_ns: int, event: object) -> None:
        """One event that entered the engine; those that no report draws on are passed over."""
        if isinstance(event, Tick):
            for window in self._running_of(None, utc_ns):
                series = SERIES.get(window.series)
                if series is not None and series.symbol == event.symbol:
                    track = window.tracks.setdefault(event.feed, Track())
                    track.tick(event.received_utc_ns, event.received_mono_ns, event.value)
        elif isinstance(event, MarketsRead):
            strikes: dict[str, int] = {}
            for market in event.markets:
                strike = market.floor_strike if market.floor_strike is not None else market.cap_strike
                if strike is not None:
                    strikes[market.ticker] = strike
            key = (event.series, event.target_ns)
            self._strikes[key] = strikes
            if key in self.windows:
                self.windows[key].strikes = strikes
        elif isinstance(event, Started):
            self.runs.append((utc_ns, event))

    def of_day(self, series: str, day: str) -> list[WindowFold]:
        """The windows of one series whose target lies on this UTC day (YYYY-MM-DD), earliest first."""
        found = [w for w in self.windows.values() if w.series == series and day_of(w.target_ns) == day]
        return sorted(found, key=lambda window: window.target_ns)

    def active_track(self, window: WindowFold) -> Track | None:
        """The index as the active feed gave it: of the feed last switched to, else of the one heard most."""
        for moment in window.switches[::-1]:
            feed = moment.said.to_feed
            if feed in window.tracks:
                return window.tracks[feed]
        if self._active_feed in window.tracks:
            return window.tracks[self._active_feed]
        return max(window.tracks.values(), key=lambda track: track.ticks, default=None)

    # --- which window ----------------------------------------------------------------------------------------------

    def _window(self, series: str, target_ns: int, utc_ns: int) -> WindowFold:
        key = (series, target_ns)
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = WindowFold(series, target_ns)
            window.fee_path = self._fee_paths.get(series)
            window.strikes = self._strikes.get(key, {})
            if target_ns + RUNNING_AFTER_TARGET_NS >= utc_ns:
                self._running.append(window)
        return window

    def _running_of(self, series: str | None, utc_ns: int) -> list[WindowFold]:
        """The running windows of a series; of every series for None, "" and "all"."""
        if any(window.target_ns + RUNNING_AFTER_TARGET_NS < utc_ns for window in self._running):
            self._running = [w for w in self._running if w.target_ns + RUNNING_AFTER_TARGET_NS >= utc_ns]
        running = [window for window in self._running if not window.closed]
        if not series or series == ALL:
            return running
        return [window for window in running if window.series == series]

    def _named(self, utc_ns: int, series: str | UnsetType, target_ns: int | UnsetType = UNSET) -> list[WindowFold]:
        """The windows that a record means: by series and target, else by series and instant."""
        if series and series != ALL and target_ns:
            return [self._window(series, target_ns, utc_ns)]
        return self._running_of(series or None, utc_ns)

    # --- one method a type -----------------------------------------------------------------------------------------

    def _window_phase(self, utc_ns: int, said: WindowPhaseEntry) -> None:
        window = self._window(said.series, said.target_ns, utc_ns)
        window.label = said.label or window.label
        window.scheduler_window = said.scheduler_window
        window.phases.append((utc_ns, said.phase))

    def _limits(self, utc_ns: int, said: LimitsEntry) -> None:
        self._window(said.series, said.target_ns, utc_ns).limits = said

    def _order_created(self, utc_ns: int, said: OrderCreatedEntry) -> None:
        if said.type == "drill":
            return  # a drill's order is no quote of any window; were it filled, its fill counts like any other
        windows = self._named(utc_ns, said.series, said.window)
        if len(windows) != 1:
            return
        quote = QuoteRow(said.client_order_id, utc_ns, said.ticker, said.side, said.price, said.count, said.fair)
        quote.is_live = said.is_live
        windows[0].quotes.append(quote)
        self._quotes[said.client_order_id] = (windows[0], quote)

    def _quote(self, client_order_id: str) -> QuoteRow | None:
        found = self._quotes.get(client_order_id)
        return found[1] if found else None

    def _order_acked(self, utc_ns: int, said: OrderAckedEntry) -> None:
        if (quote := self._quote(said.client_order_id)) is not None:
            quote.acked_ns = utc_ns
            quote.order_id = said.order_id
            quote.place_rtt_ms = said.rtt_ms

    def _order_cancelled(self, utc_ns: int, said: OrderCancelledEntry) -> None:
        """The answer to a cancel and the private stream both report it: the first instant and every figure count."""
        if (quote := self._quote(said.client_order_id)) is not None:
            quote.cancelled_ns = utc_ns if quote.cancelled_ns is None else quote.cancelled_ns
            quote.cancel_source = quote.cancel_source or said.cancel_source
            quote.cancel_rtt_ms = said.rtt_ms if quote.cancel_rtt_ms is None else quote.cancel_rtt_ms

    def _order_failed(self, utc_ns: int, said: OrderFailedEntry) -> None:
        if (quote := self._quote(said.client_order_id)) is not None:
            quote.failed_ns = utc_ns
            quote.failure_stage = said.failure_stage
            quote.error_message = said.error_message

    def _order_filled(self, utc_ns: int, said: OrderFilledEntry) -> None:
        row = self._new_fill(utc_ns, said)
        if row is None:
            return
        found = self._quotes.get(row.client_order_id)
        windows = [found[0]] if found else self._named(utc_ns, said.series, said.window)
        if len(windows) != 1:
            self.stray_fills.append(row)
            return
        windows[0].fills.append(row)
        if found is not None:
            found[1].filled += row.count
            found[1].last_fill_ns = utc_ns

    def _new_fill(self, utc_ns: int, said: OrderFilledEntry) -> FillRow | None:
        """The fill of a record; None when its trade was told before."""
        if said.trade_id in self._trades:
            return None
        self._trades.add(said.trade_id)
        return FillRow(
            utc_ns=utc_ns,
            trade_id=said.trade_id,
            client_order_id=said.client_order_id,
            order_id=said.order_id,
            ticker=said.ticker,
            side=said.side,
            price=said.fill_price,
            count=said.fill_count,
            fee=said.fee,
            liquidity=said.liquidity_side,
        )

    def _fill_adopted(self, utc_ns: int, said: FillAdoptedEntry) -> None:
        """Somebody else's fill that an operator adopted: never ours, but its fee is in its market's settlement."""
        row = self._new_fill(utc_ns, said)
        windows = self._named(utc_ns, said.series, said.window)
        if row is not None and len(windows) == 1:
            windows[0].adopted.append(row)

    def _not_ours(self, utc_ns: int, said: ForeignFillEntry | AdoptionEntry) -> None:
        for window in self._named(utc_ns, said.series, said.window):
            window.not_ours.append(Moment(utc_ns, said))

    def _settlement(self, utc_ns: int, said: SettlementEntry) -> None:
        for window in self._named(utc_ns, said.series, said.target_ns):
            window.label = window.label or said.label
            row = SettlementRow(
                utc_ns=utc_ns,
                ticker=said.ticker,
                result=said.result,
                own_verdict=said.own_verdict,
                index_value=said.index_value,
                position=said.position,
                revenue=said.revenue,
                fee=said.fee,
                pnl=said.pnl,
                expiration_value=said.expiration_value or None,
                told_worth=None if said.worth is UNSET else said.worth,
                odd=said.odd or 0,
            )
            window.settlements = [had for had in window.settlements if had.ticker != row.ticker] + [row]

    def _window_result(self, utc_ns: int, said: WindowResultEntry) -> None:
        for window in self._named(utc_ns, said.series, said.target_ns):
            window.label = window.label or said.label
            window.result = said

    def _stand_down(self, utc_ns: int, said: StrictStandDownEntry) -> None:
        for window in self._named(utc_ns, said.series):
            window.stand_downs.append(Moment(utc_ns, said))

    def _guard_trip(self, utc_ns: int, said: GuardTripEntry) -> None:
        series = said.series or SERIES_OF.get(said.symbol or "", UNSET)
        for window in self._named(utc_ns, series, said.window):
            window.trips.append(Moment(utc_ns, said))

    def _feed_switch(self, utc_ns: int, said: FeedSwitchEntry) -> None:
        self._active_feed = said.to_feed or self._active_feed
        for window in self._running_of(None, utc_ns):
            window.switches.append(Moment(utc_ns, said))

    def _time_to_flat(self, utc_ns: int, said: TimeToFlatEntry) -> None:
        for window in self._named(utc_ns, said.series):
            window.flats.append(Moment(utc_ns, said))

    def _fee_path(self, utc_ns: int, said: FeePathEntry) -> None:
        self._fee_paths[said.series] = said
        for window in self._running_of(said.series, utc_ns):
            window.fee_path = said

    def _ws_freshness(self, utc_ns: int, said: WsFreshnessEntry) -> None:
        for window in self._named(utc_ns, said.series, said.target_ns):
            window.freshness = said

    def _operator_action(self, utc_ns: int, said: OperatorActionEntry) -> None:
        self.commands.append(Moment(utc_ns, said))
        for window in self._running_of(None, utc_ns):
            window.commands.append(Moment(utc_ns, said))

    def _note(self, utc_ns: int, said: NoteEntry) -> None:
        self.notes.append(Moment(utc_ns, said))

    def _config(self, utc_ns: int, said: ConfigEntry) -> None:
        self.configs.append(Moment(utc_ns, said))


def day_of(utc_ns: int) -> str:
    """The UTC day of an instant: YYYY-MM-DD."""
    return datetime.fromtimestamp(utc_ns // NS_PER_S, UTC).strftime("%Y-%m-%d")
