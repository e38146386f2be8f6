"""Prometheus metrics as a fold over the frozen picture: nothing is counted here that the engine did not count.

`families` is pure: picture, task ages, runtime figures and histograms in, metric families out. Base units (seconds,
dollars, ratios), counters end in `_total`, labels stay few. What was never seen has an age of +Inf, so that a rule
"age > limit" fires on it. The names that dashboards expect (A04, G17, H10, H17) stand without prefix. The keys that
the engine fills are listed in ops/metrics_names.py. Rendering some 400 series takes about 2 ms: see http_io for when
it leaves the loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.clock import NS_PER_S
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, INDEX_PER_POINT
from ops.buckets import BucketView
from ops.iso import iso_et
from ops.metrics_names import COUNTERS, HISTOGRAMS, PROVEN_PREFIX, REQUIRED, SAMPLES_SUFFIX, TICK_DURATION, Named
from ops.ops_status import heartbeat_age_s, is_ready, tick_age_s
from ops.status import SeriesView, Status, TaskHealth

Family = Metric

GATE_STATES = {"FAIL": 0, "PASS": 1, "UNKNOWN": 2, "NOT_CONFIGURED": 3}
PHASES = {"closed": 0, "preflight": 1, "quoting": 2, "strict": 3, "flattening": 4, "frozen": 5}
PPM = 1_000_000


class Runtime(msgspec.Struct, frozen=True):
    """Figures of the shell that the engine does not know: inbox lanes, histograms, proofs of controls (Unix s)."""

    bus_depth: dict[str, int] = {}
    histograms: dict[str, BucketView] = {}
    proofs: dict[str, float] = {}
    http_refused: dict[str, int] = {}


class View(msgspec.Struct, frozen=True):
    """All that one rendering looks at: frozen, so that it may be rendered in another thread."""

    picture: Status
    tasks: tuple[TaskHealth, ...]
    runtime: Runtime
    histograms: dict[str, BucketView]
    samples_lost: int = 0


def families(view: View) -> Iterator[Family]:
    """Every metric family of the daemon, from one picture."""
    yield from _required(view)
    yield from _counters(view.picture.counters, view.runtime.http_refused)
    yield from _daemon(view)
    yield from _series(view.picture)
    yield from _windows(view.picture.series)
    yield from _feeds(view.picture)
    yield from _orders(view.picture)
    yield from _money(view.picture)
    yield from _gates(view.picture)
    yield from _proofs(view)
    yield from _histograms(view)


class _Fixed(Collector):
    """A collector of families that are there already."""

    def __init__(self, parts: Iterable[Family]) -> None:
        self._parts = list(parts)

    def collect(self) -> Iterable[Family]:
        return self._parts


def render_text(view: View, extra: Iterable[Collector] = ()) -> bytes:
    """The Prometheus text format 0.0.4. `extra`: collectors of the process itself."""
    return generate_latest(_Fixed(_all(view, extra)))


def render_json(view: View, extra: Iterable[Collector] = ()) -> bytes:
    """The same as JSON: {"metrics": {family: {type, help, samples: [{name, labels, value}]}}}; infinity is null."""
    found: dict[str, Any] = {}
    for family in _all(view, extra):
        found[family.name] = {
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
    return msgspec.json.encode({"metrics": found})


def _all(view: View, extra: Iterable[Collector]) -> list[Family]:
    return [*families(view), *(family for collector in extra for family in collector.collect())]


def _gauge(name: str, text: str, value: float) -> Family:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _age(age: float | None) -> float:
    return math.inf if age is None else age


def _required(view: View) -> Iterator[Family]:
    picture = view.picture
    fallback = {
        "starts": 1,
        "ticks": sum(feed.ticks for feed in picture.feeds),
        "stales": sum(series.trips for series in picture.series),
    }
    for key, named in REQUIRED.items():
        value = _total(picture.counters, key, fallback.get(key, 0))
        yield CounterMetricFamily(named.name, named.text, value=value)
    yield _gauge("heartbeat_age_seconds", "Seconds since the runner made progress.", _age(heartbeat_age_s(view.tasks)))
    yield _gauges(
        "runtime_bus_depth",
        "Events waiting in each lane of the inbox.",
        ("lane",),
        (((lane,), depth) for lane, depth in sorted(view.runtime.bus_depth.items())),
    )


def _total(counters: Mapping[str, int], key: str, fallback: int) -> int:
    """A counter with all its labelled parts; the fallback where the engine does not keep it."""
    parts = [value for name, value in counters.items() if name == key or name.startswith(f"{key}:")]
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
    for found in sorted(counters):
        stem, _, part = found.partition(":")
        if stem == key:
            family.add_metric((part,), counters[found])
    if not family.samples:
        family.add_metric(("",), 0)
    return family


def _daemon(view: View) -> Iterator[Family]:
    picture = view.picture
    info = {"build_id": picture.build_id, "config_hash": picture.config_hash, "mode": picture.mode}
    yield _gauges("ladderd_build_info", "What runs here.", tuple(info), ((tuple(info.values()), 1),))
    flags = {
        "ladderd_ready": ("Whether orders could be sent now or at the next window.", is_ready(picture)),
        "ladderd_kill_switch": ("Whether the kill switch is on.", picture.kill_switch),
        "ladderd_paused": ("Whether an operator's pause is in force.", picture.paused),
        "ladderd_armed": ("Whether this session is armed.", picture.armed),
        "ladderd_reconciled": ("Whether own books agree with the exchange's.", picture.reconciled),
        "ladderd_exchange_up": ("Whether the exchange says that it is trading.", picture.exchange_up),
        "ladderd_stream_up": ("Whether the exchange's websocket is up.", picture.stream_up),
        "ladderd_market_open": ("Whether the index is being published.", picture.market_hours),
        "ladderd_cancel_all_active": ("Whether a cancel-all is under way.", picture.cancel_all.active),
    }
    for name, (text, on) in flags.items():
        yield _gauge(name, text, int(on))
    yield _gauge("ladderd_start_timestamp_seconds", "When this run began.", picture.started_utc_ns / NS_PER_S)
    yield _gauge("ladderd_reconcile_age_seconds", "Since the last reconciliation.", _age(picture.reconcile_age_s))
    yield _gauge("ladderd_marketdata_age_seconds", "Since the last index value.", _age(tick_age_s(picture)))
    yield _gauge("ladderd_clock_offset_seconds", "Own clock against the exchange's.", _ms(picture.clock_offset_ms))
    yield _gauge("ladderd_clock_uncertainty_seconds", "Of that offset.", _age_ms(picture.clock_uncertainty_ms))
    labels, tasks = ("task",), view.tasks
    yield _gauges("ladderd_task_age_seconds", "Since progress.", labels, (((t.name,), t.age_s) for t in tasks))
    yield _gauges("ladderd_task_limit_seconds", "Limit of that.", labels, (((t.name,), t.limit_s) for t in tasks))


def _ms(value_ms: float | None) -> float:
    return math.nan if value_ms is None else value_ms / 1000


def _age_ms(age_ms: float | None) -> float:
    return math.inf if age_ms is None else age_ms / 1000


def _series(picture: Status) -> Iterator[Family]:
    label, views = ("series",), picture.series
    yield _gauges(
        "ladderd_index_age_seconds",
        "Age of the newest valid value of the series' own symbol on the active feed; +Inf when never seen.",
        label,
        (((view.name,), _age_ms(view.index_age_ms)) for view in views),
    )
    yield _gauges(
        "ladderd_index_age_limit_seconds",
        "The limit in force now: soft, or strict in the final minute.",
        label,
        (((view.name,), view.age_limit_ms / 1000) for view in views),
    )
    yield _gauges(
        "ladderd_index_value_points",
        "The index.",
        label,
        (((view.name,), view.index_value / INDEX_PER_POINT) for view in views if view.index_value is not None),
    )
    yield _gauges(
        "ladderd_volatility_ratio",
        "Volatility that prices the ladder.",
        label,
        (((view.name,), view.volatility_ppm / PPM) for view in views if view.volatility_ppm is not None),
    )
    yield _gauges(
        "ladderd_window_phase",
        "0 closed, 1 preflight, 2 quoting, 3 strict, 4 flattening, 5 frozen.",
        label,
        (((view.name,), PHASES.get(view.phase, -1)) for view in views),
    )
    yield _gauges(
        "ladderd_gate_open", "Whether the series may be quoted.", label, (((v.name,), int(v.open)) for v in views)
    )
    yield _gauges(
        "ladderd_fee_path_info",
        "Where the maker fee of a series comes from.",
        ("series", "path"),
        (((view.name, view.fee_path), 1) for view in views),
    )
    yield _gauges(
        "ladderd_final_minute_guard_info",
        "The freshness guard's verdict and basis.",
        ("series", "verdict", "basis"),
        (((view.name, view.verdict, view.basis), 1) for view in views),
    )


def _windows(series: tuple[SeriesView, ...]) -> Iterator[Family]:
    views = [view for view in series if view.window is not None]
    label = ("series",)
    yield _gauges(
        "ladderd_seconds_to_freeze",
        "Until the exchange's list must read zero; negative past it.",
        label,
        (((view.name,), view.seconds_to_freeze) for view in views if view.seconds_to_freeze is not None),
    )
    yield _gauges(
        "ops_seconds_to_cancel",
        "The same, never under zero.",
        label,
        (
            ((view.name,), round(max(0.0, view.seconds_to_freeze), 3))
            for view in views
            if view.seconds_to_freeze is not None
        ),
    )
    timed = [
        (view, view.opens_ns, view.freeze_ns, view.target_ns)
        for view in views
        if view.opens_ns is not None and view.freeze_ns is not None and view.target_ns is not None
    ]
    yield _gauges(
        "ops_window_target_unix", "The settlement instant.", label, (((v.name,), t / NS_PER_S) for v, _, _, t in timed)
    )
    yield _gauges(
        "ops_window_cancel_buffer_seconds",
        "From an empty list to the settlement instant.",
        label,
        (((view.name,), (target - freeze) / NS_PER_S) for view, _, freeze, target in timed),
    )
    yield _gauges(
        "ops_window_info",
        "The window that is on, or comes next.",
        ("series", "name", "start_et", "end_et", "cancel_at", "target_et", "timezone"),
        (
            (
                (
                    view.name,
                    view.window or "",
                    iso_et(opens),
                    iso_et(target),
                    iso_et(freeze),
                    iso_et(target),
                    "America/New_York",
                ),
                1,
            )
            for view, opens, freeze, target in timed
        ),
    )


def _feeds(picture: Status) -> Iterator[Family]:
    feeds = picture.feeds
    yield _gauges(
        "active_feed",
        "1 for the feed that the series trusts.",
        ("series", "feed"),
        (
            ((view.name, feed), int(view.active_feed == feed))
            for view in picture.series
            for feed in sorted({feed.name for feed in feeds} | {view.active_feed})
        ),
    )
    yield _gauges(
        "ladderd_feed_state_info",
        "State of a feed's session.",
        ("feed", "state"),
        (((f.name, f.state), 1) for f in feeds),
    )
    yield _gauges(
        "ladderd_feed_age_seconds",
        "Age of the newest valid value of a symbol on a feed; +Inf when never seen.",
        ("feed", "symbol"),
        (((feed.name, symbol), _age_ms(age)) for feed in feeds for symbol, age in sorted(feed.ages_ms.items())),
    )
    for name, text, values in (
        ("ladderd_feed_ticks", "Values received on a feed.", [feed.ticks for feed in feeds]),
        ("ladderd_feed_reconnects", "Times a feed's socket was opened again.", [feed.reconnects for feed in feeds]),
    ):
        family = CounterMetricFamily(name, text, labels=("feed",))
        for feed, value in zip(feeds, values, strict=True):
            family.add_metric((feed.name,), value)
        yield family


def _orders(picture: Status) -> Iterator[Family]:
    live: dict[tuple[str, ...], int] = {(view.name, "open"): 0 for view in picture.series}
    for order in picture.orders:
        live[order.series, order.state] = live.get((order.series, order.state), 0) + 1
    yield _gauges(
        "ladderd_orders_may_be_live", "Orders not proven gone, by state.", ("series", "state"), sorted(live.items())
    )
    net: dict[tuple[str, ...], float] = {(view.name,): 0.0 for view in picture.series}
    for rung in picture.ladder:
        net[rung.series,] = net.get((rung.series,), 0.0) + rung.position / COUNT_PER_CONTRACT
    yield _gauges("ladderd_position_contracts", "Net contracts in the rungs shown.", ("series",), sorted(net.items()))
    cancel = picture.cancel_all
    yield _gauge("ladderd_cancel_all_tail_seconds", "Until places are allowed after a cancel-all.", cancel.tail_s)
    yield CounterMetricFamily("ladderd_cancel_all_completed", "Cancel-alls that ended flat.", value=cancel.completed)
    if cancel.last_time_to_flat_ms is not None:
        text = "How long the last cancel-all took to read flat."
        yield _gauge("ladderd_cancel_all_last_time_to_flat_seconds", text, cancel.last_time_to_flat_ms / 1000)


def _money(picture: Status) -> Iterator[Family]:
    for name, text, cash in (
        ("ladderd_realised_dollars", "Realised profit of the session.", picture.realised),
        ("ladderd_unrealised_dollars", "Profit of open positions at fair value.", picture.unrealised),
        ("ladderd_fees_dollars", "Fees paid in the session.", picture.fees),
        ("ladderd_day_loss_used_dollars", "Loss and worst case counted against the day.", picture.day_loss_used),
        ("ladderd_day_loss_limit_dollars", "The day's limit.", picture.day_loss_limit),
    ):
        yield _gauge(name, text, cash / CASH_PER_DOLLAR)
    yield _gauge("ladderd_write_tokens", "Write tokens at hand.", picture.budget.tokens)
    yield _gauge("ladderd_write_tokens_reserve", "Kept for cancels.", picture.budget.reserve)
    yield _gauge("ladderd_write_tokens_capacity", "What the bucket holds.", picture.budget.capacity)


def _gates(picture: Status) -> Iterator[Family]:
    label, gates = ("gate", "series"), picture.gates
    yield _gauges(
        "ladderd_gate_state",
        "0 FAIL, 1 PASS, 2 UNKNOWN, 3 NOT_CONFIGURED.",
        label,
        (((gate.name, gate.series), GATE_STATES.get(gate.status, GATE_STATES["UNKNOWN"])) for gate in gates),
    )
    aged = [(gate, gate.age_s) for gate in gates if gate.age_s is not None]
    yield _gauges(
        "ladderd_gate_age_seconds", "Age of a gate's evidence.", label, (((g.name, g.series), age) for g, age in aged)
    )


def _proofs(view: View) -> Iterator[Family]:
    counted = {
        key.removeprefix(PROVEN_PREFIX): float(value)
        for key, value in view.picture.counters.items()
        if key.startswith(PROVEN_PREFIX)
    }
    proofs = counted | view.runtime.proofs
    yield _gauges(
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
