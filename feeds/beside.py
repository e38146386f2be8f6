"""Topics that are asked for beside the wanted indices, each in a message of its own, once the indices are live.

What the vendor refuses of them, and how late or silent they are, changes nothing about the session: a plan without
I:VIX must not cost us the two indices (docs/contracts.md, Failover). One that is silent, or refused, is asked for again
once a minute. An error names no topic (docs/feed.md 3.2): with nothing else unanswered it is laid to the one asked for.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import Now


class BesideTopics:
    """The extra topics of one connection after another. `unasked`: whether some were never asked for on this one."""

    __slots__ = ("_again_ns", "_asked", "_due_ns", "symbols", "unasked")

    def __init__(self, symbols: tuple[str, ...], again_ns: int) -> None:
        """`symbols`: I:VIX ...; `again_ns`: how long one may be silent before it is asked for again."""
        self.symbols: Final = symbols
        self._again_ns: Final = again_ns
        self.begin()

    def begin(self) -> None:
        """A new connection: nothing was asked."""
        self._due_ns: dict[str, int] = {}
        self._asked: list[str] = []
        self.unasked = bool(self.symbols)

    def ask(self, now: Now) -> tuple[str, ...]:
        """The messages that ask for what was never asked for here, or has been silent for too long."""
        self.unasked = False
        due = [symbol for symbol in self.symbols if self._due_ns.get(symbol, 0) <= now.mono_ns]
        self._due_ns.update(dict.fromkeys(due, now.mono_ns + self._again_ns))
        self._asked = [*dict.fromkeys((*self._asked, *due))]
        return tuple(msgspec.json.encode({"action": "subscribe", "params": f"V.{name}"}).decode() for name in due)

    def acknowledged(self, topic: str) -> None:
        """The vendor grants a topic."""
        self._answered(topic.removeprefix("V."))

    def heard(self, symbol: str, now: Now) -> None:
        """A value came: it stands for an acknowledgement."""
        self._answered(symbol)
        self._due_ns[symbol] = now.mono_ns + self._again_ns

    def _answered(self, symbol: str) -> None:
        if symbol in self._asked:
            self._asked.remove(symbol)

    def refused(self) -> str:
        """The vendor answered with an error: the topic that it is laid to, or nothing when none waits for an answer."""
        return self._asked.pop(0) if self._asked else ""

    def due_ns(self) -> int | None:
        """When something is to be asked for again; None before anything was asked."""
        return min(self._due_ns.values(), default=None)
