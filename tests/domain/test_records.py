from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain import records
from domain.records import ENTRIES, Entry, InvalidRecordError, payload_of, type_of

ROOT = Path(__file__).resolve().parents[2]
CREATED: dict[str, Any] = {
    "client_order_id": "ladderd-1-1",
    "series": "INXU",
    "ticker": "KXINXU-T1",
    "side": "bid",
    "order_type": "limit",
    "price": 4_700,
    "count": 100,
    "is_live": True,
    "fair": 5_000,
    "window": 1,
}
STALE: dict[str, Any] = {
    "reason": "final_minute_stale",
    "series": "INXU",
    "age_ms": None,
    "limit_ms": 700,
    "window": 1,
    "count": 1,
    "session_frozen": False,
    "feeds": {"massive": 1},
}
APART: dict[str, Any] = {"reason": "feed_divergence", "symbol": "I:SPX", "values": {"massive": 1, "polygon": 2}}
LOST = {"reason": "order_group_lost", "series": "INXU", "group_id": "g"}
ADOPTED = {"drift": "position_mismatch", "what": "T", "by": "ann", "cause": "checked"}
SIDES = {"series": "INXU", "window": 1, "exchange": 100, "own": 0}


def without(payload: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != key}


TYPES = {type_of(entry): entry for entry in ENTRIES}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("order_created", CREATED),
        ("guard_trip", STALE),
        ("guard_trip", APART),
        ("guard_trip", LOST),
        ("adoption", ADOPTED | SIDES),
        ("adoption", ADOPTED | {"detail": "filled before we knew"}),
        ("adoption", ADOPTED | {"amount": -1_000_000}),
        ("risk_decision", {"decision": "hard_stop", "approved": False, "reason": "day's loss"}),
        ("operator_action", {"command": "stop", "by": "signal", "cause": "SIGTERM", "road": "signal"}),
    ],
)
def test_every_shape_of_a_type_can_be_made_and_says_what_it_was_given(kind: str, payload: dict[str, Any]) -> None:
    entry = TYPES[kind](**payload)
    assert payload_of(entry) == payload
    assert msgspec.json.decode(msgspec.json.encode(entry))["kind"] == kind


@pytest.mark.step("O05")
@pytest.mark.parametrize(
    ("kind", "payload", "fault"),
    [
        ("order_created", CREATED | {"price": 10_000}, "order_created that is none: price is out"),
        ("order_created", CREATED | {"price": 0}, "price is out of its bounds"),
        ("order_created", CREATED | {"count": 0}, "count is out of its bounds"),
        ("order_created", CREATED | {"series": ""}, "series is empty"),
        ("order_acked", {"client_order_id": "c", "order_id": "o", "rtt_ms": -0.1}, "rtt_ms is out of its bounds"),
        ("guard_trip", without(STALE, "feeds"), "evidence of one guard"),
        ("guard_trip", STALE | {"group_id": "g"}, "evidence of one guard"),
        ("guard_trip", APART | {"series": "INXU"}, "evidence of one guard"),
        ("guard_trip", {"reason": "feed_divergence"}, "evidence of one guard"),
        ("guard_trip", STALE | {"limit_ms": -1}, "limit_ms is out of its bounds"),
        ("adoption", ADOPTED, "one of"),
        ("adoption", ADOPTED | without(SIDES, "own"), "one of"),
        ("adoption", ADOPTED | SIDES | {"amount": 1}, "one of"),
    ],
)
def test_a_record_out_of_its_bounds_or_without_a_shape_cannot_be_made(
    kind: str, payload: dict[str, Any], fault: str
) -> None:
    with pytest.raises(InvalidRecordError, match=fault):
        TYPES[kind](**payload)


def test_every_struct_of_the_catalogue_stands_in_the_union_and_has_a_type_of_its_own() -> None:
    made = {one for one in vars(records).values() if isinstance(one, type) and issubclass(one, Entry)} - {Entry}
    assert made == set(ENTRIES)
    assert len(TYPES) == len(ENTRIES)


WRONG = """
from domain.records import CancelAllDoneEntry, NoteEntry, TimeToFlatEntry
from domain.actions import AnyAction
out: list[AnyAction] = []
out.append(NoteEntry("a note", "ann"))
out.append(NoteEntry("a note"))
out.append(NoteEntry("a note", 7))
out.append(NoteEntry(text="a note", by="ann", to="bob"))
out.append(TimeToFlatEntry("all", "stale", "443", 1))
out.append({"kind": "note", "text": "a note", "by": "ann"})
out.append(CancelAllDoneEntry("drill", None))
"""


@pytest.mark.step("O05")
def test_a_record_of_another_kind_than_its_type_says_is_no_program(tmp_path: Path) -> None:
    """What the daemon writes is what mypy has let through: each of these lines is refused but the first."""
    path = tmp_path / "wrong.py"
    path.write_text(WRONG, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    refused = {
        int(line.split(":")[1]) for line in told.stdout.splitlines() if ": error:" in line and "wrong.py" in line
    }
    assert refused == {6, 7, 8, 9, 10, 11}, told.stdout + told.stderr
