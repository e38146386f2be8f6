"""`ladderd journal`: every record once, in order, from every segment; and where a journal is damaged, in one line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.cli.journal_io import fill_line, print_facts, print_fills
from domain.errors import ConfigurationError, UsageError
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.records import ForeignFillEntry, NoteEntry, OrderFilledEntry
from journal.reader_io import segment_paths
from journal.writer_io import JournalLimits, JournalWriter
from tests.journal import story
from tests.journal.conftest import HandClock

KEYS = {
    *("seq", "event_id", "ts_utc", "mono_ns", "type", "version", "run_id", "environment", "config_hash"),
    *("correlation_id", "causation_id", "payload", "prev_hash", "hash"),
}
BEFORE = Path(__file__).resolve().parents[1] / "runtime" / "state_before"

Say = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    def said(record_type: str | None = None, *, as_json: bool = False) -> tuple[int, list[str]]:
        lines: list[str] = []
        return print_facts(tmp_path, record_type, lines.append, as_json=as_json), lines

    return said


@pytest.fixture
def told(tmp_path: Path) -> list[str]:
    """The types that the journal of a day tells, in order; it stands in several segments."""
    limits = JournalLimits(segment_bytes_max=6_000, ballast_bytes=4096)
    writer = JournalWriter(tmp_path, "run", "demo", "c" * 64, HandClock(), threaded=False, limits=limits)
    story.journal(writer, story.story())
    writer.append("note", {"text": "looked slow", "by": "night desk"})
    assert writer.close()
    assert len(segment_paths(tmp_path)) > 3
    made = [action for _, _, actions in story.story() for action in actions]
    return [type(action).__struct_config__.tag for action in (*made, NoteEntry("", ""))]  # type: ignore[misc]


def test_each_record_is_one_line_with_time_id_type_and_figures(say: Say, told: list[str]) -> None:
    code, lines = say()
    assert code == 0
    assert [line.split(" ")[2] for line in lines] == told
    (created,) = [line for line in lines if "client_order_id=ladderd-1-1 " in line and " order_created " in line]
    assert created.startswith("2026-03-06T14:46:50.000Z ")
    assert " side=bid " in created
    assert " price=0.4200 count=1.00 " in created
    idents = [line.split(" ")[1] for line in lines]
    assert len(set(idents)) == len(idents)
    assert [ident for ident in idents if "." not in ident] == idents[-1:], "only the note has a line of its own"
    first = int(created.split(" ")[1].split(".")[0])
    assert created.split(" ")[1] == f"{first}.1"
    assert 'text="looked slow" by="night desk"' in lines[-1]


def test_one_type_alone(say: Say, told: list[str]) -> None:
    code, lines = say("order_filled")
    assert (code, len(lines)) == (0, told.count("order_filled"))
    assert all(" fill_price=0.4200 fill_count=1.00 fee=0.000000 " in line for line in lines)


def test_as_json_each_record_is_given_back_complete(say: Say, told: list[str]) -> None:
    _, lines = say(as_json=True)
    rows = [json.loads(line) for line in lines]
    assert [row["type"] for row in rows] == told
    assert all(row.keys() >= KEYS for row in rows)
    for row in rows[:-1]:
        step, place = row["event_id"].split(".")
        assert (row["causation_id"], row["seq"], int(place) > 0) == (step, int(step), True)
        assert row["run_id"] == "run"
        assert "kind" not in row["payload"]


def test_a_type_that_is_none_and_a_place_without_a_journal_are_refused(
    say: Say, told: list[str], tmp_path: Path
) -> None:
    del told
    with pytest.raises(UsageError, match="--type order_creatd: no record has this type; known: adoption, "):
        say("order_creatd")
    with pytest.raises(ConfigurationError, match="no journal there; give --state-dir"):
        print_facts(tmp_path / "nowhere", None, print, as_json=False)


def test_a_damaged_journal_is_told_up_to_the_damage_which_is_one_line_that_says_where(
    say: Say, told: list[str], tmp_path: Path
) -> None:
    segment = segment_paths(tmp_path)[-2]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([lines[0], lines[1].replace(b"ladderd-1", b"ladderd-2"), *lines[2:]]))
    if lines[1] in segment.read_bytes():
        segment.write_bytes(b"".join([lines[0], lines[1].replace(b'"kind"', b'"kinb"', 1), *lines[2:]]))
    code, said = say()
    assert (code, said[-1].startswith(f"journal NOT whole: {segment}:2: ")) == (1, True), said[-1]
    assert 0 < len(said) - 1 < len(told)
    assert [line.split(" ")[2] for line in said[:-1]] == told[: len(said) - 1]


def test_a_torn_last_line_is_no_damage(say: Say, told: list[str], tmp_path: Path) -> None:
    with segment_paths(tmp_path)[-1].open("ab") as file:
        file.write(b'{"causation_id":"')
    code, lines = say()
    assert (code, len(lines)) == (0, len(told))


def test_a_journal_of_the_version_before_is_told_each_record_once(say: Say, tmp_path: Path) -> None:
    for name in ("journal", "anchor"):
        shutil.copytree(BEFORE / name, tmp_path / name)
    code, lines = say()
    assert (code, [line.split(" ")[2] for line in lines].count("kill_switch")) == (0, 1)
    assert say("operator_action")[1][-1].split(" ")[2:4] == ["operator_action", "command=kill"]


def test_fills_are_every_execution_and_those_of_others_are_marked() -> None:
    fill = OrderFilledEntry(
        TradeId("t"), ClientOrderId("c"), OrderId("o"), "INXU", 0, Ticker("KX-T1"), Side.BID, Price(4_000), Count(100),
        Cash(0), "maker",
    )  # fmt: skip
    line = fill_line(0, fill)
    assert re.search(r"bid at 0\.40.*KX-T1  maker  fee ", line), line
    others = ForeignFillEntry(**{name: getattr(fill, name) for name in fill.__struct_fields__})
    assert fill_line(0, others) == f"{line}  NOT OURS: not booked"


def test_fills_of_a_journal_are_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        print_fills(tmp_path / "nowhere", print, as_json=False)
    said: list[str] = []
    (tmp_path / "journal").mkdir()
    assert print_fills(tmp_path, said.append, as_json=False) == 0
    assert said == ["0 fills"]
