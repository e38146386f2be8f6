"""Incident files: written from a journal under their day, listed with whether they still are what was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from domain.reasons import Breach
from domain.records import (
    Entry,
    IncidentFigure,
    IncidentFiledEntry,
    IncidentOpenedEntry,
    OperatorActionEntry,
    payload_of,
    type_of,
)
from journal.writer_io import JournalWriter
from ops.incidents.files_io import AS_WRITTEN, CHANGED, MISSING, NOT_YET, Kept, keep, list_incidents, write_incident
from ops.incidents.page import NoSuchIncidentError
from tests.daemon.timepiece import Timepiece

IDENT = "20260306T150000.000Z-kill_switch"


def journal(state_dir: Path, *entries: Entry) -> None:
    writer = JournalWriter(state_dir, "run", "paper", "hash", Timepiece(), threaded=False, build_id="build")
    for entry in entries:
        writer.append(type_of(type(entry)), payload_of(entry))
    writer.close()


def opening(ident: str = IDENT) -> IncidentOpenedEntry:
    return IncidentOpenedEntry(ident, Breach.KILL_SWITCH, "file: stop", (IncidentFigure("equity", "$7.00"),))


@pytest.mark.step("G05", "G08")
def test_a_page_is_written_under_its_day_and_named_by_its_hash(tmp_path: Path) -> None:
    journal(tmp_path, opening())
    kept = write_incident(tmp_path, IDENT, 120, ("Ann",))
    assert kept.path == f"reports/incidents/2026-03-06/{IDENT}.md"
    body = (tmp_path / kept.path).read_bytes()
    assert hashlib.sha256(body).hexdigest() == kept.sha256
    assert b"| on call | Ann |" in body
    assert write_incident(tmp_path, IDENT, 120, ("Ann",)) == kept, "written again, it is the same"


def test_no_such_incident_writes_nothing(tmp_path: Path) -> None:
    journal(tmp_path, opening())
    with pytest.raises(NoSuchIncidentError):
        write_incident(tmp_path, "20260306T150001.000Z-kill_switch", None, ())
    assert not (tmp_path / "reports").exists()


def listed(state_dir: Path, *more: Entry) -> str:
    journal(state_dir, *more)
    (found,) = list_incidents(state_dir)
    return found.file


def filed(kept: Kept) -> IncidentFiledEntry:
    return IncidentFiledEntry(IDENT, kept.path, kept.sha256, "", "")


def test_the_list_tells_a_file_that_was_changed_or_taken_away(tmp_path: Path) -> None:
    assert listed(tmp_path, opening()) == NOT_YET
    kept = keep(tmp_path, IDENT, ".md", b"what happened")
    assert listed(tmp_path, filed(kept)) == AS_WRITTEN
    path = tmp_path / kept.path
    path.write_text("nothing happened")
    assert listed(tmp_path) == CHANGED
    path.unlink()
    assert listed(tmp_path) == MISSING


def test_an_incident_is_open_until_somebody_resumes_and_a_refused_resume_counts_for_nothing(tmp_path: Path) -> None:
    journal(tmp_path, opening(), OperatorActionEntry("resume", "ann", "over", "operator_cli", refused=("risk",)))
    (found,) = list_incidents(tmp_path)
    assert found.open
    assert (found.owner, found.breach, found.why) == ("operations", "kill_switch", "file: stop")
    journal(tmp_path, OperatorActionEntry("resume", "ann", "over", "operator_cli"))
    (found,) = list_incidents(tmp_path)
    assert not found.open
