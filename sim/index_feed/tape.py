"""Which value the vendor shows when: a live path sampled about once a second, or a recording played again.

Live. Each index has its own slots of `cadence` length with its own phase, so S&P and Nasdaq are not locked together;
inside its slot the tick comes at a place drawn by hash (the jitter), and a value that has not changed since the last
slot is left out (docs/feed.md 5). As the ticks are a pure function of time, the REST history can be asked for any
span and agrees with what the socket showed. Nothing is replayed to a client that connects late.

Recorded. Rows of t (Unix ms), T, val keep their distances; the first is shown at the start, re-stamped to now.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

import msgspec

from domain.clock import NS_PER_MS
from domain.money import INDEX_DECIMALS, IndexValue
from sim.index_feed.wire import number
from sim.market import PROFILES, IndexPath

CATCH_UP_SLOTS: Final = 1


class Shown(NamedTuple):
    """One value as the vendor shows it: ticker, stamp (UTC ns), value and its number text."""

    ticker: str
    utc_ns: int
    value: IndexValue
    text: str


class Tape(Protocol):
    """A source of shown values."""

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that have values."""
        ...

    def due(self, utc_ns: int) -> tuple[Shown, ...]:
        """Take the values whose time has come since the last call, oldest first."""
        ...

    def next_ns(self) -> int | None:
        """When the next value may come (UTC ns); None when there is none any more."""
        ...

    def last(self, ticker: str, utc_ns: int) -> Shown | None:
        """The newest value of a ticker at an instant."""
        ...

    def between(self, ticker: str, start_ns: int, end_ns: int, most: int) -> Iterator[Shown]:
        """Values of a ticker with start <= stamp < end, oldest first; thinned out to about `most`."""
        ...


class LiveTape:
    """Ticks of simulated paths."""

    __slots__ = ("_cadence_ns", "_jitter", "_keys", "_next_slot", "_paths", "_phase", "_unrounded")

    def __init__(self, seed: int, tickers: Iterable[str], cadence_ms: int, jitter: float, vol_scale: float) -> None:
        """Sample each ticker every `cadence_ms` (>= 1), moved by up to `jitter` (0..1) of it."""
        self._cadence_ns: Final = cadence_ms * NS_PER_MS
        self._jitter: Final = jitter
        self._paths: Final = {ticker: _path(seed, ticker, vol_scale) for ticker in tickers}
        self._keys: Final = {ticker: f"{seed}|{ticker}|cadence".encode() for ticker in self._paths}
        self._phase: Final = {ticker: self._draw(ticker, -1) % self._cadence_ns for ticker in self._paths}
        self._unrounded: Final = {t for t in self._paths if t in PROFILES and PROFILES[t].step == 1}
        self._next_slot: dict[str, int] = {}

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that have values."""
        return tuple(self._paths)

    def due(self, utc_ns: int) -> tuple[Shown, ...]:
        """Take what came since the last call. After a pause of this process only the newest slot is shown."""
        shown: list[Shown] = []
        for ticker in self._paths:
            current = self._slot(ticker, utc_ns)
            slot = max(self._next_slot.get(ticker, current), current - CATCH_UP_SLOTS)
            while (at := self._tick_ns(ticker, slot)) <= utc_ns:
                tick = self._shown(ticker, at)
                if tick.value != self._shown(ticker, self._tick_ns(ticker, slot - 1)).value:
                    shown.append(tick)
                slot += 1
            self._next_slot[ticker] = slot
        return tuple(sorted(shown, key=lambda tick: (tick.utc_ns, tick.ticker)))

    def next_ns(self) -> int | None:
        """When the next tick falls, over all tickers."""
        return min((self._tick_ns(t, slot) for t, slot in self._next_slot.items()), default=0)

    def last(self, ticker: str, utc_ns: int) -> Shown | None:
        """The newest tick at an instant."""
        if ticker not in self._paths:
            return None
        slot = self._slot(ticker, utc_ns)
        at = self._tick_ns(ticker, slot)
        return self._shown(ticker, at if at <= utc_ns else self._tick_ns(ticker, slot - 1))

    def between(self, ticker: str, start_ns: int, end_ns: int, most: int) -> Iterator[Shown]:
        """Ticks of a span; the first and last are always among them."""
        if ticker not in self._paths:
            return
        first, last = self._slot(ticker, start_ns), self._slot(ticker, end_ns)
        while self._tick_ns(ticker, first) < start_ns:
            first += 1
        while self._tick_ns(ticker, last) >= end_ns:
            last -= 1
        step = max((last - first) // max(most, 1), 1)
        for slot in range(first, last, step):
            yield self._shown(ticker, self._tick_ns(ticker, slot))
        if last >= first:
            yield self._shown(ticker, self._tick_ns(ticker, last))

    def value_at(self, ticker: str, utc_ns: int) -> IndexValue:
        """The level of the path itself, between ticks."""
        return self._paths[ticker].value_at(utc_ns)

    def text(self, ticker: str, value: IndexValue) -> str:
        """The number text of a value, as this ticker is published."""
        return number(value, unrounded=ticker in self._unrounded)

    def _slot(self, ticker: str, utc_ns: int) -> int:
        return (utc_ns - self._phase[ticker]) // self._cadence_ns

    def _tick_ns(self, ticker: str, slot: int) -> int:
        place = self._draw(ticker, slot) % 1_000_000 * self._jitter / 1_000_000
        at = self._phase[ticker] + slot * self._cadence_ns + int(self._cadence_ns * place)
        return at // NS_PER_MS * NS_PER_MS

    def _draw(self, ticker: str, slot: int) -> int:
        name = slot.to_bytes(16, "little", signed=True)
        return int.from_bytes(blake2b(name, key=self._keys[ticker][:64], digest_size=8).digest(), "little")

    def _shown(self, ticker: str, at: int) -> Shown:
        value = self._paths[ticker].value_at(at)
        return Shown(ticker, at, value, self.text(ticker, value))


def _path(seed: int, ticker: str, vol_scale: float) -> IndexPath:
    profile = PROFILES.get(ticker)
    return IndexPath(seed, ticker, None if profile is None else profile.volatility * vol_scale)


class RecordedTape:
    """A recording, played once from `start_ns`."""

    __slots__ = ("_place", "_rows", "_start_ns", "_tickers")

    def __init__(self, rows: Iterable[Shown], start_ns: int) -> None:
        """Show the first row at `start_ns` (UTC); raises ValueError when there are no rows."""
        ordered = sorted(rows, key=lambda row: row.utc_ns)
        if not ordered:
            raise ValueError("the recording holds no rows; each wants t (Unix ms), T (ticker) and val")
        shift = start_ns // NS_PER_MS * NS_PER_MS - ordered[0].utc_ns
        self._rows: Final = [row._replace(utc_ns=row.utc_ns + shift) for row in ordered]
        self._tickers: Final = tuple(dict.fromkeys(row.ticker for row in ordered))
        self._start_ns: Final = start_ns
        self._place = 0

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that have values."""
        return self._tickers

    def due(self, utc_ns: int) -> tuple[Shown, ...]:
        """Take the rows whose time has come."""
        first = self._place
        while self._place < len(self._rows) and self._rows[self._place].utc_ns <= utc_ns:
            self._place += 1
        return tuple(self._rows[first : self._place])

    def next_ns(self) -> int | None:
        """When the next row falls."""
        return self._rows[self._place].utc_ns if self._place < len(self._rows) else None

    def last(self, ticker: str, utc_ns: int) -> Shown | None:
        """The newest row of a ticker at an instant."""
        return next((r for r in reversed(self._rows) if r.ticker == ticker and r.utc_ns <= utc_ns), None)

    def between(self, ticker: str, start_ns: int, end_ns: int, most: int) -> Iterator[Shown]:
        """Rows of a span."""
        del most
        return (row for row in self._rows if row.ticker == ticker and start_ns <= row.utc_ns < end_ns)


