"""Prometheus metrics as a fold over the frozen picture: nothing is counted here that the engine did not count.

`families` is pure: picture, task ages, runtime figures and histograms in, metric families out. Base units (seconds,
dollars, ratios), counters end in `_total`, labels stay few. What was never seen has an age of +Inf, so that a rule
"age > limit" fires on it. The names that dashboards expect (A04, G17, H10, H17) stand without prefix. The keys that
the engine fills are listed in ops/metrics/names.py. Rendering takes milliseconds, so it comes in parts: see http_io.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ops.metrics.buckets import BucketView
from ops.metrics.names import COUNTERS, HISTOGRAMS, PROVEN_PREFIX, REQUIRED, SAMPLES_SUFFIX, TICK_DURATION, Named
from ops.metrics.pictures import (
    age,
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

Family = Metric


def families(view: View) -> Iterator[Family]:
    """Every metric family of the daemon, from one picture."""
    yield from _required(view)
    yield from _counters(_merged(view), view.runtime.http_refused)
    yield from daemon_families(view.picture, view.tasks)
    yield from series_families(view.picture)
    yield from windows_families(view.picture.series)
    yield from feeds_families(view.picture)
    yield from orders_families(view.picture)
    yield from money_families(view.picture)
    yield from gates_families(view.picture)
    yield from _proofs(view)
    yield from _histograms(view)


class _One(Collector):
    """A collector of one family that is there already."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return (self._family,)


def text_parts(view: View, extra: Iterable[Collector] = ()) -> Iterator[bytes]:
    """The Prometheus text format 0.0.4, family by family, so that whoever renders may pause in between.

    `extra`: collectors of the process itself.
    """
    for family in _all(view, extra):
        yield generate_latest(_One(family))


def render_text(view: View, extra: Iterable[Collector] = ()) -> bytes:
    """The whole text at once."""
    return b"".join(text_parts(view, extra))


def json_parts(view: View, extra: Iterable[Collector] = ()) -> Iterator[bytes]:
    """The same as JSON: {"metrics": {family: {type, help, samples: [{name, labels, value}]}}}; infinity is null."""
    before = b'{"metrics":{'
    for family in _all(view, extra):
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


def _all(view: View, extra: Iterable[Collector]) -> Iterator[Family]:
    yield from families(view)
    for collector in extra:
        yield from collector.collect()


def _required(view: View) -> Iterator[Family]:
    picture, counters = view.picture, _merged(view)
    fallback = {
        "starts": 1,
        "ticks": sum(feed.ticks for feed in picture.feeds),
        "stales": sum(series.trips for series in picture.series),
        "proposals": _total(counters, "orders_sent", 0),
    }
    for key, named in REQUIRED.items():
        value = _total(counters, key, fallback.get(key, 0))
        yield CounterMetricFamily(named.name, named.text, value=value)
    yield gauge("heartbeat_age_seconds", "Seconds since the runner made progress.", age(heartbeat_age_s(view.tasks)))
    yield gauges(
        "runtime_bus_depth",
        "Events waiting in each lane of the inbox.",
        ("lane",),
        (((lane,), depth) for lane, depth in sorted(view.runtime.bus_depth.items())),
    )


def _merged(view: View) -> dict[str, int]:
    return view.picture.counters | view.runtime.counters


def _total(counters: Mapping[str, int], key: str, fallback: int) -> int:
    """A counter; where only parts of it are kept, their sum; the fallback where the engine does not keep it."""
    if key in counters:
        return counters[key]
    parts = [value for name, value in counters.items() if name.startswith(f"{key}:")]
    return sum(parts) if parts else fallback


def _counters(counters: Mapping[str, int], http_refused: Mapping[str, int]) -> Iterator[Family]:
    shown = {key: value for key, value in counters.items() if not _special(key)}
    shown |= {f"http_refused:{reason}": value for reason, value in http_refused.items()}
    for key, named in COUNTERS.items():
        yield _counter(key, named, shown)
    rest = CounterMetricFamily("ladderd_events", "Whatever else was counted, by key.", labels=("event",))
    for key in sorted(shown):
        if key.partition(":")[0] not in COUNTERS and key.partition(":")[0] not in REQUIRED:
            rest.add_metric((key,), shown[key])
    yield rest


def _special(key: str) -> bool:
    return key.startswith(PROVEN_PREFIX) or key.endswith(SAMPLES_SUFFIX)


def _counter(key: str, named: Named, counters: Mapping[str, int]) -> Family:
    if not named.label:
        return CounterMetricFamily(named.name, named.text, value=_total(counters, key, 0))
    family = CounterMetricFamily(named.name, named.text, labels=(named.label,))
    parts = {found.partition(":")[2]: value for found, value in counters.items() if found.startswith(f"{key}:")}
    for part, value in sorted((parts or {"": counters.get(key, 0)}).items()):
        family.add_metric((part,), value)
    return family


def _proofs(view: View) -> Iterator[Family]:
    counted = {
        key.removeprefix(PROVEN_PREFIX): float(value)
        for key, value in view.picture.counters.items()
        if key.startswith(PROVEN_PREFIX)
    }
    proofs = counted | view.runtime.proofs
    yield gauges(
        "control_last_proven_timestamp_seconds",
        "When a control was last proven to work.",
        ("control",),
        (((control,), at) for control, at in sorted(proofs.items())),
    )


def _histograms(view: View) -> Iterator[Family]:
    found = view.histograms | view.runtime.histograms
    for key, named in HISTOGRAMS.items():
        labels = (named.label,) if named.label else ()
        family = HistogramMetricFamily(named.name, named.text, labels=labels)
        for name in sorted(found):
            stem, _, part = name.partition(":")
            if stem == key:
                family.add_metric((part,) if labels else (), found[name].cumulative(), found[name].total)
        yield family
    family = HistogramMetricFamily(TICK_DURATION.name, TICK_DURATION.text, labels=())
    step = found.get("step_s", BucketView((), (0,), 0.0))
    family.add_metric((), step.cumulative(), step.total)
    yield family
    yield CounterMetricFamily("ladderd_samples_lost", "Samples no histogram saw.", value=view.samples_lost)
