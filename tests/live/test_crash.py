"""The daemon killed or hung in mid-window: the exchange's book empties by expiry alone, and a restart takes over."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from domain.actions import Place
from domain.events import LoopStall
from journal.snapshot_io import snapshot_path
from tests.heard import heard
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, fetch, playing, until, until_instant

EXPIRY_LEAD_S = 3
STRAY = "ladderd-1-99"
Orders = list[dict[str, Any]]


def exchange_does(stage: Stage, deed: str, body: dict[str, Any]) -> None:
    """Have the simulator fill an order of ours, or place one as another client of the account."""
    status, answer = fetch(f"{stage.addresses['exchange']}/sim/{deed}", body)
    assert status == 200, answer


def assert_belts(resting: Orders, target_s: int) -> None:
    """Every order carries its own dead-man: an expiry at T-3 s or before, a group, cancel on pause."""
    for order in resting:
        expiry = dt.datetime.fromisoformat(order["expiration_time"])
        assert expiry.timestamp() <= target_s - EXPIRY_LEAD_S, order
        assert order["order_group_id"], order
        assert order["cancel_order_on_pause"] is True, order


def names(orders: Orders) -> set[str]:
    """Their ids."""
    return {order["order_id"] for order in orders}


def alerts(stage: Stage) -> list[str]:
    """What was raised, by the journal."""
    return [alert.kind for s in stage.steps() for alert in heard(s.actions)]


def held(stage: Stage) -> dict[str, int]:
    """The daemon's own positions in hundredths of a contract, as its snapshot has them."""
    shown = stage.ladderd("snapshot", "show", "--json", "--state-dir", str(stage.state_dir))
    markets = json.loads(shown.stdout)["ledger"]["markets"]
    return {
        ticker: market["position"] for ticker, market in markets.items() if market["position"] and not market["result"]
    }


def held_at_exchange(stage: Stage) -> dict[str, int]:
    """The same by the simulator's record."""
    return {ticker: round(float(count) * 100) for ticker, count in stage.truth()["positions"].items()}


@pytest.mark.step("H16", "X02")
def test_killed_in_mid_window_then_restarted(tmp_path: Path) -> None:
    with playing(Stage(tmp_path)) as stage:
        number = stage.window_ahead(3)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        resting = stage.until_quoting(least=4)
        assert_belts(resting, stage.target_s(number))
        exchange_does(stage, "fill", {"order_id": resting[0]["order_id"]})
        until("the fill booked", lambda: stage.metric("ladderd_fills_total"), 8)
        stage.until_quoting(least=3)
        # Killed. One order is hit while nobody looks; the others go by their own expiry, before the freeze.
        stage.stop(signal.SIGKILL)
        left = stage.truth()["resting"]
        assert left
        assert_belts(left, stage.target_s(number))
        exchange_does(stage, "fill", {"order_id": left[0]["order_id"]})
        until_instant(stage.target_s(number) - 2)
        assert not stage.truth()["resting"]
        until_instant(stage.target_s(number) - 1.8)
        assert assert_flat_and_maker(stage.truth())
        # Restarted: it knows the first fill, learns of the second, settles both, and quotes the next window.
        stage.start_daemon()
        stage.wait_for_page()
        until_instant(stage.target_s(number) + 1)
        second = stage.until_quoting()
        fills = len(stage.truth()["fills"])
        until("every fill booked", lambda: len(stage.records("order_filled")) >= fills, 5)
        # Killed again and started at once: what is left is cancelled, also an order that it never heard of.
        stage.stop(signal.SIGKILL)
        stray = {
            "ticker": second[0]["ticker"],
            "side": "bid",
            "price": "0.0100",
            "count": "1.00",
            "client_order_id": STRAY,
            "post_only": True,
        }
        exchange_does(stage, "place", stray)
        left = stage.truth()["resting"]
        assert len(left) >= 2
        stage.start_daemon()
        stage.wait_for_page()
        until("none of the old orders rests", lambda: not names(left) & names(stage.truth()["resting"]), 5)
        stage.until_quoting()
        until("positions agree", lambda: held(stage) == held_at_exchange(stage), 5)
        assert stage.stop(signal.SIGTERM) == 0
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        assert_journal(stage, runs=3)
        placed = [a.client_order_id for s in stage.steps() for a in s.actions if isinstance(a, Place)]
        assert len(placed) == len(set(placed)), "a client order id is never used twice"
        strays = [alert.payload for s in stage.steps() for alert in heard(s.actions, "orphan_order_adopted")]
        assert {p["client_order_id"] for p in strays} == {STRAY}, "its own orders it remembers"
        results = [r for r in stage.records("window_result") if r["target_ns"] == stage.target_s(number) * 10**9]
        assert sum(r["fills"] for r in results) >= 2
        assert all(r["settled"] and r["pnl"] is not None for r in results)


def test_a_lost_state_directory_on_an_account_that_has_traded(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        resting = stage.until_quoting(least=4)
        number = stage.window_ahead(0)
        exchange_does(stage, "fill", {"order_id": resting[0]["order_id"]})
        until("the fill booked", lambda: stage.metric("ladderd_fills_total"), 8)
        stage.stop(signal.SIGKILL)
        for kept in ("journal", "anchor", "monitors", "cancel_all"):
            shutil.rmtree(tmp_path / kept, ignore_errors=True)
        snapshot_path(tmp_path).unlink()
        # Its window is settled, the position gone, when a daemon comes that has never heard of it.
        until_instant(stage.target_s(number) + 1)
        until("settled", lambda: not stage.truth()["positions"], 5)
        stage.start_daemon()
        stage.wait_for_page()
        stage.until_quoting(limit_s=2 * stage.period_s)
        assert stage.metric("ladderd_fills_total") >= 1
        until("the old window closed", lambda: stage.records("settlement"), 10)
        assert "reconcile_drift" not in stage.reasons()
        assert "reconcile_drift" not in alerts(stage)
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage)


@pytest.mark.step("H16")
def test_hung_in_mid_window_then_awake(tmp_path: Path) -> None:
    with playing(Stage(tmp_path)) as stage:
        number = stage.window_ahead(3)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        stage.until_quoting(least=4)
        daemon = stage.processes["daemon"]
        daemon.send_signal(signal.SIGSTOP)
        left = stage.truth()["resting"]
        assert left
        until_instant(stage.target_s(number) - 1.9)
        assert not stage.truth()["resting"]
        assert assert_flat_and_maker(stage.truth())
        sent = stage.truth()["requests"]["create_order"]
        # Awake: the stall is a guard of its own, nothing of before is sent, and the next window is quoted as ever.
        daemon.send_signal(signal.SIGCONT)
        until("the stall noticed", lambda: any(isinstance(s.event, LoopStall) for s in stage.steps()), 5)
        until("healthy", lambda: stage.page("/health")[0] == 200, 5)
        until_instant(stage.target_s(number))
        assert stage.truth()["requests"]["create_order"] == sent
        until_instant(stage.target_s(number) + 1)
        stage.until_quoting()
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage)
