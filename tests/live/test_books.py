"""Our books against the exchange's on real processes: what is not ours is named, stays, and is adopted by a person."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from journal.reader_io import segment_paths
from tests.heard import heard
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, fetch, playing, until, until_instant


def sim(stage: Stage, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Have the simulated exchange do something to our account."""
    status, told = fetch(f"{stage.addresses['exchange']}/sim/{path}", body)
    assert status == 200, told
    found: dict[str, Any] = json.loads(told)
    return found


def by_hand(stage: Stage, ticker: str, name: str) -> str:
    """Another client of our account rests a bid that nobody would hit."""
    body = {"ticker": ticker, "side": "bid", "count": "1.00", "price": "0.0100", "client_order_id": name}
    return str(sim(stage, "place", body)["order_id"])


def reconcile(stage: Stage, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = stage.ladderd("reconcile", "--state-dir", str(stage.state_dir), "--json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def kinds(told: dict[str, Any]) -> dict[str, str]:
    return {drift["kind"]: drift["what"] for drift in told["differences"]}


def alerts(stage: Stage) -> list[str]:
    return [alert.kind for s in stage.steps() for alert in heard(s.actions)]


@pytest.mark.step("K14", "K07", "O09")
def test_an_orphan_a_foreign_fill_and_a_damaged_byte_are_each_named(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10)) as stage:
        ticker = stage.until_quoting(least=4)[0]["ticker"]
        code, told = reconcile(stage)
        assert (code, told["ok"], told["differences"], told["unknown"]) == (0, True, [], "")
        # Somebody else's order on our account: it rests, and then it is hit.
        orphan = by_hand(stage, ticker, "by-hand-1")
        hit = by_hand(stage, ticker, "by-hand-2")
        sim(stage, "fill", {"order_id": hit})
        trade = next(fill["trade_id"] for fill in stage.truth()["fills"] if fill["order_id"] == hit)
        until("the gate closed", lambda: "reconcile_drift" in stage.reasons(), 5)
        code, told = reconcile(stage)
        assert code == 1
        assert (kinds(told)["FOREIGN_ORDER"], kinds(told)["FOREIGN_FILL"]) == (orphan, trade)
        listed = stage.ladderd("orders", "--orphans", "--config", str(stage.config))
        assert listed.returncode == 1, listed.stdout
        assert orphan in listed.stdout
        full = stage.ladderd("reconcile", "--full", "--config", str(stage.config))
        assert full.returncode == 1
        assert trade in full.stdout
        assert orphan in full.stdout
        # Nothing of it was booked, and a restart forgets none of it.
        assert alerts(stage).count("foreign_fill") == 1
        assert trade not in {row["trade_id"] for row in stage.records("order_filled")}
        stage.stop(signal.SIGKILL)
        stage.start_daemon()
        stage.wait_for_page()
        until("reconciled", lambda: "reconcile_drift" in stage.reasons(), 10)
        assert kinds(reconcile(stage)[1])["FOREIGN_FILL"] == trade
        assert stage.stop(signal.SIGTERM) == 0
        assert_journal(stage, runs=2)
        # Without a daemon the exchange's own lists tell the same; nobody answers for what rests.
        left = stage.ladderd("reconcile", "--state-dir", str(tmp_path))
        assert (left.returncode, "UNKNOWN" in left.stdout) == (69, True)
        damaged = segment_paths(tmp_path)[0]
        spoilt = bytearray(damaged.read_bytes())
        spoilt[len(spoilt) // 2] ^= 1
        damaged.write_bytes(bytes(spoilt))
        verified = stage.ladderd("verify", "--state-dir", str(tmp_path))
        assert verified.returncode == 1
        assert f"{damaged.name}:" in verified.stdout


@pytest.mark.step("K07", "O09")
def test_what_a_person_adopts_is_recorded_and_quoting_goes_on(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=30, strict_s=6)) as stage:
        number = stage.window_ahead(12)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        ticker = stage.until_quoting(least=4)[0]["ticker"]
        hit = by_hand(stage, ticker, "by-hand")
        sim(stage, "fill", {"order_id": hit})
        until("the gate closed", lambda: "reconcile_drift" in stage.reasons(), 5)
        refused = stage.ladderd("reconcile", "--adopt", "--by", "ann", "--state-dir", str(tmp_path))
        assert refused.returncode == 2
        code, told = reconcile(stage, "--adopt", "--by", "ann", "--cause", "traded by hand")
        assert (code, told["differences"]) == (0, []), told
        assert "FOREIGN_FILL" in {drift["kind"] for drift in told["adopted"]}
        (row,) = stage.records("fill_adopted")
        assert (row["by"], row["cause"], row["order_id"]) == ("ann", "traded by hand", hit)
        stage.until_quoting(10.0)
        # Settled, the balance agrees to the cent, and the fill is in no window's P&L.
        until_instant(stage.target_s(number) + 1)
        done = {"target_ns": stage.target_s(number) * 10**9, "series": "INXU"}
        result = until(
            "the window settled",
            lambda: [r for r in stage.records("window_result") if done.items() <= r.items()],
            15,
        )[-1]
        window = (stage.target_s(number) * 10**9, "INXU")
        mine = [r for r in stage.records("order_filled") if (r["window"], r["series"]) == window]
        assert hit not in {row["order_id"] for row in mine}
        assert result["fills"] == len(mine)
        until("all agrees", lambda: reconcile(stage)[0] == 0, 20)
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage)


@pytest.mark.step("O09")
def test_cash_that_somebody_moved_warns_until_adopted(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=60, strict_s=10)) as stage:
        stage.until_quoting()
        stage.ladderd("pause", "--by", "ann", "--cause", "drill", "--state-dir", str(tmp_path))
        until("nothing rests", lambda: not stage.truth()["resting"], 10)
        until("all agrees", lambda: reconcile(stage)[0] == 0, 20)
        sim(stage, "cash", {"amount": "-12.34"})
        code, told = reconcile(stage)
        assert (code, kinds(told)) == (1, {"CASH_MOVED": "balance"})
        assert "-12.34" in told["differences"][0]["detail"]
        assert stage.picture()["reconciled"], "a warning closes no gate"
        assert "cash_moved" in alerts(stage)
        code, told = reconcile(stage, "--adopt", "--by", "ann", "--cause", "fees of the bank")
        assert (code, [drift["kind"] for drift in told["adopted"]]) == (0, ["CASH_MOVED"])
        until("all agrees", lambda: reconcile(stage)[0] == 0, 20)
        # An exchange that answers nothing is never an empty account.
        stage.stop(name="exchange")
        code, told = reconcile(stage)
        assert (code, bool(told["unknown"]), told["ok"]) == (69, True, False)
