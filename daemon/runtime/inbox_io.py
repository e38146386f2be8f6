"""The way in: three lanes, and one timer.

Rates differ at this edge and nowhere else, so this is the only queue before the engine. Urgent (operator, kill switch,
stop) overtakes everything, after the start itself; facts keep their order and are never dropped; of the latest (tops of
books) only the newest per market is kept, and what it replaced is counted. Urgent and facts are bounded: overflowing
means that the engine has been stuck for thousands of messages, and a restart, which begins with a full reconciliation,
is safer than losing a fill quietly. A far side that floods us is hung up on long before (`crowded`).
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import msgspec

from domain.clock import NS_PER_S, Clock
from domain.events import (
    AnyEvent,
    BooksStale,
    BookTop,
    CancelAllMarker,
    FeedStatus,
    FeesRead,
    FillsRead,
    GroupsRead,
    JobRun,
    JournalFault,
    KillSwitch,
    LoopStall,
    MarketsRead,
    Operator,
    OrdersRead,
    OrderUpdated,
    Outcome,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
    Started,
    Stop,
    StreamStatus,
    Wake,
)
from domain.ids import Ticker
from domain.recent_max import RecentMax

URGENT = (Started, Operator, KillSwitch, Stop, JournalFault, CancelAllMarker, LoopStall)
# Those that carry words of the far side, of a file or of a person.
TELLING = (
    *(Outcome, ReadFailed, FeedStatus, StreamStatus, BooksStale, FeesRead, OrderUpdated),
    *(KillSwitch, CancelAllMarker, Operator, JournalFault, JobRun, Stop),
    *(OrdersRead, FillsRead, PositionsRead, SettlementsRead, GroupsRead, MarketsRead),
)
# Of a list only what could not be read quotes the far side; a row that could holds ids and figures, and there are many.
QUOTED = {
    **dict.fromkeys((OrdersRead, FillsRead, PositionsRead, GroupsRead, MarketsRead), "odd"),
    SettlementsRead: "unread",
}
DEPTH_MAX = 8
INBOX_URGENT_MAX = 1_000
INBOX_FACTS_MAX = 50_000
INBOX_CROWDED = 10_000
WAIT_SPAN_NS = 10 * NS_PER_S


class InboxFullError(Exception):
    """A lane that must not lose anything is full: the process ends and starts again from the exchange's truth."""


