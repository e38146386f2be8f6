# long: the catalogue of all metrics; splitting it would hide that it is closed
"""Every metric of the daemon, named once: a closed list.

`_total` is not part of a counter's name here; the text format adds it. Names are prefixed with `ladderd_`, but for
those that dashboards and monitors ask for by another name. Units are base units and stand last in the name. Labels are
few, and none is ever empty: a row that has no value for a label goes without that label. Which alert asks which
metric, and what to do then: docs/metrics.md.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

UNITS: Final = ("seconds", "dollars", "contracts", "points", "ratio")


class MetricKind(enum.StrEnum):
    """What a metric does: grow, stand at a value, or gather durations."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Named(NamedTuple):
    """What a metric is called, its help text and its labels."""

    name: str
    kind: MetricKind
    text: str
    labels: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The base unit that the name ends in; empty for plain numbers, states and instants."""
        return next((unit for unit in UNITS if self.name.endswith(f"_{unit}")), "")


def _counter(name: str, text: str, *labels: str) -> Named:
    return Named(name, MetricKind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Named:
    return Named(name, MetricKind.GAUGE, text, labels)


def _histogram(name: str, text: str, *labels: str) -> Named:
    return Named(name, MetricKind.HISTOGRAM, text, labels)


class Metric(enum.Enum):
    """All of them."""

    # --- names that dashboards and monitors ask for ---
    STARTS = _counter("agent_start", "1 in every process; a reset of the other counters with it is a restart.")
    ERRORS = _counter("errors", "Records of level error and worse in the log of this process.")
    HEARTBEAT_AGE = _gauge("heartbeat_age_seconds", "Seconds since the runner made progress.")
    TICKS = _counter("marketdata_ticks", "Valid index values received, from all feeds.")
    STALES = _counter("marketdata_stale", "Times that the index was too old to quote a series inside its window.")
    CYCLES = _counter("strategy_cycles", "Times that the quoter worked out what to rest.")
    CYCLES_SKIPPED = _counter("strategy_cycles_skipped", "Times inside a window that a closed gate held it back.")
    PROPOSALS = _counter("order_proposals", "Orders that the quoter proposed: those sent and those that risk refused.")
    HALTS = _counter("safety_halted", "Times that the kill switch halted trading.")
    BUS_DEPTH = _gauge("runtime_bus_depth", "Events waiting in each lane of the inbox.", "lane")
    TICK_DURATION = _histogram("agent_tick_duration_seconds", "The same as ladderd_step_seconds, by its expected name.")
    ACTIVE_FEED = _gauge("active_feed", "1 for the feed that the series trusts.", "series", "feed")
    PROVEN = _gauge("control_last_proven_timestamp_seconds", "When a control was last proven to work.", "control")
    PROOF_LIMIT = _gauge("control_proof_limit_seconds", "How old the last proof of a control may be.", "control")
    SECONDS_TO_CANCEL = _gauge("ops_seconds_to_cancel", "Until the list must read zero, never under zero.", "series")
    WINDOW_TARGET = _gauge("ops_window_target_unix", "The settlement instant.", "series")
    CANCEL_BUFFER = _gauge(
        "ops_window_cancel_buffer_seconds", "From an empty list to the settlement instant.", "series"
    )
    WINDOW_INFO = _gauge(
        "ops_window_info",
        "The window that is on, or comes next.",
        *("series", "name", "start_et", "end_et", "cancel_at", "target_et", "timezone"),
    )

    # --- the process ---
    BUILD = _gauge("ladderd_build_info", "What runs here.", "build_id", "config_hash", "mode")
    START_TIME = _gauge("ladderd_start_timestamp_seconds", "When this run began.")
    TASK_AGE = _gauge("ladderd_task_age_seconds", "Since a task made progress.", "task")
    TASK_LIMIT = _gauge("ladderd_task_limit_seconds", "The limit of that.", "task")
    STEP = _histogram("ladderd_step_seconds", "One step of the engine; as many as steps were made.")
    LOOP_LAG = _histogram("ladderd_loop_lag_seconds", "How late the event loop ran a timer.")
    LOOP_STALLS = _counter("ladderd_loop_stalls", "Times that the event loop stood still.")
    OLDEST_EVENT = _gauge(
        "ladderd_inbox_oldest_age_seconds", "Longest that an event has waited for the engine in the last 10 to 20 s."
    )
    FSYNC = _histogram("ladderd_journal_fsync_seconds", "One group commit of the journal: print, write and sync.")
    JOURNAL_RECORDS = _counter("ladderd_journal_records", "The number of the newest record in the journal.")
    ALERTS = _counter("ladderd_alerts", "Alerts raised by the engine.", "severity")
    ALERTS_BY_KIND = _counter("ladderd_alerts_by_kind", "The same by kind; docs/runbooks/alerts.md has each.", "kind")
    HTTP_REFUSED = _counter("ladderd_http_refused", "HTTP requests that the guard refused.", "reason")
    RECONNECTS = _counter("ladderd_reconnects", "Attempts to open a socket again after the first.", "socket")

    PASSED_OVER = _counter(
        "ladderd_frames_passed_over", "What came over a socket and was not taken: repeated, odd, late.", "socket", "why"
    )

    # --- permission ---
    READY = _gauge("ladderd_ready", "Whether orders could be sent now or at the next window.")
    KILL_SWITCH = _gauge("ladderd_kill_switch", "Whether the kill switch is on.")
    PAUSED = _gauge("ladderd_paused", "Whether an operator's pause is in force.")
    ARMED = _gauge("ladderd_armed", "Whether this session is armed.")
    MARKET_OPEN = _gauge("ladderd_market_open", "Whether the index is being published.")
    GATE_STATE = _gauge(
        "ladderd_gate_state",
        "0 FAIL, 1 PASS, 2 UNKNOWN, 3 NOT_CONFIGURED, 4 against, but only until the next window.",
        "gate",
        "series",
    )
    GATE_AGE = _gauge("ladderd_gate_age_seconds", "Age of a gate's evidence.", "gate", "series")
    GATE_OPEN = _gauge("ladderd_gate_open", "Whether the series may be quoted.", "series")
    RISK_REFUSALS = _counter("ladderd_risk_refusals", "Orders that a risk limit refused before they were sent.")

    # --- the index ---
    MARKETDATA_AGE = _gauge("ladderd_marketdata_age_seconds", "Age of the oldest index of all series.")
    INDEX_AGE = _gauge(
        "ladderd_index_age_seconds",
        "Age of the newest valid value of the series' own symbol on the active feed; +Inf when never seen.",
        "series",
    )
    INDEX_LIMIT = _gauge(
        "ladderd_index_age_limit_seconds", "The limit in force now: soft, or strict in the final minute.", "series"
    )
    INDEX_VALUE = _gauge("ladderd_index_value_points", "The index.", "series")
    VOLATILITY = _gauge("ladderd_volatility_ratio", "What prices the ladder, per square root of a second.", "series")
    GUARD_INFO = _gauge(
        "ladderd_final_minute_guard_info", "The freshness guard's verdict and basis.", "series", "verdict", "basis"
    )
    TRIPS = _counter("ladderd_guard_trips", "Times that the index was stale in a final minute.", "series")
    DIVERGENCES = _counter("ladderd_feed_divergences", "Times that the two feeds disagreed about an index.")
    TICKS_REJECTED = _counter("ladderd_ticks_rejected", "Index values refused as invalid.", "reason")
    FAILOVERS = _counter("ladderd_feed_failovers", "Switches of the active index feed.")
    FEED_STATE = _gauge("ladderd_feed_state_info", "State of a feed's session.", "feed", "state")
    FEED_AGE = _gauge(
        "ladderd_feed_age_seconds", "Age of the newest value of a symbol on a feed; +Inf: never.", "feed", "symbol"
    )
    FEED_TICKS = _counter("ladderd_feed_ticks", "Values received on a feed.", "feed")
    PROVIDER_LOOKS = _gauge(
        "ladderd_provider_looks_today", "Looks at a provider this session, one a second.", "provider"
    )
    PROVIDER_SUCCESS = _gauge(
        "ladderd_provider_success_ratio", "Share of this session's looks that found a provider well.", "provider"
    )
    FALLBACKS_TODAY = _gauge("ladderd_fallbacks_today", "Turns from the primary feed to the secondary this session.")
    VIX = _gauge("ladderd_vix_points", "The newest value of I:VIX; NaN before the first.")
    VIX_AGE = _gauge("ladderd_vix_age_seconds", "Age of that value; +Inf when never seen.")
    VIX_SIZE = _gauge("ladderd_vix_size_ratio", "The share of our size that I:VIX allows; 0 quotes nothing.")
    BREAKER_TRIPPED = _gauge("ladderd_breaker_tripped", "1 while this breaker keeps the gate shut.", "breaker")
    MODEL_DOUBTED = _gauge("ladderd_model_doubted", "1 while the model is to be watched, though nothing has tripped.")
    FEED_DELIVERY = _histogram("ladderd_feed_delivery_seconds", "From the socket to the engine, one index value.")

    # --- windows ---
    WINDOW_PHASE = _gauge(
        "ladderd_window_phase", "0 closed, 1 preflight, 2 quoting, 3 strict, 4 flattening, 5 frozen.", "series"
    )
    SECONDS_TO_FREEZE = _gauge(
        "ladderd_seconds_to_freeze", "Until the exchange's list must read zero; negative past it.", "series"
    )
    FEE_PATH = _gauge("ladderd_fee_path_info", "Where the maker fee of a series comes from.", "series", "path")

    # --- the exchange ---
    EXCHANGE_UP = _gauge("ladderd_exchange_up", "Whether the exchange says that it is trading.")
    STREAM_UP = _gauge("ladderd_stream_up", "Whether the exchange's websocket is up.")
    STREAM_DROPS = _counter("ladderd_stream_drops", "Times that the exchange's websocket was lost or not had.")
    BOOKS_STALE = _counter("ladderd_books_stale", "Times that books could not be believed.")
    CLOCK_OFFSET = _gauge("ladderd_clock_offset_seconds", "Own clock against the exchange's.")
    CLOCK_DOUBT = _gauge("ladderd_clock_uncertainty_seconds", "How far that offset may be wrong.")
    ANSWERS = _counter(
        "ladderd_exchange_answers",
        "Answers of the exchange: ok, 4xx, 5xx, expected (would have taken, or was gone already), none.",
        "outcome",
    )
    READ_FAILURES = _counter("ladderd_read_failures", "Reads of the exchange that failed.")
    LISTINGS = _counter("ladderd_listings", "Lists of resting orders read from the exchange.")
    TOKENS = _gauge("ladderd_write_tokens", "Write tokens at hand.")
    TOKENS_RESERVE = _gauge("ladderd_write_tokens_reserve", "Kept for cancels.")
    TOKENS_CAPACITY = _gauge("ladderd_write_tokens_capacity", "What the bucket holds.")

    # --- orders ---
    ORDERS_LIVE = _gauge("ladderd_orders_may_be_live", "Orders not proven gone, by state.", "series", "state")
    ORDERS_SENT = _counter("ladderd_orders_sent", "Orders handed to the exchange's connection.")
    ORDERS_ACCEPTED = _counter("ladderd_orders_accepted", "Orders that the exchange took.")
    ORDERS_REFUSED = _counter("ladderd_orders_refused", "Orders that the exchange refused, by its code.", "reason")
    ORDERS_UNKNOWN = _counter("ladderd_orders_unknown", "Orders whose outcome was unknown for a while.")
    ORDERS_UNSENT = _counter("ladderd_orders_unsent", "Orders given up before one byte was written.")
    POST_ONLY_REJECTS = _counter("ladderd_post_only_rejects", "Orders refused because they would have taken.")
    REQUOTES = _counter(
        "ladderd_requotes", "Quotes cancelled because another price is wanted on their side; the new one follows."
    )
    PLACE_TIME = _histogram("ladderd_place_round_trip_seconds", "From writing a place to its answer.")
    CANCEL_TIME = _histogram("ladderd_cancel_round_trip_seconds", "From writing a cancel to its answer.")
    CANCELS_SENT = _counter("ladderd_cancels_sent", "Orders for which a cancel by id was sent.")
    GROUP_TRIGGERS = _counter("ladderd_group_triggers", "Order groups triggered.")
    GROUPS_LOST = _counter("ladderd_groups_lost", "Order groups that the exchange triggered by itself.")
    GROUPS_LEAKED = _counter("ladderd_groups_leaked", "Order groups found that no record of ours knows.")
    CANCEL_ALLS = _counter("ladderd_cancel_alls", "Account-wide cancel-alls sent.")
    CANCEL_ALLS_DONE = _counter("ladderd_cancel_all_completed", "Requests for a cancel-all that ended flat.")
    CANCEL_ALL_ACTIVE = _gauge("ladderd_cancel_all_active", "Whether a cancel-all is under way.")
    CANCEL_ALL_TAIL = _gauge("ladderd_cancel_all_tail_seconds", "Until places are allowed after a cancel-all.")
    TIME_TO_FLAT = _histogram(
        "ladderd_time_to_flat_seconds", "From the cause to an empty list at the exchange.", "trigger"
    )

    # --- books of record and money ---
    RECONCILED = _gauge("ladderd_reconciled", "Whether own books agree with the exchange's.")
    RECONCILE_AGE = _gauge("ladderd_reconcile_age_seconds", "Since the last reconciliation; +Inf: never.")
    DRIFTS = _counter("ladderd_reconcile_drifts", "Times that own books and the exchange's were found to differ.")
    FILLS = _counter("ladderd_fills", "Executions of our orders, each trade id once.")
    TAKER_FILLS = _counter("ladderd_taker_fills", "Executions in which a quote of ours took: must stay at zero.")
    CLOSE_OUT_ORDERS = _counter("ladderd_close_out_orders", "Orders that a close-all sent; they take.")
    CLOSE_OUT_FILLS = _counter("ladderd_close_out_fills", "Executions of orders of a close-all.")
    FILLS_PAST = _counter("ladderd_fills_of_past_sessions", "Executions listed of a session that is over.")
    POSITION = _gauge("ladderd_position_contracts", "Net contracts held, settled markets left out.", "series")
    HELD = _gauge(
        "ladderd_held_contracts", "Contracts held in one market, at most 64 of them.", "series", "ticker", "strike"
    )
    EXPOSURE = _gauge("ladderd_exposure_dollars", "The most that the open positions can lose.", "series")
    REALISED = _gauge("ladderd_realised_dollars", "Realised profit of the session.", "series")
    UNREALISED = _gauge("ladderd_unrealised_dollars", "Profit of open positions at fair value.", "series")
    FEES = _gauge("ladderd_fees_dollars", "Fees paid in the session.")
    LOSS_USED = _gauge("ladderd_day_loss_used_dollars", "Loss and worst case counted against the day.")
    LOSS_LIMIT = _gauge("ladderd_day_loss_limit_dollars", "The day's limit.")
    LIMIT_USED = _gauge(
        "ladderd_limit_used_ratio", "How much of each limit on money is used; above 1: passed.", "limit"
    )
    OVER_LIMITS = _counter("ladderd_limit_acts", "Orders refused, pauses and stops, by the limit behind them.", "limit")


BUCKETS_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 15.0, 60.0),
)

# What every daemon must show to whoever looks from outside, and what of it traffic alone makes rise.
REQUIRED: Final = (
    *(Metric.STARTS, Metric.ERRORS, Metric.HEARTBEAT_AGE, Metric.TICKS, Metric.STALES, Metric.CYCLES),
    *(Metric.CYCLES_SKIPPED, Metric.PROPOSALS, Metric.HALTS),
    *(Metric.BUS_DEPTH, Metric.TICK_DURATION, Metric.OLDEST_EVENT),
)
RISING: Final = (Metric.TICKS, Metric.TICK_DURATION, Metric.CYCLES, Metric.PROPOSALS)
