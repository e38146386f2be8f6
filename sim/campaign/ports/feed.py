"""The index vendor on the timeline: two hosts, the account's quota, the fault menu, and the paths of the indices.

Frames are the vendor's text. While no fault is at work a value goes straight into its frame; otherwise the simulator's
own spoiling of values, stamps and frames is used. Cadence: four values a second in windows, one a second outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.money import IndexValue
from sim.campaign.ports.links import Link
from sim.index_feed import wire
from sim.index_feed.faults import Fault, FaultBoard, check
from sim.index_feed.quota import Evict, Quota
from sim.index_feed.session import Close, Drop, Out, Plan, Send, Session
from sim.index_feed.spoil import ALWAYS, Host, Piece
from sim.index_feed.tape import Shown
from sim.market import IndexPath
from sim.virtual.timeline import Timeline

KEY = "key"
FAST_NS = 250 * NS_PER_MS
SLOW_NS = 1_000 * NS_PER_MS
LATE_NS = 20 * NS_PER_MS
EVICT_AFTER_NS = 20 * NS_PER_MS
INSTANT = frozenset({"close", "rst", "drop", "half_open", "evict"})


class Paths:
    """The indices: any instant, and a cache of whole seconds for those who look back."""

    def __init__(self, seed: int, symbols: tuple[str, ...]) -> None:
        self._forward = {symbol: IndexPath(seed, symbol) for symbol in symbols}
        self._back = {symbol: IndexPath(seed, symbol) for symbol in symbols}
        self._kept: dict[tuple[str, int], int] = {}

    def now(self, symbol: str, utc_ns: int) -> IndexValue:
        """The value of this moment, cheap when moments follow each other."""
        return self._forward[symbol].value_at(utc_ns)

    def value(self, symbol: str, utc_ns: int) -> int:
        """The value of any instant."""
        second, rest = divmod(utc_ns, NS_PER_S)
        if rest:
            return int(self._back[symbol].value_at(utc_ns))
        found = self._kept.get((symbol, second))
        if found is None:
            if len(self._kept) > 4_096:  # noqa: PLR2004 - room for an hour of looks
                self._kept.clear()
            found = self._kept[symbol, second] = int(self._back[symbol].value_at(utc_ns))
        return found


class _NoTape:
    """A tape that nobody asks: values come from the paths, one at a time."""

    tickers: tuple[str, ...] = ()

    def due(self, utc_ns: int) -> tuple[Shown, ...]:
        """Nothing."""
        del utc_ns
        return ()

    def next_ns(self) -> int | None:
        """Never."""
        return None

    def last(self, ticker: str, utc_ns: int) -> Shown | None:
        """Nothing."""
        del ticker, utc_ns
        return None

    def between(self, ticker: str, start_ns: int, end_ns: int, most: int) -> Iterator[Shown]:
        """Nothing."""
        del ticker, start_ns, end_ns, most
        return iter(())


class FeedEnd:
    """The vendor's end of one connection."""

    def __init__(self, session: Session, link: Link) -> None:
        self.session = session
        self.link = link


class FeedHost:
    """One of the two hosts, as a socket dials it."""

    def __init__(self, feed: FeedPort, number: int) -> None:
        self.feed = feed
        self.number = number

    def open(self, link: Link, opened: Callable[[FeedEnd | None], None]) -> None:
        """A client dials."""
        opened(self.feed.opened(link, self.number))

    def heard(self, end: FeedEnd, data: str | bytes) -> None:
        """A client speaks."""
        self.feed.heard(end, data)

    def left(self, end: FeedEnd | None) -> None:
        """A client has gone."""
        self.feed.left(end)


