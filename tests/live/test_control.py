"""Whoever says stop, by whatever road: the exchange's list reads zero, and stays so until somebody says otherwise."""

from __future__ import annotations

import datetime as dt
import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.actions import Place
from domain.clock import NS_PER_MS
from domain.events import Command, KillSwitch, Operator, RestrictedRead
from journal.reader import Step
from sim.local.waiting import utc_s
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until, until_instant

SEEN_WITHIN_MS = 250
MARGIN_MS = 100
TAIL_S = 65


def places_after(stage: Stage, first: Step) -> int:
    """How many orders were sent after a step."""
    return sum(isinstance(action, Place) for step in stage.steps() if step.seq > first.seq for action in step.actions)


def gate(stage: Stage, name: str) -> dict[str, Any]:
    """One gate as `/ready` shows it."""
    told = json.loads(stage.page("/ready")[1])
    return next(g for g in told["gates"] if g["name"] == name)


def markers(state_dir: Path) -> list[dict[str, Any]]:
    """The cancel-all markers, drafts left out."""
    return [json.loads(p.read_text("utf-8")) for p in (state_dir / "cancel_all").iterdir() if p.name[0] != "."]


@pytest.mark.step("X01")
def test_sigusr1_empties_the_account_and_leaves_the_daemon_paused(tmp_path: Path) -> None:
    with playing(Stage(tmp_path)) as stage:
        stage.until_quoting(least=4)
        asked_s = utc_s()
        for number in range(3):
            # Somebody nervous: the three are one cancel-all, and each is answered for.
            until_instant(asked_s + number * 0.05)
            stage.processes["daemon"].send_signal(signal.SIGUSR1)
        until("nothing rests", lambda: not stage.truth()["resting"], 2)
        until("proven flat", lambda: stage.picture()["cancel_all"]["completed"] == 3, 10)
        assert cancel_alls(stage) == 1
        picture = stage.picture()
        assert picture["paused"]
        assert "SIGUSR1" in picture["pause_reason"]
        assert {"paused", "cancel_all_tail"} <= set(stage.reasons())
        assert stage.page("/ready")[0] == 503
        # The marker that every process obeys, durable, closed once the account was seen flat.
        until("the marker closed", lambda: markers(tmp_path) and all(m["done"] for m in markers(tmp_path)), 3)
        assert {m["reason"] for m in markers(tmp_path)} == {"operator_sigusr1"}
        # A resume lifts the pause, but not the tail during which the exchange may still kill new orders.
        stage.until_only("paused", "cancel_all_tail")
        resumed = stage.ladderd("resume", "--by", "drill", "--cause", "looked at it", "--state-dir", str(tmp_path))
        assert resumed.returncode == 0, resumed.stdout
        until("no longer paused", lambda: "paused" not in stage.reasons(), 2)
        assert "cancel_all_tail" in stage.reasons()
        # Nor does a restart.
        assert stage.stop(signal.SIGTERM) == 0
        stage.start_daemon()
        stage.wait_for_page()
        until("recovered", lambda: stage.picture().get("reconciled"), 10)
        assert 0 < stage.picture()["cancel_all"]["tail_s"] <= TAIL_S - (utc_s() - asked_s) + 2
        assert "cancel_all_tail" in stage.reasons()
        assert stage.stop(signal.SIGTERM) == 0
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        asked = next(s for s in stage.steps() if isinstance(s.event, Operator))
        assert not places_after(stage, asked)
        assert [r["reason"] for r in stage.records("cancel_all_done")][:3] == ["operator_sigusr1"] * 3
        flat = next(r for r in stage.records("time_to_flat") if r["trigger"] == "operator_sigusr1")
        assert flat["orders"] >= 4
        assert flat["ms"] < 2_000
        assert_journal(stage, runs=2)


