"""Plots as inline SVG: the index against the strikes and our quotes, silences of the feed, P&L.

Text in, text out; no script, no font, no colour that carries meaning alone (each has its own shape or label). Pixels
are floats here, and only here. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 860
LEFT: Final = 78
RIGHT: Final = 14
TOP: Final = 26
BOTTOM: Final = 26
GRID_LINES: Final = 4


@dataclass(slots=True, frozen=True)
class Axis:
    """One direction of a plot: values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value; a value outside is drawn at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


@dataclass(slots=True, frozen=True)
class Band:
    """A stretch of time to shade, with its name."""

    start: float
    end: float
    name: str


@dataclass(slots=True, frozen=True)
class GuideLine:
    """A horizontal line with its name: a strike, a limit."""

    value: float
    name: str
    style: str = "level"


@dataclass(slots=True, frozen=True)
class Stroke:
    """A horizontal piece at a value: one order of ours, while it rested."""

    start: float
    end: float
    value: float
    style: str
    title: str


@dataclass(slots=True, frozen=True)
class Dot:
    """One instant at a value: a fill."""

    at: float
    value: float
    style: str
    title: str


@dataclass(slots=True, frozen=True)
class Picture:
    """A plot over time: one line of (instant, value), and what is drawn over it. `ticks` name instants."""

    title: str
    line: Sequence[tuple[float, float]]
    ticks: Sequence[tuple[float, str]]
    unit: str
    levels: Sequence[GuideLine] = ()
    bands: Sequence[Band] = ()
    strokes: Sequence[Stroke] = ()
    dots: Sequence[Dot] = ()
    from_zero: bool = False
    height: int = 260


def draw(picture: Picture) -> str:
    """One SVG element; a line of text when there is nothing to draw."""
    instants = [at for at, _ in picture.line] + [at for at, _ in picture.ticks]
    values = [value for _, value in picture.line] + [level.value for level in picture.levels]
    if not picture.line or len(set(instants)) < 2:  # noqa: PLR2004 - two ends make an axis
        return f'<p class="empty">{escape(picture.title)}: not recorded</p>'
    low, high = spread(values, from_zero=picture.from_zero)
    across = Axis(min(instants), max(instants), LEFT, WIDTH - RIGHT)
    up = Axis(low, high, picture.height - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {picture.height}" role="img" aria-label="{escape(picture.title)}">',
        f'<text class="title" x="{LEFT}" y="15">{escape(picture.title)}</text>',
        *_bands(picture, across),
        *_grid(picture, across, up),
        *_levels(picture, up),
        f'<path class="line" d="{_path(picture.line, across, up)}"/>',
        *_marks(picture, across, up),
        "</svg>",
    ]
    return "".join(parts)


def bars(title: str, rows: Sequence[tuple[str, float, str]], height: int = 200) -> str:
    """One bar for each (name, value, printed value), upwards from zero when positive."""
    if not rows:
        return f'<p class="empty">{escape(title)}: not recorded</p>'
    low, high = spread([value for _, value, _ in rows], from_zero=True)
    up = Axis(low, high, height - BOTTOM, TOP)
    slot = (WIDTH - LEFT - RIGHT) / len(rows)
    zero = up.at(0)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f'<text class="title" x="{LEFT}" y="15">{escape(title)}</text>',
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{zero:.1f}" y2="{zero:.1f}"/>',
    ]
    for number, (name, value, printed) in enumerate(rows):
        x, y = LEFT + number * slot, up.at(value)
        middle = x + slot / 2
        style = "gain" if value >= 0 else "loss"
        parts.append(
            f'<rect class="{style}" x="{x + slot * 0.2:.1f}" y="{min(y, zero):.1f}" width="{slot * 0.6:.1f}" '
            f'height="{max(abs(zero - y), 1):.1f}"><title>{escape(name)} {escape(printed)}</title></rect>'
            f'<text class="tick mid" x="{middle:.1f}" y="{height - 8}">{escape(name)}</text>'
            f'<text class="tick mid" x="{middle:.1f}" y="{min(y, zero) - 4:.1f}">{escape(printed)}</text>'
        )
    return "".join([*parts, "</svg>"])


def spread(values: Iterable[float], *, from_zero: bool) -> tuple[float, float]:
    """The ends of an axis that shows all values with a little air, never of length zero."""
    known = list(values) + ([0.0] if from_zero else [])
    low, high = min(known), max(known)
    air = (high - low) * 0.06 or max(abs(high), 1.0) * 0.01
    return (low if from_zero and low == 0 else low - air), high + air


def _bands(picture: Picture, across: Axis) -> list[str]:
    return [
        f'<rect class="band" x="{across.at(band.start):.1f}" y="{TOP}" height="{picture.height - TOP - BOTTOM}" '
        f'width="{max(across.at(band.end) - across.at(band.start), 0):.1f}"><title>{escape(band.name)}</title></rect>'
        for band in picture.bands
    ]


def _grid(picture: Picture, across: Axis, up: Axis) -> list[str]:
    parts = []
    for step in range(GRID_LINES + 1):
        value = up.low + (up.high - up.low) * step / GRID_LINES
        y = up.at(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick end" x="{LEFT - 6}" y="{y + 4:.1f}">{value:,.2f}{escape(picture.unit)}</text>'
        )
    for at, name in picture.ticks:
        x = across.at(at)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{picture.height - BOTTOM}"/>'
            f'<text class="tick mid" x="{x:.1f}" y="{picture.height - 8}">{escape(name)}</text>'
        )
    return parts


def _levels(picture: Picture, up: Axis) -> list[str]:
    return [
        f'<line class="{level.style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up.at(level.value):.1f}" '
        f'y2="{up.at(level.value):.1f}"/><text class="tick end" x="{WIDTH - RIGHT}" '
        f'y="{up.at(level.value) - 3:.1f}">{escape(level.name)}</text>'
        for level in picture.levels
    ]


def _path(line: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    points = (f"{across.at(at):.1f} {up.at(value):.1f}" for at, value in line)
    return "M" + "L".join(points)


def _marks(picture: Picture, across: Axis, up: Axis) -> list[str]:
    strokes = [
        f'<line class="{stroke.style}" x1="{across.at(stroke.start):.1f}" '
        f'x2="{max(across.at(stroke.end), across.at(stroke.start) + 1.5):.1f}" y1="{up.at(stroke.value):.1f}" '
        f'y2="{up.at(stroke.value):.1f}"><title>{escape(stroke.title)}</title></line>'
        for stroke in picture.strokes
    ]
    dots = [
        f'<circle class="{dot.style}" cx="{across.at(dot.at):.1f}" cy="{up.at(dot.value):.1f}" r="4">'
        f"<title>{escape(dot.title)}</title></circle>"
        for dot in picture.dots
    ]
    return strokes + dots
