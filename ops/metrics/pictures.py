"""The families that show the picture itself: series, windows, feeds, orders, money, gates. Part of families.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from domain.clock import NS_PER_S
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT, INDEX_PER_POINT
from domain.stamps import et_text
from ops.ops_status import index_age_s, is_ready
from ops.status import Gate, SeriesView, Status, TaskHealth

Family = Metric

GATE_STATES = {"FAIL": 0, "PASS": 1, "UNKNOWN": 2, "NOT_CONFIGURED": 3}
# A vote against that only says that this is not the time is no alarm: it has a number of its own.
WAITS = 4
PHASES = {"closed": 0, "preflight": 1, "quoting": 2, "strict": 3, "flattening": 4, "frozen": 5}
PPM = 1_000_000


def gauge(name: str, text: str, value: float) -> Family:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def gauges(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    """A gauge with labels: rows of (label values, value)."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def age(age: float | None) -> float:
    """An age for a rule to fire on: never seen is +Inf."""
    return math.inf if age is None else age


def daemon_families(picture: Status, tasks: tuple[TaskHealth, ...]) -> Iterator[Family]:
    """The daemon as a whole: what runs, what is on, ages of its tasks."""
    info = {"build_id": picture.build_id, "config_hash": picture.config_hash, "mode": picture.mode}
    yield gauges("ladderd_build_info", "What runs here.", tuple(info), ((tuple(info.values()), 1),))
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
        yield gauge(name, text, int(on))
    yield gauge("ladderd_start_timestamp_seconds", "When this run began.", picture.started_utc_ns / NS_PER_S)
    yield gauge("ladderd_reconcile_age_seconds", "Since the last reconciliation.", age(picture.reconcile_age_s))
    yield gauge("ladderd_marketdata_age_seconds", "Age of the oldest index of all series.", age(index_age_s(picture)))
    yield gauge("ladderd_clock_offset_seconds", "Own clock against the exchange's.", _ms(picture.clock_offset_ms))
    yield gauge("ladderd_clock_uncertainty_seconds", "Of that offset.", _age_ms(picture.clock_uncertainty_ms))
    labels = ("task",)
    yield gauges("ladderd_task_age_seconds", "Since progress.", labels, (((t.name,), t.age_s) for t in tasks))
    yield gauges("ladderd_task_limit_seconds", "Limit of that.", labels, (((t.name,), t.limit_s) for t in tasks))


def _ms(value_ms: float | None) -> float:
    return math.nan if value_ms is None else value_ms / 1000


def _age_ms(age_ms: float | None) -> float:
    return math.inf if age_ms is None else age_ms / 1000


def series_families(picture: Status) -> Iterator[Family]:
    """The index and the guard of each series."""
    label, views = ("series",), picture.series
    yield gauges(
        "ladderd_index_age_seconds",
        "Age of the newest valid value of the series' own symbol on the active feed; +Inf when never seen.",
        label,
        (((view.name,), _age_ms(view.freshness.age_ms)) for view in views),
    )
    yield gauges(
        "ladderd_index_age_limit_seconds",
        "The limit in force now: soft, or strict in the final minute.",
        label,
        (((view.name,), view.freshness.limit_ms / 1000) for view in views),
    )
    yield gauges(
        "ladderd_index_value_points",
        "The index.",
        label,
        (((view.name,), view.index_value / INDEX_PER_POINT) for view in views if view.index_value is not None),
    )
    yield gauges(
        "ladderd_volatility_ratio",
        "Volatility that prices the ladder, per square root of a second.",
        label,
        (((view.name,), view.volatility_ppm / PPM) for view in views if view.volatility_ppm is not None),
    )
    yield gauges(
        "ladderd_window_phase",
        "0 closed, 1 preflight, 2 quoting, 3 strict, 4 flattening, 5 frozen.",
        label,
        (((view.name,), PHASES.get(view.phase, -1)) for view in views),
    )
    yield gauges(
        "ladderd_gate_open", "Whether the series may be quoted.", label, (((v.name,), int(v.open)) for v in views)
    )
    yield gauges(
        "ladderd_fee_path_info",
        "Where the maker fee of a series comes from.",
        ("series", "path"),
        (((view.name, view.fee_path), 1) for view in views),
    )
    yield gauges(
        "ladderd_final_minute_guard_info",
        "The freshness guard's verdict and basis.",
        ("series", "verdict", "basis"),
        (((view.name, view.freshness.verdict, view.freshness.basis), 1) for view in views),
    )


