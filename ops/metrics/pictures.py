"""The families that show the picture itself: series, windows, feeds, orders, money, gates. Part of families.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family

from domain.clock import NS_PER_S
from domain.metrics import Metric, MetricKind
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, INDEX_PER_POINT
from domain.stamps import et_text
from ops.ops_status import index_age_s, is_ready
from ops.status import Gate, Holding, SeriesView, Status, TaskHealth

GATE_STATES = {"FAIL": 0, "PASS": 1, "UNKNOWN": 2, "NOT_CONFIGURED": 3}
# A vote against that only says that this is not the time is no alarm: it has a number of its own.
WAITS = 4
PHASES = {"closed": 0, "preflight": 1, "quoting": 2, "strict": 3, "flattening": 4, "frozen": 5}
PPM = 1_000_000
HELD_MAX = 64


def gauge(metric: Metric, value: float) -> Family:
    """A gauge without labels."""
    named = metric.value
    assert named.kind is MetricKind.GAUGE, f"{named.name} is no gauge"
    return GaugeMetricFamily(named.name, named.text, value=value, unit=named.unit)


def gauges(metric: Metric, rows: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    """A gauge with labels: rows of (label values, value). A row goes without the labels that it has no value for."""
    named = metric.value
    assert named.kind is MetricKind.GAUGE, f"{named.name} is no gauge"
    family = GaugeMetricFamily(named.name, named.text, labels=named.labels, unit=named.unit)
    for values, value in rows:
        labels = {label: text for label, text in zip(named.labels, values, strict=True) if text}
        family.add_sample(named.name, labels, value)
    return family


def counter(metric: Metric, value: float) -> Family:
    """A counter without labels."""
    named = metric.value
    assert named.kind is MetricKind.COUNTER, f"{named.name} is no counter"
    return CounterMetricFamily(named.name, named.text, value=value)


def counters(metric: Metric, rows: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    """A counter with labels: rows of (label values, value)."""
    named = metric.value
    assert named.kind is MetricKind.COUNTER, f"{named.name} is no counter"
    family = CounterMetricFamily(named.name, named.text, labels=named.labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def age(age: float | None) -> float:
    """An age for a rule to fire on: never seen is +Inf."""
    return math.inf if age is None else age


def daemon_families(picture: Status, tasks: tuple[TaskHealth, ...]) -> Iterator[Family]:
    """The daemon as a whole: what runs, what is on, ages of its tasks."""
    yield gauges(Metric.BUILD, [((picture.build_id, picture.config_hash, picture.mode), 1)])
    flags = {
        Metric.READY: is_ready(picture),
        Metric.KILL_SWITCH: picture.kill_switch,
        Metric.PAUSED: picture.paused,
        Metric.ARMED: picture.armed,
        Metric.RECONCILED: picture.reconciled,
        Metric.EXCHANGE_UP: picture.exchange_up,
        Metric.STREAM_UP: picture.stream_up,
        Metric.MARKET_OPEN: picture.market_hours,
        Metric.CANCEL_ALL_ACTIVE: picture.cancel_all.active,
    }
    for metric, on in flags.items():
        yield gauge(metric, int(on))
    yield gauge(Metric.START_TIME, picture.started_utc_ns / NS_PER_S)
    yield gauge(Metric.RECONCILE_AGE, age(picture.reconcile_age_s))
    yield gauge(Metric.MARKETDATA_AGE, age(index_age_s(picture)))
    yield gauge(Metric.CLOCK_OFFSET, _ms(picture.clock_offset_ms))
    yield gauge(Metric.CLOCK_DOUBT, _age_ms(picture.clock_uncertainty_ms))
    yield gauges(Metric.TASK_AGE, (((t.name,), t.age_s) for t in tasks))
    yield gauges(Metric.TASK_LIMIT, (((t.name,), t.limit_s) for t in tasks))


def _ms(value_ms: float | None) -> float:
    return math.nan if value_ms is None else value_ms / 1000


def _age_ms(age_ms: float | None) -> float:
    return math.inf if age_ms is None else age_ms / 1000


def series_families(picture: Status) -> Iterator[Family]:
    """The index and the guard of each series."""
    views = picture.series
    yield gauges(
        Metric.INDEX_AGE,
        (((view.name,), _age_ms(view.freshness.age_ms)) for view in views),
    )
    yield gauges(
        Metric.INDEX_LIMIT,
        (((view.name,), view.freshness.limit_ms / 1000) for view in views),
    )
    yield gauges(
        Metric.INDEX_VALUE,
        (((view.name,), view.index_value / INDEX_PER_POINT) for view in views if view.index_value is not None),
    )
    yield gauges(
        Metric.VOLATILITY,
        (((view.name,), view.volatility_ppm / PPM) for view in views if view.volatility_ppm is not None),
    )
    yield gauges(
        Metric.WINDOW_PHASE,
        (((view.name,), PHASES.get(view.phase, -1)) for view in views),
    )
    yield gauges(Metric.GATE_OPEN, (((v.name,), int(v.open)) for v in views))
    yield gauges(
        Metric.FEE_PATH,
        (((view.name, view.fee_path), 1) for view in views),
    )
    yield gauges(
        Metric.GUARD_INFO,
        (((view.name, view.freshness.verdict, view.freshness.basis), 1) for view in views),
    )


def windows_families(series: tuple[SeriesView, ...]) -> Iterator[Family]:
    """The window of each series, under the names that dashboards expect."""
    views = [view for view in series if view.window is not None]
    yield gauges(
        Metric.SECONDS_TO_FREEZE,
        (((view.name,), view.seconds_to_freeze) for view in views if view.seconds_to_freeze is not None),
    )
    yield gauges(
        Metric.SECONDS_TO_CANCEL,
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
    yield gauges(Metric.WINDOW_TARGET, (((v.name,), t / NS_PER_S) for v, _, _, t in timed))
    yield gauges(
        Metric.CANCEL_BUFFER,
        (((view.name,), (target - freeze) / NS_PER_S) for view, _, freeze, target in timed),
    )
    yield gauges(
        Metric.WINDOW_INFO,
        (
            (
                (
                    view.name,
                    view.window or "",
                    et_text(opens),
                    et_text(target),
                    et_text(freeze),
                    et_text(target),
                    "America/New_York",
                ),
                1,
            )
            for view, opens, freeze, target in timed
        ),
    )


def feeds_families(picture: Status) -> Iterator[Family]:
    """The feeds, and which one each series trusts."""
    feeds = picture.feeds
    yield gauges(
        Metric.ACTIVE_FEED,
        (
            ((view.name, feed), int(view.active_feed == feed))
            for view in picture.series
            for feed in sorted({feed.name for feed in feeds} | {view.active_feed})
        ),
    )
    yield gauges(
        Metric.FEED_STATE,
        (((f.name, f.state), 1) for f in feeds),
    )
    yield gauges(
        Metric.FEED_AGE,
        (((feed.name, symbol), _age_ms(age)) for feed in feeds for symbol, age in sorted(feed.ages_ms.items())),
    )
    yield counters(Metric.FEED_TICKS, (((feed.name,), feed.ticks) for feed in feeds))
    yield gauges(Metric.PROVIDER_LOOKS, (((one.name,), one.looks) for one in picture.providers))
    yield gauges(Metric.PROVIDER_SUCCESS, (((one.name,), one.good / one.looks) for one in picture.providers))
    yield gauge(Metric.FALLBACKS_TODAY, picture.fallbacks)
    vix = picture.vix
    yield gauge(Metric.VIX, math.nan if vix.value is None else vix.value / INDEX_PER_POINT)
    yield gauge(Metric.VIX_AGE, age(vix.age_s))
    yield gauge(Metric.VIX_SIZE, vix.factor_ppm / PPM)
    yield gauges(Metric.BREAKER_TRIPPED, (((each.name,), bool(each.tripped)) for each in picture.breakers))
    yield gauge(Metric.MODEL_DOUBTED, bool(picture.breaker_warning))


def orders_families(picture: Status) -> Iterator[Family]:
    """Orders, positions, cancel-all."""
    live: dict[tuple[str, ...], int] = {(view.name, "open"): 0 for view in picture.series}
    for order in picture.orders:
        live[order.series, order.state] = live.get((order.series, order.state), 0) + 1
    yield gauges(Metric.ORDERS_LIVE, sorted(live.items()))
    yield gauge(Metric.CANCEL_ALL_TAIL, picture.cancel_all.tail_s)
    yield gauge(Metric.TOKENS, picture.budget.tokens)
    yield gauge(Metric.TOKENS_RESERVE, picture.budget.reserve)
    yield gauge(Metric.TOKENS_CAPACITY, picture.budget.capacity)


def money_families(picture: Status) -> Iterator[Family]:
    """What is held and what it earned, by series; the day's use of its limit."""
    rows = picture.exposures
    yield gauges(Metric.POSITION, (((row.series,), row.net / COUNT_PER_CONTRACT) for row in rows))
    yield gauges(Metric.EXPOSURE, (((row.series,), row.worst_loss / CASH_PER_DOLLAR) for row in rows))
    yield gauges(Metric.REALISED, (((row.series,), row.realised / CASH_PER_DOLLAR) for row in rows))
    yield gauges(Metric.UNREALISED, (((row.series,), row.marked / CASH_PER_DOLLAR) for row in rows))
    largest = sorted(picture.holdings, key=lambda held: (-abs(held.count), held.ticker))[:HELD_MAX]
    yield gauges(
        Metric.HELD,
        (
            ((held.series, held.ticker, _strike(held)), held.count / COUNT_PER_CONTRACT)
            for held in sorted(largest, key=lambda held: held.ticker)
        ),
    )
    yield gauge(Metric.FEES, picture.fees / CASH_PER_DOLLAR)
    yield gauge(Metric.LOSS_USED, picture.day_loss_used / CASH_PER_DOLLAR)
    yield gauge(Metric.LOSS_LIMIT, picture.day_loss_limit / CASH_PER_DOLLAR)
    yield gauges(Metric.LIMIT_USED, (((row.name,), row.share_ppm / 1_000_000) for row in picture.limits))


def _strike(held: Holding) -> str:
    return "" if held.strike is None else f"{held.strike / INDEX_PER_POINT:g}"


def _state(gate: Gate) -> int:
    return WAITS if gate.waits else GATE_STATES.get(gate.status, GATE_STATES["UNKNOWN"])


def gates_families(picture: Status) -> Iterator[Family]:
    """Every gate's vote."""
    gates = picture.gates
    yield gauges(
        Metric.GATE_STATE,
        (((gate.name, gate.series), _state(gate)) for gate in gates),
    )
    aged = [(gate, gate.age_s) for gate in gates if gate.age_s is not None]
    yield gauges(Metric.GATE_AGE, (((g.name, g.series), age) for g, age in aged))
    wanted = (each for each in picture.controls if each.status != "NOT_CONFIGURED")
    yield gauges(Metric.PROOF_LIMIT, (((each.name,), each.limit_s) for each in wanted))
