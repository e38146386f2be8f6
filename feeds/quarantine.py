"""Which index on which feed is set aside, why and until when: what failed is not chosen again at once.

A feed whose value of one index is dead or stuck is set aside for that index. While it is, nobody goes to it of their
own will; when everything else has failed it is still better than nothing, because guards judge each value by itself.
"""

from __future__ import annotations

import msgspec

from domain.clock import NS_PER_MS, Now


class SetAside(msgspec.Struct, frozen=True):
    """One index on one feed, why it is not chosen, when it was last seen to be bad, and when it may be tried again."""

    feed: str
    symbol: str
    why: str
    seen_ns: int
    until_ns: int


class Quarantine:
    """The marks in force. `news` collects new ones until somebody takes them."""

    __slots__ = ("_marks", "_span_ns", "news")

    def __init__(self, span_ms: int) -> None:
        self._span_ns = span_ms * NS_PER_MS
        self._marks: dict[tuple[str, str], SetAside] = {}
        self.news: list[SetAside] = []

    def set_aside(self, feed: str, symbol: str, why: str, now: Now) -> None:
        """Do not choose this feed for its value of this index; what is set aside already keeps its end."""
        mark = self._marks.get((feed, symbol))
        if mark is not None and mark.until_ns > now.mono_ns:
            self._marks[feed, symbol] = msgspec.structs.replace(mark, seen_ns=now.mono_ns)
            return
        mark = self._marks[feed, symbol] = SetAside(feed, symbol, why, now.mono_ns, now.mono_ns + self._span_ns)
        self.news.append(mark)

    def renew(self, feed: str, now: Now) -> None:
        """The feed is left because of what it is set aside for: the time until it is tried again begins now."""
        until_ns = now.mono_ns + self._span_ns
        for mark in self.of(feed, now):
            self._marks[feed, mark.symbol] = msgspec.structs.replace(mark, until_ns=until_ns)

    def of(self, feed: str, now: Now) -> tuple[SetAside, ...]:
        """What a feed is set aside for at an instant; empty when it may be chosen."""
        return tuple(m for m in self._marks.values() if m.feed == feed and m.until_ns > now.mono_ns)

    def bad_since(self, feed: str, since_ns: int, now: Now) -> tuple[SetAside, ...]:
        """What was seen to be bad on a feed since a monotonic instant."""
        return tuple(mark for mark in self.of(feed, now) if mark.seen_ns >= since_ns)

    def next_end(self, now: Now) -> int | None:
        """When the next mark ends, later than now."""
        return min((m.until_ns for m in self._marks.values() if m.until_ns > now.mono_ns), default=None)
