"""The one subscription that carries all wanted books, and what its messages are worth.

What is held follows what is wanted, one command at a time: subscribe, add_markets, delete_markets, unsubscribe. A book
is believed from a snapshot on; after 30 s without a message another is asked for. It stops being believed, and a new
snapshot is asked for, when the numbering of the subscription has a gap (then all of them), when a change is impossible,
or when best bid and best ask have met for a second. REST snapshots carry no number and cannot be spliced in
(docs/exchange.md 11.3), so they are never used.

A market whose snapshot does not come after three requests, or that the exchange calls invalid, is given up for as long
as it stays wanted on this connection: a quote without a book is not made anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from domain.clock import NS_PER_MS, Now
from domain.events import AnyEvent, BooksStale, BookTop
from domain.ids import Ticker
from domain.money import parse_count, parse_price
from feeds import kalshi_frames as frames
from feeds.kalshi_book import Book
from feeds.kalshi_frames import Envelope, FrameError
from feeds.session import HangUp, Outgoing

CHANNEL: Final = "orderbook_delta"
TERMINAL: Final = frozenset({10, 25})
UNKNOWN_SID: Final = 7
SNAPSHOT_TRIES_MAX: Final = 3
TERMINAL_MAX: Final = 3


class StreamLimits(msgspec.Struct, frozen=True):
    """Budgets of the session."""

    answer_ms: int = 5_000
    snapshot_ms: int = 3_000
    crossed_ms: int = 1_000
    proven_ms: int = 10_000
    quiet_ms: int = 30_000


class Turn:
    """What one input leads to, gathered on the way."""

    __slots__ = ("events", "outgoing")

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.outgoing: list[Outgoing] = []


class _Pending(NamedTuple):
    number: int
    kind: str
    tickers: tuple[Ticker, ...]
    due_ns: int


class OrderBooks:
    """Follows `want`. `number` makes the ids of commands; `counts` is the session's."""

    __slots__ = (
        "_awaited",
        "_books",
        "_crossed",
        "_given_up",
        "_heard_ns",
        "_held",
        "_limits",
        "_number",
        "_online",
        "_pending",
        "_seq",
        "_terminals",
        "_tries",
        "_wanted",
        "counts",
        "sid",
    )

    def __init__(self, number: Callable[[], int], limits: StreamLimits, counts: dict[str, int]) -> None:
        self._number = number
        self._limits = limits
        self.counts = counts
        self._wanted: dict[Ticker, None] = {}
        self._online = False
        self.offline()

    def offline(self) -> None:
        """Forget the connection; what is wanted stays."""
        self._online = False
        self._pending: _Pending | None = None
        self._terminals = 0
        self._given_up: set[Ticker] = set()
        self._drop_subscription()

    def _drop_subscription(self) -> None:
        self.sid = 0
        self._seq = 0
        self._held: dict[Ticker, None] = {}
        self._books: dict[Ticker, Book] = {}
        self._awaited: dict[Ticker, int] = {}
        self._tries: dict[Ticker, int] = {}
        self._crossed: dict[Ticker, int] = {}
        self._heard_ns: dict[Ticker, int] = {}

    def online(self, now: Now, turn: Turn) -> None:
        """A connection can take commands."""
        self._online = True
        self._follow(now, turn)

    def want(self, tickers: Iterable[Ticker], now: Now, turn: Turn, anew: Iterable[Ticker] = ()) -> None:
        """Want exactly these books from now on; `anew`: something has proven these stale, so ask for them whole."""
        self._wanted = dict.fromkeys(tickers)
        self._given_up &= self._wanted.keys()
        for ticker in anew:
            if ticker in self._books:
                self._distrust(ticker, "an order was refused that this book let through", turn)
        self._follow(now, turn)

    def answers(self, number: int) -> bool:
        """Whether a message with this id answers the command under way."""
        return self._pending is not None and number == self._pending.number

    # --- commands ----------------------------------------------------------------------------------------------------

    def _follow(self, now: Now, turn: Turn) -> None:
        """Send the next command that brings what is held nearer to what is wanted."""
        if not self._online or self._pending is not None:
            return
        wanted = [ticker for ticker in self._wanted if ticker not in self._given_up]
        if not self.sid:
            if wanted:
                self._command(now, turn, "subscribe", wanted, channels=[CHANNEL], use_yes_price=True)
            return
        missing = [ticker for ticker in wanted if ticker not in self._held]
        extra = [ticker for ticker in self._held if ticker not in self._wanted]
        if missing:
            self._update(now, turn, "add_markets", missing)
        elif not wanted:
            self._forget(extra, turn)
            self._command(now, turn, "unsubscribe", [], sids=[self.sid])
        elif extra:
            self._forget(extra, turn)
            self._update(now, turn, "delete_markets", extra)
        else:
            self._ask_snapshots(now, turn)

    def _command(self, now: Now, turn: Turn, kind: str, tickers: list[Ticker], **params: object) -> None:
        """Send a subscribe or unsubscribe and wait for its answer."""
        number = self._number()
        due_ns = now.mono_ns + self._limits.answer_ms * NS_PER_MS
        self._pending = _Pending(number, kind, tuple(tickers), due_ns)
        if tickers:
            params["market_tickers"] = tickers
        turn.outgoing.append(frames.command(number, kind, **params))

    def _update(self, now: Now, turn: Turn, action: str, tickers: list[Ticker]) -> None:
        number = self._number()
        due_ns = now.mono_ns + self._limits.answer_ms * NS_PER_MS
        self._pending = _Pending(number, action, tuple(tickers), due_ns)
        params = {"sids": [self.sid], "action": action, "market_tickers": tickers}
        turn.outgoing.append(frames.command(number, "update_subscription", **params))

    def _ask_snapshots(self, now: Now, turn: Turn) -> None:
        """Ask for the snapshots that are due. Their arrival is the answer: nothing else waits for it."""
        due = [ticker for ticker, due_ns in self._awaited.items() if due_ns <= now.mono_ns]
        ask = []
        for ticker in due:
            self._tries[ticker] = self._tries.get(ticker, 0) + 1
            if self._tries[ticker] > SNAPSHOT_TRIES_MAX:
                self._give_up(ticker, "no snapshot comes", turn)
            else:
                self._awaited[ticker] = now.mono_ns + self._limits.snapshot_ms * NS_PER_MS
                ask.append(ticker)
        if ask:
            params = {"sids": [self.sid], "action": "get_snapshot", "market_tickers": ask}
            turn.outgoing.append(frames.command(self._number(), "update_subscription", **params))

    def _give_up(self, ticker: Ticker, reason: str, turn: Turn) -> None:
        self.counts["given_up"] += 1
        self._given_up.add(ticker)
        self._forget([ticker], turn, reason)

    def _forget(self, tickers: list[Ticker], turn: Turn, reason: str = "no longer wanted") -> None:
        """Stop believing books, before the exchange stops sending them."""
        if not tickers:
            return  # none named would mean all of them
        for ticker in tickers:
            self._books.pop(ticker, None)
            self._awaited.pop(ticker, None)
            self._crossed.pop(ticker, None)
        turn.events.append(BooksStale(tuple(tickers), reason))

    # --- answers -----------------------------------------------------------------------------------------------------

    def subscribed(self, sid: int, now: Now, turn: Turn) -> None:
        """The subscription was made; its snapshots follow."""
        assert self._pending is not None
        tickers, self._pending = self._pending.tickers, None
        self._drop_subscription()
        self.sid = sid
        self._await(tickers, now)
        self._follow(now, turn)

    def _await(self, tickers: Iterable[Ticker], now: Now) -> None:
        due_ns = now.mono_ns + self._limits.snapshot_ms * NS_PER_MS
        for ticker in tickers:
            self._held[ticker] = None
            self._awaited.setdefault(ticker, due_ns)

    def counted(self, envelope: Envelope, turn: Turn) -> bool:
        """Count a message of this subscription: whether it is news. A gap makes every book stale."""
        if not envelope.seq:
            raise FrameError(f"{envelope.type} without seq")
        expected = self._seq + 1
        if envelope.seq < expected:
            self.counts["duplicate"] += 1
            return False
        if envelope.seq > expected:
            self.counts["gap"] += 1
            self._all_stale(f"messages {expected} to {envelope.seq - 1} are missing", turn)
        self._seq = envelope.seq
        return True

    def _all_stale(self, reason: str, turn: Turn) -> None:
        self._books.clear()
        self._crossed.clear()
        self._awaited = dict.fromkeys((ticker for ticker in self._held if ticker not in self._given_up), 0)
        turn.events.append(BooksStale(tuple(self._held), reason))

    def message(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        """Take one counted message of this subscription."""
        match envelope.type:
            case "orderbook_delta":
                self._delta(envelope, now, turn)
            case "orderbook_snapshot":
                snapshot = frames.snapshot_of(envelope.msg)
                self._believe(snapshot.book(), envelope.sending_ts_ms, now, turn)
            case "ok":
                self._updated(frames.read_listed(envelope.msg), now)
            case "unsubscribed":
                self._pending = None
                self._drop_subscription()
            case _:
                self.counts["unknown"] += 1
        self._follow(now, turn)

    def _updated(self, listed: frames.Listed, now: Now) -> None:
        pending, self._pending = self._pending, None
        if pending is not None and pending.kind == "add_markets":
            self._await(pending.tickers, now)
        elif pending is not None:
            for ticker in pending.tickers:
                self._held.pop(ticker, None)
        if listed.market_tickers is not None:
            # The exchange's own list decides; what it lacks is asked for again by the next comparison.
            whole = {Ticker(ticker) for ticker in listed.market_tickers}
            for ticker in [each for each in self._held if each not in whole]:
                del self._held[ticker]
                self._awaited.pop(ticker, None)

    def _believe(self, book: Book, sent_ms: int, now: Now, turn: Turn) -> None:
        ticker = book.ticker
        if ticker not in self._held or ticker not in self._wanted:
            return
        self._books[ticker] = book
        self._awaited.pop(ticker, None)
        self._tries.pop(ticker, None)
        self._crossed.pop(ticker, None)
        self._heard_ns[ticker] = now.mono_ns
        self._tell(book, sent_ms, now, turn)

    def _delta(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        delta = frames.read_delta(envelope.msg)
        book = self._books.get(Ticker(delta.market_ticker))
        if book is None:
            return  # its snapshot is still to come, or nobody wants it any more
        self._heard_ns[book.ticker] = now.mono_ns
        side = frames.SIDES.get(delta.side)
        if side is None:
            raise FrameError(f"orderbook_delta of side {delta.side!r}")
        changed = book.change(side, parse_price(delta.price_dollars), parse_count(delta.delta_fp))
        if changed is None:
            self.counts["impossible"] += 1
            self._distrust(book.ticker, f"impossible change of {delta.delta_fp} at {delta.price_dollars}", turn)
        elif changed:
            self._tell(book, envelope.sending_ts_ms or delta.ts_ms, now, turn)

    def _distrust(self, ticker: Ticker, reason: str, turn: Turn) -> None:
        del self._books[ticker]
        self._crossed.pop(ticker, None)
        self._awaited[ticker] = 0
        turn.events.append(BooksStale((ticker,), reason))

    def _tell(self, book: Book, exchange_ms: int, now: Now, turn: Turn) -> None:
        """Tell a new top. While the sides meet, some message is still missing: say stale, and wait a little for it."""
        if not book.crossed:
            self._crossed.pop(book.ticker, None)
            turn.events.append(BookTop(book.top(now.mono_ns, exchange_ms)))
        elif book.ticker not in self._crossed:
            self._crossed[book.ticker] = now.mono_ns
            turn.events.append(BooksStale((book.ticker,), "best bid meets best ask"))

    def refused(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        """Take an error about this subscription, or about its command under way."""
        refusal = frames.read_refusal(envelope.msg)
        if self.answers(envelope.id):
            self._pending = None
        if refusal.code in TERMINAL:
            self.counts["terminal"] += 1
            self._terminals += 1
            if self._terminals > TERMINAL_MAX:
                turn.outgoing.append(HangUp(f"error {refusal.code} for the {self._terminals}th time: {refusal.text}"))
                return
        elif refusal.market_ticker:
            ticker = Ticker(refusal.market_ticker)
            if ticker in self._wanted or ticker in self._held:
                self._give_up(ticker, f"error {refusal.code}: {refusal.text}", turn)
                self._held.pop(ticker, None)
            else:
                self.counts["unknown"] += 1  # not a market of ours: what is kept of strangers would only grow
            self._follow(now, turn)
            return
        elif refusal.code != UNKNOWN_SID:
            turn.outgoing.append(HangUp(f"error {refusal.code}: {refusal.text}"))
            return
        self._all_stale(f"error {refusal.code}: {refusal.text}", turn)
        self._pending = None
        self._drop_subscription()
        self._follow(now, turn)

    # --- time --------------------------------------------------------------------------------------------------------

    def tick(self, now: Now, turn: Turn) -> None:
        """Act on what did not happen in time."""
        pending = self._pending
        if pending is not None and pending.due_ns <= now.mono_ns:
            turn.outgoing.append(HangUp(f"no answer to {pending.kind} within {self._limits.answer_ms} ms"))
            return
        limit_ns = self._limits.crossed_ms * NS_PER_MS
        for ticker in [t for t, since_ns in self._crossed.items() if since_ns + limit_ns <= now.mono_ns]:
            self._distrust(ticker, "best bid met best ask for too long", turn)
        quiet_ns = now.mono_ns - self._limits.quiet_ms * NS_PER_MS
        for ticker in self._books:
            if self._heard_ns.get(ticker, 0) <= quiet_ns:
                # Nothing changed, or nothing arrives: a snapshot tells which. It stays believed meanwhile.
                self._awaited.setdefault(ticker, now.mono_ns)
        self._follow(now, turn)

    def dues(self) -> list[int]:
        """Every instant (monotonic) at which `tick` could find something to do."""
        limit_ns = self._limits.crossed_ms * NS_PER_MS
        dues = [since_ns + limit_ns for since_ns in self._crossed.values()]
        if self._pending is not None:
            dues.append(self._pending.due_ns)
        elif self.sid:
            dues += self._awaited.values()
            quiet_ns = self._limits.quiet_ms * NS_PER_MS
            dues += [self._heard_ns.get(each, 0) + quiet_ns for each in self._books if each not in self._awaited]
        return dues
