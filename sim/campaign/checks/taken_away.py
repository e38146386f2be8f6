"""Orders that somebody else ends, by what the daemon was told: a stranger stops it, and there is a bound always.

Two that nothing of ours explains, within five seconds, say that a stranger wants us out: a second and a half later
nothing is placed for a minute. Whatever explains them, those that end as soon as they were placed count as places that
were refused: with twenty behind it in a minute nothing is placed. Where the exchange itself is disturbed, or a person
has just resumed, an order may end for other reasons, and only the second is asked.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from domain.clock import NS_PER_MS, NS_PER_S, Now

if TYPE_CHECKING:
    from domain.actions import Place
    from domain.events import OrderUpdated, PlaceOutcome
    from sim.campaign.checks.record import CheckRecord
    from sim.campaign.checks.resting import RestingChecks

SPAN_NS = 5 * NS_PER_S
KNOWN_NS = 1_600 * NS_PER_MS
TAIL_NS = 60 * NS_PER_S
YOUNG_NS = 2 * NS_PER_S
YOUNG_SPAN_NS = 60 * NS_PER_S
YOUNG_MAX = 20
# An expiry that is so near may be past by the exchange's clock.
EXPIRY_SLACK_NS = 3 * NS_PER_S
# A cancel may wait for its turn to leave.
ASKED_LATE_NS = 250 * NS_PER_MS
# An exchange that was disturbed may not be known to be well before its status was read again.
DISTURBED_NS = 30 * NS_PER_S


class Ended(NamedTuple):
    """An order that ended, when the daemon heard of it, and when that was on the timeline."""

    mono_ns: int
    at_ns: int
    order_id: str


class TakenAwayChecks:
    """Orders that ended by another hand, as heard by one life of the daemon."""

    def __init__(self, checks: CheckRecord, resting: RestingChecks) -> None:
        self._checks = checks
        self._resting = resting
        self._placed: dict[str, tuple[int, int]] = {}  # when it was placed, and its expiry
        self._young: deque[int] = deque()
        self._strange: deque[Ended] = deque(maxlen=64)

    def forget(self) -> None:
        """A new life counts anew."""
        self._young.clear()
        self._strange.clear()

    def resumed(self) -> None:
        """A person has looked at what ended."""
        self._strange.clear()

    def placing(self, place: Place, now: Now) -> None:
        """The engine places: whether it may, by what it was told before."""
        self._placed[place.client_order_id] = now.mono_ns, place.expiration_s * NS_PER_S
        while self._young and self._young[0] <= now.mono_ns - YOUNG_SPAN_NS:
            self._young.popleft()
        if len(self._young) >= YOUNG_MAX:
            self._checks.breach("refused without end", f"{len(self._young)} ended at once, and {place.client_order_id}")
        ended_ns = [ended.mono_ns for ended in self._strange if not self._asked_for(ended)]
        known_ns = next((b for a, b in pairwise(ended_ns) if b - a <= SPAN_NS), None)
        if known_ns is not None and KNOWN_NS < now.mono_ns - known_ns < TAIL_NS:
            since_s = (now.mono_ns - known_ns) / NS_PER_S
            told = f"{place.client_order_id} {since_s:.1f} s after two orders ended by another hand"
            self._checks.breach("placed on against a stranger", told)

    def outcome(self, event: PlaceOutcome, now: Now) -> None:
        """The answer to a place: it may have ended on arrival."""
        if event.order_id and not event.filled and not event.remaining:
            self._ended(event.client_order_id, event.order_id, now)

    def updated(self, event: OrderUpdated, now: Now) -> None:
        """An order's state was told."""
        if event.order.status == "canceled" and not event.order.last_update_reason:
            self._ended(event.order.client_order_id, event.order.order_id, now)

    def _ended(self, name: str, order_id: str, now: Now) -> None:
        placed_ns, expiry_ns = self._placed.pop(name, (0, 0))
        checks = self._checks
        ended = Ended(now.mono_ns, checks.timeline.now_ns, order_id)
        if not placed_ns or self._asked_for(ended) or now.utc_ns >= expiry_ns - EXPIRY_SLACK_NS:
            return
        if now.mono_ns - placed_ns <= YOUNG_NS:
            self._young.append(now.mono_ns)
            checks.counts["ended at once"] += 1
        swept = checks.swept_ns and checks.timeline.now_ns - checks.swept_ns < TAIL_NS
        if not swept and checks.timeline.now_ns > checks.rest_disturbed_ns + DISTURBED_NS:
            self._strange.append(ended)
            checks.counts["ended by another hand"] += 1

    def _asked_for(self, ended: Ended) -> bool:
        asked_ns = self._resting.asked_ns(ended.order_id)
        return asked_ns is not None and asked_ns <= ended.at_ns + ASKED_LATE_NS
