"""One index dies on both hosts of a real daemon: every screen, file and command says so, and the socket stays."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from domain.records import FeedSwitchEntry
from tests.heard import heard
from tests.live.stage import Stage, playing, until

DEAD, ALIVE = "INXU", "NASDAQ100U"


def ops(stage: Stage) -> dict[str, Any]:
    status, body = stage.page("/ops/status")
    assert status == 200, body
    told: dict[str, Any] = json.loads(body)
    return told


def metric(stage: Stage, name: str, labels: str = "") -> float:
    """One sample of `/metrics`, by name and label text."""
    _, body = stage.page("/metrics", accept="text/plain")
    line = next(row for row in body.decode().splitlines() if row.startswith(f"{name}{labels} "))
    return float(line.rpartition(" ")[2])


def monitor(stage: Stage, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((stage.state_dir / "monitors" / name).read_text(encoding="utf-8"))
    return told


def freshness(stage: Stage) -> tuple[int, dict[str, Any]]:
    """`ladderd freshness`: exit code and document."""
    asked = stage.ladderd("freshness", "--json", "--state-dir", str(stage.state_dir))
    told: dict[str, Any] = json.loads(asked.stdout)
    return asked.returncode, told


def test_a_dead_index_is_stale_everywhere_and_what_a_dead_daemon_left_proves_nothing(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=90, strict_s=5, feeds="standby")) as stage:
        stage.until_quoting()
        until("all is well", lambda: ops(stage)["status"]["state"] == "OK", 5)
        code, told = freshness(stage)
        assert (code, told["status"]) == (0, "PASS")
        assert told["source"].startswith("daemon at ")
        window = until("a window in its file", lambda: monitor(stage, "ops_window.json")["scheduler_window"])
        assert set(window["series"]) == {DEAD, ALIVE}

        stage.feed_fault("silence", symbol="I:SPX")
        until("halted", lambda: ops(stage)["status"]["state"] == "HALTED", 5)
        # Long enough for the other host to be tried and to be found as silent.
        until("both hosts are set aside", lambda: all(f["set_aside"] for f in stage.picture()["feeds"]), 40)
        document = ops(stage)
        assert document["status"]["reason_codes"] == ["MARKETDATA_STALE"]
        assert document["marketdata"]["is_fresh"] is False
        assert {row["series"]: row["is_fresh"] for row in document["marketdata"]["series"]} == {
            DEAD: False,
            ALIVE: True,
        }
        asked = stage.ladderd("status", "--http", stage.http)
        assert asked.returncode == 1
        assert "HALTED" in asked.stdout.splitlines()[0]
        code, told = freshness(stage)
        assert (code, told["status"]) == (1, "FAIL")
        assert told["age_seconds"] > 10
        assert [row["status"] for row in told["series"]] == ["FAIL", "PASS"]
        file = monitor(stage, "freshness.json")
        assert file["polygon_index"]["websocket"]["age_seconds"] > 10
        assert [row["age_seconds"] > 10 for row in file["series"]] == [True, False]
        assert metric(stage, "ladderd_marketdata_age_seconds") > 10
        assert metric(stage, "ladderd_index_age_seconds", f'{{series="{ALIVE}"}}') < 2
        assert {o["ticker"].partition("-")[0] for o in stage.truth()["resting"]} <= {f"KX{ALIVE}"}
        assert stage.reasons(ALIVE) == (), "the other index is quoted"

        assert stage.stop(signal.SIGTERM) == 0
        until("an old file", lambda: freshness(stage)[1]["status"] == "UNKNOWN", 10)
        assert freshness(stage)[0] == 1
        nowhere = stage.ladderd("freshness", "--state-dir", str(tmp_path / "nowhere"))
        assert nowhere.returncode == 69
        actions = [action for step in stage.steps() for action in step.actions]
        alerts = heard(actions)
        assert [a.payload["series"] for a in alerts if a.kind == "index_stale"] == [DEAD]
        assert [a.payload["symbol"] for a in alerts if a.kind == "feed_quarantined"] == ["I:SPX", "I:SPX"]
        switches = [action for action in actions if isinstance(action, FeedSwitchEntry)]
        assert len(switches) == 1, "the other host is tried once, and there the socket stays"
