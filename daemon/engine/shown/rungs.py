"""Why a side of a rung has no quote of ours: what the desk wrote down when it decided, and what it never looked at.

The page draws it, and the journal has it: a record when it has changed, looked at once a second, so that neither a
price that trembles nor a long day floods the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from daemon.engine.state_view import StateView
from daemon.engine.views.desk import DeskView
from domain.clock import NS_PER_S, Now
from domain.ids import Ticker
from domain.market import Side
from domain.money import Price
from domain.reasons import RungReason
from domain.records import RungsUnquotedEntry, UnquotedRung
from domain.window import Phase
from execution.orders import Order

RUNGS_SHOWN: Final = 11
OPEN: Final = frozenset({Phase.QUOTING, Phase.STRICT})


class UnquotedRungs:
    """What was last told of each series: only what differs from it is told. A restart tells all anew."""

    def __init__(self) -> None:
        self._told: dict[str, dict[Ticker, UnquotedRung]] = {}
        self._window: dict[str, int] = {}
        self._look_ns = 0

    def look(self, state: StateView, now: Now) -> Iterator[RungsUnquotedEntry]:
        """Compare with what was told, once a second: a record for each series that may quote and has news."""
        if now.mono_ns < self._look_ns:
            return
        self._look_ns = now.mono_ns + NS_PER_S
        for name, desk in state.desks.items():
            if desk.phase not in OPEN or desk.window is None or state.closed.get(name) != ():
                continue
            if self._window.get(name) != desk.window.target_ns:
                self._window[name], self._told[name] = desk.window.target_ns, {}
            told, own = self._told[name], state.held.converger.live_of(name)
            news = [rung for rung in _rungs(desk, own) if told.get(rung.ticker) != rung]
            if news:
                told.update((rung.ticker, rung) for rung in news)
                yield RungsUnquotedEntry(name, desk.window.target_ns, tuple(news))


def _rungs(desk: DeskView, own: list[Order]) -> Iterator[UnquotedRung]:
    """The rungs near the money as they stand, the gate being open."""
    fairs, markets = desk.fairs, list(desk.markets)
    for index in near_money(desk):
        ticker, fair = markets[index], fairs[index] if index < len(fairs) else None
        yield UnquotedRung(ticker, *(_code(desk, ticker, side, fair, own) for side in (Side.BID, Side.ASK)))


def near_money(desk: DeskView) -> range:
    """The places in the ladder of the rungs nearest the money, as many as are shown."""
    count = len(desk.markets)
    first = max(0, min(desk.center() - RUNGS_SHOWN // 2, count - RUNGS_SHOWN))
    return range(first, min(count, first + RUNGS_SHOWN))


def why_not_quoted(
    desk: DeskView, ticker: Ticker, side: Side, fair: Price | None, own: Iterable[Order], *, may_quote: bool
) -> str:
    """The reason in one code, or nothing where an order of ours may rest on that side."""
    code = _code(desk, ticker, side, fair, own)
    if code is None:
        return ""
    return (code if may_quote else RungReason.GATE_CLOSED).value


def _code(desk: DeskView, ticker: Ticker, side: Side, fair: Price | None, own: Iterable[Order]) -> RungReason | None:
    if any(order.ticker == ticker and order.side is side for order in own):
        return None
    return _reason(desk, ticker, side, fair)


def _reason(desk: DeskView, ticker: Ticker, side: Side, fair: Price | None) -> RungReason:
    if fair is None or desk.edge_needed is None:
        return RungReason.NOT_PRICED
    if not desk.settings.quoting.tradable(fair):
        return RungReason.FAR_FROM_MONEY
    if ticker not in desk.books_fresh:
        return RungReason.NO_BOOK
    if ticker in desk.vetoed:
        return RungReason.VETOED
    if ticker in desk.restricted:
        return RungReason.RESTRICTED
    if desk.confined is not None and ticker not in desk.confined:
        return RungReason.MARKETS_LIMIT
    if ticker not in desk.looked_at:
        return RungReason.OTHERS_NEARER
    wanted = RungReason.WAITS_TO_SEND if desk.waiting_for_group else RungReason.TOO_LATE
    return desk.unquoted.get((ticker, side), wanted)
