"""How long after a limit was passed nothing rests any more: `python -m sim.planted.times [--seeds N] [LIMIT ...]`.

Virtual time, a seed each, the limit so near that a few fills pass it. The watch starts at the step in which it is
passed, by an onlooker's own figures or by the daemon's judgement, whichever is first; it stops when the exchange itself
holds no order of ours, or none of that event. docs/limits.md has the figures; a refused order never leaves.
"""

from __future__ import annotations

import argparse
import sys
from math import ceil
from typing import TYPE_CHECKING

from domain.clock import NS_PER_MS, NS_PER_S
from domain.reasons import RiskLimit
from domain.records import RiskDecisionEntry
from sim.campaign.checks.resting import NAME_OF
from sim.exchange.book.notices import Notice
from sim.planted.limits import PAUSING
from sim.planted.plans import LOSING, UNREAD, filling
from sim.planted.run import Plan, world_of_plan

if TYPE_CHECKING:
    from domain.actions import AnyAction
    from domain.clock import Now
    from domain.events import AnyEvent
    from sim.campaign.ports.process import Process

SEEDS = 20
# A mark comes and goes with each tick; what is judged of it, several times a second, is where the time begins.
MARKED = frozenset({RiskLimit.EVENT_LOSS})
FOLLOWED_NS = 4 * NS_PER_S
PLANS: dict[RiskLimit, Plan] = {
    **{limit: filling(**near) for limit, near in PAUSING.items()},
    RiskLimit.EVENT_LOSS: LOSING,
    RiskLimit.SNAPSHOT_AGE: UNREAD,
}


class Stopwatch:
    """One plan, one seed. `took_ns`: from the limit passed to nothing resting; None when it was never passed."""

    def __init__(self, limit: RiskLimit, plan: Plan, seed: int) -> None:
        self.limit = limit
        self.took_ns: int | None = None
        self._began_ns: int | None = None
        self._rested = False
        self._series = ""
        self._world = world_of_plan(plan._replace(seed=seed))
        self._stepped = self._world.stepped
        self._world.stepped = self.stepped  # type: ignore[method-assign]  # it looks on from beside
        self._world.exchange.state.listeners.append(self._noticed)

    def run(self) -> int | None:
        """Live through it."""
        self._world.run()
        return self.took_ns

    def stepped(self, process: Process, event: AnyEvent, now: Now, actions: list[AnyAction]) -> None:
        """One step of the engine."""
        self._stepped(process, event, now, actions)
        if self._began_ns is not None or process.engine.state.started is None:
            return
        judged = [each for each in actions if isinstance(each, RiskDecisionEntry) and each.limit == self.limit]
        looked = self.limit not in MARKED and bool(self._world.exchange.member.resting)
        if judged or (looked and self.limit.value in self._world.checks.resting.limits.passed(process)):
            self._began_ns = self._world.timeline.now_ns
            self._series = (judged[0].series or "") if judged else ""
            self._look()

    def _noticed(self, _notice: Notice) -> None:
        if self._began_ns is not None:
            self._look()

    def _look(self) -> None:
        assert self._began_ns is not None, "it is asked after the limit was passed"
        took_ns = self._world.timeline.now_ns - self._began_ns
        resting = self._world.exchange.member.resting.values()
        rests = any(self._series in {"", NAME_OF[order.market.event.series.ticker]} for order in resting)
        # What was on its way when the limit was passed comes to rest, and is pulled too.
        if not rests and (self._rested or self.took_ns is None) and took_ns < FOLLOWED_NS:
            self.took_ns = took_ns
        self._rested = rests


def _seeds(limit: RiskLimit, seeds: int) -> range:
    """A plan's own seed, under which it is known to lose, and those after it."""
    return range(PLANS[limit].seed, PLANS[limit].seed + seeds)


def p99_ms(limit: RiskLimit, seeds: int) -> tuple[int, int, float]:
    """How many seeds passed it, and the middle and the 99th of a hundred times to flat, in ms."""
    took = sorted(
        took for seed in _seeds(limit, seeds) if (took := Stopwatch(limit, PLANS[limit], seed).run()) is not None
    )
    if not took:
        return 0, 0, 0.0
    place = max(0, ceil(0.99 * len(took)) - 1)
    return len(took), took[len(took) // 2] // NS_PER_MS, took[place] / NS_PER_MS


def main(argv: list[str]) -> int:
    """Those named, or all."""
    parse = argparse.ArgumentParser(prog="python -m sim.planted.times")
    parse.add_argument("limits", nargs="*", metavar="LIMIT", choices=[[], *PLANS], help="some of them (default: all)")
    parse.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")
    chosen = parse.parse_args(argv)
    for limit in chosen.limits or PLANS:
        count, middle_ms, worst_ms = p99_ms(RiskLimit(limit), chosen.seeds)
        sys.stdout.write(f"{limit:<16}{count:>4} breaches   p50 {middle_ms} ms   p99 {worst_ms:.0f} ms\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
