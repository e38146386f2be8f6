"""The metrics that are read when somebody asks: the frozen picture, the engine's counts, the shell's own figures.

`families` is pure: a view in, metric families out. Base units (seconds, dollars, contracts), counters end in `_total`,
labels stay few. What was never seen has an age of +Inf, so that a rule "age > limit" fires on it. What is counted step
by step is not here: ops/metrics/fold.py. Rendering takes milliseconds, so it comes in parts: see page_io.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from domain.counts import Counted
from domain.metrics import Metric
from ops.metrics.pictures import (
    age,
    counter,
    counters,
    daemon_families,
    feeds_families,
    gates_families,
    gauge,
    gauges,
    money_families,
    orders_families,
    series_families,
    windows_families,
)
from ops.metrics.view import View
from ops.ops_status import heartbeat_age_s

COUNTED = {
    Metric.STALES: Counted.STALES,
    Metric.CYCLES: Counted.CYCLES,
    Metric.CYCLES_SKIPPED: Counted.CYCLES_SKIPPED,
    Metric.PROPOSALS: Counted.PROPOSALS,
    Metric.RISK_REFUSALS: Counted.RISK_REFUSALS,
    Metric.REQUOTES: Counted.REQUOTES,
    Metric.GROUPS_LEAKED: Counted.GROUPS_LEAKED,
    Metric.FILLS_PAST: Counted.FILLS_OF_DAYS_PAST,
}
REJECTED = {
    "other_symbol": Counted.TICKS_OTHER_SYMBOL,
    "not_positive": Counted.TICKS_NOT_POSITIVE,
    "not_newer": Counted.TICKS_NOT_NEWER,
    "future": Counted.TICKS_FUTURE,
    "late": Counted.TICKS_LATE,
    "after_stall": Counted.TICKS_AFTER_STALL,
}
END = b"# EOF\n"


def families(view: View) -> Iterator[Family]:
    """Every family that is read from a view."""
    yield from _counted(view)
    yield from _shell(view)
    yield from daemon_families(view.picture, view.tasks)
    yield from series_families(view.picture)
    yield from windows_families(view.picture.series)
    yield from feeds_families(view.picture)
    yield from orders_families(view.picture)
    yield from money_families(view.picture)
    yield from gates_families(view.picture)


def _counted(view: View) -> Iterator[Family]:
    counts = view.picture.counts
    yield counter(Metric.TICKS, counts[Counted.TICKS_PRIMARY] + counts[Counted.TICKS_SECONDARY])
    yield counters(Metric.TICKS_REJECTED, (((reason,), counts[count]) for reason, count in REJECTED.items()))
    for metric, count in COUNTED.items():
        yield counter(metric, counts[count])


def _shell(view: View) -> Iterator[Family]:
    runtime = view.runtime
    yield counter(Metric.STARTS, 1)
    yield counter(Metric.ERRORS, runtime.errors)
    yield counter(Metric.JOURNAL_RECORDS, runtime.journal_records)
    yield counters(Metric.RECONNECTS, (((name,), count) for name, count in sorted(runtime.reconnects.items())))
    passed = runtime.passed_over
    rows = (((name, why), count) for name in sorted(passed) for why, count in sorted(passed[name].items()))
    yield counters(Metric.PASSED_OVER, rows)
    yield counters(Metric.HTTP_REFUSED, (((why,), count) for why, count in sorted(runtime.http_refused.items())))
    yield gauge(Metric.HEARTBEAT_AGE, age(heartbeat_age_s(view.tasks)))
    yield gauges(Metric.BUS_DEPTH, (((lane,), depth) for lane, depth in sorted(runtime.bus_depth.items())))
    yield gauge(Metric.OLDEST_EVENT, runtime.oldest_event_s)
    yield gauges(Metric.PROVEN, (((control,), at_s) for control, at_s in sorted(runtime.proofs.items())))


class _One(Collector):
    """A collector of one family that is there already."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return (self._family,)


def text_parts(found: Iterable[Family]) -> Iterator[bytes]:
    """The Prometheus text format 0.0.4, family by family, so that whoever renders may pause in between."""
    for family in found:
        yield generate_latest(_One(family))


def openmetrics_parts(found: Iterable[Family]) -> Iterator[bytes]:
    """OpenMetrics 1.0.0, family by family; the end mark is the last part."""
    for family in found:
        body: bytes = generate_openmetrics(_One(family))  # type: ignore[no-untyped-call]  # the library's
        yield body.removesuffix(END)
    yield END


def json_parts(found: Iterable[Family]) -> Iterator[bytes]:
    """The same as JSON: {"metrics": {family: {type, help, samples: [{name, labels, value}]}}}; infinity is null."""
    before = b'{"metrics":{'
    for family in found:
        document = {
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {
                    "name": sample.name,
                    "labels": sample.labels,
                    "value": sample.value if math.isfinite(sample.value) else None,
                }
                for sample in family.samples
            ],
        }
        yield before + msgspec.json.encode(family.name) + b":" + msgspec.json.encode(document)
        before = b","
    yield b"}}"


PARTS: dict[str, Callable[[Iterable[Family]], Iterator[bytes]]] = {
    "text": text_parts,
    "json": json_parts,
    "openmetrics": openmetrics_parts,
}
