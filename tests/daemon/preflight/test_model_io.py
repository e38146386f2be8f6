"""`preflight --model` over files: each finding names what it rests on, and what cannot be read is never good."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from daemon.client.decision_files_io import FILE, FOLDER
from daemon.preflight import model_io
from daemon.preflight.model_io import look_at_model, model_command
from daemon.preflight.tables.gates import GATES
from daemon.preflight.tables.gates_io import look_at
from daemon.preflight.tables.manifest_io import ours_of
from daemon.system_clock import SystemClock
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding
from journal.layout import segment_name
from tests.daemon.stand import short_settings


def keep_decisions(home: Path, text: str) -> Path:
    path = home / FOLDER / "2026-11-30" / FILE
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.step("K02")
def test_an_empty_state_is_unknown_and_blocks(tmp_path: Path) -> None:
    settings = short_settings(state_dir=tmp_path)
    found = {one.name: one for one in look_at_model(settings)}
    assert set(found) == {"calibration", "out_of_sample_gap", "decision_memory", "models"}
    assert {name for name, one in found.items() if one.status is UNKNOWN} == set(found) - {"models"}
    assert found["models"].status is PASS
    assert model_command(settings, as_json=True) == 1


@pytest.mark.step("K02")
def test_decisions_are_read_line_by_line_and_named_by_file_and_hash(tmp_path: Path) -> None:
    path = keep_decisions(tmp_path, '{"proposal_id":"a"}\n{"proposal_id":"cut o\n{"proposal_id":"b"}\n')
    found = next(one for one in look_at_model(short_settings(state_dir=tmp_path)) if one.name == "decision_memory")
    assert (found.status, found.path) == (PASS, str(path))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.mtime_utc
    path.write_text('{"proposal_id":"a"}\n{"other":1}\n')
    found = next(one for one in look_at_model(short_settings(state_dir=tmp_path)) if one.name == "decision_memory")
    assert found.status is FAIL
    assert f"{path}:2" in found.reason


@pytest.mark.step("K02")
def test_a_journal_that_cannot_be_believed_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / segment_name("2026-11-30", 1)).write_text("rubbish\n")
    found = {one.name: one for one in look_at_model(short_settings(state_dir=tmp_path))}
    assert found["calibration"].status is FAIL
    assert "the journal cannot be read" in found["calibration"].reason


def test_what_was_found_is_kept_as_the_gate_of_a_promotion_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = short_settings(state_dir=tmp_path)
    gate = next(look for look in GATES if look.name == "model")
    now_ns = SystemClock().now().utc_ns
    assert look_at(gate, tmp_path, ours_of(settings), now_ns).status is UNKNOWN
    monkeypatch.setattr(model_io, "look_at_model", lambda _: (Finding("calibration", PASS, "good"),))
    assert model_command(settings, as_json=False) == 0
    assert look_at(gate, tmp_path, ours_of(settings), SystemClock().now().utc_ns).status is PASS
    monkeypatch.setattr(model_io, "look_at_model", lambda _: (Finding("calibration", FAIL, "bad"),))
    assert model_command(settings, as_json=False) == 1
    assert look_at(gate, tmp_path, ours_of(settings), SystemClock().now().utc_ns).status is FAIL
    kept = sorted((tmp_path / "audit_artifacts" / "model").iterdir())
    assert all(msgspec.json.decode(path.read_bytes())["table"] == "model" for path in kept)
