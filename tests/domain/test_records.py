from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.records import ENTRIES, InvalidRecordError, check, type_of

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
ADOPTED = {"kind": "position_mismatch", "what": "T", "by": "ann", "cause": "checked"}
SIDES = {"series": "INXU", "window": 1, "exchange": 100, "own": 0}


def said(payload: dict[str, Any]) -> bytes:
    return msgspec.json.encode(payload)


def without(payload: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != key}


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
def test_every_shape_of_a_type_is_taken(kind: str, payload: dict[str, Any]) -> None:
    assert type_of(type(check(kind, said(payload)))) == kind


@pytest.mark.step("O05")
@pytest.mark.parametrize(
    ("kind", "payload", "fault"),
    [
        ("order_creatd", CREATED, "no record has the type 'order_creatd'"),
        ("order_created", without(CREATED, "price"), "missing required field `price`"),
        ("order_created", CREATED | {"prise": 1}, "unknown field `prise`"),
        ("order_created", CREATED | {"price": 4_700.5}, r"Expected `int`, got `float` - at `\$.price`"),
        ("order_created", CREATED | {"price": "4700"}, r"Expected `int`, got `str` - at `\$.price`"),
        ("order_created", CREATED | {"price": 10_000}, r"- at `\$.price`"),
        ("order_created", CREATED | {"count": 0}, r"- at `\$.count`"),
        ("order_created", CREATED | {"side": "buy"}, r"- at `\$.side`"),
        ("order_created", CREATED | {"is_live": None}, r"- at `\$.is_live`"),
        ("guard_trip", without(STALE, "feeds"), "evidence of one guard"),
        ("guard_trip", STALE | {"group_id": "g"}, "evidence of one guard"),
        ("guard_trip", APART | {"series": "INXU"}, "evidence of one guard"),
        ("guard_trip", {"reason": "feed_divergence"}, "evidence of one guard"),
        ("adoption", ADOPTED, "one of"),
        ("adoption", ADOPTED | without(SIDES, "own"), "one of"),
        ("adoption", ADOPTED | SIDES | {"amount": 1}, "one of"),
    ],
)
def test_what_is_not_what_its_type_says_is_refused_by_key(kind: str, payload: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidRecordError, match=fault):
        check(kind, said(payload))


def test_every_type_that_the_product_makes_by_name_has_an_entry() -> None:
    made = set()
    for folder in ("daemon", "execution", "guards", "journal"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Record"
                if called and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                    made.add(node.args[0].value)
    assert len(made) > 15
    assert made <= {type_of(entry) for entry in ENTRIES}
