"""`ladderd incidents`: every incident with its owner and its file; 1 when a file is not the one of the journal."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from daemon.cli.commands import app
from domain.reasons import Breach
from domain.records import Entry, IncidentFiledEntry, IncidentOpenedEntry, NoteEntry, payload_of, type_of
from journal.writer_io import JournalWriter
from ops.incidents.files_io import keep
from tests.daemon.timepiece import Timepiece

IDENT = "20260306T150000.000Z-another_trader"


def journal(state_dir: Path, *entries: Entry) -> None:
    writer = JournalWriter(state_dir, "run", "paper", "hash", Timepiece(), threaded=False, build_id="build")
    for entry in entries:
        writer.append(type_of(type(entry)), payload_of(entry))
    writer.close()


def asked(state_dir: Path, *more: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["incidents", "--state-dir", str(state_dir), *more])
    return told.exit_code, told.output


def test_an_incident_is_listed_with_its_owner_and_its_file(tmp_path: Path) -> None:
    journal(tmp_path, NoteEntry("lunch", "ann"))
    assert asked(tmp_path) == (0, "no incident in the journal\n")
    kept = keep(tmp_path, IDENT, ".md", b"what happened")
    journal(
        tmp_path,
        IncidentOpenedEntry(IDENT, Breach.ANOTHER_TRADER, "a stranger's fill", ()),
        IncidentFiledEntry(IDENT, kept.path, kept.sha256, "", ""),
    )
    code, text = asked(tmp_path)
    assert code == 0
    first, second, third = text.splitlines()
    assert first.endswith("OPEN  another_trader: a stranger's fill")
    assert second.strip().startswith("owner compliance: ")
    assert third.strip() == f"{kept.path}: as written"
    (tmp_path / kept.path).write_text("nothing happened")
    code, text = asked(tmp_path, "--json")
    assert code == 1
    (row,) = json.loads(text)
    assert (row["ident"], row["file"], row["open"]) == (IDENT, "CHANGED since it was written", True)


def test_without_a_journal_it_is_one_line_and_no_crash(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["incidents", "--state-dir", str(tmp_path)])
    assert told.exit_code != 0
