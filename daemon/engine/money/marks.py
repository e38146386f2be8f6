"""What one contract of each open market is worth now: its fair value, or the book's middle when that is doubted.

Past its target the index print decides, if it is not too near the strike to tell. What has no mark is left out, and
counts its worst outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon.engine.books import Books
from daemon.engine.desk import Desk
from daemon.engine.holdings import Holdings
from daemon.engine.results import Results
from daemon.engine.settling.window_result import own_verdict
from domain.clock import Now
from domain.ids import Ticker
from domain.money import PRICE_PER_DOLLAR, Price
from domain.window import Phase
from execution.quoter import others_of
from pricing.fair import UnpricedError

OPEN = frozenset({Phase.QUOTING, Phase.STRICT})


class Marks:
    """Asks desks, books and prints."""

    def __init__(self, desks: Mapping[str, Desk], held: Holdings, results: Results) -> None:
        self._desks = desks
        self._held = held
        self._results = results

    def now(self, now: Now) -> dict[Ticker, Price]:
        """A mark for every open market that has one."""
        held, found = self._held, {}
        where = {t: (each.series, each.target_ns) for t, each in held.ledger.markets.items() if not each.result}
        where |= {order.ticker: (order.series, order.target_ns) for order in held.untold.values()}
        fairs: dict[str, dict[Ticker, Price]] = {}
        for ticker, (series, target_ns) in where.items():
            desk = self._desks.get(series)
            if 0 < target_ns <= now.utc_ns:
                mark = self._printed(series, target_ns, ticker)
            elif desk is None or ticker not in desk.markets:
                mark = None
            else:
                if series not in fairs:
                    fairs[series] = _fairs(desk, now)
                mark = fairs[series].get(ticker)
                mark = self._middle(desk, ticker) if mark is None else mark
            if mark is not None:
                found[ticker] = mark
        return found

    def _middle(self, desk: Desk, ticker: Ticker) -> Price | None:
        """The middle of a book without our own orders; None while it is not current or has one side only."""
        top = desk.tops.get(ticker) if ticker in desk.books_fresh else None
        if top is None:
            return None
        others = others_of(top, [o for o in self._held.book.live.values() if o.ticker == ticker])
        return None if others.bid is None or others.ask is None else Price((others.bid + others.ask) // 2)

    def _printed(self, series: str, target_ns: int, ticker: Ticker) -> Price | None:
        """A dollar or nothing by our own print of the index; None where that is missing or too near to tell."""
        result = self._results.by_window.get((series, target_ns))
        market = self._results.markets.get((series, target_ns), {}).get(ticker)
        if result is None or market is None:
            return None
        try:
            verdict = own_verdict(market, result.print_value)
        except UnpricedError:
            return None
        return {"yes": Price(PRICE_PER_DOLLAR), "no": Price(0)}.get(verdict)


def _fairs(desk: Desk, now: Now) -> dict[Ticker, Price]:
    """Every fair value of a desk; none while the index is late or one of its values is doubted."""
    if not desk.freshness(now).fresh or not desk.canary.vote().open:
        return {}
    return dict(zip(desk.markets, desk.fairs, strict=False))


def books_age_ns(phases: Iterable[Phase], books: Books, now: Now) -> int:
    """How old the exchange's books are in an open window; 0 outside, where nothing is at stake.

    Books that this run never read are not old: they are not reconciled, and nothing is placed until they are.
    """
    age_ns = books.reconcile_age_ns(now.mono_ns) if any(phase in OPEN for phase in phases) else 0
    return age_ns or 0
