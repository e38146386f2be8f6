"""The canonical bytes of a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.records import RECORD_VERSION
from domain.stamps import utc_ns_text
from journal.record import GENESIS, Body, RecordError, canonical_json, decode_record, digest_of, parse_utc, seal

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
def test_a_newer_version_is_refused_by_name_and_our_own_is_not() -> None:
    line, _ = seal(body({}))
    assert decode_record(line).version == RECORD_VERSION
    line, _ = seal(msgspec.structs.replace(body({}), version=RECORD_VERSION + 1))
    with pytest.raises(RecordError, match=f"its version is {RECORD_VERSION + 1}, and this build reads up to"):
        decode_record(line)
