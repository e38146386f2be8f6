"""Where the time of a simulated day goes, part by part: `ladderd simulate --profile`.

The profiler slows small functions more than large ones, so the shares are taken from it and the cost of a step from the
same unit lived through without it. What the interpreter does itself counts for whoever asked for it.
"""

from __future__ import annotations

import cProfile
import pstats
import re
import resource
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from sim.campaign.unit import Outcome

_OURS = re.compile(r"/(daemon|guards|pricing|execution|feeds|domain|journal|ops|sim)/([\w/]+)\.py$")
PARTS = (
    ("simulated exchange", re.compile(r"sim/(exchange/|campaign/ports/(exchange|venue))")),
    ("index feed", re.compile(r"sim/(index_feed/|market|campaign/ports/feed)")),
    ("checks", re.compile(r"sim/campaign/checks/")),
    ("time and wiring", re.compile(r"sim/")),
    ("runner, inbox and records", re.compile(r"daemon/runtime/(runner_io|inbox_io)|journal/")),
    ("wire formats", re.compile(r"feeds/(kalshi|massive)|execution/kalshi/")),
    ("engine", re.compile("")),
)


class Share(NamedTuple):
    """One part: its name, its share of the whole, and what it costs a step in microseconds."""

    part: str
    share: float
    step_us: float


def cpu_s() -> float:
    """CPU seconds that this process and its ended children have used: what another program's load does not change."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def part_of(file: str) -> str:
    """The part that a source file belongs to; empty for what is not ours."""
    ours = _OURS.search(file)
    if ours is None:
        return ""
    path = f"{ours.group(1)}/{ours.group(2)}"
    return next(name for name, pattern in PARTS if pattern.match(path))


def profiled(live: Callable[[], Outcome]) -> tuple[list[Share], float, Outcome]:
    """Live through a unit twice: the shares of its parts, the CPU seconds it takes unwatched, what became of it."""
    begun_s = cpu_s()
    outcome = live()
    took_s = cpu_s() - begun_s
    profile = cProfile.Profile()
    profile.runcall(live)
    stats: Any = pstats.Stats(profile)
    spent: Counter[str] = Counter()
    for (file, _, _), (_, _, own_s, _, callers) in stats.stats.items():
        part = part_of(file)
        if part:
            spent[part] += own_s
            continue
        for (caller, _, _), times in callers.items():
            spent[part_of(caller) or "time and wiring"] += times[2]
    whole_s = sum(spent.values())
    step_us = took_s * 1e6 / max(outcome.steps, 1)
    return (
        [Share(part, own_s / whole_s, step_us * own_s / whole_s) for part, own_s in spent.most_common()],
        took_s,
        outcome,
    )
