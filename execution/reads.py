"""What we ask the exchange, and when: every read has a slot with its own pace, and at most one request under way.

A slot that was answered rests for its interval; one whose read failed is asked again after RETRY. A request that never
came back is forgotten after PATIENCE, because the shell promises an answer and a promise is not a proof.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from domain.actions import Ask, Read
from domain.clock import NS_PER_S
from domain.ids import RequestId
from execution.numbers import Numbers

RETRY_NS = NS_PER_S
PATIENCE_NS = 10 * NS_PER_S


class Key(NamedTuple):
    """Which read: what, and of which series, target or event."""

    what: Read
    series: str = ""
    target_ns: int = 0
    ticker: str = ""


class Slot(msgspec.Struct):
    """One read's timing, monotonic nanoseconds."""

    interval_ns: int
    next_ns: int
    request: RequestId | None = None
    asked_ns: int = 0
    answered_ns: int = 0
    failures: int = 0
    again_ns: int = 0


class Reads:
    """The table of slots."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.slots: dict[Key, Slot] = {}
        self.by_request: dict[RequestId, Key] = {}

    def pace(self, key: Key, interval_ns: int, now_ns: int) -> Slot:
        """Have a read done every so often from now on; a shorter pace takes effect at once."""
        slot = self.slots.get(key)
        if slot is None:
            slot = self.slots[key] = Slot(interval_ns, now_ns)
        elif slot.interval_ns != interval_ns:
            slot.interval_ns = interval_ns
            if slot.request is None and not slot.failures:
                slot.next_ns = min(slot.next_ns, max(now_ns, slot.asked_ns + interval_ns))
        return slot

    def soon(self, key: Key, at_ns: int) -> None:
        """Have a read done at an instant if it is not due earlier; the one under way was asked too early to count."""
        slot = self.slots.get(key)
        if slot is None:
            return
        slot.next_ns = min(slot.next_ns, at_ns)
        if slot.request is not None and at_ns > slot.asked_ns:
            slot.again_ns = min(slot.again_ns or at_ns, at_ns)

    def drop(self, key: Key) -> None:
        """Stop a read."""
        slot = self.slots.pop(key, None)
        if slot is not None and slot.request is not None:
            self.by_request.pop(slot.request, None)

    def due(self, now_ns: int, since_ms: int) -> list[Ask]:
        """The reads to send now."""
        asks: list[Ask] = []
        for key, slot in self.slots.items():
            if slot.request is not None:
                if now_ns - slot.asked_ns < PATIENCE_NS:
                    continue
                self.by_request.pop(slot.request, None)
                slot.request = None
                slot.failures += 1
                slot.next_ns = now_ns
            if now_ns >= slot.next_ns:
                request = self.numbers.request()
                slot.request, slot.asked_ns, slot.again_ns = request, now_ns, 0
                self.by_request[request] = key
                # What one event settled at is asked whole, however long ago it was.
                since = 0 if key.what is Read.SETTLEMENTS and key.ticker else since_ms
                asks.append(Ask(request, key.what, key.series, key.target_ns, since, key.ticker))
        return asks

    def answered(self, request: RequestId, now_ns: int) -> Key | None:
        """A read was answered; its key, or None for one that was given up."""
        key = self.by_request.pop(request, None)
        slot = self.slots.get(key) if key is not None else None
        if slot is not None and slot.request == request:
            slot.request, slot.answered_ns, slot.failures = None, now_ns, 0
            slot.next_ns = max(now_ns, slot.again_ns or slot.asked_ns + slot.interval_ns)
            slot.again_ns = 0
        return key

    def failed(self, request: RequestId, now_ns: int) -> Key | None:
        """A read failed: nothing is known, and it is asked again soon."""
        key = self.by_request.pop(request, None)
        slot = self.slots.get(key) if key is not None else None
        if slot is not None and slot.request == request:
            slot.request = None
            slot.failures += 1
            slot.next_ns = now_ns + min(RETRY_NS, slot.interval_ns)
        return key

    def age_ns(self, key: Key, now_ns: int) -> int | None:
        """How long ago a read last succeeded; None if never."""
        slot = self.slots.get(key)
        return now_ns - slot.answered_ns if slot is not None and slot.answered_ns else None

    def next_deadline(self, now_ns: int) -> int | None:
        """The next instant at which something is due."""
        due = [s.next_ns if s.request is None else s.asked_ns + PATIENCE_NS for s in self.slots.values()]
        return max(min(due), now_ns + 1) if due else None
