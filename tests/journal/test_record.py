"""The canonical bytes of a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions import RECORD_MINOR, Exit
from domain.clock import Now
from domain.events import Wake
from domain.records import RECORD_VERSION, NoteEntry
from domain.stamps import utc_ns_text
from journal.facts import told_in
from journal.opening_io import read_tail
from journal.reader import decode_step
from journal.reader_io import JournalDamaged, read_records, segment_paths
from journal.record import GENESIS, Body, RecordError, canonical_json, decode_record, digest_of, parse_utc, seal
from tests.journal.conftest import OpenWriter
from tests.journal.lines import sealed_again

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def body(payload: object, record_type: str = "note", correlation_id: str = "") -> Body:
    return Body(
        causation_id="",
        config_hash="c" * 64,
        correlation_id=correlation_id,
        environment="demo",
        event_id="run:1",
        mono_ns=5,
        payload=payload,
        prev_hash=GENESIS,
        run_id="run",
        seq=1,
        ts_utc=utc_ns_text(0),
        type=record_type,
    )


@given(payload=json_values, record_type=st.text(), correlation_id=st.text())
def test_a_line_is_sorted_compact_json_and_its_hash_is_that_of_the_rest(
    payload: object, record_type: str, correlation_id: str
) -> None:
    line, digest = seal(body(payload, record_type, correlation_id))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    fields = json.loads(line)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == line[:-1].decode()
    assert fields.pop("hash") == digest
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert digest_of(line) == (digest, digest)
    assert decode_record(line).type == record_type


def test_the_fields_are_those_of_the_contract() -> None:
    line, _ = seal(body({}))
    assert set(json.loads(line)) == {
        *("seq", "event_id", "ts_utc", "mono_ns", "type", "version", "run_id", "environment", "config_hash"),
        *("correlation_id", "causation_id", "payload", "prev_hash", "hash"),
    }


def test_two_orders_of_the_same_keys_give_the_same_bytes() -> None:
    assert seal(body({"a": 1, "b": {"c": 2, "d": 3}})) == seal(body({"b": {"d": 3, "c": 2}, "a": 1}))
    assert canonical_json(b'{"b": 1,\n "a": [1, 2]}') == b'{"a":[1,2],"b":1}'


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_time_stamp_reads_back_as_written(utc_ns: int) -> None:
    assert parse_utc(utc_ns_text(utc_ns)) == utc_ns


@pytest.mark.parametrize(
    "text", ["", "2026-03-06T14:50:00Z", "2026-03-06T14:50:00.123Z", "2026-13-06T14:50:00.123456789Z"]
)
def test_another_shape_of_time_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        parse_utc(text)


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b"null\n", b"\x00" * 40, b'{"hash":"00"}\n'])
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        digest_of(line)
    with pytest.raises(RecordError):
        decode_record(line)


def test_an_unknown_field_is_refused(chain_lines: Callable[[int], list[bytes]]) -> None:
    with pytest.raises(RecordError):
        decode_record(chain_lines(1)[0].replace(b'"seq"', b'"sea"'))


@pytest.mark.step("O05")
def test_a_record_of_a_newer_minor_version_is_kept_and_passed_over(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    later = {"kind": "weather", "sky": "blue"}
    richer = {"kind": "note", "text": "looked slow", "by": "ann", "mood": "calm"}
    step = {"event": Wake(), "now": Now(1, 2), "actions": [later, richer, Exit(0, "x")]}
    writer.append("step", step)
    writer.append("weather", {"sky": "grey"})
    writer.close()
    lines = b"".join(path.read_bytes() for path in segment_paths(tmp_path)).splitlines(keepends=True)
    head = decode_record(sealed_again(lines[0], payload={"build_id": "later", "minor": RECORD_MINOR + 1})[0])
    (made, alone) = [decode_record(line, head) for line in lines[1:]]
    assert (made.minor, alone.minor) == (RECORD_MINOR + 1, RECORD_MINOR + 1)
    assert b'"sky":"blue"' in bytes(made.payload), "kept"
    refused = ""
    actions: tuple[object, ...] = ()
    try:
        actions = decode_step(made).actions
    except RecordError as problem:
        refused = str(problem)
    assert not refused
    assert actions == (NoteEntry("looked slow", "ann"), Exit(0, "x"))
    assert [(fact.ident, fact.entry) for fact in told_in([made, alone])] == [("1.2", NoteEntry("looked slow", "ann"))]
    ours = decode_record(lines[1], decode_record(lines[0]))
    with pytest.raises(RecordError, match="cannot be read by this build"):
        decode_step(ours)


def test_an_alert_as_steps_held_it_before_is_passed_over(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    told = {"kind": "alert", "action": "paused", "severity": "warning", "payload": {"cause": "lunch"}}
    note = {"kind": "note", "text": "looked slow", "by": "ann"}
    writer.append("step", {"event": Wake(), "now": Now(1, 2), "actions": [told, note]})
    writer.close()
    (line,) = read_records(tmp_path)
    assert decode_step(line).actions == (NoteEntry("looked slow", "ann"),)
    assert [(fact.ident, fact.entry) for fact in told_in([line])] == [("1.2", NoteEntry("looked slow", "ann"))]


@pytest.mark.step("O05")
def test_a_newer_version_is_refused_by_name_and_our_own_is_not() -> None:
    line, _ = seal(body({}))
    assert decode_record(line).version == RECORD_VERSION
    line, _ = seal(msgspec.structs.replace(body({}), version=RECORD_VERSION + 1))
    with pytest.raises(RecordError, match=f"its version is {RECORD_VERSION + 1}, and this build reads up to"):
        decode_record(line)


@pytest.mark.step("O05")
def test_a_start_over_a_newer_version_is_refused_by_name(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("note", {})
    writer.close()
    (segment,) = segment_paths(tmp_path)
    head, record = segment.read_bytes().splitlines(keepends=True)
    newer, above = sealed_again(head, version=RECORD_VERSION + 1)
    segment.write_bytes(newer + sealed_again(record, prev_hash=above)[0])
    for looks in (open_writer, lambda: list(read_records(tmp_path)), lambda: list(read_tail(tmp_path, 0))):
        with pytest.raises(
            JournalDamaged, match=f":1: .*its version is {RECORD_VERSION + 1}, and this build reads up to"
        ):
            looks()
