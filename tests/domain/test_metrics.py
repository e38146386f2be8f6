from __future__ import annotations

import re

import pytest

from domain.metrics import BUCKETS_S, Metric, MetricKind

REQUIRED = (
    *("agent_start", "errors", "heartbeat_age_seconds", "marketdata_ticks", "marketdata_stale", "strategy_cycles"),
    *("strategy_cycles_skipped", "order_proposals", "safety_halted", "runtime_bus_depth"),
    *("agent_tick_duration_seconds", "active_feed", "ops_seconds_to_cancel"),
)


def test_no_name_is_used_twice() -> None:
    names = [metric.value.name for metric in Metric]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", list(Metric))
def test_names_labels_and_texts_are_in_order(metric: Metric) -> None:
    named = metric.value
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", named.name)
    assert not named.name.endswith("_total"), "the text format adds it"
    assert len(set(named.labels)) == len(named.labels)
    assert named.text.endswith(".")
    assert named.kind is not MetricKind.HISTOGRAM or named.unit == "seconds"


def test_those_that_others_ask_for_keep_their_names() -> None:
    assert set(REQUIRED) <= {metric.value.name for metric in Metric}


def test_buckets_ascend() -> None:
    assert list(BUCKETS_S) == sorted(set(BUCKETS_S))
