"""`ladderd decide`: every proposal of a file gets one durable line, whatever run came before and however it ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.cli.decide_io import decide_command
from daemon.settings.load_io import load
from daemon.system_clock import SystemClock
from domain.clock import Now
from domain.errors import UsageError
from domain.window import Phase
from ops.freshness import freshness_document
from tests.ops.pictures import freshness


@pytest.fixture(autouse=True)
def _nothing_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXECUTION_HALTED", raising=False)
    monkeypatch.delenv("EXECUTION_HALTED_FILE", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory whose indices are a second old."""
    clock = SystemClock().now()
    now = Now(clock.mono_ns, clock.utc_ns)
    rows = [(Phase.QUOTING, freshness(name, symbol, 1_000.0, 2_000.0, now)) for name, symbol in
            (("INXU", "I:SPX"), ("NASDAQ100U", "I:NDX"))]  # fmt: skip
    (tmp_path / "monitors").mkdir()
    document = msgspec.json.encode(freshness_document(now, 1, "massive", rows))
    (tmp_path / "monitors" / "freshness.json").write_bytes(document)
    return tmp_path


def proposals(home: Path, *names: str, more: bytes = b"") -> Path:
    path = home / "proposals.ndjson"
    told = {"valid_until_utc": "2099-01-01T00:00:00Z", "requires_human_approval": False, "order": {"ticker": "T"}}
    path.write_bytes(b"".join(json.dumps({"proposal_id": name} | told).encode() + b"\n" for name in names) + more)
    return path


def decided(home: Path, path: Path) -> tuple[int, list[dict[str, Any]]]:
    said = list(decide_command(load(None, state_dir=home), path, follow=False))
    return (said[-1][0] if said else 0), [json.loads(line) for _, line in said]


def kept(home: Path) -> list[dict[str, Any]]:
    files = sorted(home.glob("audit_artifacts/execution_decisions/*/decisions.ndjson"))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines() if line.endswith(b"}")]


def test_what_is_said_is_what_is_kept_under_its_utc_date(home: Path) -> None:
    code, said = decided(home, proposals(home, "p-1", "p-2"))
    assert (code, [row.pop("intent_type") for row in said]) == (0, ["execution_decision"] * 2)
    assert said == kept(home)
    assert {row["decision"] for row in said} == {"APPROVE"}
    (path,) = home.glob("audit_artifacts/execution_decisions/*/decisions.ndjson")
    assert path.parent.name == said[0]["decided_at_utc"][:10]


def test_a_proposal_gets_no_second_decision_from_any_run(home: Path) -> None:
    decided(home, proposals(home, "p-1", "p-1"))
    (home / "KILL_SWITCH").write_text("halt")
    code, said = decided(home, proposals(home, "p-1", "p-2"))
    assert (code, [row["proposal_id"] for row in said]) == (1, ["p-2"])
    assert [row["proposal_id"] for row in kept(home)] == ["p-1", "p-2"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: (home / "KILL_SWITCH").mkdir(), "kill_switch_enabled"),
        (lambda home: (home / "monitors" / "freshness.json").unlink(), "marketdata_stale_or_missing"),
        (lambda home: (home / "monitors" / "freshness.json").write_bytes(b"\xff{"), "marketdata_stale_or_missing"),
    ],
    ids=["a kill file that is a directory", "no file of the index", "an odd file of the index"],
)
def test_what_cannot_be_known_is_against_it(spoil: Any, reason: str, home: Path) -> None:  # noqa: ANN401 - a lambda
    spoil(home)
    assert [row["reject_reason_codes"] for row in decided(home, proposals(home, "p-1"))[1]] == [[reason]]


def test_an_index_that_was_never_seen_is_missing_though_the_other_ticks(home: Path) -> None:
    path = home / "monitors" / "freshness.json"
    document = json.loads(path.read_bytes())
    document["series"][1] |= {"received_utc": None, "received_utc_ns": None, "age_seconds": None}
    path.write_text(json.dumps(document))
    (row,) = decided(home, proposals(home, "p-1"))[1]
    assert row["reject_reason_codes"] == ["marketdata_stale_or_missing"]
    assert row["safety_snapshot"]["marketdata_last_ts"] is None


def test_odd_lines_are_rejected_and_the_rest_is_judged(home: Path) -> None:
    code, said = decided(home, proposals(home, "p-1", more=b"\n \n\xff\n" + b"[" * 70_000 + b"\nno end"))
    assert (code, [row["decision"] for row in said]) == (1, ["APPROVE", "REJECT", "REJECT", "REJECT"])
    assert len({row["proposal_id"] for row in kept(home)}) == 4


def test_a_line_that_a_kill_cut_off_is_no_decision_and_spoils_none(home: Path) -> None:
    decided(home, proposals(home, "p-1"))
    (path,) = home.glob("audit_artifacts/execution_decisions/*/decisions.ndjson")
    whole = path.read_bytes()
    path.write_bytes(whole + whole.replace(b"p-1", b"p-2")[:60])
    assert [row["proposal_id"] for row in decided(home, proposals(home, "p-1", "p-2", "p-3"))[1]] == ["p-2", "p-3"]
    assert [row["proposal_id"] for row in kept(home)] == ["p-1", "p-2", "p-3"]


def test_what_is_appended_moved_or_cut_is_followed(home: Path) -> None:
    path = proposals(home, "p-1")
    said = decide_command(load(None, state_dir=home), path, follow=True)
    assert json.loads(next(said)[1])["proposal_id"] == "p-1"
    proposals(home, "p-1", "p-2")
    assert json.loads(next(said)[1])["proposal_id"] == "p-2"
    path.rename(home / "old")
    proposals(home, "p-3")
    assert json.loads(next(said)[1])["proposal_id"] == "p-3"
    said.close()


@pytest.mark.parametrize("name", ["nowhere.ndjson", "."])
def test_a_file_that_cannot_be_read_is_told_in_one_line(name: str, home: Path) -> None:
    with pytest.raises(UsageError, match=f"decide: .*{os.path.basename(home / name)}.*: "):  # noqa: PTH119 - text
        decided(home, home / name)