def windows_families(series: tuple[SeriesView, ...]) -> Iterator[Family]:
    """The window of each series, under the names that dashboards expect."""
    views = [view for view in series if view.window is not None]
    label = ("series",)
    yield gauges(
        "ladderd_seconds_to_freeze",
        "Until the exchange's list must read zero; negative past it.",
        label,
        (((view.name,), view.seconds_to_freeze) for view in views if view.seconds_to_freeze is not None),
    )
    yield gauges(
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
    yield gauges(
        "ops_window_target_unix", "The settlement instant.", label, (((v.name,), t / NS_PER_S) for v, _, _, t in timed)
    )
    yield gauges(
        "ops_window_cancel_buffer_seconds",
        "From an empty list to the settlement instant.",
        label,
        (((view.name,), (target - freeze) / NS_PER_S) for view, _, freeze, target in timed),
    )
    yield gauges(
        "ops_window_info",
        "The window that is on, or comes next.",
        ("series", "name", "start_et", "end_et", "cancel_at", "target_et", "timezone"),
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
        "active_feed",
        "1 for the feed that the series trusts.",
        ("series", "feed"),
        (
            ((view.name, feed), int(view.active_feed == feed))
            for view in picture.series
            for feed in sorted({feed.name for feed in feeds} | {view.active_feed})
        ),
    )
    yield gauges(
        "ladderd_feed_state_info",
        "State of a feed's session.",
        ("feed", "state"),
        (((f.name, f.state), 1) for f in feeds),
    )
    yield gauges(
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


def orders_families(picture: Status) -> Iterator[Family]:
    """Orders, positions, cancel-all."""
    live: dict[tuple[str, ...], int] = {(view.name, "open"): 0 for view in picture.series}
    for order in picture.orders:
        live[order.series, order.state] = live.get((order.series, order.state), 0) + 1
    yield gauges(
        "ladderd_orders_may_be_live", "Orders not proven gone, by state.", ("series", "state"), sorted(live.items())
    )
    net: dict[tuple[str, ...], float] = {(view.name,): 0.0 for view in picture.series}
    for rung in picture.ladder:
        net[rung.series,] = net.get((rung.series,), 0.0) + rung.position / COUNT_PER_CONTRACT
    yield gauges("ladderd_position_contracts", "Net contracts in the rungs shown.", ("series",), sorted(net.items()))
    cancel = picture.cancel_all
    yield gauge("ladderd_cancel_all_tail_seconds", "Until places are allowed after a cancel-all.", cancel.tail_s)
    yield CounterMetricFamily("ladderd_cancel_all_completed", "Cancel-alls that ended flat.", value=cancel.completed)
    if cancel.last_time_to_flat_ms is not None:
        text = "How long the last cancel-all took to read flat."
        yield gauge("ladderd_cancel_all_last_time_to_flat_seconds", text, cancel.last_time_to_flat_ms / 1000)


def money_families(picture: Status) -> Iterator[Family]:
    """Profit, loss against the day's limit, write tokens."""
    for name, text, cash in (
        ("ladderd_realised_dollars", "Realised profit of the session.", picture.realised),
        ("ladderd_unrealised_dollars", "Profit of open positions at fair value.", picture.unrealised),
        ("ladderd_fees_dollars", "Fees paid in the session.", picture.fees),
        ("ladderd_day_loss_used_dollars", "Loss and worst case counted against the day.", picture.day_loss_used),
        ("ladderd_day_loss_limit_dollars", "The day's limit.", picture.day_loss_limit),
    ):
        yield gauge(name, text, cash / CASH_PER_DOLLAR)
    yield gauge("ladderd_write_tokens", "Write tokens at hand.", picture.budget.tokens)
    yield gauge("ladderd_write_tokens_reserve", "Kept for cancels.", picture.budget.reserve)
    yield gauge("ladderd_write_tokens_capacity", "What the bucket holds.", picture.budget.capacity)


def _state(gate: Gate) -> int:
    return WAITS if gate.waits else GATE_STATES.get(gate.status, GATE_STATES["UNKNOWN"])


def gates_families(picture: Status) -> Iterator[Family]:
    """Every gate's vote."""
    label, gates = ("gate", "series"), picture.gates
    yield gauges(
        "ladderd_gate_state",
        "0 FAIL, 1 PASS, 2 UNKNOWN, 3 NOT_CONFIGURED, 4 against, but only until the next window.",
        label,
        (((gate.name, gate.series), _state(gate)) for gate in gates),
    )
    aged = [(gate, gate.age_s) for gate in gates if gate.age_s is not None]
    yield gauges(
        "ladderd_gate_age_seconds", "Age of a gate's evidence.", label, (((g.name, g.series), age) for g, age in aged)
    )
