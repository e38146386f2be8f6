"""Histograms that cost one bisection to feed and can be read as a value.

Two ways in. The runner holds a `Buckets` and calls `observe` at each step: exact, whatever the rate. A picture carries
raw samples of rare things (a flattening, a round trip): `SampleFold` adds those it has not seen. It tells new from
old by the counter "<key>:samples", which counts all samples ever taken; where the picture has none, the tuple itself
is taken to be everything since the start. Samples that fell out of a bounded tuple unseen are counted as lost.
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
        self._seen: dict[str, int] = {}
        self.lost = 0

    def observe(self, samples: Mapping[str, tuple[float, ...]], counters: Mapping[str, int]) -> None:
        """Add what is new in this picture, per key."""
        for key, values in samples.items():
            taken = counters.get(f"{key}:samples", len(values))
            new = max(0, taken - self._seen.get(key, 0))
            fresh = values[-new:] if new else ()
            self.lost += new - len(fresh)
            self._seen[key] = max(taken, self._seen.get(key, 0))
            buckets = self._buckets.setdefault(key, Buckets(self._bounds))
            for value in fresh:
                buckets.observe(value)

    def views(self) -> dict[str, BucketView]:
        """Every histogram so far, by key."""
        return {key: buckets.view() for key, buckets in self._buckets.items()}
