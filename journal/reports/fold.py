"""Fold the facts of a journal into windows, days and totals.

One pass, bounded by the number of orders and windows, never by the number of ticks. A fact that names its window
(series and target) goes there; one that names only a series goes to the windows of that series that are running at its
instant; one that names neither goes to all that are running. A window begins with the first record that mentions it.
Keys that a record lacks stay None: nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from domain.clock import NS_PER_S
from domain.events import MarketsRead, Started, Tick
from domain.market import SERIES
from domain.reasons import Reason
from journal.reports.facts import Fact, Seen
from journal.reports.window_fold import FillRow, Moment, Quote, SettlementRow, Track, WindowFold

RUNNING_AFTER_TARGET_NS = 5 * NS_PER_S
ALL = "all"
SERIES_OF = {series.symbol: series.name for series in SERIES.values()}
Payload = dict[str, Any]


class Fold:
    """Give it facts in order; read the windows, notes and counts at any time."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, int], WindowFold] = {}
        self.notes: list[Moment] = []
        self.commands: list[Moment] = []
        self.configs: list[Moment] = []
        self.runs: list[tuple[int, Started]] = []
        self.stray_fills: list[FillRow] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self._running: list[WindowFold] = []
        self._quotes: dict[str, tuple[WindowFold, Quote]] = {}
        self._trades: set[str] = set()
        self._fee_paths: dict[str, Payload] = {}
        self._strikes: dict[tuple[str, int], dict[str, int]] = {}
        self._active_feed: str | None = None
        self._taking = {
            "order_created": self._order_created,
            "order_acked": self._order_acked,
            "order_cancelled": self._order_cancelled,
            "order_failed": self._order_failed,
            "order_filled": self._order_filled,
            "foreign_fill": self._not_ours,
            "adoption": self._not_ours,
            "fill_adopted": self._fill_adopted,
            "settlement": self._settlement,
            "window_phase": self._window_phase,
            "window_result": self._window_result,
            "guard_trip": self._guard_trip,
            "strict_stand_down": self._stand_down,
            "feed_switch": self._feed_switch,
            "time_to_flat": self._time_to_flat,
            "fee_path": self._fee_path,
            "ws_freshness": self._ws_freshness,
            "operator_action": self._operator_action,
            "note": self._note,
            "config": self._config,
        }

    def take_all(self, items: Iterable[Fact | Seen]) -> Fold:
        """Take every item; returns itself."""
        for item in items:
            if isinstance(item, Fact):
                self.take(item.utc_ns, item.type, item.payload)
            else:
                self.see(item.utc_ns, item.event)
        return self

    def take(self, utc_ns: int, record_type: str, payload: Payload) -> None:
        """One typed record."""
        self.counts[(day_of(utc_ns), record_type)] += 1
        taking = self._taking.get(record_type)
        if taking is not None:
            taking(utc_ns, payload)

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
            feed = text(moment.payload, "to_feed")
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

    def _named(self, utc_ns: int, payload: Payload) -> list[WindowFold]:
        """The windows that a record means: by series and target, else by series and instant."""
        series = text(payload, "series") or SERIES_OF.get(text(payload, "symbol") or "")
        target_ns = whole(payload, "target_ns") or whole(payload, "window")
        if series and series != ALL and target_ns:
            return [self._window(series, target_ns, utc_ns)]
        running = self._running_of(series, utc_ns)
        label = text(payload, "window") or text(payload, "label")
        return [window for window in running if label and window.label == label] or running

    # --- one method a type -----------------------------------------------------------------------------------------

    def _window_phase(self, utc_ns: int, payload: Payload) -> None:
        names = payload.get("series")
        target_ns = whole(payload, "target_ns")
        if target_ns is None:
            return
        for series in names if isinstance(names, list) else [names]:
            if not isinstance(series, str):
                continue
            window = self._window(series, target_ns, utc_ns)
            window.label = text(payload, "label") or window.label
            described = payload.get("scheduler_window")
            window.scheduler_window = described if isinstance(described, dict) else window.scheduler_window
            window.phases.append((utc_ns, text(payload, "phase") or ""))

    def _order_created(self, utc_ns: int, payload: Payload) -> None:
        if text(payload, "type") == Reason.DRILL:
            return  # a drill's order is no quote of any window; were it filled, its fill counts like any other
        ident = text(payload, "client_order_id")
        windows = self._named(utc_ns, payload)
        if ident is None or len(windows) != 1:
            return
        quote = Quote(ident, utc_ns)
        quote.ticker = text(payload, "ticker")
        quote.side = text(payload, "side")
        quote.price = whole(payload, "price")
        quote.count = whole(payload, "count")
        quote.fair = whole(payload, "fair")
        live = payload.get("is_live")
        quote.is_live = live if isinstance(live, bool) else None
        windows[0].quotes.append(quote)
        self._quotes[ident] = (windows[0], quote)

    def _quote(self, payload: Payload) -> Quote | None:
        found = self._quotes.get(text(payload, "client_order_id") or "")
        return found[1] if found else None

    def _order_acked(self, utc_ns: int, payload: Payload) -> None:
        if (quote := self._quote(payload)) is not None:
            quote.acked_ns = utc_ns
            quote.order_id = text(payload, "order_id")
            quote.place_rtt_ms = number(payload, "rtt_ms")

    def _order_cancelled(self, utc_ns: int, payload: Payload) -> None:
        """The answer to a cancel and the private stream both report it: the first instant and every figure count."""
        if (quote := self._quote(payload)) is not None:
            quote.cancelled_ns = utc_ns if quote.cancelled_ns is None else quote.cancelled_ns
            quote.cancel_source = quote.cancel_source or text(payload, "cancel_source")
            rtt_ms = number(payload, "rtt_ms")
            quote.cancel_rtt_ms = rtt_ms if quote.cancel_rtt_ms is None else quote.cancel_rtt_ms

    def _order_failed(self, utc_ns: int, payload: Payload) -> None:
        if (quote := self._quote(payload)) is not None:
            quote.failed_ns = utc_ns
            quote.failure_stage = text(payload, "failure_stage")
            quote.error_message = text(payload, "error_message")

    def _order_filled(self, utc_ns: int, payload: Payload) -> None:
        row = self._new_fill(utc_ns, payload)
        if row is None:
            return
        found = self._quotes.get(row.client_order_id or "")
        windows = [found[0]] if found else self._named(utc_ns, payload)
        if len(windows) != 1:
            self.stray_fills.append(row)
            return
        windows[0].fills.append(row)
        if found is not None:
            found[1].filled += row.count or 0
            found[1].last_fill_ns = utc_ns

    def _new_fill(self, utc_ns: int, payload: Payload) -> FillRow | None:
        """The fill of a record; None when its trade was told before."""
        trade_id = text(payload, "trade_id")
        if trade_id is not None and trade_id in self._trades:
            return None
        if trade_id is not None:
            self._trades.add(trade_id)
        return FillRow(
            utc_ns=utc_ns,
            trade_id=trade_id,
            client_order_id=text(payload, "client_order_id"),
            order_id=text(payload, "order_id"),
            ticker=text(payload, "ticker"),
            side=text(payload, "side"),
            price=whole(payload, "fill_price"),
            count=whole(payload, "fill_count"),
            fee=whole(payload, "fee"),
            liquidity=text(payload, "liquidity_side"),
        )

    def _fill_adopted(self, utc_ns: int, payload: Payload) -> None:
        """Somebody else's fill that an operator adopted: never ours, but its fee is in its market's settlement."""
        row = self._new_fill(utc_ns, payload)
        windows = self._named(utc_ns, payload)
        if row is not None and len(windows) == 1:
            windows[0].adopted.append(row)

    def _not_ours(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.not_ours.append(Moment(utc_ns, payload))

    def _settlement(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.label = window.label or text(payload, "label")
            row = SettlementRow(
                utc_ns=utc_ns,
                ticker=text(payload, "ticker"),
                result=text(payload, "result"),
                own_verdict=text(payload, "own_verdict"),
                index_value=whole(payload, "index_value"),
                position=whole(payload, "position"),
                revenue=whole(payload, "revenue"),
                fee=whole(payload, "fee"),
                pnl=whole(payload, "pnl"),
                expiration_value=text(payload, "expiration_value"),
                told_worth=whole(payload, "worth"),
                odd=whole(payload, "odd") or 0,
            )
            window.settlements = [had for had in window.settlements if had.ticker != row.ticker] + [row]

    def _window_result(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.label = window.label or text(payload, "label")
            window.result = payload

    def _stand_down(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.stand_downs.append(Moment(utc_ns, payload))

    def _guard_trip(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.trips.append(Moment(utc_ns, payload))

    def _feed_switch(self, utc_ns: int, payload: Payload) -> None:
        self._active_feed = text(payload, "to_feed") or self._active_feed
        for window in self._named(utc_ns, payload):
            window.switches.append(Moment(utc_ns, payload))

    def _time_to_flat(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.flats.append(Moment(utc_ns, payload))

    def _fee_path(self, utc_ns: int, payload: Payload) -> None:
        series = text(payload, "series")
        if series is not None:
            self._fee_paths[series] = payload
            for window in self._running_of(series, utc_ns):
                window.fee_path = payload

    def _ws_freshness(self, utc_ns: int, payload: Payload) -> None:
        for window in self._named(utc_ns, payload):
            window.freshness = payload

    def _operator_action(self, utc_ns: int, payload: Payload) -> None:
        self.commands.append(Moment(utc_ns, payload))
        for window in self._running_of(None, utc_ns):
            window.commands.append(Moment(utc_ns, payload))

    def _note(self, utc_ns: int, payload: Payload) -> None:
        self.notes.append(Moment(utc_ns, payload))

    def _config(self, utc_ns: int, payload: Payload) -> None:
        self.configs.append(Moment(utc_ns, payload))


def day_of(utc_ns: int) -> str:
    """The UTC day of an instant: YYYY-MM-DD."""
    return datetime.fromtimestamp(utc_ns // NS_PER_S, UTC).strftime("%Y-%m-%d")


def text(payload: Payload, key: str) -> str | None:
    """The text of a payload, or None when it is absent, empty or something else."""
    value = payload.get(key)
    return value if isinstance(value, str) and value else None


def whole(payload: Payload, key: str) -> int | None:
    """A whole number of a payload, or None when it is absent or something else."""
    value = payload.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(payload: Payload, key: str) -> float | None:
    """A number of a payload, or None when it is absent or something else."""
    value = payload.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
