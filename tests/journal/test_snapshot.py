"""A snapshot says what it was given, or is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.record import canonical, canonical_json
from journal.snapshot import SnapshotDamaged, parse_snapshot, print_snapshot

PAYLOAD = b'{"orders": [{"id": "a", "n": 1}], "epoch": 7}'


def state_hash(payload: bytes) -> str:
    return hashlib.sha256(canonical_json(payload)).hexdigest()


def test_a_snapshot_reads_back() -> None:
    snapshot = parse_snapshot(print_snapshot(PAYLOAD, 41, 5_000_000_000), "here")
    assert (snapshot.seq, snapshot.taken_utc_ns) == (41, 5_000_000_000)
    assert json.loads(snapshot.payload) == json.loads(PAYLOAD)
    assert snapshot.state_hash == state_hash(PAYLOAD) == state_hash(snapshot.payload)


def test_the_document_has_the_named_fields() -> None:
    document = json.loads(print_snapshot(PAYLOAD, 41, 5))
    assert set(document) == {"schema", "seq", "state_hash", "taken_utc_ns", "payload", "hash"}


def test_an_age_is_worked_out_when_read() -> None:
    snapshot = parse_snapshot(print_snapshot(PAYLOAD, 1, 5_000_000_000), "here")
    assert snapshot.age_s(7_500_000_000) == 2.5
    assert snapshot.age_s(4_000_000_000) == -1.0


@given(data=st.data())
def test_any_changed_byte_is_refused_or_means_the_same(data: st.DataObject) -> None:
    whole = print_snapshot(PAYLOAD, 41, 5)
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_snapshot(bytes(changed), "here")
    except SnapshotDamaged as error:
        assert "here" in str(error)  # noqa: PT017 - refusal is one of two right outcomes
    else:
        assert read == parse_snapshot(whole, "here")


@pytest.mark.parametrize("change", [{"seq": 42}, {"taken_utc_ns": 6}, {"schema": "other"}, {"payload": {}}, {"x": 1}])
def test_an_edited_field_is_refused(change: dict[str, object]) -> None:
    document = json.loads(print_snapshot(PAYLOAD, 41, 5)) | change
    with pytest.raises(SnapshotDamaged, match="start without it"):
        parse_snapshot(json.dumps(document).encode(), "here")


def test_an_edited_state_with_its_own_hash_put_right_is_still_refused() -> None:
    document = json.loads(print_snapshot(PAYLOAD, 41, 5)) | {"payload": {}, "state_hash": state_hash(b"{}")}
    with pytest.raises(SnapshotDamaged, match="changed after it was written"):
        parse_snapshot(json.dumps(document).encode(), "here")


def test_a_state_filed_under_another_s_hash_is_refused() -> None:
    document = json.loads(print_snapshot(PAYLOAD, 41, 5)) | {"state_hash": state_hash(b"{}"), "hash": ""}
    document["hash"] = hashlib.sha256(canonical(document)).hexdigest()
    with pytest.raises(SnapshotDamaged, match="does not have the hash it is filed under"):
        parse_snapshot(json.dumps(document).encode(), "here")
