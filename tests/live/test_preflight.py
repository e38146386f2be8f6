"""The checks before trading, as the operator runs them, against real processes: each blocks when its part is broken."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from daemon.preflight.live_drill_io import CONTROLS
from domain.findings.finding import read_findings
from tests.live.stage import Stage, fetch, playing, until

PASSING = {"PASS", "NOT_CONFIGURED"}


def asked(stage: Stage, *arguments: str, code: int | None = None) -> dict[str, Any]:
    """Run a command with --json; its document, after looking at its exit code and for secrets in what it printed."""
    done = stage.ladderd(*arguments, "--config", str(stage.config), "--json")
    said = done.stdout + done.stderr
    assert code is None or done.returncode == code, said
    assert stage.environment["LADDERD_FEEDS__API_KEY"] not in said
    assert stage.environment["LADDERD_EXCHANGE__API_KEY_ID"] not in said
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["status"] for check in told["checks"]}


def proven_at(stage: Stage, control: str) -> float:
    rows = stage.picture()["controls"]
    return next(float(row["proven_s"]) for row in rows if row["name"] == control)


def sims_only(state_dir: Path, **fields: Any) -> Stage:  # noqa: ANN401 - fields of the stage
    stage = Stage(state_dir, **fields)
    stage.start_simulators()
    return stage


@pytest.mark.step("K01", "K06", "X03")
def test_a_running_daemon_passes_and_every_broken_part_blocks(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=20)) as stage:
        stage.until_quoting()
        # The daemon has run its own, and lists today's windows for it. What was not saved today does not pass.
        (kept,) = (tmp_path / "audit_artifacts" / "preflight").iterdir()
        assert read_findings(kept.read_bytes()).ok
        for listing in tmp_path.glob("listing-*.json"):
            listing.unlink()
        part = verdicts(asked(stage, "preflight", "--data", code=1))
        assert {name for name, status in part.items() if status not in PASSING} == {"listing"}
        asked(stage, "discover", "--today", code=0)
        history = (tmp_path / "history.json").read_bytes()
        (tmp_path / "history.json").unlink()
        assert verdicts(asked(stage, "preflight", "--data", code=1))["history_cache"] == "FAIL"
        (tmp_path / "history.json").write_bytes(history)
        # Asked, the daemon runs its own anew, dates the controls that it rehearsed, and answers.
        number, before = len(list(kept.parent.iterdir())), proven_at(stage, "freeze")
        said = stage.ladderd("preflight", "--ask", "--state-dir", str(tmp_path), limit_s=100)
        assert said.returncode == 0, said.stdout + said.stderr
        assert len(list(kept.parent.iterdir())) > number
        assert proven_at(stage, "freeze") > before
        told = asked(stage, "preflight", "--mode", "paper", code=0)
        ages = {check["name"]: check["age_s"] for check in told["checks"]}
        assert all(ages[name] is not None for name in ("listing", "history_cache", "rest_history"))
        assert told["ok"]
        seen = verdicts(told)
        assert set(seen.values()) <= PASSING, told
        assert sum(status == "PASS" for status in seen.values()) >= 15
        for area in ("--apis", "--data"):
            part = verdicts(asked(stage, "preflight", area, code=0))
            assert set(part) < set(seen)
        # A daemon that quotes is not disturbed by trial orders.
        refused = asked(stage, "preflight", "--orders", code=1)
        assert "a daemon is quoting here" in refused["checks"][-1]["reason"]
        assert not (tmp_path / "proofs.json").exists()
        # Now break what can be broken at once; each shows under its own name.
        stage.exchange_fault("fee_type", series="KXINXU", fee_type="quadratic_with_maker_fees")
        stage.feed_fault("rest_error", status=403)
        stage.feed_fault("silence")
        stage.ladderd("kill", "--reason", "drill", "--state-dir", str(tmp_path))
        until("the daemon killed", lambda: stage.picture()["kill_switch"], 5)
        until("an old index", lambda: (stage.series()["freshness"]["age_ms"] or 0) > 2_500, 10)
        told = asked(stage, "preflight", code=1)
        failing = {name for name, status in verdicts(told).items() if status == "FAIL"}
        assert failing >= {"fee_agreement", "feed_entitlement", "data_freshness", "rest_history", "kill_switch"}, told
        assert not told["ok"]
        # A daemon that hangs is no healthy one, nor is it none.
        stage.processes["daemon"].send_signal(signal.SIGSTOP)
        assert verdicts(asked(stage, "preflight", code=1))["running_daemon"] == "FAIL"


@pytest.mark.step("K01", "K04")
def test_a_silent_exchange_is_69_and_a_bad_configuration_78(tmp_path: Path) -> None:
    stage = sims_only(tmp_path)
    try:
        strange = {**stage.environment, "LADDERD_EXCHANGE__API_KEY_ID": "another-key"}
        assert _preflight(stage, strange, "--apis")[1]["exchange_authenticated"] == "FAIL"
        (tmp_path / "key.pem").chmod(0o644)
        code, seen = _preflight(stage, stage.environment, "--apis")
        assert (code, seen["private_key"]) == (78, "FAIL")
        (tmp_path / "key.pem").chmod(0o600)
        bare = {k: v for k, v in stage.environment.items() if "API_KEY" not in k}
        code, seen = _preflight(stage, bare, "--apis")
        assert (code, seen["credentials"]) == (78, "FAIL")
        code, seen = _preflight(stage, stage.environment, "--mode", "live")
        assert (code, seen) == (78, {"settings": "FAIL"})
        stage.stop(name="exchange")
        code, seen = _preflight(stage, stage.environment)
        assert (code, seen["exchange_reachable"], seen["open_orders"]) == (69, "UNKNOWN", "UNKNOWN")
        assert stage.ladderd("reconcile", "--full", "--config", str(stage.config)).returncode == 69
    finally:
        stage.close()


def _preflight(stage: Stage, environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, str]]:
    mine = stage.environment
    stage.environment = environment
    try:
        done = stage.ladderd("preflight", *arguments, "--config", str(stage.config), "--json")
    finally:
        stage.environment = mine
    return done.returncode, verdicts(json.loads(done.stdout))


@pytest.mark.step("K01", "X03")
def test_controls_are_proven_by_live_orders_and_only_those_that_hold(tmp_path: Path) -> None:
    stage = sims_only(tmp_path, period_s=120, first_open_s=150)
    try:
        stage.exchange_fault("group_trigger_refused", count=1)
        told = asked(stage, "preflight", "--orders", code=1)
        assert told["checks"][-1]["name"] == "control_orders"
        assert "order group not triggered" in told["checks"][-1]["reason"]
        proven = json.loads((tmp_path / "proofs.json").read_text("utf-8"))
        assert set(proven) == {"order_group_create", "order_place", "order_cancel"}
        assert not stage.truth()["resting"], "what was placed is taken away all the same"
        told = asked(stage, "preflight", "--orders", code=0)
        proven = json.loads((tmp_path / "proofs.json").read_text("utf-8"))
        assert set(proven) == set(CONTROLS)
        truth = stage.truth()
        assert not truth["resting"]
        assert not truth["fills"]
        groups = asked(stage, "preflight")
        assert verdicts(groups)["order_groups"] == "PASS", "no group is left behind"
        assert verdicts(groups)["control_proofs"] == "PASS"
        # Not inside a window's open span.
        stage.environment["LADDERD_WINDOWS__ANCHOR_UNIX_S"] = str(stage.anchor_s - 130)
        told = asked(stage, "preflight", "--orders", code=1)
        assert "window" in told["checks"][-1]["reason"]
    finally:
        stage.close()


@pytest.mark.step("K07", "K14")
def test_reconciling_with_the_exchange_finds_what_is_not_ours(tmp_path: Path) -> None:
    stage = sims_only(tmp_path, period_s=60, exchange_options=("--no-crowd",))
    try:
        assert set(verdicts(asked(stage, "reconcile", "--full", code=0)).values()) == {"PASS"}
        ladder = fetch(f"{stage.addresses['exchange']}/trade-api/v2/markets?series_ticker=KXINXU&status=open")
        ticker = json.loads(ladder[1])["markets"][0]["ticker"]
        body = {
            "ticker": ticker, "side": "bid", "count": "2.00", "price": "0.0100", "client_order_id": "by-hand",
            "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
        }  # fmt: skip
        status, placed = fetch(f"{stage.addresses['exchange']}/sim/place", body)
        assert status == 200, placed
        seen = verdicts(asked(stage, "reconcile", "--full", code=1))
        assert (seen["open_orders"], seen["position_reconciliation"]) == ("FAIL", "PASS")
        order_id = json.loads(placed)["order_id"]
        status, filled = fetch(f"{stage.addresses['exchange']}/sim/fill", {"order_id": order_id, "count": 1})
        assert status == 200, filled
        assert verdicts(asked(stage, "reconcile", "--full", code=1))["position_reconciliation"] == "FAIL"
    finally:
        stage.close()


def test_the_probe_answers_and_the_daemon_reads_what_it_learned(tmp_path: Path) -> None:
    slow = ("--list-lag-ms", "300", "--expiry-latency-ms", "200")
    stage = sims_only(tmp_path, period_s=60, first_open_s=-31, exchange_options=slow)
    try:
        told = asked(stage, "probe", "--wait-s", "75", code=0)
        answers = {each["question"]: each for each in told["answers"]}
        unknown = {name for name, each in answers.items() if each["found"] == "UNKNOWN"}
        assert unknown == {"stream_numbers", "amend_crossing"}, told
        figures = {name: each["answer"] for name, each in answers.items()}
        assert 300 <= figures["list_lag"]["after_cancel_ms"] < 1_500
        assert 150 <= figures["expiry_latency"]["stream_ms"] + figures["expiry_latency"]["uncertainty_ms"] < 1_000
        assert figures["expiry_latency"]["reason"] == "ExpiryCancel"
        assert figures["triggered_group"]["code"] == "order_group_triggered"
        assert figures["triggered_group"]["no_order_made"]
        assert figures["closed_market_cancel"]["code"] == figures["closed_market_place"]["code"] == "market_inactive"
        assert figures["batch_items"]["error_item"]["error"]["code"] == "not_found"
        assert told["left_behind"] == []
        truth = stage.truth()
        assert not truth["resting"]
        assert not truth["fills"]
        # What stands in the file is read at the next start: sound, it starts; spoilt, one line and 78.
        path = tmp_path / "probe.json"
        assert json.loads(path.read_text("utf-8"))["answers"]
        stage.start_daemon()
        stage.wait_for_page()
        until("a window open", lambda: stage.series().get("phase") in {"quoting", "strict"}, 30)
        refused = stage.ladderd("probe", "--config", str(stage.config))
        assert refused.returncode == 1
        assert "probe refused: daemon: a daemon is quoting here" in refused.stderr
        assert stage.stop(signal.SIGTERM) == 0
        path.write_text("{}", encoding="utf-8")
        daemon = stage.start_daemon()
        assert daemon.wait(20) == 78
        assert stage.log().splitlines()[-1].startswith(f"ladderd: {path}: not what ladderd probe writes")
    finally:
        stage.close()


@pytest.mark.step("H03")
def test_todays_markets_are_found_online_kept_and_missing_hours_named(tmp_path: Path) -> None:
    # Long windows: the saved listing must not fall behind the present one while the test runs.
    stage = sims_only(tmp_path, period_s=120, first_open_s=60)
    try:
        offline = stage.ladderd("discover", "--today", "--offline", "--config", str(stage.config))
        assert offline.returncode == 1
        assert "no listing was saved today" in offline.stdout
        told = asked(stage, "discover", "--today", code=0)
        assert {window["series"] for window in told["windows"]} == {"INXU", "NASDAQ100U"}
        assert all(window["listed"]["markets"] > 1 for window in told["windows"])
        stage.stop(name="exchange")
        kept = asked(stage, "discover", "--today", "--offline", "--series", "INXU", code=0)
        assert (kept["source"], kept["missing"]) == ("saved", [])
        assert 0 <= kept["age_seconds"] < 60
        assert stage.ladderd("discover", "--today", "--config", str(stage.config)).returncode == 69
        # The same listing, asked for hours that it does not have: named, and never matched by a ticker.
        stage.environment["LADDERD_WINDOWS__ANCHOR_UNIX_S"] = str(stage.anchor_s + 7)
        gone = asked(stage, "discover", "--today", "--offline", code=1)
        assert len(gone["missing"]) == len(gone["windows"]) > 0
        (saved,) = tmp_path.glob("listing-*.json")
        told_file = json.loads(saved.read_text("utf-8"))
        saved.write_text(json.dumps(told_file | {"day": "2020-01-02"}), encoding="utf-8")
        stale = stage.ladderd("discover", "--today", "--offline", "--config", str(stage.config))
        assert stale.returncode == 1
        assert "no listing was saved today" in stale.stdout
    finally:
        stage.close()
