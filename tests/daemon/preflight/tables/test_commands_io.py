"""The commands over tables: what they print, keep and answer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.preflight.tables import commands_io
from daemon.preflight.tables.commands_io import Printed, Words, check_decision, manifest, promote, ready_finding
from daemon.preflight.tables.gates import GATES
from domain.errors import UnavailableError, UsageError
from domain.findings.finding import FAIL, PASS, UNKNOWN, FindingStatus, read_findings
from ops.client_io import PageAnswer
from tests.daemon.stand import short_settings

GATE = {"name": "risk", "status": "FAIL", "reason": "risk_limit"}


@pytest.mark.step("A05")
def test_nobody_there_is_not_ready_and_the_report_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = short_settings(state_dir=tmp_path)
    assert commands_io.readiness(settings, None, Printed(as_json=True)) == 1
    printed = read_findings(capsys.readouterr().out.strip())
    report = read_findings((tmp_path / "audit_artifacts" / "readiness_report.json").read_bytes())
    assert printed == report
    assert {one.name: one.status for one in report.checks}["ready"] is UNKNOWN
    said = (tmp_path / "audit_artifacts" / "readiness_report.md").read_text()
    assert "NO-GO" in said
    assert all(one.name in said for one in report.checks)


@pytest.mark.step("A05")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (PageAnswer(200, "", {"ready": True, "gates": [GATE | {"status": "PASS"}]}), PASS),
        (PageAnswer(503, "", {"ready": False, "gates": [GATE]}), FAIL),
        (PageAnswer(200, "", {"ready": False, "gates": []}), FAIL),
        (PageAnswer(503, "", {"ready": True, "gates": []}), FAIL),
        (PageAnswer(200, "x", None), UNKNOWN),
        (PageAnswer(200, "x", {"ready": True}), UNKNOWN),
        (UnavailableError("nobody"), UNKNOWN),
    ],
)
def test_ready_is_what_the_daemon_says_and_nothing_else(
    answer: PageAnswer | Exception, status: FindingStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> PageAnswer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(commands_io, "fetch", asked)
    assert ready_finding(short_settings(state_dir=tmp_path), "http://here").status is status


@pytest.mark.step("O15", "O17")
def test_promotion_without_evidence_names_every_gate_and_decides_no_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = short_settings(state_dir=tmp_path)
    assert promote(settings, Printed(as_json=True), decision=Words("ann", "why")) == 1
    table = read_findings(capsys.readouterr().out.strip())
    assert {one.name for one in table.checks} == {look.name for look in GATES}
    assert all(one.blocks for one in table.checks)
    code, text = check_decision(settings)
    assert (code, "NO-GO" in text) == (1, True)


@pytest.mark.step("O15")
def test_a_waiver_is_printed_with_every_later_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = short_settings(state_dir=tmp_path)
    for gate, until in (("no_such", "2100-01-01T00:00:00Z"), ("soak", "yesterday"), ("soak", "2020-01-01T00:00:00Z")):
        with pytest.raises(UsageError):
            commands_io.waive_gate(settings, gate, Words("ann", "why"), until)
    code, text = commands_io.waive_gate(settings, "soak", Words("ann", "the rack moves"), "2100-01-01T00:00:00Z")
    assert (code, "soak: waived until" in text) == (0, True)
    assert promote(settings, Printed(as_json=False, as_md=True), decision=None) == 1
    assert "waived until 2100-01-01T00:00:00" in capsys.readouterr().out


@pytest.mark.step("O01")
def test_a_manifest_is_compared_with_what_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = short_settings(state_dir=tmp_path)
    assert manifest(settings, None, Printed(as_json=False)) == 1
    assert "NO-GO" in capsys.readouterr().out
    assert manifest(settings, None, Printed(as_json=True)) == 1
    assert manifest(settings, Words("ann", "why"), Printed(as_json=True)) == 0
    assert manifest(settings, None, Printed(as_json=True)) == 0
    said = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [said[0]["ok"], said[1]["by"], said[2]["ok"]] == [False, "ann", True]
    assert manifest(short_settings(state_dir=tmp_path, risk={"markets_max": 3}), None, Printed(as_json=True)) == 1
