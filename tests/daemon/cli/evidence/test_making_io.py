"""Makers of evidence over a state directory: what is made is what the gate reads, and nothing here is no evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.evidence.making_io import MAKERS, make
from daemon.preflight.tables.gates import GATES
from daemon.preflight.tables.gates_io import look_at
from daemon.preflight.tables.manifest_io import ours_of
from daemon.system_clock import SystemClock
from domain.errors import UsageError
from domain.findings.finding import FAIL, PASS
from guards.killswitch import KillLatch
from guards.vote import PASS as OPEN
from tests.daemon.stand import short_settings

OF_THE_STATE = [gate for gate in MAKERS if gate != "breach_drill"]


def gate_of(name: str, home: Path) -> object:
    settings = short_settings(state_dir=home)
    look = next(each for each in GATES if each.name == name)
    return look_at(look, home, ours_of(settings), SystemClock().now().utc_ns).status


@pytest.mark.step("O15")
@pytest.mark.parametrize("gate", OF_THE_STATE)
def test_an_empty_state_makes_evidence_that_is_against(gate: str, tmp_path: Path) -> None:
    assert make(short_settings(state_dir=tmp_path), gate, as_json=True) == 1
    assert gate_of(gate, tmp_path) is FAIL


@pytest.mark.step("O15")
def test_the_controls_are_rehearsed_for_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make(short_settings(state_dir=tmp_path), "breach_drill", as_json=False) == 0
    assert gate_of("breach_drill", tmp_path) is PASS
    monkeypatch.setattr(KillLatch, "vote", lambda *_: OPEN)
    assert make(short_settings(state_dir=tmp_path), "breach_drill", as_json=False) == 1
    assert gate_of("breach_drill", tmp_path) is FAIL


def test_a_report_that_was_written_is_evidence_with_its_hash(tmp_path: Path) -> None:
    settings = short_settings(state_dir=tmp_path)
    made = MAKERS["daily_report"](settings, SystemClock().now())
    for finding in made:
        path = Path(finding.reason.removesuffix(" is not there"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# a day")
    again = MAKERS["daily_report"](settings, SystemClock().now())
    assert [finding.status for finding in again] == [PASS, PASS]
    assert all(finding.sha256 and finding.mtime_utc for finding in again)


@pytest.mark.parametrize("gate", ["soak", "funded_window", "calibration", "nothing"])
def test_what_nothing_here_can_make_is_a_usage_error(gate: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing here makes it"):
        make(short_settings(state_dir=tmp_path), gate, as_json=True)
    assert not (tmp_path / "audit_artifacts").exists()
