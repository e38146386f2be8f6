"""Places that the exchange refuses or does not answer: what cools, what is read, what waits, when quoting pauses.

One answer concerns one market, one series or the account (`execution/kalshi/concerns.py`), and no more than that cools.
What the exchange goes on refusing is bounded (docs/contracts.md, Quoting): so many in a short time cool a market, more
of them pause the account, and with too many behind us nothing leaves before the first of them has grown old. After an
answer that could be meant for everything (key, rights, cash) one place at a time goes out, until one is accepted.
Nothing here sends or cancels; what must pause is returned as its reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from daemon.engine.desk import Desk
from daemon.engine.holdings import BOOKS_OF_RECORD, STATUS, Holdings
from domain.actions import AnyAction
from domain.alert_types.catalogue import (
    CashShortAlert,
    KeyRefusedAlert,
    MarketRestrictedAlert,
    PlacesRefusedAlert,
    Severity,
)
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import PlaceOutcome, Verdict
from domain.ids import Ticker
from domain.market import Side
from execution.kalshi.concerns import Concern, concern_of
from execution.orders import Order
from guards.refusals import ACCOUNT, Refusals

MARKET_COOLS_NS = 60 * NS_PER_S
HALTED_COOLS_NS = 10 * NS_PER_S
CASH_COOLS_NS = 60 * NS_PER_S
CASH_SPAN_NS = 600 * NS_PER_S
CASH_TIMES = 3
# A lane without room says so in the same instant: placed again in every step, a side would fill journal and log.
UNSENT_COOLS_NS = 100 * NS_PER_MS
KEY_SPAN_NS = 60 * NS_PER_S
KEY_TIMES = 2
NO_TICKER = Ticker("")
ONE_AT_A_TIME = frozenset({Concern.KEY, Concern.RIGHT, Concern.STAMP, Concern.CASH})


class PlaceRefusals:
    """Every refusal of one account. `restricted`: markets that the key may not trade; each is of one day only."""

    def __init__(self, held: Holdings, desks: Mapping[str, Desk]) -> None:
        self.held = held
        self.desks = desks
        self.restricted: set[Ticker] = set()
        for desk in desks.values():
            desk.restricted = self.restricted
        self.stale_books: list[Ticker] = []
        self._refusals = Refusals()
        self._keys: deque[tuple[int, Ticker]] = deque(maxlen=KEY_TIMES)
        self._short: deque[int] = deque(maxlen=CASH_TIMES)
        self._cold_until_ns: dict[str, int] = {}
        self._one_at_a_time = False
        self._stamped_ns = 0
        self._key_told_ns = 0

    def placed(self, event: PlaceOutcome, order: Order, now: Now, out: list[AnyAction]) -> str:
        """The answer to a place; why quoting must pause until somebody resumes, or nothing."""
        if event.verdict is Verdict.ACCEPTED:
            self._one_at_a_time = False
        desk = self.desks.get(order.series)
        if event.verdict is Verdict.UNSENT and desk is not None:
            _cool_side(desk, order, now.mono_ns + UNSENT_COOLS_NS)
        if event.verdict not in {Verdict.REFUSED, Verdict.UNKNOWN}:
            return ""
        concern = concern_of(event)
        self._one_at_a_time = self._one_at_a_time or concern in ONE_AT_A_TIME
        if desk is not None:
            self._cool(desk, order, concern, now)
        if concern is Concern.GROUP:
            self.held.groups.lost(order.group_id, now.mono_ns)
        elif concern is Concern.HALTED:
            self.held.reads.soon(STATUS, now.mono_ns)
        why = self._count(order, event.code, _word(event), now, out)
        if concern is Concern.CASH:
            return self._cash(order.series, now, out) or why
        if concern is Concern.STAMP:
            return self._stamp(event, now, out) or why
        if concern is Concern.RIGHT:
            self.restricted.add(order.ticker)
            return self._key(order.ticker, event, now, out) or why
        return (self._key(NO_TICKER, event, now, out) if concern is Concern.KEY else "") or why

    def _cool(self, desk: Desk, order: Order, concern: Concern, now: Now) -> None:
        """The least that this answer tells: another place on that side, or in that market, must wait."""
        short_ns = now.mono_ns + desk.settings.quoting.reject_cooldown_ms * NS_PER_MS
        if concern is Concern.BOOK:
            desk.books_stale((order.ticker,))
            self.stale_books.append(order.ticker)
            _cool(desk, order.ticker, short_ns)
        elif concern is Concern.HALTED:
            _cool(desk, order.ticker, now.mono_ns + HALTED_COOLS_NS)
        elif concern is Concern.CLOSED:
            _cool(desk, order.ticker, now.mono_ns + MARKET_COOLS_NS)
        elif concern is not Concern.FATE:
            _cool_side(desk, order, short_ns)

    def ended_at_once(self, order: Order, now: Now, out: list[AnyAction]) -> str:
        """An order was taken and ended by the exchange's hand at once: one more that was refused, whatever for."""
        return self._count(order, "cancelled_at_once", "cancelled as soon as they were placed", now, out)

    def _count(self, order: Order, code: str, word: str, now: Now, out: list[AnyAction]) -> str:
        """Too many in a short time: of one market it cools, of the account quoting pauses."""
        why, desk = "", self.desks.get(order.series)
        for many in self._refusals.refused(order.ticker, now.mono_ns):
            if many.ticker and desk is not None:
                _cool(desk, order.ticker, now.mono_ns + MARKET_COOLS_NS)
            elif many.ticker == ACCOUNT:
                why = f"{many.count} places in {many.span_s} s were refused or not answered: {word}"
            if many.news:
                severity = Severity.WARNING if many.ticker else Severity.ERROR
                out.append(PlacesRefusedAlert(severity, many.ticker, many.count, many.span_s, code))
        return why

    def _cash(self, series: str, now: Now, out: list[AnyAction]) -> str:
        """A series waits a minute and the books are read; often enough, and somebody must look."""
        if self._cold_until_ns.get(series, 0) > now.mono_ns:
            return ""  # it left before the answer that told of the same
        self._cold_until_ns[series] = now.mono_ns + CASH_COOLS_NS
        self._short.append(now.mono_ns)
        for key in BOOKS_OF_RECORD:
            self.held.reads.soon(key, now.mono_ns)
        often = len(self._short) == CASH_TIMES and now.mono_ns - self._short[0] <= CASH_SPAN_NS
        out.append(CashShortAlert(Severity.ERROR if often else Severity.WARNING, series, often))
        return (
            f"the exchange finds too little cash, {CASH_TIMES} times in {CASH_SPAN_NS // NS_PER_S} s" if often else ""
        )

    def _stamp(self, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> str:
        """The signer has corrected itself by this answer; what left after that and is refused again is the key's."""
        if not self._stamped_ns or now.mono_ns - self._stamped_ns > KEY_SPAN_NS:
            self._stamped_ns = now.mono_ns
            return ""
        return self._key(NO_TICKER, event, now, out) if event.sent_mono_ns > self._stamped_ns else ""

    def _key(self, ticker: Ticker, event: PlaceOutcome, now: Now, out: list[AnyAction]) -> str:
        """A 401 or 403 on a place. Twice in a minute is the key; of one market alone it is that market."""
        if ticker and any(known == ticker for _, known in self._keys):
            return ""
        self._keys.append((now.mono_ns, ticker))
        twice = len(self._keys) == KEY_TIMES and now.mono_ns - self._keys[0][0] <= KEY_SPAN_NS
        if twice and self._key_is_news(now):
            self._tell_key("place", event.http_status, event.code, now, out)
        elif ticker and not twice:
            out.append(MarketRestrictedAlert(Severity.WARNING, ticker, event.http_status, event.code))
        return f"the exchange refuses our key: {_word(event)}" if twice else ""

    def cancel_refused(self, what: str, status: int, code: str, now: Now, out: list[AnyAction]) -> bool:
        """A 401 or 403 on a cancel of any kind: whether that is news, on which another key must cancel."""
        if not self._key_is_news(now):
            return False
        self._tell_key(what, status, code, now, out)
        return True

    def _key_is_news(self, now: Now) -> bool:
        return not self._key_told_ns or now.mono_ns - self._key_told_ns >= KEY_SPAN_NS

    def _tell_key(self, what: str, status: int, code: str, now: Now, out: list[AnyAction]) -> None:
        self._key_told_ns = now.mono_ns
        out.append(KeyRefusedAlert(Severity.CRITICAL, what, status, code))

    # --- what is asked before a place leaves -----------------------------------------------------------------------

    def holds(self, series: str, now: Now) -> bool:
        """Whether an order of this series must wait for what became of others."""
        if self._cold_until_ns.get(series, 0) > now.mono_ns:
            return True
        under_way = sum(1 for other in self.held.book.live.values() if other.in_flight)
        if self._one_at_a_time and under_way:
            return True
        return not self._refusals.room(now.mono_ns, under_way)

    def resumed(self) -> None:
        """An operator has looked: what was refused for key or cash is counted anew."""
        self._keys.clear()
        self._short.clear()
        self._cold_until_ns.clear()
        self._key_told_ns = 0


def _cool_side(desk: Desk, order: Order, until_ns: int) -> None:
    """Quote the side of an order not before an instant."""
    desk.cooling[order.ticker, order.side] = max(until_ns, desk.cooling.get((order.ticker, order.side), 0))


def _cool(desk: Desk, ticker: Ticker, until_ns: int) -> None:
    """Quote neither side of a market before an instant."""
    for side in Side:
        desk.cooling[ticker, side] = max(until_ns, desk.cooling.get((ticker, side), 0))
    desk.moved = True


def _word(event: PlaceOutcome) -> str:
    """The exchange's last word."""
    return f"{event.http_status or ''} {event.code or event.detail}".strip() or "no answer"