class _Row(msgspec.Struct):
    t: int
    T: str
    val: msgspec.Raw


_read_row: Final = msgspec.json.Decoder(_Row).decode


class _Part(msgspec.Struct):
    ev: str = ""
    t: int = 0
    T: str = ""
    val: msgspec.Raw = msgspec.Raw(b"")


class _Frame(msgspec.Struct):
    """A line of the feed recorder: a whole frame, of which the values are played."""

    frame: list[_Part]


_read_frame: Final = msgspec.json.Decoder(_Frame).decode


def read_rows(text: str, *, jsonl: bool) -> list[Shown]:
    """Read a recording: CSV with a header naming t, T and val, or JSON lines. Raises ValueError.

    A JSON line is one value, `{"t": ms, "T": ticker, "val": number}`, or one frame as the vendor sent it:
    `{"ns": unix_ns, "frame": [{"ev": "V", ...}]}`, and `text` in place of `frame` for what is not JSON.
    """
    if jsonl:
        return [
            row for place, line in enumerate(text.splitlines(), 1) if line.strip() for row in _read_line(place, line)
        ]
    rows: list[Shown] = []
    for place, fields in enumerate(csv.DictReader(text.splitlines()), 2):
        try:
            rows.append(_recorded(int(fields["t"]), fields["T"], fields["val"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {place}: {error}; the header must name t, T and val") from error
    return rows


def _read_line(place: int, line: str) -> list[Shown]:
    try:
        if '"frame"' in line:
            parts = _read_frame(line).frame
            return [_recorded(part.t, part.T, str(part.val, "ascii")) for part in parts if part.ev == "V"]
        if '"text"' in line:
            return []
        row = _read_row(line)
        return [_recorded(row.t, row.T, str(row.val, "ascii"))]
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"line {place}: {error}; write {{'t': ms, 'T': 'I:SPX', 'val': 6650.13}}") from error


def _recorded(stamp_ms: int, ticker: str, text: str) -> Shown:
    whole, _, part = text.strip().partition(".")
    if not whole.isdigit() or (part and not part.isdigit()):
        raise ValueError(f"val {text!r} is not a plain decimal number")
    digits = part.ljust(INDEX_DECIMALS + 1, "0")
    up = int(digits[INDEX_DECIMALS] >= "5")
    value = IndexValue(int(whole + digits[:INDEX_DECIMALS]) + up)
    return Shown(ticker, stamp_ms * NS_PER_MS, value, text.strip())
