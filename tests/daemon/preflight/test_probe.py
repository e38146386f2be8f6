"""What a probe may teach, and that a file which is not sound stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.preflight.probe import keeps_order, learn, whole
from daemon.settings.files_io import learned_codes
from daemon.settings.learned import QUESTIONS, Answered, Found, Probe, parse_probe, table_of
from domain.errors import ConfigurationError
from domain.events import Verdict
from execution.kalshi.codes import CodeTable, RequestKind

AT = "2026-11-23T15:00:00Z"
SOUND = {"kind": "place", "status": 409, "code": "group_is_over", "verdict": "refused", "why": "seen"}


def file(*learned: dict[str, Any], **changes: Any) -> bytes:  # noqa: ANN401 - any field of the document
    document = {"version": 1, "host": "demo", "at_utc": AT, "answers": [], "learned": list(learned)}
    return msgspec.json.encode(document | changes)


def test_a_learned_row_makes_an_unknown_answer_a_refusal() -> None:
    assert CodeTable().verdict(RequestKind.PLACE, 409, "group_is_over") is Verdict.UNKNOWN
    table = table_of(parse_probe(file(SOUND), "probe.json"))
    assert table.verdict(RequestKind.PLACE, 409, "group_is_over") is Verdict.REFUSED
    assert table.verdict(RequestKind.CANCEL, 409, "group_is_over") is Verdict.UNKNOWN
    assert table.verdict(RequestKind.PLACE, 409, "order_already_exists") is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cancel"},
        {"kind": "cancel_all"},
        {"verdict": "accepted"},
        {"verdict": "unknown"},
        {"status": 201},
        {"status": 503},
        {"code": ""},
        {"code": "*"},
        {"code": "group_*"},
        {"code": "order_already_exists"},
        {"kind": "whatever"},
        {"more": 1},
    ],
)
def test_unsound_rows_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"probe\.json: .*run ladderd probe again"):
        parse_probe(file(SOUND | change), "probe.json")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", file(version=2), file(learned=7)])
def test_a_file_that_is_not_a_probes_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "probe.json").write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"probe\.json"):
        learned_codes(tmp_path)


def test_no_file_is_no_knowledge(tmp_path: Path) -> None:
    assert learned_codes(tmp_path).verdict(RequestKind.PLACE, 409, "group_is_over") is Verdict.UNKNOWN
    (tmp_path / "probe.json").write_bytes(file(SOUND))
    assert learned_codes(tmp_path).verdict(RequestKind.PLACE, 409, "group_is_over") is Verdict.REFUSED


@pytest.mark.parametrize(
    ("status", "code", "absent", "rows"),
    [
        (409, "group_is_over", True, 1),
        (409, "group_is_over", False, 0),
        (503, "unavailable", True, 0),
        (409, "order_already_exists", True, 0),
        (409, "order_group_triggered", True, 0),
        (400, "", True, 0),
    ],
)
def test_only_a_refusal_that_left_no_order_is_learned(status: int, code: str, absent: bool, rows: int) -> None:  # noqa: FBT001 - cases
    found = learn(status, code, "drill", absent=absent)
    assert len(found) == rows
    probe = Probe(1, "demo", AT, (), found)
    assert parse_probe(msgspec.json.encode(probe), "probe.json") == probe


def test_a_question_nobody_asked_is_unknown_and_says_so() -> None:
    told = whole([Answered("clock", Found.ANSWERED, {"offset_ms": 1}, "asked", AT)], AT)
    assert [answer.question for answer in told] == list(QUESTIONS)
    assert told[0].found is Found.ANSWERED
    assert all(answer.found is Found.UNKNOWN and answer.evidence for answer in told[1:])


def test_order_of_items() -> None:
    assert keeps_order(["a", "b"], ["a", "b"])
    assert keeps_order(["a", "b"], ["b", "a"]) is False
    assert keeps_order(["a", "b"], ["a"]) is None
