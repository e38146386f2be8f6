"""What a report says about a window and about a day, as blocks to be printed.

The parts have fixed names (runbook H20): fee_path, scheduler_window, ws_freshness, limits, quotes, fills, settlement,
P&L, guard trips, latency. A part is never left out: where the journal is silent, it says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import asdict

from domain.clock import NS_PER_MS
from domain.money import CASH_DECIMALS, COUNT_DECIMALS, INDEX_DECIMALS, PRICE_DECIMALS, print_fixed
from domain.records import FeePathEntry, LimitsEntry, SchedulerWindow, WsFreshnessEntry, payload_of
from domain.stamps import utc_ns_text
from journal.reports.fold import Fold, day_of
from journal.reports.render import NOT_RECORDED, Block, Heading, Line, Plot, Table
from journal.reports.report_plots import ages_plot, index_plot, pnl_bars
from journal.reports.window_fold import Moment, WindowFold, quantile, seconds, total

_CENT_DECIMALS: Final = 2


def window_report(fold: Fold, window: WindowFold) -> list[Block]:
    """The report of one window of one series."""
    return [
        Heading(1, f"{window.series} {window.label or 'window'} {utc_ns_text(window.target_ns)[:19]}Z"),
        *_window_blocks(fold, window),
        *_notes(fold, day_of(window.target_ns)),
    ]


def day_report(fold: Fold, series: str, day: str) -> list[Block]:
    """The report of one series on one UTC day: totals, then every window in full."""
    windows = fold.of_day(series, day)
    blocks: list[Block] = [Heading(1, f"{series} {day}"), *_run_lines(fold), _day_table(windows)]
    rows = [(window.label or clock(window.target_ns), window.pnl) for window in windows]
    blocks.append(Plot(pnl_bars(rows)))
    if not windows:
        blocks.append(Line("No window of this series is in the journal for this day."))
    blocks += _notes(fold, day)
    for window in windows:
        blocks.append(Heading(2, f"{window.label or 'window'}, target {clock(window.target_ns)} UTC"))
        blocks += _window_blocks(fold, window)
    return blocks


# --- the parts of a window ---------------------------------------------------------------------------------------


def _window_blocks(fold: Fold, window: WindowFold) -> list[Block]:
    track = fold.active_track(window)
    return [
        Heading(3, "fee_path"),
        _pairs(window.fee_path),
        Heading(3, "scheduler_window"),
        _pairs(window.scheduler_window),
        Line("Phases: " + (", ".join(f"{phase} {clock(at)}" for at, phase in window.phases) or NOT_RECORDED)),
        Heading(3, "ws_freshness"),
        _pairs(window.freshness),
        Heading(3, "limits"),
        _pairs(window.limits),
        Plot(ages_plot(window, track)),
        Heading(3, "Quotes"),
        *_quotes(window),
        Plot(index_plot(window, track)),
        Heading(3, "Fills"),
        _fills(window),
        Heading(3, "Settlement"),
        _settlement(window),
        Heading(3, "P&L"),
        *_pnl(window),
        Heading(3, "Guard trips"),
        *_trips(window),
        Heading(3, "Latency"),
        *_latency(window),
        *_moments("Not ours", window.not_ours),
        *_moments("Feed switches", window.switches),
        *_moments("Operator", window.commands),
    ]


def _quotes(window: WindowFold) -> list[Block]:
    quotes = window.quotes
    if not quotes:
        return [Line("No order was created in this window.")]
    edges = [quote.edge for quote in quotes]
    ended = Counter(quote.cancel_source or NOT_RECORDED for quote in quotes if quote.cancelled_ns is not None)
    failed = Counter(quote.failure_stage or NOT_RECORDED for quote in quotes if quote.failed_ns is not None)
    rows = [
        ("created", str(len(quotes))),
        ("acknowledged", str(sum(quote.acked_ns is not None for quote in quotes))),
        ("cancelled, by source", _counts(ended)),
        ("failed, by stage", _counts(failed)),
        ("with a fill", str(sum(quote.filled > 0 for quote in quotes))),
        ("markets quoted", str(len({quote.ticker for quote in quotes}))),
        ("mean edge against fair value, before fees", price(round(sum(edges) / len(edges)))),
        ("time with an order out", f"{seconds(window.resting_ns):.1f} s"),
    ]
    return [Table(("quotes", ""), rows)]


def _fills(window: WindowFold) -> Block:
    if not window.fills:
        return Line("No fill.")
    rows = [
        (
            clock(row.utc_ns),
            said(row.ticker),
            said(row.side),
            price(row.price),
            count(row.count),
            cash(row.fee),
            said(row.liquidity),
            cash(row.pnl(window.worths.get(row.ticker))),
            said(row.trade_id),
            said(row.client_order_id),
        )
        for row in window.fills
    ]
    headers = ("UTC", "market", "side", "price", "count", "fee", "liquidity", "P&L", "trade", "order")
    return Table(headers, rows)


def _settlement(window: WindowFold) -> Block:
    if not window.settlements:
        value = window.result.expiration_value if window.result is not None else ""
        return Line("No market that we held was settled." + (f" The index settled at {value}." if value else ""))
    rows = [
        (
            said(row.ticker),
            said(row.result),
            said(row.own_verdict),
            index(row.index_value),
            said(row.expiration_value),
            count(row.position),
            cash(row.revenue),
            cash(row.fee),
            cash(row.pnl),
        )
        for row in window.settlements
    ]
    headers = ("market", "result", "own verdict", "own print", "exchange's value", "net YES", "revenue", "fee", "P&L")
    return Table(headers, rows)


def _pnl(window: WindowFold) -> list[Block]:
    booked, counted = window.pnl, window.pnl_from_fills
    rows = [
        ("booked", cash(booked)),
        ("worked out from fills and results", cash(counted)),
        ("fees of fills", cash(window.fees)),
        ("contracts filled", count(window.contracts)),
    ]
    blocks: list[Block] = [Table(("P&L", ""), rows)]
    if booked is not None and counted is not None and booked != counted:
        blocks.append(
            Line(f"DISAGREE by {cash(booked - counted)}: look at the fills and settlements before the next day.")
        )
    return blocks


def _trips(window: WindowFold) -> list[Block]:
    rows = [
        (
            clock(moment.utc_ns),
            moment.said.reason,
            milliseconds(moment.said.age_ms or None),
            milliseconds(moment.said.limit_ms or None),
        )
        for moment in window.trips
    ]
    blocks: list[Block] = [Table(("UTC", "reason", "age", "limit"), rows) if rows else Line("None.")]
    for moment in window.stand_downs:
        cadence, limit = milliseconds(moment.said.cadence_p99_ms), milliseconds(moment.said.limit_ms)
        at = clock(moment.utc_ns)
        blocks.append(Line(f"Planned stand-down at {at}: the feed's cadence p99 is {cadence}, the limit is {limit}."))
    return blocks


def _latency(window: WindowFold) -> list[Block]:
    places = [quote.place_rtt_ms for quote in window.quotes if quote.place_rtt_ms is not None]
    cancels = [quote.cancel_rtt_ms for quote in window.quotes if quote.cancel_rtt_ms is not None]
    rows = [_quantiles("place, round trip", places), _quantiles("cancel, round trip", cancels)]
    by_trigger: dict[str, list[float]] = {}
    for moment in window.flats:
        by_trigger.setdefault(moment.said.trigger, []).append(moment.said.ms)
    rows += [_quantiles(f"time to flat, {trigger}", times) for trigger, times in sorted(by_trigger.items())]
    if not by_trigger:
        rows.append(_quantiles("time to flat", []))
    return [Table(("latency", "n", "p50", "p99", "max"), rows)]


def _quantiles(name: str, values: Sequence[float]) -> tuple[str, ...]:
    if not values:
        return (name, "0", NOT_RECORDED, NOT_RECORDED, NOT_RECORDED)
    return (
        name,
        str(len(values)),
        milliseconds(quantile(values, 0.5)),
        milliseconds(quantile(values, 0.99)),
        milliseconds(max(values)),
    )


def _moments(title: str, moments: Sequence[Moment[Any]]) -> list[Block]:
    if not moments:
        return []
    rows = [(clock(moment.utc_ns), _flat_text(payload_of(moment.said))) for moment in moments]
    return [Heading(3, title), Table(("UTC", "what"), rows)]


# --- the parts of a day ------------------------------------------------------------------------------------------


def _day_table(windows: Sequence[WindowFold]) -> Block:
    rows = [
        (
            window.label or NOT_RECORDED,
            clock(window.target_ns),
            str(len(window.quotes)),
            str(len(window.fills)),
            count(window.contracts),
            cash(window.fees),
            cash(window.pnl),
            str(len(window.trips)),
            _slowest_flat(window),
        )
        for window in windows
    ]
    rows.append(
        (
            "total",
            "",
            str(sum(len(window.quotes) for window in windows)),
            str(sum(len(window.fills) for window in windows)),
            count(total(window.contracts for window in windows)),
            cash(total(window.fees for window in windows)),
            cash(total(window.pnl for window in windows)),
            str(sum(len(window.trips) for window in windows)),
            "",
        )
    )
    headers = ("window", "target UTC", "quotes", "fills", "contracts", "fees", "P&L", "trips", "slowest to flat")
    return Table(headers, rows)


def _slowest_flat(window: WindowFold) -> str:
    return milliseconds(max((moment.said.ms for moment in window.flats), default=None))


def _run_lines(fold: Fold) -> list[Block]:
    return [
        Line(
            f"Run {event.run_id}, mode {event.mode}, build {event.build_id}, configuration {event.config_hash[:12]}, "
            f"started {utc_ns_text(utc_ns)[:19]}Z"
        )
        for utc_ns, event in fold.runs
    ]


def _notes(fold: Fold, day: str) -> list[Block]:
    rows = [(clock(note.utc_ns), note.said.by, note.said.text) for note in fold.notes if day_of(note.utc_ns) == day]
    return [Heading(2, "Notes"), Table(("UTC", "by", "note"), rows)] if rows else []


# --- printing ----------------------------------------------------------------------------------------------------


def said(value: str | None) -> str:
    """A text, or that it was not recorded."""
    return NOT_RECORDED if value is None else value


def price(value: int | None) -> str:
    """A Price in dollars."""
    return NOT_RECORDED if value is None else trimmed(print_fixed(value, PRICE_DECIMALS))


def cash(value: int | None) -> str:
    """A Cash amount in dollars, exact, at least to the cent."""
    return NOT_RECORDED if value is None else trimmed(print_fixed(value, CASH_DECIMALS))


def count(value: int | None) -> str:
    """A Count in contracts."""
    return NOT_RECORDED if value is None else trimmed(print_fixed(value, COUNT_DECIMALS), 0)


def index(value: int | None) -> str:
    """An index value in points."""
    return NOT_RECORDED if value is None else trimmed(print_fixed(value, INDEX_DECIMALS))


def milliseconds(value: float | None) -> str:
    """A duration."""
    return NOT_RECORDED if value is None else f"{value:.1f} ms"


def clock(utc_ns: int) -> str:
    """The time of day of an instant, UTC, to the millisecond."""
    return utc_ns_text(utc_ns // NS_PER_MS * NS_PER_MS)[11:23]


def trimmed(amount: str, decimals_min: int = _CENT_DECIMALS) -> str:
    """A decimal without zeros at its end, but with at least so many decimals."""
    whole_part, _, part = amount.partition(".")
    kept = part.rstrip("0").ljust(decimals_min, "0")
    return f"{whole_part}.{kept}" if kept else whole_part


def _pairs(said: FeePathEntry | SchedulerWindow | WsFreshnessEntry | LimitsEntry | None) -> Block:
    if said is None:
        return Line(NOT_RECORDED)
    return Table(("field", "value"), [(key, _value(value)) for key, value in asdict(said).items()])


def _value(value: object) -> str:
    if value is None:
        return NOT_RECORDED
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return _flat_text(value)
    return str(value)


def _flat_text(payload: dict[str, Any]) -> str:
    return ", ".join(f"{key}={_value(value)}" for key, value in payload.items())


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number_of}" for name, number_of in sorted(counter.items())) or "none"
