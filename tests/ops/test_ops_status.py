from __future__ import annotations

import msgspec
import pytest

from ops.ops_status import RULES, Facts, Identity, heartbeat_age_s, index_age_s, is_ready, ops_status, verdict
from ops.status import TaskHealth
from tests.ops.pictures import GATES, TASKS, aged, freshness, gate, picture

GOOD = Facts(
    missing=(),
    execution_enabled=True,
    stopping=False,
    kill_switch=False,
    kill_reason="",
    market_hours=True,
    index=(freshness("INXU", "I:SPX"), freshness("NASDAQ100U", "I:NDX")),
    heartbeat_age_s=0.5,
)

# One row of the contract's table each, in its order: what is wrong, the state, the reason.
ROWS = (
    ({"missing": ("git_sha",)}, "UNKNOWN", "REQUIRED_FIELDS_MISSING"),
    ({"execution_enabled": False}, "OFFLINE", "EXECUTION_DISABLED"),
    ({"stopping": True}, "OFFLINE", "PROCESS_DOWN"),
    ({"kill_switch": True, "kill_reason": "file"}, "HALTED", "KILL_SWITCH"),
    ({"kill_switch": None}, "HALTED", "KILL_SWITCH"),
    ({"index": (freshness(age_ms=1_500.001), freshness("NASDAQ100U", "I:NDX"))}, "HALTED", "MARKETDATA_STALE"),
    ({"index": (freshness("INXU", "I:SPX"), freshness(age_ms=142_000.0))}, "HALTED", "MARKETDATA_STALE"),
    ({"index": (freshness(), freshness("NASDAQ100U", "I:NDX", None))}, "HALTED", "MARKETDATA_MISSING"),
    ({"index": ()}, "HALTED", "MARKETDATA_MISSING"),
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
    at_limits = msgspec.structs.replace(GOOD, index=(freshness(age_ms=1_500.0),), heartbeat_age_s=60.0)
    assert verdict(at_limits).state == "OK"


def test_old_data_when_the_market_is_closed_is_no_fault() -> None:
    closed = msgspec.structs.replace(GOOD, market_hours=False, index=(freshness(age_ms=None),))
    assert verdict(closed).state == "MARKET_CLOSED"


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
        "last_tick_utc": "2026-03-06T14:54:59.687Z",
        "stale_threshold_seconds": 1.5,
        "is_fresh": True,
        "series": [
            {
                "series": name,
                "symbol": symbol,
                "feed": "primary",
                "received_utc": "2026-03-06T14:54:59.687Z",
                "age_seconds": 0.3124,
                "limit_seconds": 1.5,
                "basis": "age",
                "is_fresh": True,
            }
            for name, symbol in (("INXU", "I:SPX"), ("NASDAQ100U", "I:NDX"))
        ],
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
    document = ops_status(picture(series=aged(picture().series, None)), TASKS, Identity())
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


def test_the_runner_alone_is_the_heartbeat_whatever_other_tasks_do() -> None:
    assert heartbeat_age_s(TASKS) == 0.02
    assert heartbeat_age_s((TaskHealth("a", 1.0, 2.0), TaskHealth("b", 3.0, 9.0))) is None
    assert heartbeat_age_s(()) is None
    assert heartbeat_age_s((TaskHealth("runner", 0.1, 1.0, began=False),)) is None


@pytest.mark.parametrize("dead", ["INXU", "NASDAQ100U"])
def test_one_dead_index_is_stale_whichever_other_ticks(dead: str) -> None:
    document = ops_status(picture(series=aged(picture().series, 142_000.0, dead)), TASKS, Identity())
    assert (document["status"]["state"], document["status"]["reason_codes"]) == ("HALTED", ["MARKETDATA_STALE"])
    assert document["marketdata"]["is_fresh"] is False
    assert document["marketdata"]["last_tick_utc"] == "2026-03-06T14:52:38.000Z"
    assert [row["is_fresh"] for row in document["marketdata"]["series"] if row["series"] != dead] == [True]
    assert document["safety"]["safe_to_execute_orders"] is False
    symbol = {"INXU": "I:SPX", "NASDAQ100U": "I:NDX"}[dead]
    assert document["status"]["summary"] == f"{symbol}: last value 142.0 s ago, limit 1.5 s"


def test_an_index_never_seen_beside_one_that_ticks_is_not_fresh_and_has_no_last_value() -> None:
    document = ops_status(picture(series=aged(picture().series, None, "INXU")), TASKS, Identity())
    assert document["status"]["reason_codes"] == ["MARKETDATA_MISSING"]
    assert document["marketdata"]["is_fresh"] is False
    assert document["marketdata"]["last_tick_utc"] is None
    assert index_age_s(picture(series=aged(picture().series, None, "INXU"))) is None


def test_no_gates_is_not_ready() -> None:
    assert is_ready(picture())
    assert not is_ready(picture(gates=()))
    assert not is_ready(picture(stopping=True))


def test_nothing_is_called_well_while_gates_hold_orders_back() -> None:
    assert verdict(GOOD).summary == "all is well"
    held = verdict(msgspec.structs.replace(GOOD, ready=False))
    assert (held.state, held.reason_codes) == ("OK", ())
    assert "held back" in held.summary