class Inbox:
    """Events wait here for the engine."""

    def __init__(self, clock: Clock, mask: Callable[[str], str] | None = None) -> None:
        """`mask` hides secrets in the texts that the far side gave us, before anything keeps them: all is journaled."""
        self._clock = clock
        self._mask = mask
        self._urgent: deque[AnyEvent] = deque()
        self._facts: deque[AnyEvent] = deque()
        self._latest: dict[Ticker, BookTop] = {}
        # When each came, in step with its lane; of a market, when its oldest unread news came.
        self._urgent_ns: deque[int] = deque()
        self._facts_ns: deque[int] = deque()
        self._latest_ns: dict[Ticker, int] = {}
        self._waits = RecentMax(WAIT_SPAN_NS)
        self._waiter: asyncio.Future[None] | None = None
        self.replaced = 0
        self.depth_max = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._facts) + len(self._latest)

    def crowded(self) -> bool:
        """Whether so many facts wait that whoever sends them should be hung up on."""
        return len(self._facts) >= INBOX_CROWDED

    def lanes(self) -> dict[str, int]:
        """How many events wait in each lane."""
        return {"urgent": len(self._urgent), "facts": len(self._facts), "latest": len(self._latest)}

    def oldest_age_ns(self) -> int:
        """The longest that an event has waited of late, or waits now."""
        now_ns = self._clock.now().mono_ns
        heads = (
            *itertools.islice(self._urgent_ns, 1),
            *itertools.islice(self._facts_ns, 1),
            *itertools.islice(self._latest_ns.values(), 1),
        )
        return max((self._waits.value(now_ns), *(now_ns - came_ns for came_ns in heads)))

    def emit(self, event: AnyEvent) -> None:
        """Put one event in; called on the loop's thread, never blocks. Raises InboxFullError."""
        now_ns = self._clock.now().mono_ns
        if self._mask is not None and isinstance(event, TELLING):
            event = masked(event, self._mask)
        if isinstance(event, BookTop):
            self.replaced += event.top.ticker in self._latest
            self._latest[event.top.ticker] = event
            self._latest_ns.setdefault(event.top.ticker, now_ns)
        elif isinstance(event, URGENT):
            if len(self._urgent) >= INBOX_URGENT_MAX:
                message = f"inbox: {INBOX_URGENT_MAX} urgent events waiting"
                raise InboxFullError(message)
            self._urgent.append(event)
            self._urgent_ns.append(now_ns)
        else:
            if len(self._facts) >= INBOX_FACTS_MAX:
                message = f"inbox: {INBOX_FACTS_MAX} facts waiting"
                raise InboxFullError(message)
            self._facts.append(event)
            self._facts_ns.append(now_ns)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _pop(self) -> AnyEvent | None:
        if self._urgent:
            return self._waited(self._urgent.popleft(), self._urgent_ns.popleft())
        if self._facts:
            return self._waited(self._facts.popleft(), self._facts_ns.popleft())
        if self._latest:
            ticker = next(iter(self._latest))
            return self._waited(self._latest.pop(ticker), self._latest_ns.pop(ticker))
        return None

    def _waited(self, event: AnyEvent, came_ns: int) -> AnyEvent:
        now_ns = self._clock.now().mono_ns
        self._waits.take(now_ns - came_ns, now_ns)
        return event

    async def get(self, wake_mono_ns: int) -> AnyEvent:
        """The next event, or `Wake` once the monotonic clock has reached `wake_mono_ns`, never before it.

        Event loops wake some timers early by up to a millisecond; the clock decides, not the timer.
        """
        loop = asyncio.get_running_loop()
        while True:
            depth = len(self)
            self.depth_max = max(self.depth_max, depth)
            event = self._pop()
            if event is not None:
                return event
            remaining_ns = wake_mono_ns - self._clock.now().mono_ns
            if remaining_ns <= 0:
                return Wake()
            self._waiter = loop.create_future()
            timer = loop.call_later(remaining_ns / NS_PER_S, _release, self._waiter)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None


def masked(event: AnyEvent, mask: Callable[[str], str]) -> AnyEvent:
    """The event with every text in it masked, however deep it stands; itself where there is nothing to hide."""
    quoted = QUOTED.get(type(event))
    if quoted is None:
        return cast("AnyEvent", _hidden(event, mask, 0))
    rows = getattr(event, quoted)
    hidden = _hidden(rows, mask, 0)
    return event if hidden is rows else msgspec.structs.replace(event, **{quoted: hidden})


def _hidden(value: object, mask: Callable[[str], str], depth: int) -> object:
    """The value with its texts masked; the same object where none changes. Enumerations are words of ours."""
    if isinstance(value, str):
        return value if isinstance(value, enum.Enum) else _kept(value, mask(value))
    if not isinstance(value, tuple | msgspec.Struct):
        return value
    assert depth < DEPTH_MAX, "an event is not nested so deep"
    if isinstance(value, tuple):
        items = [_hidden(item, mask, depth + 1) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        # A named tuple takes its fields one by one.
        made: Any = type(value)
        return made(*items) if hasattr(value, "_fields") else tuple(items)
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    hidden = {name: _hidden(field, mask, depth + 1) for name, field in fields.items()}
    changed = {name: field for name, field in hidden.items() if field is not fields[name]}
    return msgspec.structs.replace(value, **changed) if changed else value


def _kept(text: str, hidden: str) -> str:
    return text if hidden == text else hidden


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
