"""From the values of the tape to the frames of one host, with the faults of values, stamps and frames in between.

What is shown does not depend on who listens: a host makes its objects once, and each connection takes those it has
subscribed to.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.money import IndexValue
from sim.index_feed import wire
from sim.index_feed.faults import FaultBoard
from sim.index_feed.tape import LiveTape, Shown, Tape

BPS: Final = 10_000
BAR_MS: Final = {"A": 1_000, "AM": 60_000}
ALWAYS: Final = "*"


class Piece(NamedTuple):
    """One object for a frame and whom it concerns: channel `*` goes to whoever gets the frame."""

    channel: str
    ticker: str
    text: str


class Bars:
    """Builds second and minute bars from shown values; a window without a value has no bar."""

    __slots__ = ("_open", "_opens_of_day")

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[IndexValue | int]] = {}
        self._opens_of_day: dict[str, IndexValue] = {}

    def add(self, tick: Shown, tape: Tape) -> list[Piece]:
        """Count a value; return the bars that its arrival completes."""
        done: list[Piece] = []
        self._opens_of_day.setdefault(tick.ticker, tick.value)
        for channel, length_ms in BAR_MS.items():
            start = tick.utc_ns // NS_PER_MS // length_ms * length_ms
            bar = self._open.get((channel, tick.ticker))
            if bar is not None and bar[0] == start:
                bar[2:] = [tick.value, max(bar[3], tick.value), min(bar[4], tick.value)]
                continue
            if bar is not None:
                done.append(self._piece(channel, tick.ticker, bar, tape))
            self._open[channel, tick.ticker] = [start, tick.value, tick.value, tick.value, tick.value]
        return done

    def _piece(self, channel: str, ticker: str, bar: list[IndexValue | int], tape: Tape) -> Piece:
        start, o, c, h, low = bar
        values = (self._opens_of_day[ticker], o, c, h, low)
        op, *rest = (_text(tape, ticker, IndexValue(int(v))) for v in values)
        text = wire.bar(channel, ticker, (op, rest[0], rest[1], rest[2], rest[3]), start, start + BAR_MS[channel])
        return Piece(channel, ticker, text)


def _text(tape: Tape, ticker: str, value: IndexValue) -> str:
    return tape.text(ticker, value) if isinstance(tape, LiveTape) else wire.number(value)


class Host:
    """What one host (1 or 2) makes of the tape."""

    __slots__ = ("_board", "_number", "_previous", "_shown_ns", "_tape")

    def __init__(self, number: int, tape: Tape, board: FaultBoard) -> None:
        """Show `tape` under the faults of host `number`."""
        self._number: Final = number
        self._tape: Final = tape
        self._board: Final = board
        self._previous: dict[str, Piece] = {}
        self._shown_ns: dict[str, int] = {}

    def pieces(self, tick: Shown, now: Now) -> list[Piece]:
        """Make the objects for one value; empty when it is silenced. `bad_json` yields text that is no object."""
        if self._strike("silence", now, tick.ticker):
            return []
        if self._strike("bad_json", now, tick.ticker):
            return [Piece("V", tick.ticker, '{"ev":"V","val":')]
        sized = self._board.strike("frame_size", now.mono_ns, self._number, tick.ticker)
        size = (sized.fault.n or 1) if sized else 1
        pieces = [self._value(part, now) for part in self._spread(tick, size)]
        self._shown_ns[tick.ticker] = tick.utc_ns
        previous = self._previous.get(tick.ticker)
        self._previous[tick.ticker] = pieces[-1]
        if self._strike("duplicate", now, tick.ticker):
            pieces.append(pieces[-1])
        if previous is not None and self._strike("out_of_order", now, tick.ticker):
            pieces.append(previous)
        if self._strike("unknown_event", now, tick.ticker):
            pieces.insert(0, Piece("V", tick.ticker, '{"ev":"XYZ","sym":"I:SPX","x":[1,{"y":null}]}'))
            pieces.append(Piece("V", tick.ticker, wire.value("I:NOBODY", "1.5", tick.utc_ns // NS_PER_MS)))
        if self._strike("mixed", now, tick.ticker):
            pieces = self._mixed(tick, pieces)
        return pieces

    def _value(self, tick: Shown, now: Now) -> Piece:
        """One V object, with the faults of values and stamps."""
        value, text = tick.value, tick.text
        frozen = self._board.strike("frozen", now.mono_ns, self._number, tick.ticker)
        if frozen is not None:
            value = IndexValue(frozen.kept.setdefault(tick.ticker, (value, 0))[0])
        for name in ("divergence", "jump"):
            moved = self._board.strike(name, now.mono_ns, self._number, tick.ticker)
            if moved is not None:
                value = IndexValue(value + round(value * (moved.fault.bps or 0) / BPS))
        unrounded = self._strike("unrounded", now, tick.ticker)
        if unrounded:
            text = wire.number(value, unrounded=True)
        elif value != tick.value:
            text = _text(self._tape, tick.ticker, value)
        return Piece("V", tick.ticker, wire.value(tick.ticker, text, self._stamp(tick, now)))

    def _stamp(self, tick: Shown, now: Now) -> int:
        stamp = tick.utc_ns
        stuck = self._board.strike("stuck_stamp", now.mono_ns, self._number, tick.ticker)
        if stuck is not None:
            stamp = stuck.kept.setdefault(tick.ticker, (stamp, 0))[0]
        old = self._board.strike("old_stamp", now.mono_ns, self._number, tick.ticker)
        if old is not None:
            stamp -= int((old.fault.ms or 0) * NS_PER_MS)
        return stamp if self._strike("ns_stamp", now, tick.ticker) else stamp // NS_PER_MS

    def _spread(self, tick: Shown, size: int) -> list[Shown]:
        """Cut the time since the last value into `size` values, the newest last, at least a millisecond apart."""
        if size == 1 or not isinstance(self._tape, LiveTape):
            return [tick] * size
        before = self._shown_ns.get(tick.ticker, tick.utc_ns - NS_PER_S)
        room_ms = max((tick.utc_ns - before) // NS_PER_MS, 1)
        size = min(size, room_ms)
        step = room_ms // size * NS_PER_MS
        parts = []
        for back in range(size - 1, 0, -1):
            at = tick.utc_ns - back * step
            value = self._tape.value_at(tick.ticker, at)
            parts.append(Shown(tick.ticker, at, value, self._tape.text(tick.ticker, value)))
        return [*parts, tick]

    def _mixed(self, tick: Shown, pieces: list[Piece]) -> list[Piece]:
        start = tick.utc_ns // NS_PER_MS // 1_000 * 1_000
        prices = (tick.text, tick.text, tick.text, tick.text, tick.text)
        return [
            Piece(ALWAYS, tick.ticker, wire.bar("A", tick.ticker, prices, start, start + 1_000)),
            *pieces,
            Piece(ALWAYS, tick.ticker, wire.status("success", f"subscribed to: V.{tick.ticker}")),
            Piece(ALWAYS, tick.ticker, wire.bar("AM", tick.ticker, prices, start, start + 60_000)),
        ]

    def _strike(self, name: str, now: Now, ticker: str) -> bool:
        return self._board.strike(name, now.mono_ns, self._number, ticker) is not None
