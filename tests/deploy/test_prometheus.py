"""The alert rules under promtool: each is shown to fire on its own trouble, and all stay quiet on a healthy day.

The healthy day sits just inside every limit, so a limit that moves the wrong way is noticed too.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from domain.metrics import Metric, MetricKind
from ops.alerts.raised import ALERT_KINDS
from tests.programs import need

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = FOLDER / "ladderd.rules.yml"
LONG_MINUTES = 60
WHO = 'instance="here", job="ladderd"'


def metric(name: str, labels: str = "") -> str:
    return f"{name}{{{WHO}{', ' + labels if labels else ''}}}"


Changes = dict[str, str | None]


def histogram(name: str, fast: float, slow: float) -> Changes:
    """A histogram all of whose samples lie between two bounds, in seconds; 60 samples a minute."""
    return {
        metric(f"{name}_bucket", f'le="{fast}"'): "0+0x160",
        metric(f"{name}_bucket", f'le="{slow}"'): "0+30x160",
        metric(f"{name}_bucket", 'le="+Inf"'): "0+30x160",
    }


def told_once(kind: str) -> Changes:
    """One alert of a kind, half a minute before minute 30."""
    return {metric("ladderd_alerts_by_kind_total", f'kind="{kind}"'): "3x58 4x100"}


INXU = 'series="INXU"'
NEVER = " ".join(["Inf"] * 100)  # the age of what was never seen
HEALTHY: Changes = {
    metric("up"): "1x160",
    metric("heartbeat_age_seconds"): "4.9x160",
    metric("ladderd_task_age_seconds", 'task="runner"'): "1x160",
    metric("ladderd_task_limit_seconds", 'task="runner"'): "1x160",
    metric("process_start_time_seconds"): "100x160",
    metric("errors_total"): "3x160",
    metric("ladderd_market_open"): "1x160",
    metric("ladderd_ready"): "1x160",
    metric("ladderd_gate_state", 'gate="freshness", series="INXU"'): "1x160",
    metric("ladderd_kill_switch"): "0x160",
    metric("ladderd_paused"): "0x160",
    metric("control_last_proven_timestamp_seconds", 'control="cancel_all"'): "-80000x160",
    metric("control_proof_limit_seconds", 'control="cancel_all"'): "93600x160",
    metric("ladderd_index_age_seconds", INXU): "0.7x160",
    metric("ladderd_index_age_limit_seconds", INXU): "0.7x160",
    metric("ladderd_feed_age_seconds", 'feed="primary", symbol="I:SPX"'): "9.9x160",
    metric("ladderd_feed_age_seconds", 'feed="secondary", symbol="I:SPX"'): NEVER,  # a standby never connected
    metric("ladderd_guard_trips_total", INXU): "0x160",
    metric("strategy_cycles_total"): "0+6x160",
    metric("strategy_cycles_skipped_total"): "0+4x160",
    metric("ladderd_exchange_answers_total", 'outcome="ok"'): "0+9900x160",
    metric("ladderd_exchange_answers_total", 'outcome="4xx"'): "0+99x160",
    metric("ladderd_exchange_answers_total", 'outcome="expected"'): "0+5000x160",
    metric("ladderd_inbox_oldest_age_seconds"): "0.25x160",
    metric("ladderd_feed_failovers_total"): "2x160",
    metric("ladderd_ticks_rejected_total", 'reason="older"'): "0+1x160",
    metric("ladderd_clock_offset_seconds"): "-0.5x160",
    metric("ladderd_clock_uncertainty_seconds"): "0.25x160",
    metric("ladderd_orders_may_be_live", 'series="INXU", state="open"'): "2x160",
    metric("ladderd_seconds_to_freeze", INXU): "0.5x160",
    metric("ladderd_cancel_all_active"): "0x160",
    metric("ladderd_write_tokens"): "40x160",
    metric("ladderd_write_tokens_reserve"): "40x160",
    metric("ladderd_orders_unknown_total"): "0x160",
    metric("ladderd_post_only_rejects_total"): "0x160",
    metric("ladderd_stream_up"): "1x160",
    metric("ladderd_reconciled"): "1x160",
    metric("ladderd_reconcile_age_seconds"): "600x160",
    metric("ladderd_day_loss_used_dollars"): "799x160",
    metric("ladderd_day_loss_limit_dollars"): "1000x160",
    metric("process_resident_memory_bytes"): "190000000x160",
    metric("process_open_fds"): "100x160",
    metric("process_max_fds"): "1024x160",
    **{metric("ladderd_alerts_by_kind_total", f'kind="{kind}"'): "3x160" for kind in ALERT_KINDS},
    **histogram("ladderd_time_to_flat_seconds", 0.25, 0.5),
    **histogram("ladderd_loop_lag_seconds", 0.01, 0.02),
    **histogram("ladderd_journal_fsync_seconds", 0.02, 0.05),
}

# alert, what differs from the healthy day (None: the series is not there), minutes after which it must fire
TROUBLE: list[tuple[str, Changes, int]] = [
    ("LadderdDown", {metric("up"): "0x160"}, 780),  # 13:00 UTC on a Thursday
    ("LadderdMissing", {metric("up"): None}, 6),
    ("LadderdHeartbeatLate", {metric("heartbeat_age_seconds"): "5.1x160"}, 6),
    ("LadderdHeartbeatStopped", {metric("heartbeat_age_seconds"): NEVER}, 6),
    ("LadderdTaskStuck", {metric("ladderd_task_age_seconds", 'task="runner"'): "1.1x160"}, 6),
    ("LadderdRestarts", {metric("process_start_time_seconds"): "100x50 200x1 300x1 400x1 500x160"}, 30),
    ("LadderdCrashLoop", {metric("process_start_time_seconds"): "0+60x160"}, 30),
    ("LadderdErrors", {metric("errors_total"): "0x57 1x160"}, 30),
    ("LadderdManyErrors", {metric("errors_total"): "0+2x160"}, 6),
    ("LadderdNotReady", {metric("ladderd_ready"): "0x160"}, 3),
    ("LadderdNotReadyLong", {metric("ladderd_ready"): "0x160"}, 30),
    ("LadderdGateUnknown", {metric("ladderd_gate_state", 'gate="freshness", series="INXU"'): "2x160"}, 6),
    ("LadderdKillSwitch", {metric("ladderd_kill_switch"): "1x160"}, 6),
    ("LadderdPaused", {metric("ladderd_paused"): "1x160"}, 30),
    ("LadderdProofOld", {metric("control_last_proven_timestamp_seconds", 'control="cancel_all"'): "-84240x160"}, 6),
    ("LadderdProofMissing", {metric("control_last_proven_timestamp_seconds", 'control="cancel_all"'): "-93600x160"}, 6),
    ("LadderdProofMissing", {metric("control_proof_limit_seconds", 'control="watcher"'): "2678400x160"}, 6),
    ("LadderdIndexLate", {metric("ladderd_index_age_seconds", INXU): "0.701x160"}, 6),
    ("LadderdIndexLost", {metric("ladderd_index_age_seconds", INXU): NEVER}, 6),
    ("LadderdBothFeedsLost", {metric("ladderd_feed_age_seconds", 'feed="primary", symbol="I:SPX"'): "11x160"}, 6),
    ("LadderdFreshnessTrip", {metric("ladderd_guard_trips_total", INXU): "0x50 1x160"}, 30),
    ("LadderdFreshnessTripTwice", {metric("ladderd_guard_trips_total", INXU): "0x20 1x20 2x160"}, 30),
    ("LadderdFailoverFlaps", {metric("ladderd_feed_failovers_total"): "0+1x160"}, 6),
    ("LadderdTicksRejected", {metric("ladderd_ticks_rejected_total", 'reason="older"'): "0+5x160"}, 6),
    ("LadderdClockOff", {metric("ladderd_clock_offset_seconds"): "-0.6x160"}, 6),
    ("LadderdClockWrong", {metric("ladderd_clock_offset_seconds"): "1.6x160"}, 6),
    ("LadderdClockUnsure", {metric("ladderd_clock_uncertainty_seconds"): NEVER}, 6),
    ("LadderdRestingAfterFreeze", {metric("ladderd_seconds_to_freeze", INXU): "0x160"}, 6),
    ("LadderdFlatSlow", histogram("ladderd_time_to_flat_seconds", 0.5, 1.0), 6),
    ("LadderdFlatTooSlow", histogram("ladderd_time_to_flat_seconds", 1.5, 3.0), 6),
    ("LadderdCancelAllStuck", {metric("ladderd_cancel_all_active"): "1x160"}, 6),
    ("LadderdTokensLow", {metric("ladderd_write_tokens"): "39x160"}, 6),
    ("LadderdTokensGone", {metric("ladderd_write_tokens"): "9x160"}, 6),
    ("LadderdUnknownOrders", {metric("ladderd_orders_unknown_total"): "0+1x160"}, 6),
    ("LadderdPostOnlyRejects", {metric("ladderd_post_only_rejects_total"): "0+2x160"}, 6),
    ("LadderdStreamDown", {metric("ladderd_stream_up"): "0x160"}, 6),
    ("LadderdStreamDownLong", {metric("ladderd_stream_up"): "0x160"}, 6),
    ("LadderdNotReconciled", {metric("ladderd_reconciled"): "0x160"}, 6),
    ("LadderdReconcileOld", {metric("ladderd_reconcile_age_seconds"): "601x160"}, 6),
    ("LadderdKeyRefused", told_once("key_refused"), 30),
    ("LadderdMarketRestricted", told_once("market_restricted"), 30),
    ("LadderdCashShort", told_once("cash_short"), 30),
    ("LadderdUnexplainedCancels", told_once("unexplained_cancels"), 30),
    ("LadderdAnotherTrader", told_once("another_trader"), 30),
    ("LadderdListBehind", told_once("list_behind"), 30),
    ("LadderdDayLossHigh", {metric("ladderd_day_loss_used_dollars"): "800x160"}, 6),
    ("LadderdDayLossFull", {metric("ladderd_day_loss_used_dollars"): "1000x160"}, 6),
    ("LadderdLoopLag", histogram("ladderd_loop_lag_seconds", 0.02, 0.05), 6),
    ("LadderdLoopStalls", histogram("ladderd_loop_lag_seconds", 0.1, 0.2), 6),
    ("LadderdJournalSlow", histogram("ladderd_journal_fsync_seconds", 0.05, 0.1), 6),
    ("LadderdJournalTooSlow", histogram("ladderd_journal_fsync_seconds", 0.25, 0.5), 6),
    ("LadderdEventsWait", {metric("ladderd_inbox_oldest_age_seconds"): "0.26x160"}, 6),
    ("LadderdEventsWaitLong", {metric("ladderd_inbox_oldest_age_seconds"): "1.1x160"}, 6),
    ("LadderdCyclesHeld", {metric("strategy_cycles_skipped_total"): "0+5x160"}, 6),
    ("LadderdCyclesMostlyHeld", {metric("strategy_cycles_skipped_total"): "0+10x160"}, 6),
    ("LadderdExchangeRefuses", {metric("ladderd_exchange_answers_total", 'outcome="5xx"'): "0+200x160"}, 6),
    ("LadderdExchangeFails", {metric("ladderd_exchange_answers_total", 'outcome="4xx"'): "0+900x160"}, 6),
    ("LadderdMemory", {metric("process_resident_memory_bytes"): "210000000x160"}, 6),
    ("LadderdMemoryHigh", {metric("process_resident_memory_bytes"): "410000000x160"}, 6),
    ("LadderdFiles", {metric("process_open_fds"): "600x160"}, 6),
]

# what must stay quiet beside the healthy day itself: name, what differs, which alert, when
QUIET: list[tuple[str, Changes, str, int]] = [
    ("stopped for the night", {metric("up"): "0x160"}, "LadderdDown", 60),
    ("only one trip", {metric("ladderd_guard_trips_total", INXU): "0x20 1x160"}, "LadderdFreshnessTripTwice", 30),
    ("another alert than that of the rule", told_once("feed_switch"), "LadderdKeyRefused", 30),
    ("an alert of an hour ago", told_once("another_trader"), "LadderdAnotherTrader", 60),
    ("a short unreadiness", {metric("ladderd_ready"): "1x56 0x160"}, "LadderdNotReady", 30),
    ("flat after the freeze", {
        metric("ladderd_seconds_to_freeze", INXU): "-1x160",
        metric("ladderd_orders_may_be_live", 'series="INXU", state="open"'): "0x160",
    }, "LadderdRestingAfterFreeze", 30),
    ("stale outside market hours", {
        metric("ladderd_market_open"): "0x160",
        metric("ladderd_index_age_seconds", INXU): NEVER,
    }, "LadderdIndexLost", 30),
]  # fmt: skip


def rule_text() -> str:
    return RULES.read_text("utf-8")


def alerts() -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", rule_text(), re.MULTILINE)


def day(changes: Changes, expression: str, minutes: int, value: int) -> dict[str, object]:
    """One promtool test: the healthy day with changes, samples every half minute, and what an expression must give."""
    series = {name: values for name, values in (HEALTHY | changes).items() if values is not None}
    replaced = {name.partition("_bucket{")[0] for name in changes if "_bucket{" in name}
    kept = {
        name: values
        for name, values in series.items()
        if name in changes or name.partition("_bucket{")[0] not in replaced or "_bucket{" not in name
    }
    step = "30s" if minutes <= LONG_MINUTES else "5m"
    return {
        "interval": step,
        "input_series": [{"series": name, "values": values} for name, values in kept.items()],
        "promql_expr_test": [
            {
                "expr": f"count({expression}) or vector(0)",
                "eval_time": f"{minutes}m",
                "exp_samples": [{"value": value, "labels": "{}"}],
            }
        ],
    }


def firing(alert: str) -> str:
    return f'ALERTS{{alertname="{alert}", alertstate="firing"}}'


def promtool(folder: Path, tests: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
    # a test of many hours looks every five minutes, or it takes many seconds
    pace = max(str(test["interval"]) for test in tests)
    spec = {"rule_files": [str(RULES)], "evaluation_interval": pace, "tests": tests}
    (folder / "rules.test.json").write_text(json.dumps(spec))  # JSON is YAML
    command = [need("promtool"), "test", "rules", str(folder / "rules.test.json")]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)


def test_prometheus_takes_the_files() -> None:
    done = subprocess.run(
        [need("promtool"), "check", "config", str(FOLDER / "prometheus.yml")],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_healthy_day_is_quiet(tmp_path: Path) -> None:
    done = promtool(tmp_path, [day({}, "ALERTS", 30, 0)])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.step("K21")
@pytest.mark.parametrize("hours", [False, True])
def test_each_alert_fires_on_its_own_trouble(tmp_path: Path, *, hours: bool) -> None:
    chosen = [row for row in TROUBLE if (row[2] > LONG_MINUTES) is hours]
    done = promtool(tmp_path, [day(changes, firing(alert), minutes, 1) for alert, changes, minutes in chosen])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.step("K21")
def test_near_misses_stay_quiet(tmp_path: Path) -> None:
    done = promtool(tmp_path, [day(changes, firing(alert), minutes, 0) for _, changes, alert, minutes in QUIET])
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_would_notice_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    assert promtool(tmp_path, [day({}, firing("LadderdKillSwitch"), 30, 1)]).returncode


def test_every_alert_has_been_seen_to_fire() -> None:
    assert sorted({alert for alert, _, _ in TROUBLE}) == sorted(alerts())


@pytest.mark.step("K21")
def test_every_metric_in_a_rule_is_one_that_the_daemon_exports() -> None:
    exported = {
        name
        for metric in Metric
        for name in (
            metric.value.name,
            *([f"{metric.value.name}_total"] if metric.value.kind is MetricKind.COUNTER else []),
            *([f"{metric.value.name}_bucket"] if metric.value.kind is MetricKind.HISTOGRAM else []),
        )
    }
    process = {
        "up",
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    }
    expressions = re.findall(r"^ +expr: (.*)$", rule_text(), re.MULTILINE)
    assert len(expressions) == len(alerts())
    used = {
        name
        for expression in expressions
        for name in re.findall(
            r"\b([a-z]+(?:_[a-z0-9]+)+|up)\b(?!\s*\()", re.sub(r"(on|by) \([^)]*\)|\"[^\"]*\"", "", expression)
        )
    }
    assert used - process - exported == set()


def test_every_alert_has_a_severity_and_says_what_to_do() -> None:
    for rule in rule_text().split("- alert: ")[1:]:
        assert re.search(r"labels: \{severity: (warning|critical)\}", rule)
        assert re.search(r'summary: "\S', rule)
        assert re.search(r'action: "\S', rule)
