"""The outside watcher on real processes: a hung daemon's orders are gone long before their own expiry."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from ops.alerts.raised import Raised
from sim.local.child import Child
from sim.local.setting import write_key_pair
from tests.heard import heard
from tests.live.stage import Stage, assert_journal, fetch, playing, until

LIMIT_MS = 1_500
CANCELS = ["cancel_order", "batch_cancel", "cancel_all", "trigger_group"]


def cancel_alls(stage: Stage) -> int:
    """How many account-wide cancel-alls the exchange has taken."""
    return sum(count for name, count in stage.truth()["requests"].items() if "cancel_all" in name)


@pytest.mark.step("X07")
def test_a_hung_daemon_is_flattened_from_outside_and_obeys_the_tail_when_it_wakes(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=120, strict_s=20)) as stage:
        stage.until_quoting(least=2)
        watch = stage.start_watcher(LIMIT_MS)
        until("the watcher", lambda: "watching" in watch.said())
        # A daemon that makes progress is left alone, for longer than the limit.
        grown = stage.picture()["seq"] + 20
        until("progress for a while", lambda: stage.picture()["seq"] > grown)
        assert cancel_alls(stage) == 0
        stage.processes["daemon"].send_signal(signal.SIGSTOP)
        assert stage.truth()["resting"], "nothing rested: nothing is shown"
        until("an empty account", lambda: not stage.truth()["resting"], 10)
        until("the proof", lambda: "the account is flat" in watch.said(), 10)
        assert cancel_alls(stage) >= 1
        stage.processes["daemon"].send_signal(signal.SIGCONT)
        until("the tail obeyed", lambda: "cancel_all_tail" in stage.reasons(), 10)
        assert not stage.truth()["resting"]
        # An automatic cause does not leave the daemon paused, and an orderly end is not taken for a stop.
        assert not stage.picture()["paused"]
        assert stage.stop(signal.SIGTERM) == 0
        assert stage.stop(signal.SIGTERM, "watch") == 0
        assert_journal(stage)
        assert all(not fill["is_taker"] for fill in stage.truth()["fills"])


def watched(address: str) -> dict[str, Any]:
    """The watcher's own `/ops/status`."""
    status, body = fetch(address)
    told: dict[str, Any] = json.loads(body) if status == 200 else {"status": {"state": f"HTTP {status}"}}
    return told


WATCHERS_KEY = "watchers-key"


def watcher_with_its_own_key(stage: Stage) -> Child:
    """The watcher as it is meant to be: with another key of the same account."""
    own = {
        "LADDERD_EXCHANGE__API_KEY_ID": WATCHERS_KEY,
        "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(stage.state_dir / "watcher.pem"),
    }
    words = (*stage.programs.setting.watch_words(LIMIT_MS), "--http-port", "0")
    return stage.programs.start("watch", words, stage.state_dir, environment=stage.environment | own)


def assert_the_watchers_key_cancels(stage: Stage, watch: Child) -> None:
    """The exchange takes no cancel of the daemon's key any more: the watcher's key cancels, long before any expiry."""
    stage.until_quoting(least=2)
    stage.exchange_fault("refuse_key", key=stage.programs.setting.key_id, op=CANCELS)
    until("asked for", lambda: "the daemon asks" in watch.said(), 20, 0.02)
    until("an empty account", lambda: not stage.truth()["resting"], 3)
    told = until("the alert", lambda: key_alerts(stage), 5)
    assert [(alert.severity, alert.payload["http_status"]) for alert in told] == [("critical", 401)]
    assert stage.picture()["paused"]
    assert stage.truth()["faults"]["refuse_key"] >= 1
    stage.heal()


def key_alerts(stage: Stage) -> list[Raised]:
    return [alert for step in stage.steps() for alert in heard(step.actions, "key_refused")]


@pytest.mark.step("A03")
def test_the_watcher_answers_on_its_own_port_whatever_becomes_of_the_daemon(tmp_path: Path) -> None:
    write_key_pair(tmp_path, "watcher")
    second = ("--second-key-id", WATCHERS_KEY, "--second-public-key", str(tmp_path / "watcher.pub"))
    with playing(Stage(tmp_path, period_s=120, strict_s=20, exchange_options=second)) as stage:
        watch = watcher_with_its_own_key(stage)
        try:
            line = until("its address", lambda: re.findall(r"status at (\S+)\n", watch.said()), 20)
            address = line[0]
            assert address.startswith("http://127.0.0.1:")
            until("the daemon is seen alive", lambda: watched(address)["status"]["state"] == "OK", 10)
            told, daemons = watched(address), json.loads(stage.page("/ops/status")[1])
            assert list(told) == list(daemons), "the same shape"
            assert (told["service_kind"], told["pid"]) == ("watcher", stage.processes["watch"].pid)
            assert (told["build_id"], told["config_hash"]) == (daemons["build_id"], daemons["config_hash"])
            assert_the_watchers_key_cancels(stage, watch)
            stage.stop(signal.SIGKILL)
            until("its death is told", lambda: watched(address)["status"]["state"] == "DEGRADED", 10)
            told = watched(address)
            assert told["status"]["reason_codes"] == ["HEARTBEAT_STALE"]
            assert told["heartbeat"]["age_seconds"] > told["heartbeat"]["ttl_seconds"] == LIMIT_MS / 1_000
            stage.start_daemon()
            stage.wait_for_page()
            until("its return is told", lambda: watched(address)["status"]["state"] == "OK", 10)
            assert stage.stop(signal.SIGTERM) == 0
            until("its orderly end is told", lambda: watched(address)["status"]["state"] == "OFFLINE", 10)
            (tmp_path / "KILL_SWITCH").touch()
            assert watched(address)["status"]["reason_codes"] == ["PROCESS_DOWN"], "the earlier row wins"
        finally:
            code = stage.stop(signal.SIGTERM, "watch")
        assert code == 0
