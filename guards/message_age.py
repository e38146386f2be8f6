"""How old the exchange's messages are when they arrive: a stream that is late in order looks alive and is not.

Age = arrival by the exchange's clock less the message's own stamp; that clock is known from answers over REST alone,
and its uncertainty widens the limit. Late is beyond 2 s; late for two messages running, or with nothing timely for 1 s
after a late one, is stale. A stale book is not priced on and its market cools; stale news of fills or orders closes the
gate for a while. What such news says of our orders and fills is taken all the same. A quiet book says nothing here:
heartbeat and regular snapshots judge it (feeds/kalshi_books.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.ids import Ticker
from domain.reasons import Reason
from guards.vote import PASS, Vote, fail

BOOKS, FILLS, ORDERS = "books", "fills", "user_orders"
CHANNELS: Final = (BOOKS, FILLS, ORDERS)
BOOK_KEPT_NS: Final = 60 * NS_PER_S


class MessageAgeSettings(msgspec.Struct, frozen=True):
    """Limits of docs/contracts.md, Quoting; `cool_ms`: how long a market, or the account, waits after stale news."""

    limit_ms: int = 2_000
    running: int = 2
    patience_ms: int = 1_000
    cool_ms: int = 10_000


class ExchangeTime(NamedTuple):
    """What is known of the exchange's clock: its offset to ours, and how far that may be wrong."""

    offset_ns: int
    uncertainty_ns: int


class _Late(NamedTuple):
    messages: int
    since_ns: int


class MessageAges:
    """One for the connection. `name` is the market of a book's message, empty for private news."""

    __slots__ = ("_ages", "_late", "_seen_ns", "_settings", "_stale")

    def __init__(self, settings: MessageAgeSettings = MessageAgeSettings()) -> None:  # noqa: B008 - frozen
        self._settings = settings
        self._ages: dict[str, int] = {}
        self._seen_ns: dict[str, int] = {}
        self._late: dict[tuple[str, str], _Late] = {}
        self._stale: dict[tuple[str, str], int] = {}

    def reconnected(self) -> None:
        """A new connection: what was late on the one before says nothing of it. What cools goes on cooling."""
        self._late.clear()

    @property
    def cool_ns(self) -> int:
        """How long what was stale cools."""
        return self._settings.cool_ms * NS_PER_MS

    def observe(self, channel: str, name: str, stamp_ms: int, now: Now, time: ExchangeTime | None) -> bool:
        """Judge one message as it arrives; whether its channel (for books: its market) is stale now.

        Without a stamp, or without the exchange's time, nothing is judged: the clock's own guard closes then.
        """
        key = channel, name
        if not stamp_ms or time is None:
            return key in self._late and self._is_stale(key, now)
        age_ns = now.utc_ns + time.offset_ns - stamp_ms * NS_PER_MS
        self._ages[channel], self._seen_ns[channel] = age_ns, now.mono_ns
        if age_ns <= self._settings.limit_ms * NS_PER_MS + time.uncertainty_ns:
            self._late.pop(key, None)
            return False
        late = self._late.get(key)
        self._late[key] = _Late(1, now.mono_ns) if late is None else late._replace(messages=late.messages + 1)
        return self._is_stale(key, now)

    def _is_stale(self, key: tuple[str, str], now: Now) -> bool:
        late = self._late[key]
        patience_ns = self._settings.patience_ms * NS_PER_MS
        stale = late.messages >= self._settings.running or now.mono_ns - late.since_ns >= patience_ns
        if stale:
            self._stale[key] = now.mono_ns
        return stale

    def turned(self, now: Now) -> list[Ticker]:
        """The markets whose book has become stale because nothing timely followed a late message."""
        found = [key for key in self._late if key not in self._stale and self._is_stale(key, now)]
        over = [key for key, at_ns in self._stale.items() if now.mono_ns - at_ns >= self._kept_ns(key[0])]
        for key in over:
            # Private news is rare: what was late must not stay late until something happens that cannot.
            del self._stale[key]
            self._late.pop(key, None)
        return [Ticker(name) for channel, name in found if channel == BOOKS]

    def _kept_ns(self, channel: str) -> int:
        """How long staleness outlives its last sign: a book is told again within half a minute if it is followed."""
        return BOOK_KEPT_NS if channel == BOOKS else self.cool_ns

    def vote(self, channel: str, now: Now) -> Vote:
        """Closed while news of a private channel is stale, and while that cools; for books it shows their age alone."""
        age_ns, limit_ns = self._ages.get(channel), self._settings.limit_ms * NS_PER_MS
        stale_ns = self._stale.get((channel, ""))
        if channel != BOOKS and stale_ns is not None and now.mono_ns - stale_ns < self.cool_ns:
            detail = f"news of {channel.replace('_', ' ')} came {(age_ns or 0) / NS_PER_S:.1f} s late"
            return fail(Reason.MESSAGES_LATE, detail, age_ns=age_ns, limit_ns=limit_ns)
        return PASS if age_ns is None else Vote(PASS.status, age_ns=age_ns, limit_ns=limit_ns)

    def next_deadline(self, now: Now) -> int | None:
        """When a late message that nothing timely follows makes its channel stale, or a channel has cooled."""
        patience_ns = self._settings.patience_ms * NS_PER_MS
        dues = [late.since_ns + patience_ns for key, late in self._late.items() if key not in self._stale]
        dues += [at_ns + self._kept_ns(channel) for (channel, _), at_ns in self._stale.items()]
        return min((due for due in dues if due > now.mono_ns), default=None)
