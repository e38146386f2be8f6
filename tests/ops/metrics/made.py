"""Metrics of a picture, with or without steps folded before, as text and as samples."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.families import text_parts
from ops.metrics.fold import MetricsFold
from ops.metrics.registry import Metrics
from ops.metrics.view import Runtime, View
from tests.ops.pictures import TASKS, picture

SERIES = ("INXU", "NASDAQ100U")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def view(runtime: Runtime | None = None, /, **changes: object) -> View:
    return View(picture(**changes), TASKS, runtime or Runtime())


def folding() -> tuple[Metrics, MetricsFold]:
    metrics = Metrics()
    return metrics, MetricsFold(metrics, SERIES)


def text_of(seen: View, metrics: Metrics | None = None) -> bytes:
    return b"".join(text_parts((metrics or folding()[0]).collect(seen)))


def samples(seen: View, metrics: Metrics | None = None) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text_of(seen, metrics).decode())
        for sample in family.samples
    }
