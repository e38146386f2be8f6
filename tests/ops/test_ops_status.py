from __future__ import annotations

import msgspec
import pytest

from domain.clock import NS_PER_S
from ops.ops_status import RULES, Facts, Identity, heartbeat_age_s, is_ready, ops_status, verdict
from ops.status import TaskHealth
from tests.ops.pictures import GATES, TASKS, HandClock, gate, picture

GOOD = Facts(
    missing=(),
    execution_enabled=True,
    stopping=False,
    kill_switch=False,
    kill_reason="",
    market_hours=True,
    tick_age_s=1.0,
    stale_after_s=120.0,
    heartbeat_age_s=0.5,
)

# One row of the contract's table each, in its order: what is wrong, the state, the reason.
ROWS = (
    ({"missing": ("git_sha",)}, "UNKNOWN", "REQUIRED_FIELDS_MISSING"),
    ({"execution_enabled": False}, "OFFLINE", "EXECUTION_DISABLED"),
    ({"stopping": True}, "OFFLINE", "PROCESS_DOWN"),
    ({"kill_switch": True, "kill_reason": "file"}, "HALTED", "KILL_SWITCH"),
    ({"kill_switch": None}, "HALTED", "KILL_SWITCH"),
    ({"tick_age_s": 120.001}, "HALTED", "MARKETDATA_STALE"),
    ({"tick_age_s": None}, "HALTED", "MARKETDATA_MISSING"),
    ({"heartbeat_age_s": 60.001}, "DEGRADED", "HEARTBEAT_STALE"),
    ({"heartbeat_age_s": None}, "DEGRADED", "HEARTBEAT_STALE"),
    ({"market_hours": False}, "MARKET_CLOSED", ""),
)


@pytest.mark.parametrize(("change", "state", "reason"), ROWS)
def test_each_row_alone(change: dict[str, object], state: str, reason: str) -> None:
    outcome = verdict(msgspec.structs.replace(GOOD, **change))
    assert (outcome.state, outcome.reason_codes) == (state, (reason,) if reason else ())
    assert outcome.summary


@pytest.mark.parametrize("first", range(len(ROWS)))
@pytest.mark.parametrize("second", range(len(ROWS)))
def test_the_earlier_row_wins(first: int, second: int) -> None:
    (early, state, reason), (late, _, _) = ROWS[min(first, second)], ROWS[max(first, second)]
    facts = msgspec.structs.replace(GOOD, **(late | early))
    if not facts.market_hours and reason.startswith("MARKETDATA"):
        return  # those rows hold in market hours only
    outcome = verdict(facts)
    assert (outcome.state, outcome.reason_codes) == (state, (reason,) if reason else ())


def test_all_well_is_ok() -> None:
    assert verdict(GOOD).state == "OK"


def test_limits_themselves_still_pass() -> None:
    assert verdict(msgspec.structs.replace(GOOD, tick_age_s=120.0, heartbeat_age_s=60.0)).state == "OK"


def test_old_data_when_the_market_is_closed_is_no_fault() -> None:
    assert verdict(msgspec.structs.replace(GOOD, market_hours=False, tick_age_s=None)).state == "MARKET_CLOSED"


def test_the_table_has_the_contracts_rows() -> None:
    assert [(state, code) for _, state, code, _ in RULES] == [
        ("UNKNOWN", "REQUIRED_FIELDS_MISSING"),
        ("OFFLINE", "EXECUTION_DISABLED"),
        ("OFFLINE", "PROCESS_DOWN"),
        ("HALTED", "KILL_SWITCH"),
        ("HALTED", "MARKETDATA_STALE"),
        ("HALTED", "MARKETDATA_MISSING"),
        ("DEGRADED", "HEARTBEAT_STALE"),
        ("MARKET_CLOSED", ""),
    ]


def test_the_document_has_every_field_of_the_contract() -> None:
    document = ops_status(picture(), TASKS, Identity(git_sha="abc"))
    assert set(document) >= {
        *("service_name", "service_kind", "pid", "repo_id", "git_sha", "build_id", "config_hash", "status"),
        *("heartbeat", "marketdata", "safety", "window", "feeds", "orders", "endpoints"),
    }
    assert set(document["status"]) == {"state", "summary", "reason_codes", "last_updated_utc"}
    assert document["heartbeat"] == {
        "last_heartbeat_utc": "2026-03-06T14:54:59.980Z",
        "age_seconds": 0.02,
        "ttl_seconds": 60,
    }
    assert document["marketdata"] == {
        "last_tick_utc": "2026-03-06T14:54:59.688Z",
        "stale_threshold_seconds": 120.0,
        "is_fresh": True,
    }
    assert document["safety"] == {
        "kill_switch": False,
        "safe_to_run_strategies": True,
        "safe_to_execute_orders": True,
        "gating_reasons": [],
    }
    assert document["window"]["label"] == "hourly-1000"
    assert document["window"]["series"] == ["INXU", "NASDAQ100U"]
    assert document["window"]["freeze_et"] == "2026-03-06T09:59:58-05:00"
    assert document["orders"]["may_be_live"] == 8


def test_data_never_seen_is_not_safe_to_run() -> None:
    document = ops_status(picture(last_tick_utc_ns=None), TASKS, Identity())
    assert document["status"]["state"] == "HALTED"
    assert document["marketdata"] is None
    assert document["safety"]["safe_to_run_strategies"] is False
    assert document["safety"]["safe_to_execute_orders"] is False


def test_no_heartbeat_is_degraded_with_a_null_age() -> None:
    document = ops_status(picture(), (), Identity())
    assert document["status"]["state"] == "DEGRADED"
    assert document["heartbeat"]["age_seconds"] is None
    assert document["heartbeat"]["last_heartbeat_utc"] is None


def test_a_failing_gate_is_named_and_blocks_orders_only() -> None:
    gates = (*GATES, gate("freshness", "UNKNOWN", "INXU", "freshness_missing"))
    safety = ops_status(picture(gates=gates), TASKS, Identity())["safety"]
    assert safety["gating_reasons"] == ["freshness_missing"]
    assert safety["safe_to_run_strategies"] is True
    assert safety["safe_to_execute_orders"] is False


def test_the_build_id_stands_for_a_missing_git_sha_but_nothing_stands_for_a_build_id() -> None:
    assert ops_status(picture(), TASKS, Identity())["git_sha"] == "b1f0c2d"
    assert ops_status(picture(build_id=""), TASKS, Identity())["status"]["state"] == "UNKNOWN"


def test_the_runner_is_the_heartbeat_and_the_slowest_task_where_there_is_none() -> None:
    assert heartbeat_age_s(TASKS) == 0.02
    assert heartbeat_age_s((TaskHealth("a", 1.0, 2.0), TaskHealth("b", 3.0, 9.0))) == 3.0
    assert heartbeat_age_s(()) is None


def test_no_gates_is_not_ready() -> None:
    assert is_ready(picture())
    assert not is_ready(picture(gates=()))
    assert not is_ready(picture(stopping=True))


def test_a_tick_from_the_future_does_not_go_negative() -> None:
    now = HandClock().now()
    document = ops_status(picture(now, last_tick_utc_ns=now.utc_ns + 5 * NS_PER_S), TASKS, Identity())
    assert document["status"]["state"] == "OK"


def test_nothing_is_called_well_while_gates_hold_orders_back() -> None:
    assert verdict(GOOD).summary == "all is well"
    held = verdict(msgspec.structs.replace(GOOD, ready=False))
    assert (held.state, held.reason_codes) == ("OK", ())
    assert "held back" in held.summary