class FeedPort:
    """The vendor."""

    def __init__(
        self,
        timeline: Timeline,
        paths: Paths,
        symbols: tuple[str, ...],
        quota: int,
        rng: Random,
        *,
        is_open: Callable[[int], bool],
        is_fast: Callable[[int], bool],
    ) -> None:
        self.timeline = timeline
        self.paths = paths
        self.board = FaultBoard()
        self.hosts = (FeedHost(self, 1), FeedHost(self, 2))
        self.ends: dict[int, FeedEnd] = {}
        self._plan = Plan((KEY,))
        self._quota = Quota(quota, Evict.OLDEST, rng)
        self._spoil = (Host(1, _NoTape(), self.board), Host(2, _NoTape(), self.board))
        self._is_open = is_open
        self._is_fast = is_fast
        self._ident = 0
        self._last: dict[str, IndexValue] = {}
        self.shown = 0
        for place, symbol in enumerate(symbols):
            first_ns = timeline.now_ns + rng.randrange(FAST_NS) + place
            timeline.at(first_ns, self._slot, symbol, first_ns % FAST_NS, rng)

    # --- values ----------------------------------------------------------------------------------------------------

    def _slot(self, symbol: str, phase_ns: int, rng: Random) -> None:
        """One value is due, and the next one will be: each is up to 20 ms late, the slots are not."""
        now_ns = self.timeline.now_ns
        step_ns = FAST_NS if self._is_fast(now_ns) else SLOW_NS
        slot_ns = now_ns - (now_ns - phase_ns) % step_ns
        late_ns = int(rng.random() * LATE_NS)
        self.timeline.at(slot_ns + step_ns + late_ns, self._slot, symbol, phase_ns, rng)
        if self._is_open(now_ns):
            self._show(symbol, now_ns)

    def _show(self, symbol: str, now_ns: int) -> None:
        value = self.paths.now(symbol, now_ns)
        if self._last.get(symbol) == value:
            return
        self._last[symbol] = value
        if not self.ends:
            return
        text = wire.number(value)
        self.shown += 1
        if not self.board._active:  # noqa: SLF001 - the one question that every value asks
            frame = wire.frame([wire.value(symbol, text, now_ns // NS_PER_MS)])
            for end in self.ends.values():
                if end.session.wants("V", symbol):
                    end.link.to_client(frame)
            return
        now = Now(now_ns, now_ns)
        tick = Shown(symbol, now_ns, value, text)
        for number, host in enumerate(self._spoil, 1):
            pieces = host.pieces(tick, now)
            if pieces:
                delayed = self.board.strike("delay", now_ns, number, symbol)
                late_ns = int((delayed.fault.ms or 0) * NS_PER_MS) if delayed else 0
                self._deliver(number, pieces, late_ns)

    def _deliver(self, number: int, pieces: list[Piece], late_ns: int) -> None:
        for end in list(self.ends.values()):
            if end.session.host != number:
                continue
            wants = end.session.wants
            texts = [p.text for p in pieces if p.channel == ALWAYS or wants(p.channel, p.ticker)]
            if texts and any(p.channel != ALWAYS and wants(p.channel, p.ticker) for p in pieces):
                end.link.to_client(wire.frame(texts), late_ns)

    # --- connections -----------------------------------------------------------------------------------------------

    def _now(self) -> Now:
        return Now(self.timeline.now_ns, self.timeline.now_ns)

    def opened(self, link: Link, number: int) -> FeedEnd | None:
        """A client dials a host."""
        if self.board.strike("refuse", self.timeline.now_ns, number) is not None:
            return None
        self._ident += 1
        end = FeedEnd(Session(self._ident, number, self._plan, self.board), link)
        self.ends[self._ident] = end
        self._send(end, end.session.opened(self._now()))
        return end

    def heard(self, end: FeedEnd, data: str | bytes) -> None:
        """A client speaks."""
        before = end.session.authed_key
        self._send(end, end.session.received(data, self._now()))
        if before is None and end.session.authed_key is not None:
            for ident in self._quota.admit(end.session.ident):
                self.timeline.after(EVICT_AFTER_NS, self._evict, ident)

    def _evict(self, ident: int) -> None:
        victim = self.ends.get(ident)
        if victim is not None:
            self._send(victim, Session.evicted())

    def left(self, end: FeedEnd | None) -> None:
        """A client has gone."""
        if end is None:
            return
        self.ends.pop(end.session.ident, None)
        self._quota.release(end.session.ident)

    def _send(self, end: FeedEnd, outs: tuple[Out, ...]) -> None:
        for out in outs:
            if isinstance(out, Send):
                end.link.to_client(out.text, int(out.late_ms * NS_PER_MS))
            elif isinstance(out, Close):
                end.link.cut(f"closed {out.code}")
            else:
                assert isinstance(out, Drop)
                end.link.cut("dropped without a Close frame")

    # --- faults ----------------------------------------------------------------------------------------------------

    def strike(self, request: dict[str, Any]) -> None:
        """Put a fault of the vendor's menu to work."""
        fault = check(Fault(**request))
        active = self.board.add(fault, self.timeline.now_ns)
        if fault.fault not in INSTANT:
            return
        for end in list(self.ends.values()):
            if fault.host not in (None, end.session.host):
                continue
            self.board.spend(active)
            if fault.fault == "half_open":
                end.link.fall_silent()
            elif fault.fault == "evict":
                self._send(end, Session.evicted())
            else:
                end.link.cut("closed 1001" if fault.fault == "close" else "dropped without a Close frame")
        self.board.end(active)
