"""close-all on real processes: the daemon quotes, is dead, is killed, which leaves a cancel-all's tail.

One stage, one long window. What is held is made by the simulated exchange's own takers; what became of it is read from
its record, never from the command alone. Each time the daemon's ledger must agree afterwards, and nothing may be drift.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.live.stage import Stage, playing, until
from tests.live.test_books import alerts, reconcile, sim

WINDOW_S = 150  # one window for all of it


def hold(stage: Stage) -> None:
    """Somebody takes one resting order in each market that there is: longs and shorts."""
    one_each = {order["ticker"]: order for order in stage.until_quoting(40)}
    for order in one_each.values():
        sim(stage, "fill", {"order_id": order["order_id"]})
    assert stage.truth()["positions"], "nothing is held: nothing is shown"


def close_all(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    said = ("--by", "drill", "--cause", "to be flat", "--cap-cents", "50", "--config", str(stage.config))
    return stage.ladderd("close-all", *said, *words, limit_s=110)


def closed(stage: Stage, done: subprocess.CompletedProcess[str]) -> None:
    """By the exchange's own record nothing is held or rests, and only orders of a close-all ever took."""
    truth = stage.truth()
    told = done.stdout + done.stderr
    assert (truth["positions"], truth["resting"]) == ({}, []), told
    assert done.returncode == 0, told
    took = {fill["client_order_id"] for fill in truth["fills"] if fill["is_taker"]}
    assert took, told
    assert all(name.startswith("ladderd-closeall-") for name in took)


def agrees(stage: Stage, runs: int) -> None:
    """The daemon is paused by it, has recorded who and why, and its ledger is the exchange's."""
    until("paused", lambda: stage.picture().get("paused"), 20)
    until("its end is recorded", lambda: len(ends(stage)) == runs, 20)
    assert [end["left"] for end in ends(stage)] == [[]] * runs
    assert {(end["by"], end["cause"]) for end in ends(stage)} == {("drill", "to be flat")}
    code, told = reconcile(stage)
    assert (code, told["differences"], told["unknown"]) == (0, [], "")
    booked = {row["trade_id"] for row in stage.records("order_filled")}
    assert {fill["trade_id"] for fill in stage.truth()["fills"]} <= booked
    assert "taker_fill" not in alerts(stage)
    assert alerts(stage).count("close_all_ended") == runs


def ends(stage: Stage) -> list[dict[str, object]]:
    return [row for row in stage.records("close_out") if "outcome" in row]


@pytest.mark.step("K13")
def test_quoting_dead_and_killed_inside_the_tail(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2, period_s=WINDOW_S, strict_s=10)) as stage:
        # Quoting. The first look sends nothing.
        hold(stage)
        looked = close_all(stage)
        assert "nothing was sent: say --confirm" in looked.stdout, looked.stdout + looked.stderr
        assert stage.truth()["positions"]
        done = close_all(stage, "--confirm")
        closed(stage, done)
        assert "is paused" in done.stdout
        agrees(stage, 1)
        assert not stage.picture()["kill_switch"], "what it took is no reason to halt"
        assert "close-all by drill" in stage.picture()["close_out"]
        assert stage.metric("ladderd_close_out_orders_total") >= 1
        assert stage.metric("ladderd_close_out_fills_total") >= 1
        assert stage.metric("ladderd_taker_fills_total") == 0
        # Dead: what it did lies there for the next start.
        stage.resume()
        hold(stage)
        stage.stop(signal.SIGKILL)
        closed(stage, close_all(stage, "--confirm"))
        stage.start_daemon()
        stage.wait_for_page()
        agrees(stage, 2)
        # Killed, which sends an account-wide cancel-all: inside its tail.
        stage.resume()
        hold(stage)
        assert stage.ladderd("kill", "--reason", "drill", "--config", str(stage.config)).returncode == 0
        assert stage.truth()["positions"]
        done = close_all(stage, "--confirm")
        closed(stage, done)
        if "void" in done.stdout:
            assert "as the tail of a cancel-all may do" in done.stdout
        agrees(stage, 3)
        assert json.loads((tmp_path / "monitors" / "http.json").read_text())["pid"]
        assert stage.stop(signal.SIGTERM) == 0
        verified = stage.ladderd("verify", "--state-dir", str(tmp_path))
        assert verified.returncode == 0, verified.stdout
