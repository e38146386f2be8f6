"""A start over the state of another version: what must outlive an upgrade and a rollback does, and a person resumes.

`state_before/` is a state directory as the version before wrote it: a snapshot, and behind it the steps in which an
operator ordered cancel-all and then kill. `expected.json` is what its own engine knew at the end. A rollback is the
mirror: the same state as a version after this one writes it (`later_state.py`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.engine.memory import Memory
from daemon.runtime.recovery_io import Recovered, recover
from daemon.settings.build import ReferenceData, build_engine
from domain.actions import Ask, CancelAll, Place, Read
from domain.clock import NS_PER_S, Now
from domain.events import AnyEvent, CancelAllOutcome, OrdersRead, Started, Verdict, Wake
from domain.reasons import Reason
from domain.records import CancelAllDoneEntry
from journal.opening_io import OTHER_BUILD
from journal.reader_io import JournalDamaged
from tests.daemon.kept import settings_in
from tests.daemon.runtime.later_state import LATER_EVENT, write_later_state
from tests.daemon.stand import FEES
from tests.daemon.timepiece import Timepiece

BEFORE = Path(__file__).resolve().parent / "state_before"
EXPECTED: dict[str, Any] = json.loads((BEFORE / "expected.json").read_text())
LATER = Now(EXPECTED["mono_ns"] + NS_PER_S, EXPECTED["utc_ns"] + NS_PER_S)


def recovered(folder: Path) -> Recovered:
    return recover(settings_in(folder), ReferenceData(FEES), Timepiece(LATER.mono_ns, LATER.utc_ns))


@pytest.fixture(params=["the version before", "the version after"])
def found(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recovered:
    folder = tmp_path / "state"
    if request.param == "the version before":
        shutil.copytree(BEFORE, folder)
    else:
        write_later_state(BEFORE, folder, monkeypatch)
    return recovered(folder)


def test_kill_latch_pause_loss_tail_positions_and_epoch_outlive_an_upgrade_and_a_rollback(
    found: Recovered, tmp_path: Path
) -> None:
    assert found.tail_steps > 0, "the steps behind the snapshot are lived through"
    assert found.epoch > EXPECTED["epoch"]
    engine = build_engine(settings_in(tmp_path), ReferenceData(FEES))
    engine.step(Started(found.run_id, found.epoch, "paper", "hash", "build", found.memory), LATER)
    state = engine.state
    assert state.kill.state() == EXPECTED["kill"]
    assert state.paused == EXPECTED["paused"]
    assert state.risk.loss == EXPECTED["loss"] > 0
    assert state.held.ledger.realised == EXPECTED["realised"]
    assert state.held.ledger.open_positions() == EXPECTED["positions"]
    assert msgspec.json.decode(found.memory, type=Memory).tail_until_utc_ns == EXPECTED["tail_until_utc_ns"]
    assert state.held.tail_until_utc_ns > EXPECTED["tail_until_utc_ns"], "the cancel-all is sent again at once"
    assert sorted(state.held.book.live) == EXPECTED["orders"]
    assert {name: desk.sentry.trips for name, desk in state.desks.items()} == EXPECTED["trips"]
    assert state.empty_reason == EXPECTED["empty_reason"]


def test_the_cancel_all_that_was_under_way_is_taken_up_and_ends_for_both_who_asked(
    found: Recovered, tmp_path: Path
) -> None:
    engine = build_engine(settings_in(tmp_path), ReferenceData(FEES))
    now, done = LATER, []
    actions = engine.step(Started(found.run_id, found.epoch, "paper", "hash", "build", found.memory), now)
    assert any(isinstance(action, CancelAll) for action in actions)
    assert set(engine.state.closed) == {"INXU", "NASDAQ100U"}
    assert all(Reason.KILL_SWITCH in reasons for reasons in engine.state.closed.values())
    for _ in range(8):
        answers: list[AnyEvent] = [Wake()]
        for action in actions:
            assert not isinstance(action, Place)
            if isinstance(action, CancelAll):
                answers.append(CancelAllOutcome(action.request_id, Verdict.ACCEPTED, 204))
            elif isinstance(action, Ask) and action.what is Read.RESTING:
                answers.append(OrdersRead(action.request_id, now, 0, resting_only=True, orders=()))
            elif isinstance(action, CancelAllDoneEntry):
                done.append(action.reason)
        now = Now(now.mono_ns + NS_PER_S, now.utc_ns + NS_PER_S)
        actions = [action for answer in answers for action in engine.step(answer, now)]
    assert done == [reason for reason, _ in EXPECTED["flattening"]]
    assert engine.state.empty_reason == ""
    assert engine.state.kill.latched


def test_a_later_version_that_stopped_in_order_is_followed_whatever_entered_its_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_later_state(BEFORE, tmp_path / "state", monkeypatch, event=LATER_EVENT, stopped_in_order=True)
    found = recovered(tmp_path / "state")
    assert found.tail_steps == 0
    kept = msgspec.json.decode(found.memory, type=Memory)
    assert kept.kill["latched"]
    assert kept.paused == EXPECTED["paused"]
    assert kept.risk["loss"] == EXPECTED["loss"]


def test_a_later_version_that_was_killed_behind_an_event_of_its_own_is_asked_to_stop_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_later_state(BEFORE, tmp_path / "state", monkeypatch, event=LATER_EVENT)
    with pytest.raises(JournalDamaged, match=OTHER_BUILD[:40]):
        recovered(tmp_path / "state")
