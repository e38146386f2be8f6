from __future__ import annotations

import itertools
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from ops.metrics.buckets import SECONDS, Buckets, SampleFold, overlap

SAMPLES = st.lists(st.floats(min_value=0, max_value=100, allow_nan=False), max_size=50)


@given(SAMPLES)
def test_every_observation_is_counted_once_at_the_first_bound_that_holds_it(values: list[float]) -> None:
    buckets = Buckets()
    for value in values:
        buckets.observe(value)
    rows = buckets.view().cumulative()
    assert rows[-1] == ("+Inf", float(len(values)))
    for (_, count), bound in zip(rows, SECONDS, strict=False):
        assert count == sum(value <= bound for value in values)


def test_successive_pictures_count_each_sample_once() -> None:
    fold = SampleFold()
    fold.observe({"step_s": (0.1, 0.2)}, {})
    fold.observe({"step_s": (0.1, 0.2)}, {})
    fold.observe({"step_s": (0.1, 0.2, 0.3)}, {})
    view = fold.views()["step_s"]
    assert view.count == 3
    assert round(view.total, 6) == 0.6


def test_a_bounded_tuple_is_told_apart_by_its_counter_and_losses_are_counted() -> None:
    fold = SampleFold()
    fold.observe({"step_s": (0.1, 0.2)}, {"step_s:samples": 2})
    fold.observe({"step_s": (0.2, 0.3)}, {"step_s:samples": 3})
    assert fold.views()["step_s"].count == 3
    fold.observe({"step_s": (0.8, 0.9)}, {"step_s:samples": 7})
    assert fold.views()["step_s"].count == 5
    assert fold.lost == 2


@given(st.lists(st.lists(st.floats(0, 9), max_size=12), max_size=6), st.integers(min_value=12, max_value=20))
def test_a_sliding_window_without_a_counter_counts_each_sample_once(batches: list[list[float]], size: int) -> None:
    fold, kept, total = SampleFold(), deque[float](maxlen=size), 0
    serial = itertools.count()
    for batch in batches:
        for value in batch:
            kept.append(value + next(serial) * 1e-6)  # durations are hardly ever equal to the nanosecond
            total += 1
        fold.observe({"x": tuple(kept)}, {})
    assert sum(view.count for view in fold.views().values()) == total


def test_overlaps() -> None:
    assert overlap((), (1.0, 2.0)) == 0
    assert overlap((1.0, 2.0), ()) == 0
    assert overlap((1.0, 2.0), (1.0, 2.0, 3.0)) == 2
    assert overlap((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)) == 2
    assert overlap((2.0, 1.0, 2.0), (2.0, 3.0)) == 1
    assert overlap((1.0, 2.0), (5.0, 6.0)) == 0


@given(st.lists(SAMPLES, max_size=6))
def test_histograms_never_shrink(batches: list[list[float]]) -> None:
    fold, seen = SampleFold(), 0
    for batch in batches:
        fold.observe({"x": tuple(batch)}, {})
        count = fold.views()["x"].count
        assert count >= seen
        seen = count
