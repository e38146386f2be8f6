"""Whole windows on real processes: quoted, guarded, flat before T-2 s, settled, reported, and replayed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim.local.setting import ROOT
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, demo_stage, until


@pytest.mark.step("H09", "H16", "H20")
def test_one_window_from_the_demo_command_to_the_report(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "sim", "demo", "--once", "--plain", "--http-port", "0", "--state-dir", str(tmp_path),
         "--period-s", "12", "--settle-delay-s", "1"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        stage = demo_stage(tmp_path, demo)
        stage.until_quoting()
        quoted_over_http(stage)
        finished = until("a finished window", lambda: assert_flat_and_maker(stage.truth()), poll_s=0.1)
        # By the daemon's own flattening at T-3.5 s, not by the expiry at T-3 s that stands behind it.
        assert all(w["last_resting_ms"] < w["close_time_ms"] - 3_000 for w in finished), finished
        said, _ = demo.communicate(timeout=40)
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=40)
    assert demo.returncode == 0, said.decode()
    assert b"daemon   ended with code 0" in said
    assert said.count(b" settled: ") >= 2
    reported(stage)
    assert_journal(stage)


def test_a_demo_that_nobody_reads_any_more_ends_in_order_and_leaves_nobody_behind(tmp_path: Path) -> None:
    # `make run | head` left the daemon and both simulators running
    demo = subprocess.Popen(
        [sys.executable, "-m", "sim", "demo", "--plain", "--http-port", "0", "--state-dir", str(tmp_path),
         "--period-s", "12"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert demo.stdout is not None
    assert demo.stdout.readline().startswith(b"page ")
    children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
    assert len(children) == 3
    demo.stdout.close()
    assert demo.wait(60) == 1
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert json.loads((tmp_path / "monitors" / "ended.json").read_text("utf-8"))["code"] == 0


def ready(stage: Stage) -> bytes:
    """The gates, once they are all open; nothing before."""
    status, body = stage.page("/ready")
    return body if status == 200 else b""


def quoted_over_http(stage: Stage) -> None:
    """While quoting: ready, healthy, a page, and metrics as text and as JSON; `ladderd windows` knows the window."""
    gates = json.loads(until("ready", lambda: ready(stage)))
    assert gates["ready"]
    assert all(gate["status"] in {"PASS", "NOT_CONFIGURED"} for gate in gates["gates"])
    assert stage.page("/health")[0] == 200
    status, page = stage.page("/")
    assert status == 200
    assert b"<html" in page.lower()
    for path in ("/metrics", "/metrics/prometheus"):
        status, text = stage.page(path)
        assert status == 200
        assert b"\nladderd_" in text
    status, document = stage.page("/metrics", accept="application/json")
    assert status == 200
    assert isinstance(json.loads(document), dict)
    told = stage.ladderd("windows", "--series", "INXU", "--config", str(stage.config), "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["scheduler_window"]["target_type"] == "short"


def reported(stage: Stage) -> None:
    """Both series have the day's report with what the runbook asks for."""
    for series in ("INXU", "NASDAQ100U"):
        pages = list((stage.state_dir / "reports" / series).glob("*.md"))
        assert len(pages) == 1
        text = pages[0].read_text(encoding="utf-8")
        for part in ("fee_path", "scheduler_window", "ws_freshness", "short-"):
            assert part in text, part
        assert pages[0].with_suffix(".html").exists()
