"""Proposals from outside, judged by the real command beside a running daemon, across a kill of the judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.stage import Stage, playing, until

pytestmark = pytest.mark.live
FINE = {"valid_until_utc": "2099-01-01T00:00:00Z", "requires_human_approval": False, "order": {"ticker": "T"}}


def line(name: str, **changed: object) -> bytes:
    return json.dumps({"proposal_id": name} | FINE | changed).encode() + b"\n"


@pytest.mark.step("A08")
def test_foreign_proposals_are_judged_once_each_and_odd_ones_rejected(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "state", period_s=30)
    path = tmp_path / "proposals.ndjson"

    def kept() -> list[dict[str, Any]]:
        files = stage.state_dir.glob("audit_artifacts/execution_decisions/*/decisions.ndjson")
        return [json.loads(row) for file in files for row in file.read_bytes().splitlines()]

    def decide() -> list[tuple[str, list[str]]]:
        asked = stage.ladderd("decide", "--proposals", str(path), "--state-dir", str(stage.state_dir))
        assert "Traceback" not in asked.stderr, asked.stderr
        rows = [json.loads(row) for row in asked.stdout.splitlines()]
        assert asked.returncode == int(any(row["decision"] == "REJECT" for row in rows)), asked.stderr
        return [(row["decision"], row["reject_reason_codes"]) for row in rows]

    def fresh() -> bool:
        return stage.ladderd("freshness", "--state-dir", str(stage.state_dir)).returncode == 0

    with playing(stage):
        until("the index is fresh", fresh, 20, poll_s=0.3)
        path.write_bytes(line("p-1") + b"\xff{\n" + b"[" * 90_000 + b"\n" + line("p-2", order=7) + line("p-3"))
        approved: tuple[str, list[str]] = ("APPROVE", [])
        invalid = ("REJECT", ["proposal_schema_invalid"])
        assert decide() == [approved, invalid, invalid, invalid, approved]
        follower = subprocess.Popen(
            [sys.executable, "-m", "daemon", "decide", "--follow", "--proposals", str(path), "--state-dir",
             str(stage.state_dir)],
            cwd=stage.state_dir, env=stage.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with path.open("ab") as file:
                file.write(line("p-4"))
            until("the follower judged it", lambda: "p-4" in {row["proposal_id"] for row in kept()}, 20)
        finally:
            follower.kill()
            follower.wait()
        assert stage.ladderd("kill", "--reason", "drill", "--state-dir", str(stage.state_dir)).returncode == 0
        with path.open("ab") as file:
            file.write(line("p-5", valid_until_utc="2026-01-01T00:00:00Z", requires_human_approval=True))
        assert decide() == [("REJECT", ["kill_switch_enabled", "requires_human_approval", "proposal_expired"])]
    # The daemon's own plans and turns of its gate stand in the same file.
    names = [row["proposal_id"] for row in kept() if row["proposal_id"].startswith(("p-", "line-"))]
    assert len(names) == len(set(names)) == 7, "one decision a proposal, whatever run and however it ended"
