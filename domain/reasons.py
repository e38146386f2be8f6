"""The closed list of why nothing may be quoted, and of who or what asked for a cancel."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """Why the gate is closed, or why orders were cancelled. The texts are part of the contract."""

    SERIES_HOURLY_ROLL = "u_series_hourly_roll"
    T_MINUS_2S = "scheduler_t_minus_2s"
    KILL_SWITCH = "kill_switch_engaged"
    QUALITY_GATE = "quality_gate_no_go"
    WS_STALE = "polygon_ws_stale"
    FINAL_MINUTE_STALE = "polygon_ws_final_minute_stale"
    FRESHNESS_MISSING = "freshness_missing"
    FEED_DIVERGENCE = "feed_divergence"
    FEED_STUCK = "feed_stuck"
    CLOCK_UNTRUSTED = "clock_untrusted"
    LOOP_STALL = "loop_stall"
    BOOK_STALE = "book_stale"
    PRIVATE_STREAM_DOWN = "private_stream_down"
    ORDER_GROUP_LOST = "order_group_lost"
    EXCHANGE_PAUSED = "exchange_paused"
    RISK_LIMIT = "risk_limit"
    KALSHI_MAINTENANCE = "kalshi_maintenance"
    OPERATOR_SIGUSR1 = "operator_sigusr1"
    OPERATOR_CLI = "operator_cli"
    OPERATOR_HTTP = "operator_http"
    WATCHER = "watcher"
    EARLIER_RUN = "earlier_run"
    SHUTDOWN = "shutdown"
    RECONCILE_DRIFT = "reconcile_drift"
    CANCEL_ALL_ACTIVE = "cancel_all_active"
    CANCEL_ALL_TAIL = "cancel_all_tail"
    # refusals to quote that never need a cancel of their own: the set of orders is already empty
    WINDOW_CLOSED = "window_closed"
    STRICT_STAND_DOWN = "strict_stand_down"
    FEES_UNKNOWN = "fees_unknown"
    MARKETS_UNKNOWN = "markets_unknown"
    VOLATILITY_UNKNOWN = "volatility_unknown"
    LIMITS_UNKNOWN = "limits_unknown"
    NOT_RECONCILED = "not_reconciled"
    PAUSED = "paused"
    NOT_ARMED = "not_armed"
    EXECUTION_DISABLED = "execution_disabled"
    JOURNAL_FAULT = "journal_fault"
    REQUOTE = "requote"
    DRILL = "drill"
    PROOF_TOO_OLD = "proof_too_old"


class GateStatus(enum.StrEnum):
    """What a guard says. Only PASS lets orders out; NOT_CONFIGURED is a guard that the configuration leaves out."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_CONFIGURED = "NOT_CONFIGURED"
