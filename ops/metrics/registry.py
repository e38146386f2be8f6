"""The one registry of a process: what the shell folds and times, made at start; what the picture tells, when asked.

Never the library's global registry. Every child that the shell feeds is bound at the start, with all values of its
labels that are known then, so that a counter stands at 0 before its first count: `increase` does not see a series that
appears with a 1. Recovery, replay and simulation have no registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from domain.metrics import BUCKETS_S, Metric, MetricKind
from ops.metrics.families import families
from ops.metrics.view import View

# What the shell feeds itself; everything else is read from the picture.
COUNTERS = (
    *(Metric.HALTS, Metric.LOOP_STALLS, Metric.ALERTS, Metric.ALERTS_BY_KIND, Metric.TRIPS, Metric.DIVERGENCES),
    *(Metric.FAILOVERS, Metric.STREAM_DROPS, Metric.BOOKS_STALE, Metric.ANSWERS, Metric.READ_FAILURES),
    *(Metric.LISTINGS, Metric.ORDERS_SENT, Metric.ORDERS_ACCEPTED, Metric.ORDERS_REFUSED, Metric.ORDERS_UNKNOWN),
    *(Metric.ORDERS_UNSENT, Metric.POST_ONLY_REJECTS, Metric.CANCELS_SENT, Metric.GROUP_TRIGGERS),
    *(Metric.GROUPS_LOST, Metric.CANCEL_ALLS, Metric.CANCEL_ALLS_DONE, Metric.DRIFTS, Metric.FILLS),
    *(Metric.TAKER_FILLS, Metric.CLOSE_OUT_ORDERS, Metric.CLOSE_OUT_FILLS, Metric.OVER_LIMITS),
)
HISTOGRAMS = (
    *(Metric.STEP, Metric.LOOP_LAG, Metric.FSYNC, Metric.FEED_DELIVERY, Metric.PLACE_TIME, Metric.CANCEL_TIME),
    Metric.TIME_TO_FLAT,
)


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began is `agent_start`'s to tell
        self.registry = CollectorRegistry(auto_describe=False)
        self._counters = {metric: self._counter(metric) for metric in COUNTERS}
        self._histograms = {metric: self._histogram(metric) for metric in HISTOGRAMS}
        self._pictured = _Pictured(self._histograms[Metric.STEP])
        self.registry.register(self._pictured)
        ProcessCollector(registry=self.registry)

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The child to count with."""
        family = self._counters[metric]
        return family.labels(*labels) if labels else family

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The child to observe with."""
        family = self._histograms[metric]
        return family.labels(*labels) if labels else family

    def collect(self, view: View) -> Iterator[Family]:
        """Every family, one after the other; whoever renders may pause in between."""
        self._pictured.view = view
        yield from self.registry.collect()

    def _counter(self, metric: Metric) -> Counter:
        named = metric.value
        assert named.kind is MetricKind.COUNTER, f"{named.name} is no counter"
        return Counter(named.name, named.text, named.labels, registry=self.registry, unit=named.unit)

    def _histogram(self, metric: Metric) -> Histogram:
        named = metric.value
        assert named.kind is MetricKind.HISTOGRAM, f"{named.name} is no histogram"
        return Histogram(
            named.name, named.text, named.labels, registry=self.registry, unit=named.unit, buckets=BUCKETS_S
        )


class _Pictured(Collector):
    """What the picture, the engine's counts and the shell's figures tell, and the step's histogram by another name."""

    def __init__(self, steps: Histogram) -> None:
        self._steps = steps
        self.view: View | None = None

    def collect(self) -> Iterable[Family]:
        """The families of the view of this rendering; none before the first."""
        if self.view is None:
            return
        yield from families(self.view)
        yield self._ticks()

    def _ticks(self) -> Family:
        named = Metric.TICK_DURATION.value
        family = HistogramMetricFamily(named.name, named.text, unit=named.unit)
        for steps in self._steps.collect():
            for sample in steps.samples:
                name = sample.name.replace(Metric.STEP.value.name, named.name)
                family.add_sample(name, sample.labels, sample.value)
        return family
