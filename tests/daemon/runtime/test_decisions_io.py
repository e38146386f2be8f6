"""The daemon's own plans and gate turns leave one decision line each, across restarts and UTC days."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from daemon.client.decision_files_io import FILE, FOLDER
from daemon.runtime.decisions_io import OwnDecisions
from domain.clock import NS_PER_S, Now
from domain.events import Command
from domain.records import Entry
from tests.daemon.stand import Stand

Line = dict[str, Any]


async def heard(stand: Stand, home: Path, run_id: str = "run-1") -> None:
    """Hand every record of the stand's story to a daemon's decisions, and wait until they are on disk."""
    work: list[Coroutine[Any, Any, None]] = []
    own = OwnDecisions(stand.engine.state, home, run_id, work.append)
    for seq, step in enumerate(stand.story):
        for action in step.actions:
            if isinstance(action, Entry):
                own.heard(action, seq, "")
    await asyncio.gather(*work)


def lines(home: Path) -> list[Line]:
    paths = sorted((home / FOLDER).glob(f"*/{FILE}"))
    return [msgspec.json.decode(line) for path in paths for line in path.read_bytes().splitlines()]


@pytest.mark.step("A07")
async def test_a_plan_and_each_turn_of_the_gate_get_one_line_across_restarts(tmp_path: Path) -> None:
    stand = Stand()
    stand.quote_both()
    with structlog.testing.capture_logs() as logged:
        await heard(stand, tmp_path)
    first = lines(tmp_path)
    plans = [line for line in first if line["proposal_id"].startswith("plan-")]
    assert {line["proposal_id"] for line in plans} == {
        f"plan-{n}-{stand.target_ns // NS_PER_S}" for n in stand.engine.state.desks
    }
    turns = [line for line in first if line["proposal_id"].startswith("gate-")]
    assert {line["decision"] for line in turns} == {"APPROVE"}
    told = [line for line in logged if line["event"] == "decision"]
    assert len(told) == len(first)
    assert {line["intent_type"] for line in told} == {"execution_decision"}
    await heard(stand, tmp_path, "run-2")
    again = lines(tmp_path)
    assert sum(line["proposal_id"].startswith("plan-") for line in again) == len(plans), "a plan is decided once"
    assert len({line["proposal_id"] for line in again}) == len(again)


@pytest.mark.step("A07")
async def test_a_closed_gate_is_a_rejection_with_every_reason_in_order(tmp_path: Path) -> None:
    stand = Stand()
    stand.quote_both()
    stand.story.clear()
    stand.operator(Command.KILL)
    stand.run(NS_PER_S)
    await heard(stand, tmp_path)
    (line, *_) = [line for line in lines(tmp_path) if line["proposal_id"].startswith("gate-")]
    assert line["decision"] == "REJECT"
    assert line["reject_reason_codes"] == ["kill_switch_enabled", "gate_closed"]
    assert line["recommended_order"] is None
    assert "kill_switch_engaged" in line["notes"]


@pytest.mark.step("A07")
async def test_the_file_is_that_of_the_utc_day(tmp_path: Path) -> None:
    stand = Stand()
    stand.quote_both()
    await heard(stand, tmp_path)
    (day,) = {line["decided_at_utc"][:10] for line in lines(tmp_path)}
    stand.run(120 * NS_PER_S)
    state = stand.engine.state
    state.last_now = Now(state.last_now.mono_ns, state.last_now.utc_ns + 86_400 * NS_PER_S)
    await heard(stand, tmp_path, "run-2")
    days = sorted(path.parent.name for path in (tmp_path / FOLDER).glob(f"*/{FILE}"))
    assert len(days) == 2
    assert days[0] == day < days[1]
