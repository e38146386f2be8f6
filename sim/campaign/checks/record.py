"""What every check writes to: the breaches, the counts and the story of one unit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from domain.clock import NS_PER_S
from domain.window import Window
from sim.virtual.timeline import MONO_START_NS

if TYPE_CHECKING:
    from daemon.settings.tree import Settings
    from sim.campaign.ports.process import Process
    from sim.exchange.core import Exchange
    from sim.virtual.timeline import Timeline

WindowAt = Callable[[str, int], Window | None]
STORY_LINES = 60

NAMES = (
    "resting at the freeze",
    "taker fill",
    "order without expiry",
    "order without post-only, group or pause flag",
    "place while stale in strict",
    "place after halt",
    "place outside its window",
    "place past its permission",
    "exchange's book not in ours",
    "positions differ",
    "fills differ",
    "replay differs",
    "limit exceeded",
    "budget negative",
    "cancel starved of tokens",
    "ready while a gate is red",
    "phase late or early",
    "P&L differs from settlement",
    "tables without bound",
    "engine crashed",
    "exit not flat",
    "quoting did not resume",
    "calm window without quotes",
    "cancel late",
    "not flat in time",
    "two orders on one side",
    "stale feed kept",
    "place by a wrong clock",
    "place against the volatility level",
    "place while no index moves",
    "place on a jump",
    "place on a late book",
    "place without private stream",
    "place in the tail of a cancel-all",
    "placed on against a stranger",
    "refused without end",
    "group leaked",
    "client order id used twice",
    "limits forgotten by a restart",
    "place in a closed market",
    "journal chain broken",
    "damaged journal believed",
    "bad start not refused",
)


class Breach(NamedTuple):
    """One broken promise."""

    name: str
    at_ns: int
    detail: str


class CheckRecord:
    """The record of one unit, and what of the world its checks look at."""

    def __init__(
        self,
        timeline: Timeline,
        exchange: Exchange,
        settings: Settings,
        skew_ns: Callable[[], int],
        window_at: WindowAt,
    ) -> None:
        self.timeline = timeline
        self.exchange = exchange
        self.settings = settings
        self.skew_ns = skew_ns
        self.window_at = window_at
        self.breaches: dict[str, Breach] = {}
        self.counts: Counter[str] = Counter()
        self.story: deque[str] = deque(maxlen=STORY_LINES)
        self.slowest_flat_ms = 0.0
        self.slowest_stop_ms = 0.0
        self.process: Process | None = None
        self.halts: dict[str, int] = {}
        self.resume_refused = False
        self.newest_value_ns: dict[str, int] = {}
        self.opened_ns = timeline.now_ns
        self.swept_ns = 0
        self.stranger_told_ns = 0  # when the daemon last said that somebody else ends its orders
        self.rest_disturbed_ns = 0
        self.cut_off_until_ns = 0  # until then there may be no connection that a cancel could leave by
        self.wall_disturbed_ns = 0
        self.stop_ns = 0

    def breach(self, name: str, detail: str) -> None:
        """Keep the first of each name."""
        assert name in NAMES, name
        self.counts["breaches"] += 1
        if name not in self.breaches:
            self.breaches[name] = Breach(name, self.timeline.now_ns, detail)
            self.tell(f"BREACH {name}: {detail}")

    def tell(self, line: str) -> None:
        """One line of the story."""
        self.story.append(f"{(self.timeline.now_ns - self.opened_ns) / NS_PER_S:+10.3f} s  {line}")

    def exchange_ns(self) -> int:
        """The exchange's own time."""
        return int(self.timeline.now_ns + self.skew_ns())

    def disturbed(self, for_s: float) -> None:
        """Edges may be seen late for a while: the loop stood still, a clock was set, or nobody was there."""
        mono_ns = self.timeline.now_ns - self.opened_ns + MONO_START_NS
        self.wall_disturbed_ns = max(self.wall_disturbed_ns, mono_ns + int(for_s * NS_PER_S))
