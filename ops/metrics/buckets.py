"""Histograms that cost one bisection to feed and can be read as a value.

Two ways in. The runner holds a `Buckets` and calls `observe` at each step: exact, whatever the rate. A picture carries
raw samples, the last so many of each kind: `SampleFold` adds those it has not seen. It tells new from old by the
counter "<key>:samples", which counts all samples ever taken; where the picture has none, by where the last tuple goes
on in this one. Samples that fell out unseen are counted as lost, as far as that can be known.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping

import msgspec

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class BucketView(msgspec.Struct, frozen=True):
    """One histogram at an instant: upper bounds, observations at or under each (not summed up), and beyond the last."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, observations at or under it) as the exposition format wants them, "+Inf" last."""
        running, out = 0, []
        for bound, count in zip((*map(_bound_text, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            out.append((bound, float(running)))
        return out


def _bound_text(bound: float) -> str:
    return repr(float(bound))


class Buckets:
    """A histogram being filled. Not for use by two threads at once."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        assert list(bounds) == sorted(set(bounds)), "bounds ascend"
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in the unit of the bounds."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._total += value

    def view(self) -> BucketView:
        """What has been counted so far, as a value."""
        return BucketView(self._bounds, tuple(self._counts), self._total)


class SampleFold:
    """Turns the raw samples of successive pictures into histograms that only ever grow."""

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self._bounds = bounds
        self._buckets: dict[str, Buckets] = {}
        self._counted: dict[str, int] = {}
        self._last: dict[str, tuple[float, ...]] = {}
        self.lost = 0

    def observe(self, samples: Mapping[str, tuple[float, ...]], counters: Mapping[str, int]) -> None:
        """Add what is new in this picture, per key."""
        for key, values in samples.items():
            taken = counters.get(f"{key}:samples")
            fresh = self._beyond(key, values) if taken is None else self._by_count(key, values, taken)
            buckets = self._buckets.setdefault(key, Buckets(self._bounds))
            for value in fresh:
                buckets.observe(value)

    def views(self) -> dict[str, BucketView]:
        """Every histogram so far, by key."""
        return {key: buckets.view() for key, buckets in self._buckets.items()}

    def _by_count(self, key: str, values: tuple[float, ...], taken: int) -> tuple[float, ...]:
        new = max(0, taken - self._counted.get(key, 0))
        fresh = values[-new:] if new else ()
        self.lost += new - len(fresh)
        self._counted[key] = max(taken, self._counted.get(key, 0))
        return fresh

    def _beyond(self, key: str, values: tuple[float, ...]) -> tuple[float, ...]:
        """What follows the last tuple in this one: appended, or slid along a bounded window."""
        last, self._last[key] = self._last.get(key, ()), values
        return values[overlap(last, values) :]


def overlap(last: tuple[float, ...], values: tuple[float, ...]) -> int:
    """How many values at the head of `values` are the tail of `last`: the longest such match."""
    if not values:
        return 0
    start = max(0, len(last) - len(values))
    while True:
        try:
            start = last.index(values[0], start)
        except ValueError:
            return 0
        if last[start:] == values[: len(last) - start]:
            return len(last) - start
        start += 1
