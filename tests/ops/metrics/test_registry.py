from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from domain.metrics import Metric
from ops.metrics.registry import Metrics
from tests.ops.metrics.made import folding, samples, view


def test_each_process_has_a_registry_of_its_own_and_the_global_one_knows_nothing_of_ours() -> None:
    first, second = Metrics(), Metrics()
    first.histogram(Metric.STEP).observe(0.001)
    assert samples(view(), first)["ladderd_step_seconds_count", ()] == 1
    assert samples(view(), second)["ladderd_step_seconds_count", ()] == 0
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("ladderd")]


def test_the_step_stands_under_both_its_names() -> None:
    metrics, _ = folding()
    for _ in range(3):
        metrics.histogram(Metric.STEP).observe(0.00004)
    found = samples(view(), metrics)
    assert found["agent_tick_duration_seconds_count", ()] == found["ladderd_step_seconds_count", ()] == 3
    assert found["agent_tick_duration_seconds_bucket", (("le", "0.0001"),)] == 3
    assert found["agent_tick_duration_seconds_sum", ()] == pytest.approx(0.00012)


def test_nothing_is_told_of_when_a_counter_was_made() -> None:
    assert not [name for name, _ in samples(view()) if name.endswith("_created")]


def test_process_figures_are_told() -> None:
    found = samples(view())
    assert found["process_resident_memory_bytes", ()] > 0
    assert found["process_open_fds", ()] > 0
