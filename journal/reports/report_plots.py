"""The plots of a report, drawn from what a window's fold holds. Floats are for the picture only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.clock import NS_PER_MS, NS_PER_S
from domain.market import SERIES
from domain.money import CASH_DECIMALS, CASH_PER_DOLLAR, INDEX_PER_POINT, PRICE_DECIMALS, print_fixed
from domain.stamps import utc_ns_text
from domain.window import Phase
from journal.reports.plot import Band, Dot, GuideLine, Picture, Stroke, bars, draw
from journal.reports.render import NOT_RECORDED
from journal.reports.window_fold import BUCKET_NS, Track, WindowFold

STRIKES_SHOWN_MAX: Final = 7
TICKS_WANTED: Final = 6


def index_plot(window: WindowFold, track: Track | None) -> str:
    """The index against the strikes near it, our orders at the strike of their market, our fills as dots."""
    line = _index_line(track)
    near = _near_strikes(window, line)
    shown = {strike for _, strike in near}
    strokes, dots = [], []
    for quote in window.quotes:
        strike = window.strikes.get(quote.ticker)
        if strike not in shown:
            continue
        title = f"{quote.side} {quote.ticker} at {print_fixed(quote.price, PRICE_DECIMALS)}"
        end = quote.ended_ns(window.target_ns)
        strokes.append(Stroke(quote.created_ns, end, _points(strike, quote.side), quote.side, title))
    for fill in window.fills:
        strike = window.strikes.get(fill.ticker)
        if strike in shown:
            title = f"filled {fill.side} {fill.ticker}"
            dots.append(Dot(fill.utc_ns, _points(strike, fill.side), "fill", title))
    symbol = SERIES[window.series].symbol if window.series in SERIES else window.series
    return draw(
        Picture(
            title=f"{symbol} against the strikes; our bids and asks at their market's strike, fills as rings",
            line=line,
            ticks=_time_ticks(window, line),
            unit="",
            levels=[GuideLine(strike / INDEX_PER_POINT, _strike_name(strike)) for _, strike in near],
            bands=_strict(window),
            strokes=strokes,
            dots=dots,
            height=340,
        )
    )


def ages_plot(window: WindowFold, track: Track | None) -> str:
    """The longest silence of the active feed in each half second, with the limits."""
    buckets = track.buckets if track is not None else {}
    line = [(float(at * BUCKET_NS), longest / NS_PER_MS) for at, (_, _, _, longest) in sorted(buckets.items())]
    title = f"Time between values on the active feed; {_limits_text(window)}"
    ticks = _time_ticks(window, line)
    return draw(Picture(title, line, ticks, " ms", _limits(window), _strict(window), from_zero=True, height=200))


def pnl_bars(rows: Sequence[tuple[str, int | None]]) -> str:
    """Booked P&L of each window of a day; windows without one are left out."""
    known = [
        (name, pnl / CASH_PER_DOLLAR, print_fixed(pnl, CASH_DECIMALS)[:-4]) for name, pnl in rows if pnl is not None
    ]
    return bars("P&L by window, dollars", known)


def _index_line(track: Track | None) -> list[tuple[float, float]]:
    """Lowest and highest of each half second in turn, so that no spike is lost."""
    line: list[tuple[float, float]] = []
    for at, (low, high, last, _) in sorted(track.buckets.items() if track is not None else ()):
        start = float(at * BUCKET_NS)
        if low != high:
            line.append((start, low / INDEX_PER_POINT))
            line.append((start + BUCKET_NS / 2, high / INDEX_PER_POINT))
        line.append((start + BUCKET_NS / 2, last / INDEX_PER_POINT))
    return line


def _near_strikes(window: WindowFold, line: Sequence[tuple[float, float]]) -> list[tuple[str, int]]:
    """The strikes nearest the index's middle, those of our own orders first."""
    if not line:
        return []
    middle = (min(value for _, value in line) + max(value for _, value in line)) / 2 * INDEX_PER_POINT
    ours = {quote.ticker for quote in window.quotes}
    ranked = sorted(window.strikes.items(), key=lambda row: (row[0] not in ours, abs(row[1] - middle), row[0]))
    return ranked[:STRIKES_SHOWN_MAX]


def _points(strike: int | None, side: str) -> float:
    """Where an order of a strike is drawn: bids a hair below the strike's line, asks a hair above."""
    assert strike is not None, "only orders with a known strike are drawn"
    hair = strike / INDEX_PER_POINT * 0.00003
    return strike / INDEX_PER_POINT + {"bid": -hair, "ask": hair}.get(side, 0.0)


def _strike_name(strike: int) -> str:
    return print_fixed(strike, 6).rstrip("0").rstrip(".")


def _limits(window: WindowFold) -> list[GuideLine]:
    """The limits that were in force, as recorded; none when they were not. Lateness begins at the usual gap."""
    limits = window.limits
    if limits is None:
        return []
    usual_ms = (window.freshness.cadence_p50_ms or 0.0) if window.freshness and limits.basis == "lateness" else 0.0
    named = (("soft", limits.soft_limit_ms), ("strict", limits.strict_limit_ms))
    return [GuideLine(usual_ms + limit_ms, f"{name} {limit_ms} ms", "limit") for name, limit_ms in named]


def _limits_text(window: WindowFold) -> str:
    if window.limits is None:
        return f"limits {NOT_RECORDED}"
    return "limits of the age" if window.limits.basis == "age" else "limits of the lateness, from the usual gap on"


def _strict(window: WindowFold) -> list[Band]:
    """The stretch from the strict phase to the target, as recorded; nothing when it was not."""
    begun = [at for at, phase in window.phases if phase == Phase.STRICT]
    return [Band(float(begun[0]), float(window.target_ns), "strict, flattening, frozen")] if begun else []


def _time_ticks(window: WindowFold, line: Sequence[tuple[float, float]]) -> list[tuple[float, str]]:
    """Round instants along the line: steps of 2 s to 5 min, whichever gives a handful; and the target."""
    if not line:
        return []
    first, last = line[0][0], max(line[-1][0], float(window.target_ns))
    steps = (2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
    step_s = next((s for s in steps if (last - first) / (s * NS_PER_S) <= TICKS_WANTED), steps[-1])
    step_ns = step_s * NS_PER_S
    at = int(-(-first // step_ns)) * step_ns
    ticks = []
    while at < last:
        ticks.append((float(at), utc_ns_text(at)[11:19]))
        at += step_ns
    return ticks
