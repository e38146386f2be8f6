"""What an operator may meet: a disk that goes away, a kill switch that is no file, a key that is refused.

Told by the exchange's own record, the exit code and the log; nothing here looks inside the daemon.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.live.stage import Stage, assert_flat_and_maker, fetch, playing, until

pytestmark = pytest.mark.live


def test_a_state_directory_that_cannot_be_written_ends_the_daemon_flat(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        shutil.rmtree(tmp_path / "monitors")
        (tmp_path / "monitors").write_text("no folder any more")
        assert stage.processes["daemon"].wait(20) == 1
        truth = stage.truth()
        assert truth["resting"] == []
        assert_flat_and_maker(truth)
        assert "cannot be written" in stage.log()
        assert "Traceback" not in stage.log()


@pytest.mark.step("K15", "G09")
def test_a_resume_is_answered_with_every_gate_that_is_against_it(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=40, first_open_s=2)) as stage:
        stage.until_quoting()

        def asked(command: str) -> tuple[int, str]:
            who = ("--by", "drill", "--cause", "looked at it", "--state-dir", str(tmp_path))
            done = stage.ladderd(command, *who)
            return done.returncode, done.stdout

        assert asked("pause")[0] == 0
        stage.feed_fault("silence")
        until("a stale index", lambda: "polygon_ws_stale" in stage.reasons(), 10)
        code, text = asked("resume")
        assert code == 1, text
        assert "freshness INXU: FAIL" in text
        assert "freshness NASDAQ100U: FAIL" in text
        assert stage.picture()["pause_reason"]
        code, text = asked("arm")
        assert code == 1, text
        assert "pause: FAIL" in text
        stage.heal()
        stage.until_only("paused", limit_s=60)
        (tmp_path / "KILL_SWITCH").write_text("drill")
        until("killed", lambda: "kill_switch_engaged" in stage.reasons(), 5)
        code, text = asked("resume")
        assert code == 1, text
        assert "kill_switch: FAIL state/KILL_SWITCH still says stop" in text
        (tmp_path / "KILL_SWITCH").unlink()
        stage.until_only("paused", "kill_switch_engaged", "cancel_all_tail", limit_s=60)
        code, text = asked("resume")
        assert code == 0, text
        for lifted in ("kill_switch: FAIL state/KILL_SWITCH: drill", "pause: FAIL paused by drill: looked at it"):
            assert f"lifted by this resume: {lifted}" in text
        assert "judged later: cancel_all_tail" in text
        assert not stage.picture()["pause_reason"]
        # Who, why, what was against it and what it lifted stand in the chain.
        rows = [row for row in stage.records("operator_action") if row["command"] == "resume"]
        assert {(row["by"], row["cause"]) for row in rows} == {("drill", "looked at it")}
        assert [bool(row["refused"]) for row in rows] == [True, True, False]
        assert [line.partition(":")[0] for line in rows[-1]["lifted"]] == ["kill_switch", "pause"]
        assert stage.ladderd("verify", "--state-dir", str(tmp_path)).returncode == 0


def test_a_pipe_for_a_kill_switch_kills(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        os.mkfifo(tmp_path / "KILL_SWITCH")
        until("flat", lambda: not stage.truth()["resting"], limit_s=5)
        assert stage.picture()["kill_switch"]
        asked = stage.ladderd("kill", "--reason", "drill", "--state-dir", str(tmp_path))
        assert asked.returncode == 0, asked.stderr
        assert "was there already" in asked.stdout


def test_a_key_that_the_exchange_refuses_is_said_in_log_and_status(tmp_path: Path) -> None:
    stage = Stage(tmp_path, period_s=30)
    try:
        stage.start_simulators()
        stage.environment["LADDERD_EXCHANGE__API_KEY_ID"] = "somebody-else"
        stage.start_daemon()
        stage.wait_for_page()
        until("the log says so", lambda: "exchange_refuses_key" in stage.log())
        told = stage.ladderd("status", "--http", stage.http).stdout
        assert "all is well" not in told
        assert told.startswith("NOT READY")
    finally:
        stage.close()


def test_a_disk_that_hangs_kills_and_keeps_no_daemon_from_ending(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30)) as stage:
        stage.until_quoting()
        os.mkfifo(tmp_path / "proofs.json")  # whoever reads it waits for ever, as on a dead disk
        until("killed", lambda: stage.picture().get("kill_switch"), limit_s=15)
        until("flat", lambda: not stage.truth()["resting"], limit_s=5)
        assert stage.page("/health")[0] == 503
        assert stage.stop() == 0


@pytest.mark.step("G10", "G13", "H05")
def test_health_is_told_whole_and_the_log_goes_where_its_variables_say(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "state", period_s=30)
    logs = tmp_path / "logs"
    try:
        stage.start_simulators()
        stage.environment |= {"LOG_DIR": str(logs), "LOG_LEVEL": "warning"}
        stage.start_daemon()
        stage.wait_for_page()
        stage.until_quoting()
        asked = stage.ladderd("health", "--raw", "--http", stage.http)
        told = json.loads(asked.stdout)
        assert (asked.returncode, told["status"]) == (0, "ok"), asked.stdout
        assert {feed["name"] for feed in told["feeds"] if feed["state"] == "live"} == {"massive", "polygon"}
        assert {provider["name"] for provider in told["providers"] if provider["up"]} >= {"exchange", "massive"}
        order = stage.truth()["resting"][0]
        assert fetch(f"{stage.addresses['exchange']}/sim/fill", {"order_id": order["order_id"]})[0] == 200

        def held() -> dict[str, float]:
            said = json.loads(stage.ladderd("health", "--raw", "--http", stage.http).stdout)
            assert set(said["pnl"]) == {"realised", "unrealised", "fees"}
            return {row["ticker"]: row["position"] for row in said["positions"]}

        until("the fill shows as a position", lambda: order["ticker"] in held(), 10, poll_s=0.2)

        def saved() -> dict[str, Any]:
            shown = stage.ladderd("snapshot", "show", "--json", "--state-dir", str(stage.state_dir))
            assert shown.returncode == 0, shown.stdout
            return dict(json.loads(shown.stdout))

        # the snapshot is saved beside the engine, so it may be a second behind the page
        until("the fill is in the snapshot", lambda: order["ticker"] in saved()["ledger"]["markets"], 15, poll_s=0.3)
        until("it stays young while the daemon runs", lambda: saved()["age_seconds"] < 5, 15, poll_s=0.3)
        seen = saved()
        assert seen["seq"] > 0
        assert {row["phase"] for row in seen["windows"]} <= {
            "preflight",
            "quoting",
            "strict",
            "flattening",
            "frozen",
            "closed",
        }
        assert seen["windows"]
        assert seen["feeds"]
        assert seen["feeds"]["states"] == {"massive": "live", "polygon": "live"}
        # The page goes on answering from a process that was stopped only as long as it is not: then nobody answers.
        stage.processes["daemon"].send_signal(signal.SIGSTOP)
        assert stage.ladderd("health", "--raw", "--http", stage.http).returncode == 69
        stage.processes["daemon"].send_signal(signal.SIGCONT)
        stage.exchange_fault("ws_drop", code=1012)
        until("a warning on disk", lambda: any(path.stat().st_size for path in logs.glob("events.jsonl")), 10)
        assert stage.stop(signal.SIGTERM) == 0
    finally:
        stage.close()
    records = [json.loads(line) for line in (logs / "events.jsonl").read_text("utf-8").splitlines()]
    assert {record["level"] for record in records} <= {"warning", "error", "critical"}
    assert all(record["run_id"] and record["config_hash"] and record["environment"] == "paper" for record in records)
    assert not (tmp_path / "state" / "logs").exists()


RISING = (
    *("errors_total", "marketdata_ticks_total", "marketdata_stale_total", "strategy_cycles_total"),
    *("strategy_cycles_skipped_total", "order_proposals_total", "safety_halted_total"),
)


def scraped(stage: Stage) -> dict[str, float]:
    """The values of every sample on /metrics, labels summed up."""
    found: dict[str, float] = {}
    for line in stage.page("/metrics")[1].decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name.partition("{")[0]] = found.get(name.partition("{")[0], 0.0) + float(value)
    return found


@pytest.mark.step("A04", "G17")
def test_the_required_metrics_move_by_what_happened_and_every_step_is_in_the_histogram(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10, first_open_s=2)) as stage:
        stage.until_quoting()
        first = scraped(stage)
        assert first["agent_start_total"] == 1
        assert 0 <= first["heartbeat_age_seconds"] < 3
        assert first["runtime_bus_depth"] >= 0
        assert first["ladderd_inbox_oldest_age_seconds"] >= 0
        stage.feed_fault("silence")
        until("a stale index", lambda: "polygon_ws_stale" in stage.reasons(), 10)
        stage.heal()
        stage.until_quoting(15)
        (tmp_path / "KILL_SWITCH").write_text("drill")
        until("halted", lambda: stage.picture()["kill_switch"], 5)
        before = sum(1 for _ in stage.steps())
        until("a fresh page", lambda: scraped(stage)["safety_halted_total"] == 1, 5, poll_s=0.3)
        last = scraped(stage)
        still = [name for name in RISING if last[name] <= first.get(name, 0.0)]
        assert not still, f"stood still: {still}"
        counted = last["agent_tick_duration_seconds_count"]
        assert stage.stop(signal.SIGTERM) == 0
        assert before <= counted <= sum(1 for _ in stage.steps()), "each step once"