@pytest.mark.step("A10")
def test_sigterm_while_quoting_ends_flat_and_flushed(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        stage.until_quoting(least=4)
        # While quotes come and go the list lags the book; only what differs twice counts.
        agreed = stage.ladderd("orders", "--summary", "--http", stage.http, "--config", str(stage.config))
        assert agreed.returncode == 0, agreed.stdout + agreed.stderr
        stage.until_quoting(least=4)
        begun_s = utc_s()
        assert stage.stop(signal.SIGTERM) == 0
        assert utc_s() - begun_s < 10
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        shown = stage.ladderd("snapshot", "show", "--json", "--state-dir", str(tmp_path))
        assert json.loads(shown.stdout)["orders"] == []
        assert_journal(stage)


@pytest.mark.step("K03", "K15")
def test_kill_file_is_seen_at_once_and_its_removal_resumes_nothing(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        stage.until_quoting(least=4)
        killed = stage.ladderd("kill", "--reason", "drill", "--state-dir", str(tmp_path))
        assert killed.returncode == 0, killed.stdout
        until("nothing rests", lambda: not stage.truth()["resting"], 2)
        path = tmp_path / "KILL_SWITCH"
        written_ns = path.stat().st_mtime_ns
        # A cancel does not wait for its own record: the journal may be a moment behind the empty book.
        seen = until("in the journal", lambda: [s for s in stage.steps() if kill_seen(s)], 2)[0]
        assert seen.now.utc_ns - written_ns < (SEEN_WITHIN_MS + MARGIN_MS) * NS_PER_MS
        assert gate(stage, "kill_switch")["status"] == "FAIL"
        assert json.loads(stage.page("/ops/status")[1])["status"]["state"] == "HALTED"
        assert stage.metric("ladderd_alerts_total", 'severity="critical"') >= 1
        assert stage.metric("safety_halted_total") == 1
        assert stage.metric("ladderd_reconnects_total", 'socket="exchange"') == 0
        assert "operator_action  command=resume" not in stage.log()

        def resume() -> tuple[int, str]:
            answer = stage.ladderd("resume", "--by", "drill", "--cause", "over", "--state-dir", str(tmp_path))
            return answer.returncode, answer.stdout + answer.stderr

        # Refused while the file is there; removing it alone changes nothing; then a resume is taken.
        code, text = resume()
        assert code == 1, text
        assert "drill" in text
        until("it stands in the log", lambda: "operator_action  command=resume by=drill cause=over" in stage.log(), 2)
        alert = next(line for line in stage.log().splitlines() if "critical kill_switch" in line)
        assert "{" not in alert, "key=value, no mappings"
        path.unlink()
        until("the removal seen", lambda: sources_off(stage, seen), 2)
        assert "kill_switch_engaged" in stage.reasons()
        assert gate(stage, "kill_switch")["status"] == "FAIL", "the latch itself, not what is left to flatten"
        stage.until_only("kill_switch_engaged", "cancel_all_tail")
        code, text = resume()
        assert code == 0, text
        assert "lifted by this resume: kill_switch" in text
        assert gate(stage, "kill_switch")["status"] == "PASS"
        assert "cancel_all_tail" in stage.reasons(), "an account-wide cancel-all leaves its tail"
        # A kill switch that cannot be read is engaged.
        path.mkdir()
        until("engaged again", lambda: "kill_switch_engaged" in stage.reasons(), 2)
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert not places_after(stage, seen)
        assert_journal(stage)


def kill_seen(step: Step) -> bool:
    """Whether the step is the first look at an engaged kill switch."""
    return isinstance(step.event, KillSwitch) and step.event.active


def sources_off(stage: Stage, after: Step) -> bool:
    """Whether the daemon has seen the kill file gone."""
    return any(
        isinstance(s.event, KillSwitch) and not s.event.active and "KILL_SWITCH" in s.event.source
        for s in stage.steps()
        if s.seq > after.seq
    )


TOKEN = "a-token-for-this-drill"


def halt_by_file(stage: Stage) -> None:
    (stage.state_dir / "KILL_SWITCH").touch()


def halt_by_command(stage: Stage) -> None:
    done = stage.ladderd("kill", "--reason", "drill", "--state-dir", str(stage.state_dir))
    assert done.returncode == 0, done.stdout


def halt_by_post(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = json.dumps({"by": "drill", "cause": "halt"}).encode()
    request = urllib.request.Request(stage.http + "/control/kill", body, headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            status = answer.status
    except urllib.error.HTTPError as refused:
        status = refused.code
    assert status == 202


def halt_by_signal(stage: Stage) -> None:
    stage.processes["daemon"].send_signal(signal.SIGUSR1)


@pytest.mark.step("K11")
@pytest.mark.parametrize("halt", [halt_by_file, halt_by_command, halt_by_post, halt_by_signal])
def test_each_road_halts_at_once_and_is_still_on_after_a_kill_and_a_restart(
    tmp_path: Path, halt: Callable[[Stage], None]
) -> None:
    settings = {"http.control_token": TOKEN}
    with playing(Stage(tmp_path, first_open_s=2, settings=settings)) as stage:
        stage.until_quoting(least=4)
        halt(stage)
        until("nothing rests", lambda: not stage.truth()["resting"], 2)
        until("halted", lambda: stage.picture()["kill_switch"] or stage.picture()["paused"], 2)
        assert stage.page("/ready")[0] == 503
        sent = stage.truth()["requests"]["create_order"]
        until("proven flat", lambda: stage.picture()["cancel_all"]["completed"], 10)
        stage.stop(signal.SIGKILL)
        stage.start_daemon()
        stage.wait_for_page()
        until("recovered", lambda: stage.picture().get("reconciled"), 10)
        assert stage.picture()["kill_switch"] or stage.picture()["paused"], "still on"
        until("another window open", lambda: stage.series().get("phase") == "quoting", 15)
        assert not stage.truth()["resting"]
        assert stage.truth()["requests"]["create_order"] == sent
        assert stage.stop(signal.SIGTERM) == 0


@pytest.mark.step("K12", "H19")
@pytest.mark.parametrize("daemon", ["up", "hung", "dead"])
def test_cancel_all_as_a_program_of_its_own(tmp_path: Path, daemon: str) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        stage.until_quoting(least=4)
        process = stage.processes["daemon"]
        if daemon == "hung":
            process.send_signal(signal.SIGSTOP)
        elif daemon == "dead":
            stage.stop(signal.SIGKILL)
        answer = stage.ladderd("cancel-all", "--reason", "kalshi_maintenance", "--config", str(stage.config))
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "flat" in answer.stdout
        assert " ms" in answer.stdout
        assert not stage.truth()["resting"]
        if daemon == "hung":
            process.send_signal(signal.SIGCONT)
        elif daemon == "dead":
            stage.start_daemon()
            stage.wait_for_page()
        until("the daemon obeys the marker", lambda: {"paused", "cancel_all_tail"} <= set(stage.reasons()), 10)
        until("the daemon has proven it too", lambda: not stage.picture()["cancel_all"]["active"], 15)
        assert not stage.truth()["resting"]
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage, runs=2 if daemon == "dead" else 1)


def proven_s(stage: Stage) -> float:
    """When the account-wide cancel-all was last proven to work, in Unix seconds, as the metrics say; 0 for never."""
    text = stage.page("/metrics")[1].decode()
    found = re.search(r'^control_last_proven_timestamp_seconds\{control="cancel_all"\} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def cancel_alls(stage: Stage) -> int:
    """How many account-wide cancel-alls the exchange has seen."""
    return sum(count for name, count in stage.truth()["requests"].items() if "cancel_all" in name)


def test_the_cancel_all_is_drilled_between_windows_while_its_proof_is_young(tmp_path: Path) -> None:
    # The first window is four minutes away; a proof is due again at half of its limit, the shortest that there is.
    drilled = {"controls.drill_cancel_all": "true", "controls.proof_limit_s": "60"}
    with playing(Stage(tmp_path, anchor_s=int(utc_s()) + 240, settings=drilled)) as stage:
        first_s = until("proven", lambda: proven_s(stage), 15)
        assert cancel_alls(stage) == 1
        assert gate(stage, "proof_cancel_all")["status"] == "PASS"
        second_s = until("proven again", lambda: s if (s := proven_s(stage)) > first_s else 0.0, 45, poll_s=0.25)
        assert 25 < second_s - first_s < 45
        assert cancel_alls(stage) == 2
        assert "cancel_all_tail" in stage.reasons()
        assert stage.picture()["pause_reason"] == "", "a drill is nobody's order"
        assert stage.stop(signal.SIGTERM) == 0
        assert cancel_alls(stage) == 2
        assert [row["reason"] for row in stage.records("cancel_all_done")] == ["drill", "drill", "shutdown"]
        assert_journal(stage)


@pytest.mark.step("O02")
def test_each_hard_stop_has_its_time_to_flat_in_the_report(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10, first_open_s=2)) as stage:
        stage.until_quoting(least=4)
        # The power is cut: what rests is cancelled by the next start, and that is measured.
        left = {order["order_id"] for order in stage.truth()["resting"]}
        stage.stop(signal.SIGKILL)
        stage.start_daemon()
        stage.wait_for_page()
        until("the old orders are gone", lambda: not left & {o["order_id"] for o in stage.truth()["resting"]}, 20)
        stage.until_quoting(30)
        # The kill file, while the exchange lets the cancel-all run out of time.
        stage.exchange_fault("lost_request", op="cancel_all", count=2)
        (tmp_path / "KILL_SWITCH").write_text("drill", encoding="utf-8")
        until("nothing rests", lambda: not stage.truth()["resting"], 20)
        assert stage.truth()["faults"].get("lost_request"), "the exchange was deaf"
        # of the whole account: a stop while that is under way is no flattening of its own
        until("proven", lambda: ("all", "kill_switch_engaged") in flattened(stage), 20)
        assert stage.stop(signal.SIGTERM) == 0
        day = stage.ladderd("report", "--date", utc_day(), "--state-dir", str(tmp_path))
        assert day.returncode == 0, day.stdout + day.stderr
        pages = "".join(page.read_text("utf-8") for page in (tmp_path / "reports").rglob("*.md"))
        for trigger in ("not_reconciled", "kill_switch_engaged", "shutdown"):
            assert re.search(rf"^\| time to flat, {trigger} \| \d+ \| [\d.]+ ms \|", pages, re.MULTILINE), trigger


def triggers(stage: Stage) -> set[str]:
    """What has been flattened for so far."""
    return {trigger for _, trigger in flattened(stage)}


def flattened(stage: Stage) -> set[tuple[str, str]]:
    """Which series, or all, and for what, so far."""
    return {(str(row["series"]), str(row["trigger"])) for row in stage.records("time_to_flat")}


def orders_summary(stage: Stage) -> str:
    """What `ladderd orders --summary` says when it finds nothing resting, nothing live and no difference."""
    answer = stage.ladderd("orders", "--summary", "--http", stage.http, "--config", str(stage.config))
    empty = "0 resting" in answer.stdout and "0 may be live" in answer.stdout
    return answer.stdout if answer.returncode == 0 and empty else ""


def utc_day() -> str:
    """Today, as reports name it."""
    return dt.datetime.fromtimestamp(utc_s(), dt.UTC).date().isoformat()


def restrict_one(stage: Stage, file: Path) -> None:
    """The list appears beside a daemon that quotes, in another spelling: the market that it names is left, by name."""
    ticker = str(stage.until_quoting()[0]["ticker"])
    file.write_text(f"markets = [{json.dumps(ticker.lower())}]\n")
    until("the market is refused", lambda: ticker in {r["ticker"] for r in stage.records("market_vetoed")}, 10)
    until("nothing rests there", lambda: ticker not in {order["ticker"] for order in stage.truth()["resting"]}, 10)
    steps = list(stage.steps())
    read = next(n for n, step in enumerate(steps) if isinstance(step.event, RestrictedRead) and step.event.names)
    placed = [a.ticker for step in steps[read:] for a in step.actions if isinstance(a, Place)]
    assert ticker not in placed


@pytest.mark.step("G06", "H22")
def test_pause_and_note_by_command(tmp_path: Path) -> None:
    restricted = tmp_path / "restricted.toml"
    with playing(Stage(tmp_path, first_open_s=2, settings={"restricted_file": str(restricted)})) as stage:
        restrict_one(stage, restricted)
        secret = stage.environment["LADDERD_FEEDS__API_KEY"]
        typed = ["note", f"drill: all is well, but {secret}"]
        for arguments in (typed, ["pause", "--by", "drill", "--cause", "lunch"]):
            answer = stage.ladderd(*arguments, "--state-dir", str(tmp_path))
            assert answer.returncode == 0, answer.stdout + answer.stderr
        until("nothing rests", lambda: not stage.truth()["resting"], 2)
        assert stage.picture()["pause_reason"] == "paused by drill: lunch"
        # Own book and the exchange's list, past its lag, say the same: nothing.
        said = until("both say nothing", lambda: orders_summary(stage), 8)
        assert stage.addresses["exchange"] in said
        assert stage.http in said
        # A pause survives a kill of the process; a resume lifts it and quoting goes on, for no cancel-all was needed.
        stage.stop(signal.SIGKILL)
        stage.start_daemon()
        stage.wait_for_page()
        until("reconciled", lambda: stage.picture().get("reconciled"), 10)
        assert "paused" in stage.reasons()
        assert not stage.truth()["resting"]
        until_instant(stage.target_s() + 1.5)
        assert not stage.truth()["resting"]
        stage.until_only("paused")
        resumed = stage.ladderd("resume", "--by", "drill", "--cause", "back", "--state-dir", str(tmp_path))
        assert resumed.returncode == 0, resumed.stdout
        stage.until_quoting()
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        commands = [s.event.command for s in stage.steps() if isinstance(s.event, Operator)]
        assert commands == [Command.NOTE, Command.PAUSE, Command.RESUME], "each request is obeyed once"
        assert "drill: all is well" in str(stage.records("note"))
        day = stage.ladderd("report", "--date", utc_day(), "--state-dir", str(tmp_path))
        assert day.returncode == 0, day.stdout + day.stderr
        pages = list((tmp_path / "reports" / "INXU").glob("*.md"))
        noted = "| drill: all is well, but *** |"
        assert noted in "".join(page.read_text("utf-8") for page in pages), "among the day's notes"
        anomalies = (tmp_path / "reports" / "anomalies.md").read_text("utf-8")
        assert re.search(rf"^\| {utc_day()}T[\d:]+ \| operator {re.escape(noted)}$", anomalies, re.MULTILINE), anomalies
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").iterdir())
        assert b"all is well" in journal
        assert secret.encode() not in journal
        assert_journal(stage, runs=2)
