from __future__ import annotations

import msgspec
import pytest

from domain.clock import NS_PER_MS, NS_PER_S, Now
from ops.ops_status import Identity, ops_status
from ops.watcher_status import LastLook, WatcherIdentity, watcher_status
from tests.ops.pictures import TASKS, picture

WHO = WatcherIdentity(pid=4711, build_id="b1", config_hash="c1", mode="paper", execution_enabled=True)
NOW = Now(1_000 * NS_PER_S, 1_772_809_200 * NS_PER_S)
LIMIT_S = 5.0
GOOD = LastLook(NOW, NOW.mono_ns - 200 * NS_PER_MS, ended=False, kill_switch=False, kill_reason="")
LATE = NOW.mono_ns - 5_001 * NS_PER_MS


@pytest.mark.step("A03")
@pytest.mark.parametrize(
    ("who", "look", "state", "code"),
    [
        ({}, {}, "OK", ""),
        ({}, {"progress_mono_ns": LATE}, "DEGRADED", "HEARTBEAT_STALE"),
        ({}, {"progress_mono_ns": None}, "DEGRADED", "HEARTBEAT_STALE"),
        ({}, {"ended": True, "progress_mono_ns": LATE}, "OFFLINE", "PROCESS_DOWN"),
        ({"execution_enabled": False}, {}, "OFFLINE", "EXECUTION_DISABLED"),
        ({}, {"kill_switch": True, "kill_reason": "ann: fire"}, "HALTED", "KILL_SWITCH"),
        ({"build_id": ""}, {}, "UNKNOWN", "REQUIRED_FIELDS_MISSING"),
        ({"config_hash": ""}, {}, "UNKNOWN", "REQUIRED_FIELDS_MISSING"),
    ],
)
def test_the_watchers_state_by_the_same_table(
    who: dict[str, object], look: dict[str, object], state: str, code: str
) -> None:
    told = watcher_status(msgspec.structs.replace(WHO, **who), msgspec.structs.replace(GOOD, **look), LIMIT_S, NOW)
    assert told["service_kind"] == "watcher"
    assert (told["status"]["state"], told["status"]["reason_codes"]) == (state, [code] if code else [])
    assert told["status"]["summary"]
    assert not told["safety"]["safe_to_execute_orders"], "who only watches vouches for no order"


@pytest.mark.step("A03")
def test_the_watchers_document_has_the_daemons_shape() -> None:
    ours = watcher_status(WHO, GOOD, LIMIT_S, NOW)
    daemons = ops_status(picture(), TASKS, Identity())
    assert list(ours) == list(daemons)
    for part in ("status", "heartbeat", "safety", "orders"):
        assert list(ours[part]) == list(daemons[part]), part


def test_a_heartbeat_exactly_as_old_as_its_limit_is_fresh_and_told_with_its_age() -> None:
    told = watcher_status(WHO, msgspec.structs.replace(GOOD, progress_mono_ns=NOW.mono_ns - 5 * NS_PER_S), LIMIT_S, NOW)
    assert told["status"]["state"] == "OK"
    assert told["heartbeat"] == {
        "last_heartbeat_utc": "2026-03-06T14:59:55.000Z", "age_seconds": 5.0, "ttl_seconds": 5.0,
    }  # fmt: skip


def test_the_last_look_is_dated_and_the_heartbeat_ages_when_looks_stop() -> None:
    later = Now(NOW.mono_ns + 9 * NS_PER_S, NOW.utc_ns + 9 * NS_PER_S)
    told = watcher_status(WHO, GOOD, LIMIT_S, later)
    assert told["status"]["last_updated_utc"] == "2026-03-06T15:00:00.000Z"
    assert (told["status"]["state"], told["heartbeat"]["age_seconds"]) == ("DEGRADED", 9.2)


def test_before_the_first_look_nothing_is_known_and_that_halts() -> None:
    told = watcher_status(WHO, None, LIMIT_S, NOW)
    assert told["status"]["state"] == "HALTED"
    assert told["safety"]["kill_switch"] is None
    assert told["status"]["last_updated_utc"] is None
