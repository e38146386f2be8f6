from __future__ import annotations

from domain.reasons import GateStatus, Reason

CONTRACT = {
    "u_series_hourly_roll",
    "scheduler_t_minus_2s",
    "kill_switch_engaged",
    "quality_gate_no_go",
    "polygon_ws_stale",
    "polygon_ws_final_minute_stale",
    "freshness_missing",
    "feed_divergence",
    "feed_stuck",
    "clock_untrusted",
    "loop_stall",
    "book_stale",
    "private_stream_down",
    "order_group_lost",
    "exchange_paused",
    "risk_limit",
    "kalshi_maintenance",
    "operator_sigusr1",
    "operator_cli",
    "operator_http",
    "watcher",
    "shutdown",
    "reconcile_drift",
    "cancel_all_active",
    "cancel_all_tail",
}


def test_every_reason_of_the_contract_is_there_by_its_text() -> None:
    assert {reason.value for reason in Reason} >= CONTRACT


def test_the_four_verdicts() -> None:
    assert {status.value for status in GateStatus} == {"PASS", "FAIL", "UNKNOWN", "NOT_CONFIGURED"}
