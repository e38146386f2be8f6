"""What moved between scrapes of one run of the daemon, and by how much."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from domain.metrics import Metric, MetricKind
from tests.live.stage import Stage

Samples = dict[tuple[str, str], float]


def family_of(metric: Metric) -> str:
    """The sample that tells whether a family moved: a counter's total, a histogram's count, a gauge itself."""
    end = {MetricKind.COUNTER: "_total", MetricKind.HISTOGRAM: "_count", MetricKind.GAUGE: ""}[metric.value.kind]
    return metric.value.name + end


def total(samples: Samples, name: str, labels: str = "") -> float:
    """The sum of all samples of a name whose labels hold a text."""
    return sum(value for (found, text), value in samples.items() if found == name and labels in text)


@dataclass
class Movements:
    """Every scrape of a run. Looking twice within a phase is what tells a gauge that went and came back."""

    stage: Stage
    first: Samples = field(default_factory=dict)
    last: Samples = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def look(self) -> Samples:
        """Scrape once; an answer that does not come changes nothing."""
        samples = self.stage.metrics()
        if not samples:
            return self.last
        self.first = self.first or samples
        self.last = samples
        rows: dict[str, list[str]] = defaultdict(list)
        for (name, labels), value in samples.items():
            rows[name].append(f"{labels} {value!r}")
        for metric in Metric:
            name = family_of(metric)
            self.seen[name].add("\n".join(sorted(rows[name])))
        return samples

    def rise(self, name: str, labels: str = "") -> float:
        """By how much the samples of a name rose from the first scrape to the last."""
        return total(self.last, name, labels) - total(self.first, name, labels)

    def still(self) -> dict[str, str]:
        """Every declared family that did not move, and what it did instead."""
        found = {}
        for metric in Metric:
            name, kind = family_of(metric), metric.value.kind
            if kind is MetricKind.GAUGE:
                if len(self.seen[name]) < 2:
                    found[metric.value.name] = f"took one value only: {min(self.seen[name], default='')!r}"
            elif self.rise(name) <= 0:
                found[metric.value.name] = f"did not rise from {total(self.first, name):g}"
        return found
