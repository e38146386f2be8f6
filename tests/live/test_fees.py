"""Fee terms that cannot be read, or that the exchange does not agree with: not one order, and the gate says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.actions import Place
from sim.local.setting import ROOT
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until, until_instant


def fee_gates(stage: Stage) -> dict[str, tuple[str, str]]:
    """Status and detail of the fee gate of each series, from `/ready`."""
    status, body = stage.page("/ready")
    gates = {g["series"]: (g["status"], g["detail"]) for g in json.loads(body)["gates"] if g["name"] == "fees"}
    assert status == 503 or all(state == "PASS" for state, _ in gates.values())
    return gates


@pytest.mark.step("H12")
def test_no_fee_file_no_quotes_and_disagreement_stops_its_series(tmp_path: Path) -> None:
    missing = tmp_path / "no-such-fees.json"
    with playing(Stage(tmp_path / "state", first_open_s=2, settings={"fees_file": str(missing)})) as stage:
        until("fees asked", lambda: {s for s, _ in fee_gates(stage).values()} == {"FAIL"}, 10)
        assert all("fee file: unreadable" in detail for _, detail in fee_gates(stage).values())
        until_instant(stage.target_s() - stage.open_lead_s + 1.5)
        until("fees alone stand in the way", lambda: stage.reasons() == ("fees_unknown",), 8)
        assert stage.stop() == 0
        assert not [a for step in stage.steps() for a in step.actions if isinstance(a, Place)]
        assert "create_order" not in stage.truth()["requests"]
        # With the file, but with other terms at the exchange for one of the two series.
        stage.exchange_fault("fee_type", series="KXINXU", fee_type="quadratic_with_maker_fees", fee_multiplier=1)
        stage.environment["LADDERD_FEES_FILE"] = str(ROOT / "configs" / "fees.json")
        stage.start_daemon()
        stage.wait_for_page()
        resting = stage.until_quoting()
        assert all(order["ticker"].startswith("KXNASDAQ100U-") for order in resting)
        state, detail = fee_gates(stage)["INXU"]
        assert state == "FAIL"
        assert "quadratic_with_maker_fees" in detail
        assert fee_gates(stage)["NASDAQ100U"][0] == "PASS"
        assert stage.stop() == 0
        assert_flat_and_maker(stage.truth())
        assert not [r for r in stage.records("order_created") if r["series"] == "INXU"]
        assert_journal(stage, runs=2)
